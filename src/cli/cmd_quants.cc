// loco quants MODEL…: one or several models over a ladder of quantizations, on the same items.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "base/interrupt.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/quant_levels.h"
#include "cli/quant_lines.h"
#include "engine/quantize.h"
#include "eval/quant_study.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// A text is read as a whole, and tokenizers count its bytes in 32 bits.
constexpr uint64_t kLongestText = uint64_t{64} << 20;

struct QuantsArguments {
  std::vector<Path> models;
  std::vector<Path> tasks;
  std::vector<std::string> levels = {"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"};
  std::string reference;  // empty: as the file is
  Path text;
  WindowOptions windows = {.tokens = 256, .overlap = 0, .max_tokens = 8192};
  int context = 0;
  int parallel = 8;
  bool raw = false;
  bool keep = false;
  double margin = 2;  // points
  Path csv;
  bool force = false;
};

// Each level once and none that is the reference. Mistakes cost no time: they are found before anything runs.
std::vector<std::string> LevelsToMeasure(const std::vector<std::string>& asked, const std::string& reference) {
  std::vector<std::string> levels;
  for (const std::string& level : asked) {
    if (!IsQuantizationName(level)) {
      throw Error(fmt::format("unknown quantization '{}'", ForTerminal(level)),
                  fmt::format("one of {}", fmt::join(QuantizationNames(), ", ")), ExitCode::kUsage);
    }
    if (level != reference && std::find(levels.begin(), levels.end(), level) == levels.end()) levels.push_back(level);
  }
  if (levels.empty()) {
    throw Error(fmt::format("no level is left to compare with {}", reference), "name others with --levels",
                ExitCode::kUsage);
  }
  return levels;
}

std::optional<std::string> ReadDivergenceText(const Path& path) {
  if (path.empty()) return std::nullopt;
  std::error_code none;
  if (const auto size = std::filesystem::file_size(path, none); !none && size > kLongestText) {
    throw Error(fmt::format("{}: the text has {}", path.string(), FormatBytes(Bytes{size})),
                fmt::format("give a part of it, at most {}: a few thousand tokens tell levels apart",
                            FormatBytes(Bytes{kLongestText})));
  }
  std::string text = ReadFile(path);
  if (text.empty())
    throw Error(fmt::format("{}: the text is empty", path.string()), "give a file with some text in it");
  return text;
}

// What every model needs, checked for all of them before the first is measured.
std::vector<ModelFile> RegisterSources(Store& store, const QuantsArguments& arguments) {
  std::vector<ModelFile> sources;
  for (const Path& path : arguments.models) {
    ModelFile source = RegisterModel(store, path);
    if (!IsUnquantized(source.facts.quantization)) {
      throw Error(fmt::format("{}: the file is already quantized, to {}", path.string(), source.facts.quantization),
                  "give the F16, BF16 or F32 file: levels are made of it, and quantizing twice loses more than either");
    }
    const auto same = [&](const ModelFile& other) { return other.row.hash == source.row.hash; };
    if (std::none_of(sources.begin(), sources.end(), same)) sources.push_back(std::move(source));
  }
  return sources;
}

// Right answers of all levels of all models on the items that every one of them has answered: a flip of ranks needs the
// same items as well.
std::vector<ModelLevels> OutcomesOf(const Store& store, const std::vector<StudiedModel>& models,
                                    const std::vector<Task>& tasks) {
  std::vector<ModelLevels> result;
  for (const StudiedModel& model : models) {
    result.push_back({.name = model.name});
    for (const MeasuredLevel& level : model.measured) {
      result.back().levels.push_back({.name = level.name, .file = level.file});
    }
  }
  for (size_t t = 0; t < tasks.size(); ++t) {
    std::vector<RunScore> runs;
    for (const StudiedModel& model : models) {
      for (const MeasuredLevel& level : model.measured) runs.push_back(ScoreOf(store, level.runs[t]));
    }
    std::vector<std::vector<uint8_t>> shared = OnSharedItems(runs);
    if (shared.front().empty()) {
      throw Error(fmt::format("{}: no item has an answer that was marked at every level", tasks[t].name),
                  "'loco show' of the runs says why; code needs a sandbox that works here");
    }
    size_t run = 0;
    for (ModelLevels& model : result) {
      for (QuantLevel& level : model.levels) level.tasks.push_back({tasks[t].name, std::move(shared[run++])});
    }
  }
  return result;
}

// All levels of one model. A level that fails is left out and named; when all do, the first reason is the error.
StudiedModel MeasureModel(Store& store, Session& session, const ModelFile& source, const std::string& reference_level,
                          const std::vector<std::string>& levels, const std::vector<Task>& tasks,
                          const QuantMeasureOptions& options) {
  const CopyForNow copy(source, reference_level, options.keep);
  const ModelFile reference = AtQuantization(store, source, reference_level, session);
  StudiedModel model{.name = source.row.name, .parameters = source.row.parameters};
  QuantMeasurer measurer(store, session, reference, tasks, options);
  model.measured.push_back(measurer.Reference());
  for (const std::string& level : levels) {
    ThrowIfInterrupted();
    try {
      model.measured.push_back(measurer.Level(level));
      const std::string& missing = model.measured.back().no_divergence;
      if (!missing.empty()) model.failures.push_back(missing);
    } catch (const Error& problem) {
      if (levels.size() == 1) throw;
      model.failures.push_back(fmt::format("{}: {} ({})", level, problem.what(), problem.hint()));
    }
  }
  if (model.measured.size() == 1) {
    throw Error(fmt::format("{}: none of the levels could be measured; the first: {}", source.path.string(),
                            model.failures.front()),
                "each level says what it needs; --levels names others");
  }
  return model;
}

