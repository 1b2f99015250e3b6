#include "cli/quant_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hostile_text.h"
#include "report/words.h"
#include "stats/power.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

double BitsPerWeight(const StudiedModel& model, Bytes file) {
  return model.parameters > 0 ? 8.0 * static_cast<double>(file.value) / static_cast<double>(model.parameters) : 0;
}

std::string RetentionWords(const LevelComparison& comparison) {
  return comparison.retention ? fmt::format("{:.1f} %", 100 * *comparison.retention) : "–";
}

std::string LevelTable(const StudiedModel& model) {
  std::vector<std::vector<std::string>> rows;
  for (const LevelResult& level : model.study.levels) {
    const bool reference = level.verdict == LevelVerdict::kReference;
    const LevelComparison& all = level.all;
    rows.push_back({level.name, FormatBytes(level.file), fmt::format("{:.2f}", BitsPerWeight(model, level.file)),
                    fmt::format("{:.1f}  {}", 100 * all.score.value, PercentInterval(all.score.interval)),
                    reference ? "" : SignedPoints(all.difference.value),
                    reference ? "" : SignedInterval(all.difference.interval),
                    reference ? "" : FormatCount(all.right_to_wrong), reference ? "" : FormatCount(all.wrong_to_right),
                    RetentionWords(all), reference ? "" : PWords(all.difference.p), LevelVerdictName(level.verdict),
                    SpeedWords(MeasuredNamed(model, level.name).speed.median)});
  }
  return FormatTable({"level", "file", "bits a weight", "right %  95 % interval", "points", "95 % interval",
                      "right→wrong", "wrong→right", "kept", "p", "verdict", "generation"},
                     rows);
}

std::string DivergenceTable(const StudiedModel& model) {
  std::vector<std::vector<std::string>> rows;
  const Divergence* any = nullptr;
  for (const LevelResult& level : model.study.levels) {
    const auto& divergence = MeasuredNamed(model, level.name).divergence;
    if (!divergence) continue;
    any = &*divergence;
    const Divergence& d = *divergence;
    rows.push_back({level.name, fmt::format("{:.4g}", d.kl.value),
                    fmt::format("[{:.4g}, {:.4g}]", d.kl.interval.low, d.kl.interval.high),
                    fmt::format("{:.3g}", d.kl_p99), fmt::format("{:.2f}", 100 * d.same_top.value),
                    fmt::format("{:.4g}", d.quantized.perplexity.value),
                    fmt::format("{:.4f}", d.perplexity_ratio.value),
                    fmt::format("[{:.4f}, {:.4f}]", d.perplexity_ratio.interval.low, d.perplexity_ratio.interval.high),
                    fmt::format("{:.4f}", d.quantized.bits_per_byte.value)});
  }
  if (any == nullptr) return "";
  return fmt::format("divergence on {} tokens of {}; {} has perplexity {:.4g}, {:.4f} bits a byte\n",
                     FormatCount(any->reference.tokens),
                     Counted(any->kl.clusters, "text or window", "texts or windows"), model.study.levels[0].name,
                     any->reference.perplexity.value, any->reference.bits_per_byte.value) +
         FormatTable({"level", "KL", "95 % interval", "KL of 99 %", "same top %", "perplexity", "ratio",
                      "95 % interval", "bits a byte"},
                     rows);
}

std::string KeptTable(const StudiedModel& model) {
  const QuantStudy& study = model.study;
  if (study.tasks.size() < 2) return "";
  std::vector<std::string> header = {"task"};
  for (const LevelResult& level : study.levels) header.push_back(level.name);
  std::vector<std::vector<std::string>> rows;
  for (size_t t = 0; t < study.tasks.size(); ++t) {
    std::vector<std::string> row = {ForTerminal(study.tasks[t])};
    for (const LevelResult& level : study.levels) {
      const LevelComparison& task = level.tasks[t];
      row.push_back(level.verdict == LevelVerdict::kReference
                        ? PercentWords(task.score.value)
                        : fmt::format("{} (−{} +{})", RetentionWords(task), task.right_to_wrong, task.wrong_to_right));
    }
    rows.push_back(std::move(row));
  }
  return "kept of the reference's score, and answers lost and won\n" + FormatTable(header, rows);
}

std::string StepWords(const QuantStudy& study, const LevelStep& step) {
  return fmt::format("{} points {} from {} to {}{}", SignedPoints(step.difference.value),
                     SignedInterval(step.difference.interval), study.levels[step.larger].name,
                     study.levels[step.smaller].name,
                     step.task.empty() ? "" : fmt::format(" in {}", ForTerminal(step.task)));
}

