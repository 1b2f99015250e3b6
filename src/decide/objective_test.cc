#include "decide/objective.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>

#include "base/random.h"

namespace loco {
namespace {

// `right` of `items` answers are right, the first ones: nested, so that pairs differ as little as they can.
std::vector<uint8_t> FirstRight(size_t right, size_t items) {
  std::vector<uint8_t> values(items, 0);
  std::fill_n(values.begin(), right, uint8_t{1});
  return values;
}

Field FieldOf(std::span<const TaskTable> tasks, std::vector<uint64_t> sizes) {
  Field field{.tasks = tasks};
  for (const uint64_t size : sizes) {
    field.size.push_back(Bytes{size});
    field.memory.emplace_back(Bytes{size});
    field.first_token.emplace_back(1.0);
    field.speed.emplace_back(10.0);
  }
  return field;
}

}  // namespace

TEST_CASE("the smallest candidate that is shown to be not worse is chosen") {
  const std::vector<TaskTable> tasks{
      {.weight = 1, .right = {FirstRight(800, 1000), FirstRight(795, 1000), FirstRight(600, 1000)}}};
  const Choice choice = ChooseBy(Objective{}, FieldOf(tasks, {9, 5, 1}));
  CHECK(choice.chosen == 1);
  REQUIRE(choice.steps.size() == 2);
  CHECK(choice.steps[0].kept == std::vector<size_t>{0, 1});
  CHECK(choice.steps[0].dropped == std::vector<size_t>{2});
}

TEST_CASE("few items do not make a smaller candidate good enough") {
  const std::vector<TaskTable> tasks{
      {.weight = 1, .right = {FirstRight(25, 31), FirstRight(25, 31), FirstRight(24, 31)}}};
  const Choice choice = ChooseBy(Objective{}, FieldOf(tasks, {9, 9, 1}));
  CHECK(choice.chosen == 0);  // not the smallest: 31 items cannot show that 24 is within 3 points of 25
}

TEST_CASE("a criterion that is not measured for everyone is passed over with a note") {
  const std::vector<TaskTable> tasks;
  Field field = FieldOf(tasks, {9, 5});
  field.speed[1].reset();
  Objective objective{.order = {Criterion::kTunedScore, Criterion::kBaseScore, Criterion::kSpeed, Criterion::kSize}};
  const Choice choice = ChooseBy(objective, field);
  CHECK(choice.chosen == 1);
  CHECK(choice.steps[0].note == "passed over: not measured, the policy has no [trainability]");
  CHECK(!choice.steps[1].applied);
  CHECK(choice.steps[2].note == "passed over: not measured, or not comparable, for 1 of 2");
  CHECK(choice.steps[3].applied);
}

TEST_CASE("times and speeds within the tolerance are equal, and the next criterion decides") {
  Field field = FieldOf({}, {9, 5, 1});
  field.first_token = {1.0, 1.08, 2.0};
  const Objective objective{.order = {Criterion::kFirstToken, Criterion::kSize}};
  CHECK(ChooseBy(objective, field).chosen == 1);
  field.first_token = {1.0, 1.2, 2.0};
  CHECK(ChooseBy(objective, field).chosen == 0);
}

TEST_CASE("an unknown size is never an advantage") { CHECK(ChooseBy(Objective{}, FieldOf({}, {0, 5})).chosen == 1); }

TEST_CASE("a wider margin never keeps fewer candidates") {
  CHECK(rc::check("monotone margin", [] {
    Random random(*rc::gen::arbitrary<uint64_t>());
    std::vector<TaskTable> tasks;
    for (int t = 0; t < 2; ++t) {
      TaskTable task;
      for (int k = 0; k < 4; ++k) {
        std::vector<uint8_t> right(60 + 40 * static_cast<size_t>(t));
        for (size_t i = 0; i < right.size(); ++i) right[i] = (i * 7 % 10 < 6) != (random.Uniform() < .1) ? 1 : 0;
        task.right.push_back(right);
      }
      tasks.push_back(task);
    }
    const Field field = FieldOf(tasks, {4, 3, 2, 1});
    size_t before = 0;
    for (const double margin : {.02, .05, .1, .2}) {
      const Choice choice = ChooseBy({.margin = margin}, field);
      RC_ASSERT(choice.steps.front().kept.size() >= before);
      before = choice.steps.front().kept.size();
    }
  }));
}

TEST_CASE("the quick and the exact p agree wherever a candidate passes") {
  const std::vector<TaskTable> tasks{
      {.weight = 1, .right = {FirstRight(80, 100), FirstRight(79, 100), FirstRight(60, 100)}}};
  const std::vector<size_t> everyone{0, 1, 2};
  const std::vector<double> quick = NotWorseP(tasks, everyone, .1, .05, false);
  const std::vector<double> exact = NotWorseP(tasks, everyone, .1, .05, true);
  for (size_t i = 0; i < 3; ++i) {
    CHECK((quick[i] <= .05) == (exact[i] <= .05));
    if (exact[i] <= .05) CHECK(quick[i] == exact[i]);
  }
}

TEST_CASE("a candidate that is worse by the margin is accepted in at most about one of twenty studies") {
  Random random(17);
  int accepted = 0;
  constexpr int kStudies = 400;
  for (int study = 0; study < kStudies; ++study) {
    TaskTable task{.weight = 1, .right = std::vector<std::vector<uint8_t>>(3)};
    for (int i = 0; i < 300; ++i) {
      const double u = random.Uniform();
      // Two equally good leaders, and a small candidate that is truly 5 points worse.
      task.right[0].push_back(u < .6 ? 1 : 0);
      task.right[1].push_back(random.Uniform() < .8 ? task.right[0].back() : (random.Uniform() < .6 ? 1 : 0));
      task.right[2].push_back(u < .5 || (u >= .8 && u < .85) ? 1 : 0);
    }
    const std::vector<TaskTable> tasks{task};
    accepted += ChooseBy({.margin = .05}, FieldOf(tasks, {9, 9, 1})).chosen == 2 ? 1 : 0;
  }
  CHECK(accepted < kStudies * .07);
}

}  // namespace loco
