// The policy's objective: criteria in their order, each keeping the candidates that are best or as good as best.
//
//   Choice choice = ChooseBy(policy.objective, field);
//   choice.chosen;     // index into the field
//   choice.steps;      // what each criterion kept and dropped, with numbers
//
// A score keeps the leader and everyone shown to be not worse (decide.h says how); a size keeps the smallest; memory,
// speed and time keep what lies within the tolerance of the best. A criterion that is not measured for every candidate
// still in the running is passed over, with a note: half a criterion would favour whoever was measured. What is left
// at the end is settled by file size, then score, then the order of the policy.
//
// Resampling (decide.h) runs the same code on items drawn anew. Only decide's own files use it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decide/policy.h"
#include "stats/resample.h"

namespace loco {

// The candidates in the running, by index.
struct Field {
  std::span<const TaskTable> tasks;         // empty: nobody is scored
  bool tuned = false;                       // the tasks are of tuned models
  std::vector<std::optional<double>> gain;  // from tuning, as a share of right answers; empty: nobody was tuned
  std::vector<Bytes> size;
  std::vector<std::optional<Bytes>> memory;
  std::vector<std::optional<double>> first_token;  // seconds
  std::vector<std::optional<double>> speed;        // generated tokens a second

  size_t count() const { return size.size(); }
};

struct ChoiceStep {
  Criterion criterion = Criterion::kBaseScore;
  bool applied = true;
  std::vector<size_t> kept;
  std::vector<size_t> dropped;
  std::string note;
};

struct Choice {
  size_t chosen = 0;
  std::vector<ChoiceStep> steps;
};

// The best macro-average of `running`; of equal ones the smallest.
size_t LeaderOf(const Field& field, const std::vector<double>& scores, const std::vector<size_t>& running);

// count() > 0.
Choice ChooseBy(const Objective& objective, const Field& field);

// For each of `running`: the largest one-sided p of "another one of them is better by the margin or more". 1 stands for
// "above alpha" when `exact` is false, which saves the search for a p that cannot matter.
std::vector<double> NotWorseP(std::span<const TaskTable> tasks, const std::vector<size_t>& running, double margin,
                              double alpha, bool exact);

}  // namespace loco