// The level to take, or how many items would be needed to name one.
std::string ConclusionLine(const QuantStudy& study, const QuantStudyOptions& options) {
  const std::string margin = fmt::format("{:.3g}", 100 * options.margin);
  const std::string& reference = study.levels[0].name;
  if (study.smallest_not_worse) {
    const LevelResult& level = study.levels[*study.smallest_not_worse];
    return fmt::format("→ {} is the smallest level that is surely less than {} points below {}\n", level.name, margin,
                       reference);
  }
  // What the best case would need: an equally good level that flips as few answers as the steadiest one here.
  double flips = 1;
  for (size_t i = 1; i < study.levels.size(); ++i) flips = std::min(flips, study.levels[i].all.flips);
  const int64_t needed = flips > 0 ? ItemsToShowNotWorse(options.margin, {.discordance = flips}) : int64_t{0};
  std::string line = fmt::format("→ no level is surely less than {} points below {}: {} cannot show it", margin,
                                 reference, Counted(study.items, "item", "items"));
  if (needed > study.items) line += fmt::format("; about {} would be needed", FormatCount(needed));
  return line + "\n";
}

Json ComparisonJson(const LevelComparison& comparison) {
  return {{"score", comparison.score.value},
          {"score_interval95", {comparison.score.interval.low, comparison.score.interval.high}},
          {"items", comparison.difference.n},
          {"difference", comparison.difference.value},
          {"interval95", {comparison.difference.interval.low, comparison.difference.interval.high}},
          {"right_to_wrong", comparison.right_to_wrong},
          {"wrong_to_right", comparison.wrong_to_right},
          {"flips", comparison.flips},
          {"retention", comparison.retention ? Json(*comparison.retention) : Json()},
          {"p", comparison.difference.p}};
}

Json StepJson(const QuantStudy& study, const LevelStep& step) {
  return {{"from", study.levels[step.larger].name},
          {"to", study.levels[step.smaller].name},
          {"task", step.task.empty() ? Json() : Json(step.task)},
          {"difference", step.difference.value},
          {"interval95", {step.difference.interval.low, step.difference.interval.high}},
          {"p", step.difference.p}};
}

std::string CsvCell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
  return cell + "\"";
}

}  // namespace

const MeasuredLevel& MeasuredNamed(const StudiedModel& model, const std::string& level) {
  const auto found = std::find_if(model.measured.begin(), model.measured.end(),
                                  [&](const MeasuredLevel& measured) { return measured.name == level; });
  LOCO_CHECK(found != model.measured.end());
  return *found;
}

std::string StudyText(const StudiedModel& model, const QuantStudyOptions& options) {
  const QuantStudy& study = model.study;
  std::string text = fmt::format("{} · {} parameters · {} of {}\n", ForTerminal(model.name),
                                 FormatCount(model.parameters), Counted(study.items, "shared item", "shared items"),
                                 Counted(static_cast<int64_t>(study.tasks.size()), "task", "tasks"));
  text += LevelTable(model);
  for (const std::string& part : {DivergenceTable(model), KeptTable(model)}) {
    if (!part.empty()) text += "\n" + part;
  }
  text += "\n";
  for (const std::string& failure : model.failures) text += fmt::format("! {}\n", ForTerminal(failure));
  for (const LevelStep& step : study.cliffs) {
    text += fmt::format("! cliff: {}, surely more than {:.3g}\n", StepWords(study, step), 100 * options.margin);
  }
  for (const LevelStep& step : study.inversions) {
    text += fmt::format("! not monotone: the smaller file is surely better, {}\n", StepWords(study, step));
  }
  return study.levels.size() > 1 ? text + ConclusionLine(study, options) : text;
}

std::string RankFlipText(const std::vector<RankFlip>& flips) {
  std::string text;
  for (const RankFlip& flip : flips) {
    text += fmt::format("{} rank flip{}: {} is {} points {} above {} at the reference and {} {} at {}\n",
                        flip.sure ? "!" : "·", flip.sure ? "" : " that may be chance", ForTerminal(flip.better),
                        SignedPoints(flip.at_reference.value), SignedInterval(flip.at_reference.interval),
                        ForTerminal(flip.worse), SignedPoints(flip.at_level.value),
                        SignedInterval(flip.at_level.interval), flip.level);
  }
  return text.empty() ? "no rank flips: at every level the models stand in the order of the reference\n" : text;
}

