#include "decide/compare.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace loco {
namespace {

// Each answered item's rightness. Of an item that stands twice the first counts, as in the store.
std::map<std::string, uint8_t> RightByItem(const TaskResult& result) {
  std::map<std::string, uint8_t> right;
  for (const ItemOutcome& item : result.items) {
    right.emplace(item.item, item.outcome == Outcome::kRight ? uint8_t{1} : uint8_t{0});
  }
  return right;
}

}  // namespace

int64_t TaskScore::Unmarked() const {
  int64_t count = 0;
  for (const auto& [outcome, answers] : unmarked) count += answers;
  return count;
}

ScoreTable MakeScoreTable(const std::vector<double>& weights,
                          const std::vector<const std::vector<TaskResult>*>& lists) {
  ScoreTable table;
  for (size_t t = 0; t < weights.size(); ++t) {
    TaskTable task{.weight = weights[t], .right = std::vector<std::vector<uint8_t>>(lists.size())};
    std::vector<std::map<std::string, uint8_t>> maps;
    std::map<std::string, size_t> answered_by;
    for (const auto* list : lists) {
      LOCO_CHECK(list->size() == weights.size());
      maps.push_back(RightByItem((*list)[t]));
      for (const auto& [item, right] : maps.back()) ++answered_by[item];
    }
    for (const auto& [item, count] : answered_by) {
      if (count < lists.size()) {
        ++table.left_out;
        continue;
      }
      for (size_t k = 0; k < maps.size(); ++k) task.right[k].push_back(maps[k].at(item));
    }
    table.tasks.push_back(std::move(task));
  }
  return table;
}

std::vector<TaskScore> CountOutcomes(const std::vector<double>& weights, const std::vector<TaskResult>& results,
                                     const ScoreTable& table, size_t model, double confidence) {
  std::vector<TaskScore> scores;
  for (size_t t = 0; t < results.size(); ++t) {
    TaskScore score{.task = results[t].task, .weight = weights[t], .run = results[t].run};
    for (const ItemOutcome& item : results[t].items) {
      if (item.outcome != Outcome::kRight && item.outcome != Outcome::kWrong) ++score.unmarked[item.outcome];
    }
    const std::vector<uint8_t>& right = table.tasks[t].right[model];
    score.items = static_cast<int64_t>(right.size());
    score.right = std::count(right.begin(), right.end(), uint8_t{1});
    const std::vector<double>& run_variance = table.tasks[t].run_variance;
    score.run_variance = run_variance.empty() ? 0 : run_variance[model];
    const std::vector<Stratum> one{
        {.right = score.right, .n = score.items, .weight = 1, .run_variance = score.run_variance}};
    score.share = MacroAverage(one, confidence);
    scores.push_back(std::move(score));
  }
  return scores;
}

Estimate MacroOf(const std::vector<TaskScore>& scores, double confidence) {
  std::vector<Stratum> strata;
  for (const TaskScore& score : scores) strata.push_back({score.right, score.items, score.weight, score.run_variance});
  return MacroAverage(strata, confidence);
}

std::vector<PairedStratum> PairStrata(std::span<const TaskTable> tasks, size_t first, size_t second) {
  std::vector<PairedStratum> strata;
  for (const TaskTable& task : tasks) {
    const double run_variance = task.run_variance.empty() ? 0 : task.run_variance[first] + task.run_variance[second];
    strata.push_back({CountPairs(task.right[first], task.right[second]), task.weight, run_variance});
  }
  return strata;
}

}  // namespace loco
