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

// The adapter of this very training, from the store or trained now into `folder`.
struct TrainedRow {
  AdapterRow row;
  TrainedAdapter adapter;
  bool was_stored = false;
};
TrainedRow TrainOrFind(Store& store, Session& session, const TrainingRequest& request, const ModelFile& model,
                       const Path& folder, const std::function<void(const TrainingJob&)>& before);

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

// One for each candidate, in order. Throws Error for wrong data; a candidate that cannot be trained is a result.
std::vector<TunedCandidate> MeasureTrainability(Store& store, Session& session, const TrainabilityRules& rules,
                                                const std::vector<TrainabilityCandidate>& candidates,
                                                const std::vector<Task>& tasks, const std::vector<double>& weights,
                                                int context, StudyCounts& counts);

}  // namespace loco