Json StudyJson(const StudiedModel& model) {
  const QuantStudy& study = model.study;
  Json json = {
      {"model", model.name},
      {"parameters", model.parameters},
      {"items", study.items},
      {"tasks", study.tasks},
      {"levels", Json::array()},
      {"cliffs", Json::array()},
      {"inversions", Json::array()},
      {"smallest_not_worse", study.smallest_not_worse ? Json(study.levels[*study.smallest_not_worse].name) : Json()},
      {"failures", model.failures}};
  for (const LevelResult& level : study.levels) {
    const MeasuredLevel& measured = MeasuredNamed(model, level.name);
    Json entry = {{"level", level.name},
                  {"hash", measured.hash},
                  {"bytes", level.file.value},
                  {"bits_per_weight", BitsPerWeight(model, level.file)},
                  {"tokens_per_second", measured.speed.median},
                  {"tokens_per_second_interval95", {measured.speed.interval.low, measured.speed.interval.high}},
                  {"verdict", LevelVerdictName(level.verdict)},
                  {"p_not_worse", level.p_not_worse},
                  {"all", ComparisonJson(level.all)},
                  {"tasks", Json::array()},
                  {"divergence", measured.divergence ? DivergenceJson(*measured.divergence) : Json()}};
    for (size_t t = 0; t < study.tasks.size(); ++t) {
      Json task = {{"task", study.tasks[t]}, {"run", fmt::format("run-{}", measured.runs[t])}};
      task.update(ComparisonJson(level.tasks[t]));
      entry["tasks"].push_back(std::move(task));
    }
    json["levels"].push_back(std::move(entry));
  }
  for (const LevelStep& step : study.cliffs) json["cliffs"].push_back(StepJson(study, step));
  for (const LevelStep& step : study.inversions) json["inversions"].push_back(StepJson(study, step));
  return json;
}

Json RankFlipJson(const RankFlip& flip) {
  return {{"better", flip.better},
          {"worse", flip.worse},
          {"level", flip.level},
          {"at_reference", flip.at_reference.value},
          {"at_reference_interval95", {flip.at_reference.interval.low, flip.at_reference.interval.high}},
          {"at_level", flip.at_level.value},
          {"at_level_interval95", {flip.at_level.interval.low, flip.at_level.interval.high}},
          {"sure", flip.sure}};
}

std::string StudyCsv(const std::vector<StudiedModel>& models) {
  std::string csv =
      "model,level,bytes,bits_per_weight,tokens_per_second,task,items,score,score_low,score_high,difference,low,high,"
      "right_to_wrong,wrong_to_right,retention,p,verdict,kl,kl_low,kl_high,kl_p99,same_top,perplexity,"
      "perplexity_ratio,bits_per_byte\r\n";
  for (const StudiedModel& model : models) {
    for (const LevelResult& level : model.study.levels) {
      const MeasuredLevel& measured = MeasuredNamed(model, level.name);
      for (size_t t = 0; t <= level.tasks.size(); ++t) {
        const bool all = t == 0;
        const LevelComparison& row = all ? level.all : level.tasks[t - 1];
        csv += fmt::format("{},{},{},{:.4f},{:.2f},{},{},{:.6f},{:.6f},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{:.6g},{},",
                           CsvCell(model.name), level.name, level.file.value, BitsPerWeight(model, level.file),
                           measured.speed.median, all ? "all" : CsvCell(model.study.tasks[t - 1]), row.difference.n,
                           row.score.value, row.score.interval.low, row.score.interval.high, row.difference.value,
                           row.difference.interval.low, row.difference.interval.high, row.right_to_wrong,
                           row.wrong_to_right, row.retention ? fmt::format("{:.6f}", *row.retention) : "",
                           row.difference.p, all ? LevelVerdictName(level.verdict) : "");
        if (all && measured.divergence) {
          const Divergence& d = *measured.divergence;
          csv += fmt::format("{:.6g},{:.6g},{:.6g},{:.6g},{:.6f},{:.6g},{:.6f},{:.6f}\r\n", d.kl.value,
                             d.kl.interval.low, d.kl.interval.high, d.kl_p99, d.same_top.value,
                             d.quantized.perplexity.value, d.perplexity_ratio.value, d.quantized.bits_per_byte.value);
        } else {
          csv += ",,,,,,,\r\n";
        }
      }
    }
  }
  return csv;
}

}  // namespace loco
