#include "stats/resample.h"

#include <algorithm>

#include "base/error.h"

namespace loco {
namespace {

// Sums of the same shares in another order may differ in the last bits.
constexpr double kSameScore = 1e-12;

}  // namespace

std::vector<double> MacroScores(std::span<const TaskTable> tasks) {
  std::vector<double> scores(tasks.empty() ? 0 : tasks.front().right.size(), 0.0);
  double total = 0;
  for (const TaskTable& task : tasks) {
    LOCO_CHECK(task.right.size() == scores.size());
    if (task.items() == 0) continue;
    total += task.weight;
    for (size_t k = 0; k < scores.size(); ++k) {
      int64_t right = 0;
      for (const uint8_t r : task.right[k]) right += r;
      scores[k] += task.weight * static_cast<double>(right) / static_cast<double>(task.items());
    }
  }
  for (double& score : scores) score = total > 0 ? score / total : 0;
  return scores;
}

Resampler::Resampler(std::span<const TaskTable> tasks, uint64_t seed)
    : tasks_(tasks), random_(seed), drawn_(tasks.begin(), tasks.end()) {}

const std::vector<TaskTable>& Resampler::Draw() {
  for (size_t t = 0; t < tasks_.size(); ++t) {
    const TaskTable& task = tasks_[t];
    const size_t items = task.items();
    for (size_t i = 0; i < items; ++i) {
      const auto drawn = static_cast<size_t>(random_.Below(items));
      for (size_t k = 0; k < task.right.size(); ++k) drawn_[t].right[k][i] = task.right[k][drawn];
    }
  }
  return drawn_;
}

std::vector<double> ProbabilityBest(std::span<const TaskTable> tasks, const ResampleOptions& options) {
  Resampler resampler(tasks, options.seed);
  std::vector<double> share(tasks.empty() ? 0 : tasks.front().right.size(), 0.0);
  for (int r = 0; r < options.resamples && !share.empty(); ++r) {
    const std::vector<double> scores = MacroScores(resampler.Draw());
    const double best = *std::max_element(scores.begin(), scores.end());
    const auto is_best = [best](double score) { return score >= best - kSameScore; };
    const auto winners = static_cast<double>(std::count_if(scores.begin(), scores.end(), is_best));
    for (size_t k = 0; k < scores.size(); ++k) share[k] += is_best(scores[k]) ? 1 / winners : 0;
  }
  for (double& s : share) s /= options.resamples;
  return share;
}

}  // namespace loco
