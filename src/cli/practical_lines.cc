#include "cli/practical_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/hostile_text.h"
#include "report/words.h"

namespace loco {
namespace {

// From a thousand on the decimals are noise, and the digits need a comma.
std::string Figure(double value, int decimals) {
  return value >= 1000 ? FormatCount(std::llround(value)) : fmt::format("{:.{}f}", value, decimals);
}

std::string Spread(const Samples& samples, double factor, int decimals) {
  if (samples.values.empty()) return "not measured";
  const auto [least, greatest] = std::minmax_element(samples.values.begin(), samples.values.end());
  return fmt::format("{}  ({} – {}, {})", Figure(factor * samples.Estimate().median, decimals),
                     Figure(factor * *least, decimals), Figure(factor * *greatest, decimals),
                     Counted(static_cast<int64_t>(samples.values.size()), "run", "runs"));
}

}  // namespace

std::string PracticalLines(const PracticalResult& result) {
  const MemoryOverTurns& memory = result.memory;
  std::string out;
  out += fmt::format("first token     {} ms after a prompt of {} tokens\n", Spread(result.first_token_seconds, 1000, 1),
                     result.prompt_tokens);
  out += fmt::format("prompt          {} tok/s\n", Spread(result.prompt_speed, 1, 0));
  out += fmt::format("generation      {} tok/s\n", Spread(result.generation_speed, 1, 0));
  out += fmt::format("load            {} ms\n", Spread(result.load_seconds, 1000, 1));
  const std::string turns = Counted(static_cast<int64_t>(memory.resident.size()), "turn", "turns");
  if (memory.steady.value == 0) {
    out += fmt::format("memory          peak {} over {}: {} to tell whether it grows\n", FormatBytes(memory.peak),
                       turns, memory.verdict);
  } else {
    out += fmt::format("memory          peak {}, steady {} over {}: {} ({} kB a turn [{}, {}])\n",
                       FormatBytes(memory.peak), FormatBytes(memory.steady), turns, memory.verdict,
                       SignedWords(memory.slope.value / 1000), SignedWords(memory.slope.interval.low / 1000),
                       SignedWords(memory.slope.interval.high / 1000));
  }
  out += fmt::format("energy          {}\n",
                     result.joules_per_token
                         ? fmt::format("{:.3g} J for each generated token (whole package)", *result.joules_per_token)
                         : "not available: this machine reports no energy counter");
  out += fmt::format("other runtime   {}\n", ForTerminal(result.independent_runtime));
  out += fmt::format("conditions      context {}, {}\n", FormatCount(result.context),
                     Counted(result.threads, "thread", "threads"));
  return out;
}

}  // namespace loco
