#include "cli/quant_levels.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "candidate/machine.h"
#include "engine/llama_model.h"
#include "eval/practical.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no number for what is not finite.
double NumberOrNan(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Json ToJson(const ClusterMean& mean) {
  return {{"value", mean.value}, {"interval", {mean.interval.low, mean.interval.high}}, {"texts", mean.clusters}};
}

ClusterMean ClusterMeanFrom(const Json& json) {
  return {.value = NumberOrNan(json.at("value")),
          .interval = {NumberOrNan(json.at("interval").at(0)), NumberOrNan(json.at("interval").at(1))},
          .clusters = json.at("texts")};
}

Json ToJson(const Perplexity& perplexity) {
  return {{"perplexity", ToJson(perplexity.perplexity)},
          {"bits_per_byte", ToJson(perplexity.bits_per_byte)},
          {"tokens", perplexity.tokens},
          {"bytes", perplexity.bytes}};
}

Perplexity PerplexityFrom(const Json& json) {
  return {.perplexity = ClusterMeanFrom(json.at("perplexity")),
          .bits_per_byte = ClusterMeanFrom(json.at("bits_per_byte")),
          .tokens = json.at("tokens"),
          .bytes = json.at("bytes")};
}

Divergence DivergenceFrom(const Json& json) {
  return {.kl = ClusterMeanFrom(json.at("kl")),
          .kl_p99 = NumberOrNan(json.at("kl_p99")),
          .same_top = ClusterMeanFrom(json.at("same_top")),
          .reference = PerplexityFrom(json.at("reference")),
          .quantized = PerplexityFrom(json.at("quantized")),
          .perplexity_ratio = ClusterMeanFrom(json.at("perplexity_ratio"))};
}

Json LevelJson(const MeasuredLevel& level) {
  return {{"level", level.name},
          {"hash", level.hash},
          {"bytes", level.file.value},
          {"runs", level.runs},
          {"divergence", level.divergence ? DivergenceJson(*level.divergence) : Json()},
          {"tokens_per_second",
           {{"median", level.speed.median},
            {"interval", {level.speed.interval.low, level.speed.interval.high}},
            {"repetitions", level.speed.n}}}};
}

MeasuredLevel LevelFrom(const Json& json) {
  const Json& speed = json.at("tokens_per_second");
  MeasuredLevel level{.name = json.at("level"),
                      .hash = json.at("hash"),
                      .file = Bytes{json.at("bytes").get<uint64_t>()},
                      .runs = json.at("runs").get<std::vector<RowId>>(),
                      .speed = {.median = speed.at("median"),
                                .interval = {speed.at("interval").at(0), speed.at("interval").at(1)},
                                .n = speed.at("repetitions")},
                      .was_stored = true};
  if (!json.at("divergence").is_null()) level.divergence = DivergenceFrom(json.at("divergence"));
  return level;
}

}  // namespace

nlohmann::ordered_json DivergenceJson(const Divergence& divergence) {
  return {{"kl", ToJson(divergence.kl)},
          {"kl_p99", divergence.kl_p99},
          {"same_top", ToJson(divergence.same_top)},
          {"reference", ToJson(divergence.reference)},
          {"quantized", ToJson(divergence.quantized)},
          {"perplexity_ratio", ToJson(divergence.perplexity_ratio)}};
}

CopyForNow::CopyForNow(const ModelFile& source, const std::string& quantization, bool keep)
    : path_(QuantizedCopyPath(source, quantization)) {
  std::error_code none;
  remove_ = !keep && quantization != source.facts.quantization && !std::filesystem::exists(path_, none);
}

CopyForNow::~CopyForNow() {
  std::error_code ignored;
  if (remove_) std::filesystem::remove(path_, ignored);
}

QuantMeasurer::QuantMeasurer(Store& store, Session& session, ModelFile reference, const std::vector<Task>& tasks,
                             QuantMeasureOptions options)
    : store_(store),
      session_(session),
      reference_(std::move(reference)),
      tasks_(tasks),
      options_(std::move(options)),
      machine_(RegisterMachine(store)) {
  if (const auto trained = reference_.facts.dims.context; trained && *trained >= 2) {
    options_.windows.tokens = std::min(options_.windows.tokens, static_cast<int>(*trained));
    options_.windows.overlap = std::min(options_.windows.overlap, options_.windows.tokens - 1);
  }
}

