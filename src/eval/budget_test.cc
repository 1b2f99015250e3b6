#include "eval/budget.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("the smallest budget keeps every right answer, and wrong ones do not raise it") {
  const std::vector<AnswerLength> answers = {
      {10, true, false}, {20, true, false}, {500, false, false}, {1000, false, true}};
  const BudgetCurve curve = MeasureBudget(answers);
  CHECK(curve.enough == 21);
  CHECK(curve.right == 2);
  CHECK(curve.still_cut == 1);
  REQUIRE(curve.points.size() == 3);
  CHECK(curve.points[0].budget == 8);
  CHECK(curve.points[0].right == 0);
  CHECK(curve.points[0].cut == 1);
  CHECK(curve.points[1].budget == 16);
  CHECK(curve.points[1].right == 0.25);
  CHECK(curve.points[2].budget == 21);
  CHECK(curve.points[2].right == 0.5);
  CHECK(curve.points[2].cut == 0.5);
}

TEST_CASE("where nothing is right no budget is enough") {
  CHECK(MeasureBudget({}).points.empty());
  const std::vector<AnswerLength> answers = {{10, false, true}};
  CHECK(MeasureBudget(answers).enough == 0);
}

}  // namespace
}  // namespace loco
