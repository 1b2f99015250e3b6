// Scores of several candidates on the same items, and how they differ pair by pair.
//
//   ScoreTable table = MakeScoreTable(suites, results);      // only items that all of them answered
//   table.Pair(0, 1);                                        // strata for stats/paired.h
//
// Only decide's own files use it. It deliberately knows no policy beyond the suites' weights.
#pragma once

#include <string>
#include <vector>

#include "decide/decide.h"
#include "stats/resample.h"

namespace loco {

struct ScoreTable {
  std::vector<TaskTable> tasks;  // right[model][item]
  int64_t left_out = 0;          // answered items that some candidate lacks
};

// Aligns the candidates' answers by item id, task by task: `lists[k]` is the k-th candidate's results, one for each
// weight. Items are ordered by id, so that the order of rows does not matter.
ScoreTable MakeScoreTable(const std::vector<double>& weights, const std::vector<const std::vector<TaskResult>*>& lists);

// The counts of one candidate's answers on the items of the table.
std::vector<TaskScore> CountOutcomes(const std::vector<double>& weights, const std::vector<TaskResult>& results,
                                     const ScoreTable& table, size_t model, double confidence);
Estimate MacroOf(const std::vector<TaskScore>& scores, double confidence);

// The paired strata of two models of a table, first minus second.
std::vector<PairedStratum> PairStrata(std::span<const TaskTable> tasks, size_t first, size_t second);

}  // namespace loco
