// The candidates of a bake-off side by side on one suite, as tables and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "eval/run_metrics.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

// One candidate's answers to one suite.
struct BakeoffResult {
  std::string candidate;
  RowId run = 0;
  std::vector<MarkedAnswer> answers;  // in the order of item ids
  std::vector<RunMetric> metrics;

  int64_t Right() const;
  double MeanTokens() const;
  double TokensASecond() const;
  // Of the answers that came, in rising order.
  std::vector<double> Seconds() const;
};

// `budget`: tokens that an answer could have.
void PrintBakeoff(const Task& task, const std::vector<BakeoffResult>& results, int budget, Terminal& terminal);
nlohmann::ordered_json BakeoffJson(const Task& task, const std::vector<BakeoffResult>& results);

}  // namespace loco
