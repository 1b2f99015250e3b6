// loco trainability MODEL… --task TASK: step 4 of a selection by itself.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/trainability.h"
#include "report/json.h"
#include "report/words.h"

namespace loco {
namespace {

struct TrainabilityArguments {
  std::vector<Path> models;
  std::string quantization;
  TrainabilityRules rules;
  std::vector<Path> tasks;
  std::vector<Path> data;
  int context = 4096;
};

// Candidates in the order of how well they tuned: those that went furthest first, by their last bits a byte.
std::vector<size_t> Ranking(const std::vector<CandidateSummary>& candidates) {
  std::vector<size_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](size_t i) {
    const Tuning& tuning = *candidates[i].tuning;
    const int64_t reached = tuning.runs.empty() ? 0 : tuning.runs.back().examples;
    return std::pair(-reached, tuning.runs.empty() ? 0 : tuning.runs.back().bits);
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  return order;
}

ExitCode RunTrainability(const TrainabilityArguments& arguments, Session& session) {
  TrainabilityRules rules = arguments.rules;
  for (const Path& task : arguments.tasks) {
    rules.suites.push_back({task, arguments.data.empty() ? std::vector<Path>{task} : arguments.data});
  }
  Store store = session.OpenStore();
  std::vector<Task> tasks;
  for (const Path& path : arguments.tasks) {
    Task task = LoadTask(path);
    for (const Task& other : tasks) {
      if (other.name != task.name) continue;
      throw Error(
          fmt::format("{} and {} are both the task {}", other.path.string(), path.string(), QuotedWord(task.name)),
          "give each task once, and names of their own", ExitCode::kUsage);
    }
    tasks.push_back(std::move(task));
  }
  CheckTrainingData(rules, tasks);
  StudyCounts counts;
  std::vector<TrainabilityCandidate> candidates;
  for (const Path& path : arguments.models) {
    const ModelFile source = RegisterModel(store, path);
    const ModelFile file = AtQuantization(store, source, arguments.quantization, session);
    std::string id = source.row.name;
    for (const TrainabilityCandidate& other : candidates) {
      if (other.file.row.id == file.row.id) {
        throw Error(fmt::format("{} and {} are the same model", other.file.path.string(), path.string()),
                    "give each model once", ExitCode::kUsage);
      }
      if (other.id == id) id = fmt::format("{} ({})", source.row.name, path.filename().string());
    }
    candidates.push_back({.id = id, .file = file, .base = {}});
  }
  for (TrainabilityCandidate& candidate : candidates) {
    candidate.base = ScoreTasks(store, session, candidate.file, tasks, {.context = arguments.context}, counts);
  }
  const std::vector<double> weights(tasks.size(), 1);
  const std::vector<TunedCandidate> tuned =
      MeasureTrainability(store, session, rules, candidates, tasks, weights, arguments.context, counts);
  std::vector<CandidateSummary> summaries;
  for (size_t i = 0; i < tuned.size(); ++i) {
    summaries.push_back({.id = candidates[i].id,
                         .quantization = candidates[i].file.row.quantization,
                         .model = {"model", candidates[i].file.row.id},
                         .tuning = tuned[i].tuning});
  }
  Terminal& terminal = session.terminal();
  if (session.json) {
    terminal.PrintLine(TuningJson(summaries));
    return ExitCode::kDone;
  }
  CellTable table = TuningTable(summaries);
  for (std::vector<std::string>& row : table.rows) row.front() = ForTerminal(row.front());
  terminal.Print(FormatTable(table.header, table.rows));
  int rank = 0;
  for (const size_t i : Ranking(summaries)) {
    const Tuning& tuning = *summaries[i].tuning;
    const std::string what = !tuning.not_trained_because.empty() ? "not trained: " + tuning.not_trained_because
                             : tuning.dropped_after > 0          ? "left behind: " + tuning.dropped_because
                                                                 : TuningWords(tuning);
    terminal.PrintLine(fmt::format("{}  {}  {}", ++rank, ForTerminal(summaries[i].id), ForTerminal(what)));
  }
  terminal.PrintLine(fmt::format("trained {} now, {} before", Counted(counts.trained, "adapter", "adapters"),
                                 FormatCount(counts.kept)));
  const bool any = std::any_of(tuned.begin(), tuned.end(),
                               [](const TunedCandidate& c) { return c.tuning.not_trained_because.empty(); });
  return any ? ExitCode::kDone : ExitCode::kNothingQualifies;
}

}  // namespace

Action DeclareTrainability(CLI::App& app, Session& session) {
  auto a = std::make_shared<TrainabilityArguments>();
  app.add_option("models", a->models, "Model files (.gguf)")->required();
  app.add_option("--task", a->tasks, "Tasks with training items (.toml); each gets an adapter of its own")->required();
  app.add_option("--data", a->data, "Train on these files (JSONL) and not on the task's training items; one --task");
  app.add_option("-q,--quantization", a->quantization, "Tune copies at this quantization, made once and cached");
  app.add_option("--rungs", a->rules.rungs, "Examples of each rung, rising (default 200 400 800)")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--lr", a->rules.learning_rates, "Learning rates tried at the first rung (default 1e-4 3e-4)")
      ->check(NumberFrom(1e-9, 10));
  app.add_option("--seeds", a->rules.seeds, "Trained at the last rung (default 3)")->check(CLI::Range(1, 100));
  app.add_option("--finalists", a->rules.finalists, "That reach the last rung, at least (default 2)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--hold-out", a->rules.held_out, "Training items held out to compare by (default 100)")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--rank", a->rules.rank, "Rank of the adapters (default 16)")->check(CLI::Range(1, 1024));
  app.add_option("--epochs", a->rules.epochs, "Times through the examples (default 3)")->check(CLI::Range(1, 10'000));
  app.add_option("--context", a->context, "Tokens for one prompt and its answer (default 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  return [a, &session] {
    if (!a->data.empty() && a->tasks.size() != 1) {
      throw Error("--data is for one --task", "give each task its own training items (train = …), or use a policy",
                  ExitCode::kUsage);
    }
    const std::vector<int64_t>& rungs = a->rules.rungs;
    const auto falls = [](int64_t first, int64_t second) { return second <= first; };
    if (std::adjacent_find(rungs.begin(), rungs.end(), falls) != rungs.end()) {
      throw Error("--rungs must rise", "for example --rungs 200 400 800", ExitCode::kUsage);
    }
    return RunTrainability(*a, session);
  };
}

}  // namespace loco
