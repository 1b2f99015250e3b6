// Who is best, and how sure is that: the items are drawn anew, for all models together, many times.
//
//   std::vector<TaskTable> tasks = …;                       // right[model][item] for each task
//   ProbabilityBest(tasks, {.resamples = 10'000, .seed = 1});   // shares that sum to 1; ties are split
//
//   Resampler resampler(tasks, seed);                       // to resample a whole decision rule
//   const std::vector<TaskTable>& drawn = resampler.Draw();
//
// The same item indices are drawn for every model: what makes an item hard is common to them, and drawing apart would
// invent differences. Deterministic: the same tables, seed and count give the same shares.
//
// It deliberately does not correct the winner's curse: the winner's score on the items it was chosen with is inflated
// (seven identical 70 % models on 31 items: by 11 points); only new items cure that.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace loco {

// One task: for each model, 1 or 0 for each item, items in the same order for all models.
struct TaskTable {
  double weight = 1;
  std::vector<std::vector<uint8_t>> right;
  // Variance of each model's share beyond that of the items (interval.h); empty: none.
  std::vector<double> run_variance;

  size_t items() const { return right.empty() ? 0 : right.front().size(); }
};

// Macro-average of each model: the mean over tasks (by weight) of the share of right answers. Tasks without items are
// left out.
std::vector<double> MacroScores(std::span<const TaskTable> tasks);

class Resampler {
 public:
  // `tasks` must outlive the object.
  Resampler(std::span<const TaskTable> tasks, uint64_t seed);
  // Tables of the same shape whose items were drawn with replacement, within each task. Valid until the next call.
  const std::vector<TaskTable>& Draw();

 private:
  std::span<const TaskTable> tasks_;
  Random random_;
  std::vector<TaskTable> drawn_;
};

struct ResampleOptions {
  int resamples = 10'000;
  uint64_t seed = 1;
};

// Share of resamples in which each model has the highest macro-average; equal ones share it.
std::vector<double> ProbabilityBest(std::span<const TaskTable> tasks, const ResampleOptions& options = {});

}  // namespace loco
