#include "eval/budget.h"

#include <algorithm>

namespace loco {
namespace {

BudgetPoint PointAt(int64_t budget, std::span<const AnswerLength> answers) {
  int64_t right = 0;
  int64_t cut = 0;
  for (const AnswerLength& answer : answers) {
    // The token that ends the turn needs room, too: an answer of b tokens is cut by a budget of b.
    const bool fits = answer.tokens < budget && !answer.cut;
    right += fits && answer.right ? 1 : 0;
    cut += fits ? 0 : 1;
  }
  const auto n = static_cast<double>(answers.size());
  return {budget, static_cast<double>(right) / n, static_cast<double>(cut) / n};
}

}  // namespace

BudgetCurve MeasureBudget(std::span<const AnswerLength> answers) {
  BudgetCurve curve;
  for (const AnswerLength& answer : answers) {
    curve.still_cut += answer.cut ? 1 : 0;
    if (!answer.right) continue;
    ++curve.right;
    curve.enough = std::max(curve.enough, answer.tokens + 1);
  }
  if (answers.empty()) return curve;
  for (int64_t budget = 8; budget < curve.enough; budget *= 2) curve.points.push_back(PointAt(budget, answers));
  if (curve.enough > 0) curve.points.push_back(PointAt(curve.enough, answers));
  return curve;
}

std::vector<AnswerLength> AnswerLengths(const Store& store, RowId run, const std::string& scorer) {
  std::vector<AnswerLength> lengths;
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    lengths.push_back({answer.answer.generated_tokens - answer.answer.thinking_tokens,
                       answer.mark.outcome == Outcome::kRight, answer.answer.finish == Finish::kLength});
  }
  return lengths;
}

}  // namespace loco
