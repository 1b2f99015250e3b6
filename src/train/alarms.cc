#include "train/alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace loco {
namespace {

// Means over the learned tokens in windows of a tenth of the run, at least 5 steps: single steps are too noisy to judge
// by.
std::vector<double> WindowMeans(const std::vector<StepRecord>& history, int64_t window) {
  std::vector<double> means;
  for (size_t end = static_cast<size_t>(window); end <= history.size(); end += static_cast<size_t>(window)) {
    double sum = 0;
    double learned = 0;
    for (size_t i = end - static_cast<size_t>(window); i < end; ++i) {
      sum += history[i].loss * static_cast<double>(history[i].learned);
      learned += static_cast<double>(history[i].learned);
    }
    means.push_back(sum / learned);
  }
  return means;
}

// How far the mean of a window may lie from the truth: the spread of single steps around their windows' means.
double ErrorOfMean(const std::vector<StepRecord>& history, const std::vector<double>& means, int64_t window) {
  double squares = 0;
  const auto count = means.size() * static_cast<size_t>(window);
  for (size_t i = 0; i < count; ++i) {
    const double off = history[i].loss - means[i / static_cast<size_t>(window)];
    squares += off * off;
  }
  return std::sqrt(squares / static_cast<double>(count) / static_cast<double>(window));
}

std::optional<Alarm> Diverging(const TrainingState& state, const std::vector<double>& means, int64_t window) {
  if (means.empty()) return std::nullopt;
  // Whatever single batches say, a held-out loss that stands at its lowest has not diverged.
  const auto& evaluations = state.evaluations;
  if (evaluations.size() >= 2) {
    const auto lowest = std::min_element(evaluations.begin(), evaluations.end(),
                                         [](const auto& a, const auto& b) { return a.loss < b.loss; });
    if (evaluations.back().loss <= 1.02 * lowest->loss) return std::nullopt;
  }
  const double error = ErrorOfMean(state.history, means, window);
  for (size_t i = 2; i < means.size(); ++i) {
    const double lowest = *std::min_element(means.begin(), means.begin() + static_cast<std::ptrdiff_t>(i - 1));
    const double risen = std::min(means[i - 1], means[i]);  // and it stays there
    // A loss near zero jumps by factors that mean nothing.
    if (risen <= 1.5 * lowest || risen <= 0.5 * means.front() || risen - lowest <= 4 * error) continue;
    return Alarm{"diverging", static_cast<int64_t>(i + 1) * window,
                 fmt::format("the loss rose from {:.3f} to {:.3f}", lowest, means[i]),
                 "stop and train with a third of the learning rate"};
  }
  return std::nullopt;
}

std::optional<Alarm> Overfitting(const TrainingState& state, const std::vector<double>& means) {
  const auto& evaluations = state.evaluations;
  for (size_t i = 2; i < evaluations.size(); ++i) {
    const auto lowest = std::min_element(evaluations.begin(), evaluations.begin() + static_cast<std::ptrdiff_t>(i - 1),
                                         [](const auto& a, const auto& b) { return a.loss < b.loss; });
    const bool stands = evaluations[i - 1].loss > 1.02 * lowest->loss && evaluations[i].loss > 1.02 * lowest->loss;
    if (!stands || means.size() < 2 || means.back() >= means.front()) continue;
    return Alarm{"overfitting", evaluations[i].step,
                 fmt::format("the held-out loss was {:.3f} at step {} and is {:.3f}", lowest->loss, lowest->step,
                             evaluations[i].loss),
                 "train fewer epochs or with more data; more dropout or a smaller rank help a little"};
  }
  return std::nullopt;
}

std::optional<Alarm> NotLearning(const TrainingState& state, const std::vector<double>& means, int64_t total_steps) {
  if (3 * state.steps < total_steps || means.size() < 3) return std::nullopt;
  const bool trained = means.back() < 0.98 * means.front();
  const bool generalized =
      state.evaluations.size() >= 2 && state.evaluations.back().loss < 0.98 * state.evaluations.front().loss;
  if (trained || generalized) return std::nullopt;
  return Alarm{"not learning", state.steps,
               fmt::format("after {} of {} steps the loss is {:.3f}; it began at {:.3f}", state.steps, total_steps,
                           means.back(), means.front()),
               "look at the samples with --show; raise the learning rate or the rank"};
}

}  // namespace

std::vector<Alarm> FindAlarms(const TrainingState& state, int64_t total_steps) {
  const int64_t window = std::max<int64_t>(5, total_steps / 10);
  const std::vector<double> means = WindowMeans(state.history, window);
  std::vector<Alarm> alarms;
  const auto add = [&](std::optional<Alarm> alarm) {
    if (alarm) alarms.push_back(std::move(*alarm));
  };
  add(Diverging(state, means, window));
  add(Overfitting(state, means));
  // A run that diverged learned before.
  if (alarms.empty()) add(NotLearning(state, means, total_steps));
  return alarms;
}

}  // namespace loco
