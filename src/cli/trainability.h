// Step 4 of a selection: the same data, order, recipe, seeds and evaluator for every candidate, halved over data size.
//
//   std::vector<TunedCandidate> tuned = MeasureTrainability(store, session, rules, candidates, tasks, counts);
//
// Every training run and every answer is a row, found again by its key: a stopped study goes on where it was. Adapters
// lie in the user's cache.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/model_files.h"
#include "decide/decide.h"
#include "decide/policy.h"
#include "task/task.h"
#include "train/training.h"

namespace loco {

struct StudyCounts {
  int64_t generated = 0;  // answers generated now
  int64_t stored = 0;     // answers that were stored before
  int64_t measured = 0;   // practical tests done now
  int64_t reused = 0;     // practical tests that were stored before
  int64_t trained = 0;    // adapters trained now
  int64_t kept = 0;       // adapters that were trained before
};

// Answers of one model to all tasks, from the store or generated now. `adapter` may be null.
struct ScoringOptions {
  int context = 0;
  const AdapterRow* adapter = nullptr;
  Path adapter_file;
};
std::vector<TaskResult> ScoreTasks(Store& store, Session& session, const ModelFile& file,
                                   const std::vector<Task>& tasks, const ScoringOptions& options, StudyCounts& counts);

// The adapter of this very training, from the store or, when it is not there or `anew`, trained now into `folder`.
// `before` is called when all is checked and nothing is written yet.
struct TrainedRow {
  AdapterRow row;
  TrainedAdapter adapter;
  bool was_stored = false;
};
TrainedRow TrainOrFind(Store& store, Session& session, const TrainingRequest& request, const ModelFile& model,
                       const Path& folder, const std::function<void(const TrainingJob&)>& before, bool anew = false);

struct TrainabilityCandidate {
  std::string id;
  ModelFile file;
  std::vector<TaskResult> base;  // untrained answers to all tasks
};

struct TunedCandidate {
  Tuning tuning;
  // Answers to all tasks, those with an adapter by the adapter; of the seed in the middle; finalists only.
  std::vector<TaskResult> results;
};

// What can be known of the data before anything is measured: throws Error when a file is wrong or too small for the
// last rung, or when a question of a suite stands in it. Call it first: answers cost hours.
void CheckTrainingData(const TrainabilityRules& rules, const std::vector<Task>& tasks);

// One for each candidate, in order. Throws Error for wrong data; a candidate that cannot be trained is a result.
std::vector<TunedCandidate> MeasureTrainability(Store& store, Session& session, const TrainabilityRules& rules,
                                                const std::vector<TrainabilityCandidate>& candidates,
                                                const std::vector<Task>& tasks, const std::vector<double>& weights,
                                                int context, StudyCounts& counts);

}  // namespace loco