std::string QuantMeasurer::KeyOf(const std::string& quantization) const {
  std::string tasks;
  for (const Task& task : tasks_) {
    tasks += fmt::format("{} {} {}\n", task.hash, ScorerId(FindScorer(task.scorer)),
                         SamplerText(options_.evaluation.sampler, options_.evaluation.thinking, task));
  }
  return HashOfParts(
      {"quantization/1", reference_.row.hash, quantization, EngineIdentity(), machine_.fingerprint, tasks,
       options_.text ? HashOfParts({"text", *options_.text}) : "tasks",
       fmt::format("{} {} {} {} {} {}", options_.windows.tokens, options_.windows.overlap, options_.windows.max_tokens,
                   options_.evaluation.context, static_cast<int>(options_.evaluation.style), session_.threads)});
}

std::optional<MeasuredLevel> QuantMeasurer::Stored(const std::string& quantization) const {
  const std::vector<MeasurementRow> rows = store_.MeasurementsByKey(KeyOf(quantization));
  if (rows.empty()) return std::nullopt;
  return LevelFrom(Json::parse(rows.back().result));
}

MeasuredLevel QuantMeasurer::Reference() {
  if (auto stored = Stored(reference_.row.quantization)) return *stored;
  return Measure(reference_);
}

MeasuredLevel QuantMeasurer::Level(const std::string& quantization) {
  if (auto stored = Stored(quantization)) return *stored;
  const CopyForNow copy(reference_, quantization, options_.keep);
  const ModelFile file = AtQuantization(store_, reference_, quantization, session_);
  ThrowIfInterrupted();
  return Measure(file);
}

MeasuredLevel QuantMeasurer::Measure(const ModelFile& file) {
  MeasuredLevel level{.name = file.row.quantization, .hash = file.row.hash, .file = file.row.file_bytes};
  Progress& progress = session_.terminal().progress();
  const int trained = static_cast<int>(file.facts.dims.context.value_or(4096));
  EvaluationOptions options = options_.evaluation;
  options.parallel =
      SequencesThatFit(file.facts, EffectiveContext(options.context, trained), std::max(1, options.parallel));
  {
    const auto engine = LoadModel(file.path, {.threads = session_.threads});
    for (const Task& task : tasks_) {
      level.runs.push_back(Evaluate(store_, *engine, file.row, task, options, progress, session_.clock()).run);
    }
  }
  {
    const auto lock =
        store_.LockWork("practical", [&] { progress.Update(0, "another loco measures on this machine; waiting"); });
    const PracticalResult practical = MeasurePractical(file.path,
                                                       {.prompt_tokens = 64,
                                                        .generate_tokens = 48,
                                                        .repetitions = 5,
                                                        .turns = 0,
                                                        .context = std::min(trained, 512),
                                                        .threads = session_.threads,
                                                        .independent_runtime = false},
                                                       progress, session_.clock());
    level.speed = practical.generation_speed.Estimate();
  }
  if (file.row.hash != reference_.row.hash) Compare(file, level);
  if (!level.no_divergence.empty()) return level;
  store_.AddMeasurement({.key = KeyOf(level.name),
                         .model_id = file.row.id,
                         .machine_id = machine_.id,
                         .kind = "quantization",
                         .engine = EngineIdentity(),
                         .result = LevelJson(level).dump()});
  return level;
}

void QuantMeasurer::Compare(const ModelFile& file, MeasuredLevel& level) {
  const uint64_t needed = reference_.row.file_bytes.value + file.row.file_bytes.value +
                          static_cast<uint64_t>(options_.windows.tokens) * reference_.facts.tokenizer.tokens * 4;
  if (const Bytes available = ReadMachine().available; needed > available.value) {
    level.no_divergence = fmt::format(
        "{}: no divergence: {} are needed for it and its reference together, {} are available; close other programs, "
        "or use a machine with more memory",
        level.name, FormatBytes(Bytes{needed}), FormatBytes(available));
    return;
  }
  // Without the second copy of the weights in a faster layout: two models are in memory.
  const LoadOptions load{.threads = session_.threads, .repack = false};
  const auto reference = LoadModel(reference_.path, load);
  const auto quantized = LoadModel(file.path, load);
  std::vector<TextTokens> texts;
  if (options_.text) {
    texts.push_back(PlainText(*reference, *options_.text));
  } else {
    for (const Task& task : tasks_) {
      const PromptRenderer renderer(*reference, task.raw ? PromptStyle::kRaw : options_.evaluation.style,
                                    options_.evaluation.thinking);
      for (TextTokens& text : TaskTexts(task, renderer)) texts.push_back(std::move(text));
    }
  }
  level.divergence = MeasureDivergence(*reference, *quantized, CutIntoWindows(*reference, texts, options_.windows),
                                       session_.terminal().progress());
}

}  // namespace loco
