#include "cli/trainability.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/interrupt.h"
#include "cli/training_lines.h"
#include "engine/llama_model.h"
#include "eval/evaluate.h"
#include "task/scorers.h"
#include "train/trainer.h"

namespace loco {
namespace {

// Share of right answers.
double ShareOf(const TaskResult& result) {
  const auto right = std::count_if(result.items.begin(), result.items.end(),
                                   [](const ItemOutcome& item) { return item.outcome == Outcome::kRight; });
  return result.items.empty() ? 0 : static_cast<double>(right) / static_cast<double>(result.items.size());
}

double MacroOf(const std::vector<TaskResult>& results, const std::vector<double>& weights) {
  double sum = 0;
  double weight = 0;
  for (size_t t = 0; t < results.size(); ++t) {
    sum += weights[t] * ShareOf(results[t]);
    weight += weights[t];
  }
  return weight > 0 ? sum / weight : 0;
}

// The study of all candidates: rungs, learning rates, seeds.
class Halving {
 public:
  Halving(Store& store, Session& session, const TrainabilityRules& rules,
          const std::vector<TrainabilityCandidate>& candidates, const std::vector<Task>& tasks,
          const std::vector<double>& weights, int context, StudyCounts& counts)
      : store_(store),
        session_(session),
        rules_(rules),
        candidates_(candidates),
        tasks_(tasks),
        weights_(weights),
        context_(context),
        counts_(counts),
        tuned_(candidates.size()),
        best_rate_(candidates.size()) {}

  std::vector<TunedCandidate> Run() {
    std::vector<size_t> running(candidates_.size());
    std::iota(running.begin(), running.end(), size_t{0});
    for (size_t rung = 0; rung < rules_.rungs.size(); ++rung) {
      const bool last = rung + 1 == rules_.rungs.size();
      std::vector<RungStanding> standings;
      for (const size_t c : running) {
        if (const auto standing = Climb(c, rung, last)) standings.push_back(*standing);
      }
      const auto count = static_cast<int64_t>(standings.size());
      const int64_t keep = last ? count : KeptAfterRung(count, rules_.finalists);
      Rung halved = HalveAfterRung(std::move(standings), Measure(), keep, rules_.rungs[rung]);
      running = std::move(halved.kept);
      for (Dropout& dropout : halved.dropped) {
        Tuning& tuning = tuned_[dropout.candidate].tuning;
        tuning.dropped_after = rules_.rungs[rung];
        tuning.dropped_because = std::move(dropout.because);
      }
    }
    return std::move(tuned_);
  }

 private:
  RungMeasure Measure() const {
    return rules_.suites.size() == tasks_.size() ? RungMeasure::kBits : RungMeasure::kScore;
  }

  // All runs of one candidate on one rung; nothing when it cannot be trained. Each task has an adapter of its own, and
  // each adapter its own learning rate.
  std::optional<RungStanding> Climb(size_t c, size_t rung, bool last) {
    const auto seeds = static_cast<size_t>(last ? rules_.seeds : 1);
    Tuning& tuning = tuned_[c].tuning;
    std::vector<std::vector<TaskResult>> results(seeds, candidates_[c].base);  // of each seed
    double bits = 0;
    try {
      for (const TunedSuite& suite : rules_.suites) {
        const size_t task = IndexOf(suite.task);
        std::vector<double> rates = rules_.learning_rates;
        if (rung > 0) rates = {best_rate_[c][task]};
        size_t best = 0;
        std::vector<double> bits_of_seeds;
        const size_t at = tuning.runs.size();
        TryRates(c, suite, rules_.rungs[rung], rates);
        for (size_t i = at; i < tuning.runs.size(); ++i) {
          if (tuning.runs[i].bits < tuning.runs[at + best].bits) best = i - at;
        }
        best_rate_[c][task] = tuning.runs[at + best].learning_rate;
        bits_of_seeds.push_back(tuning.runs[at + best].bits);
        results[0][task] = Score(c, task, tuning.runs[at + best]);
        for (size_t seed = 2; seed <= seeds; ++seed) {
          tuning.runs.push_back(Train(c, suite, rules_.rungs[rung], best_rate_[c][task], seed));
          bits_of_seeds.push_back(tuning.runs.back().bits);
          results[seed - 1][task] = Score(c, task, tuning.runs.back());
        }
        std::sort(bits_of_seeds.begin(), bits_of_seeds.end());
        bits += bits_of_seeds[bits_of_seeds.size() / 2] / static_cast<double>(rules_.suites.size());
      }
    } catch (const NotTrainable& problem) {
      return NotTrained(tuning, problem);
    } catch (const Diverged& problem) {
      return NotTrained(tuning, problem);
    }
    const double score = MacroOf(results.front(), weights_);
    if (last) tuned_[c].results = MiddleSeed(std::move(results));
    return RungStanding{c, bits, score};
  }

