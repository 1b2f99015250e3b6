#include "cli/practical_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hostile_text.h"

namespace loco {
namespace {

std::string Spread(const Samples& samples, double factor, int decimals) {
  if (samples.values.empty()) return "not measured";
  const auto [least, greatest] = std::minmax_element(samples.values.begin(), samples.values.end());
  return fmt::format("{:.{}f}  ({:.{}f} – {:.{}f}, {} runs)", factor * samples.Estimate().median, decimals,
                     factor * *least, decimals, factor * *greatest, decimals, samples.values.size());
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
  out += fmt::format("memory          peak {}, steady {} over {} turns", FormatBytes(memory.peak),
                     FormatBytes(memory.steady), memory.resident.size());
  out += fmt::format(": {} ({:+.1f} kB a turn [{:+.1f}, {:+.1f}])\n", memory.verdict, memory.slope.value / 1000,
                     memory.slope.interval.low / 1000, memory.slope.interval.high / 1000);
  out += fmt::format("energy          {}\n",
                     result.joules_per_token
                         ? fmt::format("{:.3g} J for each generated token (whole package)", *result.joules_per_token)
                         : "not available: this machine reports no energy counter");
  out += fmt::format("other runtime   {}\n", ForTerminal(result.independent_runtime));
  out += fmt::format("conditions      context {}, {} threads\n", result.context, result.threads);
  return out;
}

}  // namespace loco
