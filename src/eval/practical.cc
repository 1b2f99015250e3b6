#include "eval/practical.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "base/system.h"
#include "engine/llama_model.h"
#include "template/prompt.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// Ordinary tokens, the same for every run: control tokens may be handled specially and end-of-text may be rare.
std::vector<Token> OrdinaryTokens(const LanguageModel& model, int count) {
  Random random(20261121);
  std::vector<Token> tokens;
  if (model.info().bos >= 0) tokens.push_back(model.info().bos);
  while (static_cast<int>(tokens.size()) < count) {
    const auto token = static_cast<Token>(random.Below(static_cast<uint64_t>(model.info().vocabulary_size)));
    if (!model.Detokenize({&token, 1}, false).empty()) tokens.push_back(token);
  }
  return tokens;
}

void MeasureSpeed(LanguageModel& model, PracticalResult& result, int repetitions, Progress& progress,
                  const Clock& clock) {
  const std::vector<Token> prompt = OrdinaryTokens(model, result.prompt_tokens);
  const auto sequence = model.StartSequence(result.context);
  double joules = 0;
  int64_t energy_tokens = 0;
  // One repetition that is not counted: the first touches every weight page and starts the threads.
  for (int i = -1; i < repetitions; ++i) {
    ThrowIfInterrupted();
    sequence->Truncate(0);
    const double begin = clock.Seconds();
    sequence->Append(prompt);
    Token token = sequence->Greedy();
    const double first = clock.Seconds();
    const auto energy_before = ReadPackageEnergy();
    for (int t = 0; t < result.generate_tokens; ++t) {
      ThrowIfInterrupted();
      sequence->Append({&token, 1});
      token = sequence->Greedy();
    }
    const double end = clock.Seconds();
    const auto energy_after = ReadPackageEnergy();
    progress.Update(i + 2, "speed");
    if (i < 0) continue;
    result.first_token_seconds.values.push_back(first - begin);
    result.prompt_speed.values.push_back(result.prompt_tokens / (first - begin));
    result.generation_speed.values.push_back(result.generate_tokens / (end - first));
    // The counter wraps around; a negative difference is such a wrap and is left out.
    if (energy_before && energy_after && *energy_after >= *energy_before) {
      joules += *energy_after - *energy_before;
      energy_tokens += result.generate_tokens;
    }
  }
  if (energy_tokens > 0 && joules > 0) result.joules_per_token = joules / static_cast<double>(energy_tokens);
}

// Slope of the resident size over the second half of the turns (the first half fills caches) and what to call it.
void JudgeMemory(MemoryOverTurns& memory) {
  const size_t half = memory.resident.size() / 2;
  const std::vector<double> late(memory.resident.begin() + static_cast<std::ptrdiff_t>(half), memory.resident.end());
  if (late.size() < 5) {
    memory.verdict = "too few turns";
    return;
  }
  memory.steady = Bytes{static_cast<uint64_t>(Median(late))};
  std::vector<double> turns(late.size());
  std::iota(turns.begin(), turns.end(), 1.0);
  memory.slope = LeastSquaresSlope(turns, late);
  // Growth counts when it is clear of its error and would add 1 % of the steady size in a hundred turns.
  const bool clear = memory.slope.interval.low > 0;
  const bool matters = memory.slope.value * 100 > 0.01 * static_cast<double>(memory.steady.value);
  memory.verdict = clear && matters ? "grows" : "flat";
}

// A conversation that goes on and on: every turn appends a user message and generates an answer. When the context is
// full it begins anew in the same context, as a chat program does after compaction.
void MeasureConversation(LanguageModel& model, PracticalResult& result, const PracticalOptions& options,
                         Progress& progress) {
  const auto style = model.info().chat_template.empty() ? PromptStyle::kRaw : PromptStyle::kChat;
  const PromptRenderer renderer(model, style);
  const auto sequence = model.StartSequence(result.context);
  MemoryOverTurns& memory = result.memory;
  for (int turn = 0; turn < options.turns; ++turn) {
    ThrowIfInterrupted();
    std::vector<Token> tokens =
        renderer.Render({{"user", fmt::format("This is message {}. Please say what comes next, and why.", turn + 1)}})
            .tokens;
    if (static_cast<int>(tokens.size()) + options.tokens_per_turn > result.context) {
      tokens.resize(static_cast<size_t>(std::max(1, result.context - options.tokens_per_turn)));
    }
    if (sequence->size() + static_cast<int>(tokens.size()) + options.tokens_per_turn > result.context) {
      sequence->Truncate(0);
      ++memory.restarts;
    }
    sequence->Append(tokens);
    // End-of-turn tokens are not obeyed: every turn has the same length, so that only the conversation's length varies.
    for (int t = 0; t < options.tokens_per_turn && sequence->size() < result.context; ++t) {
      ThrowIfInterrupted();
      const Token token = sequence->Greedy();
      sequence->Append({&token, 1});
    }
    memory.resident.push_back(static_cast<double>(ReadProcessMemory().resident.value));
    progress.Update(options.repetitions + 2 + turn, "conversation");
  }
  JudgeMemory(memory);
}