  // Nothing else of a run is the candidate's fault: a full disk ends the study, which goes on when it is run again.
  static std::nullopt_t NotTrained(Tuning& tuning, const Error& problem) {
    tuning.not_trained_because = fmt::format("{} ({})", problem.what(), problem.hint());
    return std::nullopt;
  }

  // A learning rate that diverges says nothing against another: it is noted. When none is left, that is an Error.
  void TryRates(size_t c, const TunedSuite& suite, int64_t examples, const std::vector<double>& rates) {
    Tuning& tuning = tuned_[c].tuning;
    std::optional<Diverged> failure;
    size_t trained = 0;
    for (const double rate : rates) {
      try {
        tuning.runs.push_back(Train(c, suite, examples, rate, 1));
        ++trained;
      } catch (const Diverged& problem) {
        tuning.failed_rates.push_back(fmt::format("{:g}: {}", rate, problem.what()));
        failure = problem;
      }
    }
    if (trained == 0 && failure) throw Diverged(*failure);
  }

  std::vector<TaskResult> MiddleSeed(std::vector<std::vector<TaskResult>> results) const {
    std::sort(results.begin(), results.end(),
              [&](const auto& a, const auto& b) { return MacroOf(a, weights_) < MacroOf(b, weights_); });
    return std::move(results[(results.size() - 1) / 2]);
  }

  size_t IndexOf(const Path& path) const {
    const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const Task& task) { return task.path == path; });
    LOCO_CHECK(found != tasks_.end());  // the policy's reader made sure
    return static_cast<size_t>(found - tasks_.begin());
  }

  // The adapter's answers to its task; the run's score is filled in.
  TaskResult Score(size_t c, size_t task, TuningRun& run) {
    const auto row = store_.FindAdapter(run.adapter.id);
    LOCO_CHECK(row.has_value());
    std::vector<TaskResult> results =
        ScoreTasks(store_, session_, candidates_[c].file, {tasks_[task]},
                   {.context = context_, .adapter = &*row, .adapter_file = files_.at(row->id)}, counts_);
    run.score = ShareOf(results.front());
    return std::move(results.front());
  }

  TuningRun Train(size_t c, const TunedSuite& suite, int64_t examples, double rate, uint64_t seed) {
    ThrowIfInterrupted();
    const size_t task = IndexOf(suite.task);
    const TrainabilityCandidate& candidate = candidates_[c];
    TrainingRequest request{.model = candidate.file.path,
                            .model_hash = candidate.file.row.hash,
                            .data = suite.data,
                            .samples = examples,
                            .held_out_samples = rules_.held_out,
                            .recipe = {.adapter = {.rank = rules_.rank, .alpha = 2 * static_cast<float>(rules_.rank)},
                                       .learning_rate = rate,
                                       .epochs = rules_.epochs,
                                       .tokens_per_pass = rules_.tokens_per_pass,
                                       .max_tokens = rules_.max_tokens,
                                       .seed = seed},
                            .threads = session_.threads,
                            .evaluations_per_epoch = 2,
                            .name = fmt::format("{} {} {} examples {:g}{}", candidate.id, tasks_[task].name, examples,
                                                rate, seed > 1 ? fmt::format(" seed {}", seed) : "")};
    const Path folder = UserCacheFolder() / "adapters" / TrainingKey(request).substr(0, 24);
    const TrainedRow row = TrainOrFind(store_, session_, request, candidate.file, folder, [](const TrainingJob&) {});
    ++(row.was_stored ? counts_.kept : counts_.trained);
    files_[row.row.id] = row.adapter.path;
    const TrainedAdapter& a = row.adapter;
    return {.task = tasks_[task].name,
            .examples = examples,
            .learning_rate = rate,
            .seed = seed,
            .adapter = {"adapter", row.row.id},
            .bits_before = a.HeldOutBits(0).value_or(0),
            .bits = a.HeldOutBits(a.evaluations.size() - 1).value_or(0),
            .base_score = ShareOf(candidate.base[task]),
            .tokens = a.tokens,
            .curve = a.HeldOutCurve(),
            .tokens_to_target = rules_.target_bits ? a.TokensTo(*rules_.target_bits) : std::nullopt,
            .seconds = a.seconds,
            .adapter_bytes = Bytes{static_cast<uint64_t>(a.bytes)},
            .peak_memory = Bytes{static_cast<uint64_t>(a.peak_bytes)}};
  }

  Store& store_;
  Session& session_;
  const TrainabilityRules& rules_;
  const std::vector<TrainabilityCandidate>& candidates_;
  const std::vector<Task>& tasks_;
  const std::vector<double>& weights_;
  int context_;
  StudyCounts& counts_;
  std::vector<TunedCandidate> tuned_;
  std::vector<std::map<size_t, double>> best_rate_;  // of each candidate and task
  std::map<RowId, Path> files_;                      // of adapters
};

}  // namespace