ExitCode RunQuants(const QuantsArguments& arguments, Session& session) {
  if (!arguments.csv.empty()) {
    for (const Path& model : arguments.models) RefuseOverwrite(arguments.csv, model, arguments.force);
  }
  Store store = session.OpenStore();
  std::vector<Task> tasks;
  for (const Path& path : arguments.tasks) {
    Task task = LoadTask(path);
    const auto same = [&](const Task& other) { return other.hash == task.hash; };
    if (std::none_of(tasks.begin(), tasks.end(), same)) tasks.push_back(std::move(task));
  }
  const std::vector<ModelFile> sources = RegisterSources(store, arguments);
  QuantMeasureOptions options{.text = ReadDivergenceText(arguments.text),
                              .windows = arguments.windows,
                              .evaluation = {.style = arguments.raw ? PromptStyle::kRaw : PromptStyle::kChat,
                                             .context = arguments.context,
                                             .parallel = arguments.parallel},
                              .keep = arguments.keep};
  options.windows.overlap = std::min(options.windows.overlap, options.windows.tokens - 1);
  const auto reference_of = [&](const ModelFile& source) {
    return arguments.reference.empty() ? source.facts.quantization : arguments.reference;
  };
  for (const ModelFile& source : sources) LevelsToMeasure(arguments.levels, reference_of(source));

  std::vector<StudiedModel> models;
  for (const ModelFile& source : sources) {
    const std::string reference = reference_of(source);
    models.push_back(
        MeasureModel(store, session, source, reference, LevelsToMeasure(arguments.levels, reference), tasks, options));
  }
  const QuantStudyOptions study_options{.margin = arguments.margin / 100};
  const std::vector<ModelLevels> outcomes = OutcomesOf(store, models, tasks);
  for (size_t m = 0; m < models.size(); ++m) models[m].study = StudyLevels(outcomes[m].levels, study_options);
  const std::vector<RankFlip> flips = FindRankFlips(outcomes, study_options);
  if (!arguments.csv.empty()) WriteFileAtomically(arguments.csv, StudyCsv(models));

  Terminal& terminal = session.terminal();
  if (session.json) {
    Json document = {{"margin", study_options.margin}, {"models", Json::array()}, {"rank_flips", Json::array()}};
    for (const StudiedModel& model : models) document["models"].push_back(StudyJson(model));
    for (const RankFlip& flip : flips) document["rank_flips"].push_back(RankFlipJson(flip));
    terminal.PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  for (const StudiedModel& model : models) {
    if (&model != &models.front()) terminal.PrintLine("");
    terminal.Print(StudyText(model, study_options));
  }
  if (models.size() > 1) {
    terminal.PrintLine("");
    terminal.Print(RankFlipText(flips));
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareQuants(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<QuantsArguments>();
  app.add_option("models", arguments->models, "Model files in F16, BF16 or F32; of several, rank flips are shown, too")
      ->required();
  app.add_option("--suite", arguments->tasks, "Task files (.toml) that every level answers")->required();
  app.add_option("--levels", arguments->levels,
                 "Quantizations to compare (default: Q8_0 Q6_K Q5_K_M Q4_K_M Q4_0 Q3_K_M Q2_K)");
  app.add_option("--reference", arguments->reference, "What they are compared with (default: the file as it is)")
      ->check(CLI::IsMember({"F16", "BF16", "F32"}));
  app.add_option("--margin", arguments->margin, "Points that a level may lose and still be good enough (default: 2)")
      ->check(NumberFrom(0.01, 99));
  app.add_option("--text", arguments->text,
                 "Measure divergence and perplexity on this file (default: the prompts and expected answers)");
  app.add_option("--text-tokens", arguments->windows.max_tokens,
                 "Tokens of it that are used, spread evenly; 0: all (default: 8,192)")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  app.add_option("--window", arguments->windows.tokens, "Tokens that are seen at a time there (default: 256)")
      ->check(CLI::Range(2, 1 << 16));
  app.add_option("--overlap", arguments->windows.overlap,
                 "Tokens of a window that repeat the one before, as context only (default: 0)")
      ->check(CLI::Range(0, 1 << 16));
  app.add_option("--context", arguments->context,
                 "Tokens for one prompt and its answer; part of a run's identity (default: as trained, at most 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_option("--parallel", arguments->parallel,
                 "Items answered together (default: up to 8, as many as the memory holds)")
      ->check(CLI::Range(1, 64));
  app.add_flag("--raw", arguments->raw, "Send the text as it is, without the model's chat template");
  app.add_flag("--keep", arguments->keep, "Keep the copies in the cache (default: each is removed when measured)");
  app.add_option("--csv", arguments->csv, "Also write every level and task to this file");
  app.add_flag("-f,--force", arguments->force, "Write over an existing --csv");
  return [arguments, &session] { return RunQuants(*arguments, session); };
}

}  // namespace loco
