#include "stats/resample.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace loco {
namespace {

TaskTable RandomTask(std::vector<double> skills, size_t items, Random& random, double weight = 1) {
  TaskTable task{.weight = weight, .right = {}};
  for (const double skill : skills) {
    std::vector<uint8_t> right(items);
    for (uint8_t& r : right) r = random.Uniform() < skill ? 1 : 0;
    task.right.push_back(right);
  }
  return task;
}

}  // namespace

TEST_CASE("seven identical models on 31 items look 22 points apart, and the winner is inflated by 11") {
  Random random(3);
  double range = 0;
  double inflation = 0;
  int wide = 0;
  constexpr int kStudies = 8000;
  for (int study = 0; study < kStudies; ++study) {
    const std::vector<TaskTable> tasks{RandomTask(std::vector<double>(7, .7), 31, random)};
    const std::vector<double> scores = MacroScores(tasks);
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    range += *high - *low;
    inflation += *high - .7;
    wide += *high - *low >= .194 - 1e-3 ? 1 : 0;  // 25 against 19 of 31, the published spread
  }
  CHECK(range / kStudies == doctest::Approx(.221).epsilon(.01));
  CHECK(inflation / kStudies == doctest::Approx(.108).epsilon(.02));
  CHECK(wide / static_cast<double>(kStudies) == doctest::Approx(.72).epsilon(.03));
}

TEST_CASE("the shares of being best sum to one and are the same for the same seed") {
  CHECK(rc::check("shares", [] {
    Random random(*rc::gen::arbitrary<uint64_t>());
    std::vector<TaskTable> tasks;
    for (int t = 0; t < 3; ++t) tasks.push_back(RandomTask({.3, .5, .6, .6}, 5 + random.Below(20), random));
    const std::vector<double> shares = ProbabilityBest(tasks, {.resamples = 50, .seed = 9});
    RC_ASSERT(std::abs(std::accumulate(shares.begin(), shares.end(), 0.0) - 1) < 1e-9);
    RC_ASSERT(shares == ProbabilityBest(tasks, {.resamples = 50, .seed = 9}));
  }));
}

TEST_CASE("two models with the same answers share the first place evenly") {
  Random random(1);
  TaskTable task = RandomTask({.5}, 40, random);
  task.right.push_back(task.right.front());
  const std::vector<double> shares = ProbabilityBest(std::vector{task}, {.resamples = 100});
  CHECK(shares[0] == doctest::Approx(.5));
  CHECK(shares[1] == doctest::Approx(.5));
}

TEST_CASE("a model that is right wherever another is, and more, is always best") {
  TaskTable task{.weight = 1, .right = {std::vector<uint8_t>(50, 0), std::vector<uint8_t>(50, 1)}};
  for (size_t i = 0; i < 20; ++i) task.right[0][i] = 1;
  CHECK(ProbabilityBest(std::vector{task}, {.resamples = 500})[1] == 1);
}

TEST_CASE("resampling keeps the items of all models together") {
  Random random(8);
  const std::vector<TaskTable> tasks{RandomTask({.5}, 64, random)};
  std::vector<TaskTable> twins = tasks;
  twins[0].right.push_back(tasks[0].right[0]);
  Resampler resampler(twins, 4);
  for (int r = 0; r < 20; ++r) {
    const std::vector<TaskTable>& drawn = resampler.Draw();
    CHECK(drawn[0].right[0] == drawn[0].right[1]);
  }
}

TEST_CASE("an average over tasks weighs tasks, and no tasks give no scores") {
  const std::vector<TaskTable> tasks{{.weight = 1, .right = {{1, 1}, {0, 0}}},
                                     {.weight = 3, .right = {{0, 0, 0}, {1, 1, 1}}},
                                     {.weight = 9, .right = {{}, {}}}};
  CHECK(MacroScores(tasks)[0] == doctest::Approx(.25));
  CHECK(MacroScores(tasks)[1] == doctest::Approx(.75));
  CHECK(MacroScores({}).empty());
  CHECK(ProbabilityBest({}).empty());
}

}  // namespace loco
