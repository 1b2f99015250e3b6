// What 'loco eval' says about a run beside its score, as lines and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/budget.h"
#include "eval/by_length.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

nlohmann::ordered_json AnswersJson(const Store& store, RowId run, const std::string& scorer);

nlohmann::ordered_json BudgetJson(const BudgetCurve& curve);
// About what smaller budgets would have done; `of_task`: the task's own.
std::vector<std::string> BudgetLines(const std::string& task, const BudgetCurve& curve, int of_task);

// Items of one "family" ask the same at several lengths.
std::vector<LengthItem> LengthItems(const Store& store, RowId run, const Task& task, const std::string& scorer);
nlohmann::ordered_json LengthJson(const LengthReport& report);
std::string LengthText(const std::string& name, const LengthReport& report);

struct ThinkingTotals {
  int64_t answers = 0;  // that thought
  double mean_tokens = 0;
  int64_t cut = 0;
};
ThinkingTotals ThinkingOfRun(const Store& store, RowId run, const std::string& scorer);

}  // namespace loco
