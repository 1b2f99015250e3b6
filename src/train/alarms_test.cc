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