std::vector<TaskResult> ScoreTasks(Store& store, Session& session, const ModelFile& file,
                                   const std::vector<Task>& tasks, const ScoringOptions& options, StudyCounts& counts) {
  std::vector<TaskResult> results;
  const int trained = static_cast<int>(file.facts.dims.context.value_or(4096));
  const int context = std::min(options.context, trained);
  const int parallel = SequencesThatFit(file.facts, context, 8);
  const auto engine = LoadModel(file.path, {.threads = session.threads, .adapter = options.adapter_file});
  EvaluationOptions evaluation{.style = PromptStyle::kChat, .context = context, .parallel = parallel};
  if (options.adapter != nullptr) {
    evaluation.adapter_hash = options.adapter->hash;
    evaluation.adapter = options.adapter->id;
  }
  for (const Task& task : tasks) {
    const EvaluationResult run =
        Evaluate(store, *engine, file.row, task, evaluation, session.terminal().progress(), session.clock());
    counts.generated += run.generated;
    counts.stored += run.stored;
    TaskResult result{.task = task.name, .run = {"run", run.run}};
    int64_t too_long = 0;
    for (const MarkedAnswer& answer : store.Answers(run.run, ScorerId(FindScorer(task.scorer)))) {
      result.items.push_back({answer.answer.item, answer.mark.outcome});
      too_long += answer.mark.outcome == Outcome::kTooLong ? 1 : 0;
    }
    if (too_long > 0) {
      session.terminal().Note(
          fmt::format("! {}: {} of {} do not fit {} tokens and count as wrong; a larger context does",
                      ForTerminal(task.name), FormatCount(too_long),
                      Counted(static_cast<int64_t>(result.items.size()), "prompt", "prompts"), FormatCount(context)));
    }
    results.push_back(std::move(result));
  }
  return results;
}

TrainedRow TrainOrFind(Store& store, Session& session, const TrainingRequest& request, const ModelFile& model,
                       const Path& folder, const std::function<void(const TrainingJob&)>& before, bool anew) {
  Terminal& terminal = session.terminal();
  const std::string key = TrainingKey(request);
  const auto lock =
      store.LockWork(key, [&] { terminal.progress().Update(0, "another loco trains this adapter; waiting"); });
  std::error_code none;
  if (const auto row = store.FindAdapterByKey(key); row && !anew) {
    const TrainedAdapter known = TrainedAdapterFromJson(row->result);
    if (!known.diverged.empty()) throw Diverged(known.diverged, known.diverged_cure);
    // The row is evidence; the file is needed as well, and it must be the row's.
    if (std::filesystem::exists(AdapterIn(folder), none) && store.HashOfFile(AdapterIn(folder)) == row->hash) {
      TrainedAdapter adapter = known;
      adapter.path = AdapterIn(folder);
      return {*row, std::move(adapter), true};
    }
  }
  TrainingJob job(request);
  before(job);
  TrainingProgress progress(terminal, job, request.name);
  const TrainedAdapter trained = job.Run(folder, [&](const TrainingState& state) { progress.Show(state); });
  progress.End();
  AdapterRow row{.key = key,
                 .model_id = model.row.id,
                 .machine_id = RegisterMachine(store).id,
                 .name = request.name,
                 .hash = trained.hash,
                 .data = job.data().name,
                 .data_hash = HashOfTrainingFiles(request.data),
                 .recipe = RecipeToJson(request.recipe),
                 .result = TrainedAdapterToJson(trained)};
  row.id = store.AddAdapter(row);
  std::filesystem::remove(CheckpointIn(folder), none);
  if (!trained.diverged.empty()) throw Diverged(trained.diverged, trained.diverged_cure);
  return {row, trained, false};
}

void CheckTrainingData(const TrainabilityRules& rules, const std::vector<Task>& tasks) {
  for (const TunedSuite& suite : rules.suites) {
    const auto count = static_cast<int64_t>(ReadTrainingFiles(suite.data).conversations.size());
    const int64_t needed = rules.rungs.back() + rules.held_out;
    if (count < needed) {
      std::string names;
      for (const Path& path : suite.data) names += (names.empty() ? "" : " + ") + path.string();
      throw Error(fmt::format("{}: {}; the last rung takes {} and {} are held out", names,
                              Counted(count, "training sample", "training samples"), FormatCount(rules.rungs.back()),
                              FormatCount(rules.held_out)),
                  "use smaller rungs, hold out fewer, or add data");
    }
    for (const Task& task : tasks) {
      if (task.path == suite.task) RefuseLeaks(task, suite.data);
    }
  }
}

std::vector<TunedCandidate> MeasureTrainability(Store& store, Session& session, const TrainabilityRules& rules,
                                                const std::vector<TrainabilityCandidate>& candidates,
                                                const std::vector<Task>& tasks, const std::vector<double>& weights,
                                                int context, StudyCounts& counts) {
  return Halving(store, session, rules, candidates, tasks, weights, context, counts).Run();
}

}  // namespace loco
