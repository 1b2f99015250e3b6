#include "decide/objective.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "decide/compare.h"
#include "stats/paired.h"

namespace loco {
namespace {

constexpr double kSameScore = 1e-12;

struct Kept {
  std::vector<size_t> kept;
  std::string note;
};

// An unknown size (0) counts as the largest: unknown is never an advantage.
uint64_t SizeOrLargest(const Field& field, size_t i) { return field.size[i].value - 1; }

Kept KeepByScore(const Objective& objective, const Field& field, const std::vector<size_t>& running) {
  const std::vector<double> scores = MacroScores(field.tasks);
  const size_t leader = LeaderOf(field, scores, running);
  const std::vector<double> p = NotWorseP(field.tasks, running, objective.margin, objective.alpha, /*exact=*/false);
  // The leader needs no proof, so that Holm adjusts for the others only.
  std::vector<size_t> asked;
  std::vector<double> asked_p;
  for (size_t k = 0; k < running.size(); ++k) {
    if (running[k] == leader) continue;
    asked.push_back(running[k]);
    asked_p.push_back(p[k]);
  }
  const std::vector<double> adjusted = Holm(asked_p);
  Kept kept;
  for (const size_t i : running) {
    const auto at = std::find(asked.begin(), asked.end(), i);
    const bool stays = i == leader || adjusted[static_cast<size_t>(at - asked.begin())] <= objective.alpha;
    if (stays) kept.kept.push_back(i);
  }
  kept.note = fmt::format("kept: the best score, and who is shown to be not worse by {:.3g} points or more",
                          100 * objective.margin);
  return kept;
}

// Keeps what lies within `tolerance` of the best; `sign` is +1 where more is better and -1 where less is.
Kept KeepByValue(const std::vector<std::optional<double>>& values, const std::vector<size_t>& running, int sign,
                 double tolerance) {
  double best = *values[running.front()];
  for (const size_t i : running) best = sign > 0 ? std::max(best, *values[i]) : std::min(best, *values[i]);
  const double limit = sign > 0 ? best * (1 - tolerance) : best * (1 + tolerance);
  Kept kept;
  for (const size_t i : running) {
    if (sign > 0 ? *values[i] >= limit : *values[i] <= limit) kept.kept.push_back(i);
  }
  kept.note = tolerance > 0 ? fmt::format("kept: within {:.3g} % of the best", 100 * tolerance) : "kept: the smallest";
  return kept;
}

std::vector<std::optional<double>> ValuesOf(const std::vector<Bytes>& bytes) {
  std::vector<std::optional<double>> values;
  for (const Bytes b : bytes) {
    values.push_back(b.value == 0 ? std::nullopt : std::optional<double>(static_cast<double>(b.value)));
  }
  return values;
}

std::vector<std::optional<double>> ValuesOf(const std::vector<std::optional<Bytes>>& bytes) {
  std::vector<std::optional<double>> values;
  for (const auto& b : bytes) values.push_back(b ? std::optional<double>(static_cast<double>(b->value)) : std::nullopt);
  return values;
}

// Empty with a note when the criterion cannot be applied to everyone in the running.
std::optional<Kept> Apply(Criterion criterion, const Objective& objective, const Field& field,
                          const std::vector<size_t>& running, std::string& note) {
  const auto by_value = [&](const std::vector<std::optional<double>>& values, int sign,
                            double tolerance) -> std::optional<Kept> {
    const auto missing = std::count_if(running.begin(), running.end(), [&](size_t i) { return !values[i]; });
    if (missing > 0) {
      note = fmt::format("passed over: not measured, or not comparable, for {} of {}", missing, running.size());
      return std::nullopt;
    }
    return KeepByValue(values, running, sign, tolerance);
  };
  switch (criterion) {
    case Criterion::kTunedScore:
      if (!field.tuned) {
        note = "passed over: not measured, the policy has no [trainability]";
        return std::nullopt;
      }
      return KeepByScore(objective, field, running);
    case Criterion::kTunability:
      if (!field.tuned) {
        note = "passed over: not measured, the policy has no [trainability]";
        return std::nullopt;
      }
      return by_value(field.gain, +1, objective.tolerance);
    case Criterion::kBaseScore:
      if (field.tuned) {
        note = "passed over: the tuned score decides";
        return std::nullopt;
      }
      if (field.tasks.empty()) {
        note = "passed over: the policy names no suites";
        return std::nullopt;
      }
      return KeepByScore(objective, field, running);
    case Criterion::kSize:
      return by_value(ValuesOf(field.size), -1, 0);
    case Criterion::kMemory:
      return by_value(ValuesOf(field.memory), -1, objective.tolerance);
    case Criterion::kFirstToken:
      return by_value(field.first_token, -1, objective.tolerance);
    case Criterion::kSpeed:
      return by_value(field.speed, +1, objective.tolerance);
  }
  return std::nullopt;
}

size_t Settle(const Field& field, const std::vector<size_t>& running) {
  const std::vector<double> scores =
      field.tasks.empty() ? std::vector<double>(field.count(), 0.0) : MacroScores(field.tasks);
  const auto size = [&](size_t i) { return SizeOrLargest(field, i); };
  return *std::min_element(running.begin(), running.end(), [&](size_t a, size_t b) {
    if (size(a) != size(b)) return size(a) < size(b);
    return scores[a] > scores[b] + kSameScore;
  });
}

}  // namespace

size_t LeaderOf(const Field& field, const std::vector<double>& scores, const std::vector<size_t>& running) {
  size_t leader = running.front();
  for (const size_t i : running) {
    const double ahead = scores[i] - scores[leader];
    const bool smaller = SizeOrLargest(field, i) < SizeOrLargest(field, leader);
    if (ahead > kSameScore || (ahead >= -kSameScore && smaller)) leader = i;
  }
  return leader;
}

std::vector<double> NotWorseP(std::span<const TaskTable> tasks, const std::vector<size_t>& running, double margin,
                              double alpha, bool exact) {
  std::vector<double> p;
  for (const size_t model : running) {
    double largest = 0;
    for (const size_t other : running) {
      if (other == model || largest >= 1) continue;
      const std::vector<PairedStratum> strata = PairStrata(tasks, other, model);
      const bool hopeless = !exact && UpperBound(strata, 1 - alpha) >= margin;
      largest = std::max(largest, hopeless ? 1.0 : NonInferiorityP(strata, margin));
    }
    p.push_back(largest);
  }
  return p;
}

Choice ChooseBy(const Objective& objective, const Field& field) {
  LOCO_CHECK(field.count() > 0);
  Choice choice;
  std::vector<size_t> running(field.count());
  std::iota(running.begin(), running.end(), size_t{0});
  for (const Criterion criterion : objective.order) {
    ChoiceStep step{.criterion = criterion, .kept = running};
    std::string note;
    if (const auto kept = Apply(criterion, objective, field, running, note)) {
      step.kept = kept->kept;
      step.note = kept->note;
      std::set_difference(running.begin(), running.end(), step.kept.begin(), step.kept.end(),
                          std::back_inserter(step.dropped));
      running = step.kept;
    } else {
      step.applied = false;
      step.note = note;
    }
    choice.steps.push_back(std::move(step));
  }
  choice.chosen = Settle(field, running);
  return choice;
}

}  // namespace loco
