#include "train/alarms.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

namespace loco {
namespace {

TrainingState StateOf(int64_t steps, const std::function<double(double)>& loss,
                      const std::vector<EvaluationRecord>& evaluations) {
  TrainingState state{.steps = steps, .evaluations = evaluations};
  for (int64_t i = 1; i <= steps; ++i) {
    state.history.push_back({.step = i, .loss = loss(static_cast<double>(i)), .learned = 100});
  }
  return state;
}

std::vector<std::string> Names(const std::vector<Alarm>& alarms) {
  std::vector<std::string> names;
  for (const Alarm& alarm : alarms) names.push_back(alarm.name);
  return names;
}

TEST_CASE("a run that learns raises no alarm, also when its loss ends near zero and jitters") {
  const auto state =
      StateOf(100, [](double i) { return 2 * std::exp(-0.08 * i) + (std::fmod(i, 20) < 10 ? 0.002 : 0.02); },
              {{0, 2.0}, {50, 0.2}, {100, 0.1}});
  CHECK(Names(FindAlarms(state, 100)).empty());
}

TEST_CASE("a loss that rises again is diverging") {
  const auto state = StateOf(100, [](double i) { return i < 60 ? 2.0 - 0.015 * i : 4.0; }, {});
  CHECK(Names(FindAlarms(state, 100)) == std::vector<std::string>{"diverging"});
}

TEST_CASE("batches that differ are no divergence, nor is anything while the held-out loss is at its lowest") {
  TrainingState noisy;
  for (int64_t step = 1; step <= 60; ++step) {
    // One hard batch in four; by chance the last window has most of them.
    const bool hard = step > 55 ? step % 5 != 0 : step % 4 == 0;
    noisy.history.push_back({.step = step, .loss = hard ? 2.5 : 0.6, .learned = 10});
    noisy.steps = step;
  }
  CHECK(Names(FindAlarms(noisy, 60)) == std::vector<std::string>{"not learning"});
  TrainingState rising;
  for (int64_t step = 1; step <= 60; ++step) {
    rising.history.push_back({.step = step, .loss = step < 30 ? 1.0 : 3.0, .learned = 10});
    rising.steps = step;
  }
  REQUIRE(FindAlarms(rising, 60).size() == 1);
  rising.evaluations = {{0, 2.0}, {30, 1.5}, {60, 1.2}};
  CHECK(FindAlarms(rising, 60).empty());
}

TEST_CASE("a held-out loss that rises while the training loss falls is overfitting") {
  const auto state = StateOf(100, [](double i) { return 2.0 - 0.018 * i; }, {{0, 2}, {25, 1}, {50, 1.1}, {75, 1.3}});
  const auto alarms = FindAlarms(state, 100);
  REQUIRE(Names(alarms) == std::vector<std::string>{"overfitting"});
  CHECK(alarms[0].step == 75);
}

TEST_CASE("a loss that stays where it was is not learning, but only after a third of the run") {
  const auto flat = [](double) { return 2.0; };
  CHECK(Names(FindAlarms(StateOf(60, flat, {{0, 2}, {50, 2}}), 100)) == std::vector<std::string>{"not learning"});
  CHECK(Names(FindAlarms(StateOf(20, flat, {{0, 2}}), 100)).empty());
}

}  // namespace
}  // namespace loco