Json ToJson(const Samples& samples) {
  const MedianEstimate estimate = samples.Estimate();
  return {{"median", estimate.median},
          {"interval", {estimate.interval.low, estimate.interval.high}},
          {"values", samples.values}};
}

Samples SamplesFromJson(const Json& json) { return {json.at("values").get<std::vector<double>>()}; }

}  // namespace

PracticalResult MeasurePractical(const Path& path, const PracticalOptions& options, Progress& progress,
                                 const Clock& clock) {
  PracticalResult result;
  const LoadOptions load{.threads = options.threads, .use_mmap = options.use_mmap, .repack = options.repack};
  progress.Begin("practical test", options.repetitions + 2 + options.turns, 0);
  ResetPeakMemory();
  std::unique_ptr<LanguageModel> model;
  for (int i = 0; i < options.repetitions; ++i) {
    model.reset();
    const double begin = clock.Seconds();
    model = LoadModel(path, load);
    result.load_seconds.values.push_back(clock.Seconds() - begin);
  }
  result.threads = model->info().threads;
  result.memory.after_load = ReadProcessMemory().resident;
  const int trained = model->info().trained_context;
  result.context = options.context > 0 ? options.context : std::min(trained, 4096);
  result.prompt_tokens = std::min(options.prompt_tokens, result.context / 2);
  result.generate_tokens = std::min(options.generate_tokens, result.context / 4);
  MeasureSpeed(*model, result, options.repetitions, progress, clock);
  MeasureConversation(*model, result, options, progress);
  result.memory.peak = ReadProcessMemory().peak_resident;
  model.reset();
  result.independent_runtime =
      options.independent_runtime ? LoadInIndependentRuntime(path) : "not run here: switched off";
  progress.End();
  return result;
}

std::string PracticalToJson(const PracticalResult& result) {
  const MemoryOverTurns& memory = result.memory;
  Json json = {{"load_seconds", ToJson(result.load_seconds)},
               {"first_token_seconds", ToJson(result.first_token_seconds)},
               {"prompt_tokens_per_second", ToJson(result.prompt_speed)},
               {"generation_tokens_per_second", ToJson(result.generation_speed)},
               {"memory",
                {{"after_load_bytes", memory.after_load.value},
                 {"peak_bytes", memory.peak.value},
                 {"steady_bytes", memory.steady.value},
                 {"resident_bytes_by_turn", memory.resident},
                 {"slope_bytes_per_turn", memory.slope.value},
                 {"slope_interval", {memory.slope.interval.low, memory.slope.interval.high}},
                 {"restarts", memory.restarts},
                 {"verdict", memory.verdict}}},
               {"independent_runtime", result.independent_runtime},
               {"prompt_tokens", result.prompt_tokens},
               {"generate_tokens", result.generate_tokens},
               {"context", result.context},
               {"threads", result.threads}};
  json["joules_per_token"] = result.joules_per_token ? Json(*result.joules_per_token) : Json("not available");
  return json.dump();
}

PracticalResult PracticalFromJson(const std::string& text) {
  const Json json = Json::parse(text);
  const Json& memory = json.at("memory");
  PracticalResult result;
  result.load_seconds = SamplesFromJson(json.at("load_seconds"));
  result.first_token_seconds = SamplesFromJson(json.at("first_token_seconds"));
  result.prompt_speed = SamplesFromJson(json.at("prompt_tokens_per_second"));
  result.generation_speed = SamplesFromJson(json.at("generation_tokens_per_second"));
  result.memory.after_load = Bytes{memory.at("after_load_bytes").get<uint64_t>()};
  result.memory.peak = Bytes{memory.at("peak_bytes").get<uint64_t>()};
  result.memory.steady = Bytes{memory.at("steady_bytes").get<uint64_t>()};
  result.memory.resident = memory.at("resident_bytes_by_turn").get<std::vector<double>>();
  result.memory.slope.value = memory.at("slope_bytes_per_turn");
  result.memory.slope.interval = {memory.at("slope_interval").at(0), memory.at("slope_interval").at(1)};
  result.memory.restarts = memory.at("restarts");
  result.memory.verdict = memory.at("verdict");
  if (json.at("joules_per_token").is_number()) result.joules_per_token = json.at("joules_per_token").get<double>();
  result.independent_runtime = json.at("independent_runtime");
  result.prompt_tokens = json.at("prompt_tokens");
  result.generate_tokens = json.at("generate_tokens");
  result.context = json.at("context");
  result.threads = json.at("threads");
  return result;
}

std::string PracticalKey(const std::string& model_hash, const std::string& machine_fingerprint,
                         const PracticalOptions& options) {
  return HashOfParts({"practical/1", model_hash, machine_fingerprint, EngineIdentity(),
                      options.independent_runtime ? IndependentRuntime() : "switched off",
                      fmt::format("{} {} {} {} {} {} {} {} {}", options.prompt_tokens, options.generate_tokens,
                                  options.repetitions, options.turns, options.tokens_per_turn, options.context,
                                  options.threads, options.use_mmap, options.repack)});
}

}  // namespace loco
