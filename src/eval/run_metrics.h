// What a run is worth beyond the share of right answers: F1, ROUGE-L, macro-F1, how often a label was declined.
//
//   for (const RunMetric& metric : MetricsOf(store, run, task)) …      // {"F1", 0.62, 400}
//
// An answer that was cut off, empty or not read has a value of 0, as it is not right. The definitions are those of
// score/qa_match.h, rouge.h, classify.h and json_contract.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/store.h"
#include "task/task.h"

namespace loco {

struct RunMetric {
  std::string name;
  double value = 0;   // 0 to 1
  int64_t items = 0;  // that it is taken over; 0: none, and the value says nothing
};

// Several samples an item: pass@1, pass@k for some k up to their number (stats/pass_at_k.h), and the share of items on
// which the answer of most samples is right; a tie of votes is not.
std::vector<RunMetric> MetricsOfSamples(const Store& store, RowId run, const std::string& scorer);

// Of the run's answers under the present scorer of the task. Empty where right and wrong say everything.
std::vector<RunMetric> MetricsOf(const Store& store, RowId run, const Task& task);

}  // namespace loco
