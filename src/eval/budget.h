// How many tokens an answer needs: the smallest budget at which being cut off stops mattering.
//
//   const BudgetCurve curve = MeasureBudget(AnswerLengths(store, run));
//   curve.enough;            // 212: every answer that is right with the whole budget is right with this one
//   curve.points;            // {{16, .12, .88}, {32, .35, .41}, …}: budget, share right, share cut off
//
// One run under a generous budget answers for all smaller ones: decoding is greedy, so the answer under a budget of b
// tokens is the first b tokens of the long answer, and an answer that is cut off is never right. Raising a budget from
// 400 to 1,500 tokens lifted one published model from 42 % to 77 %; a budget that no right answer needs only costs
// time.
//
// It deliberately does not tell how much thinking is enough: thinking that is closed early leads to other answers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/store.h"

namespace loco {

struct AnswerLength {
  int64_t tokens = 0;  // generated, without thinking
  bool right = false;
  bool cut = false;  // at the budget of the run
};

struct BudgetPoint {
  int64_t budget = 0;
  double right = 0;  // share
  double cut = 0;    // share
};

struct BudgetCurve {
  int64_t enough = 0;               // tokens, the end of the turn included; 0: nothing was right
  int64_t right = 0;                // answers
  int64_t still_cut = 0;            // answers that the whole budget cut off: they might have been right with more
  std::vector<BudgetPoint> points;  // powers of two below `enough`, and it
};

BudgetCurve MeasureBudget(std::span<const AnswerLength> answers);

// Of a run's answers under this scorer.
std::vector<AnswerLength> AnswerLengths(const Store& store, RowId run, const std::string& scorer);

}  // namespace loco
