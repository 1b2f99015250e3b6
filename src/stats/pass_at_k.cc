#include "stats/pass_at_k.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace loco {
namespace {

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Interval Bootstrap(const std::vector<double>& values, const PassAtKOptions& options) {
  Random random(options.seed);
  std::vector<double> means;
  std::vector<double> drawn(values.size());
  for (int r = 0; r < options.resamples; ++r) {
    for (double& d : drawn) d = values[static_cast<size_t>(random.Below(values.size()))];
    means.push_back(Mean(drawn));
  }
  std::sort(means.begin(), means.end());
  const double tail = (1 - options.confidence) / 2;
  const auto last = static_cast<double>(means.size() - 1);
  return {means[static_cast<size_t>(std::floor(tail * last))],
          means[static_cast<size_t>(std::ceil((1 - tail) * last))]};
}

}  // namespace

std::optional<double> PassAtK(int64_t samples, int64_t passed, int64_t k) {
  LOCO_CHECK(0 <= passed && passed <= samples && k >= 1);
  if (k > samples) return std::nullopt;
  if (samples - passed < k) return 1.0;
  double all_fail = 1;
  for (int64_t i = samples - passed + 1; i <= samples; ++i) {
    all_fail *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - all_fail;
}

std::optional<Estimate> PassAtKOver(std::span<const ProblemSamples> problems, int64_t k,
                                    const PassAtKOptions& options) {
  LOCO_CHECK(options.confidence > 0 && options.confidence < 1 && options.resamples > 0);
  std::vector<double> values;
  for (const ProblemSamples& problem : problems) {
    const auto value = PassAtK(problem.samples, problem.passed, k);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  const auto n = static_cast<int64_t>(values.size());
  Estimate estimate{.value = Mean(values), .n = n};
  double squares = 0;
  for (const double value : values) squares += (value - estimate.value) * (value - estimate.value);
  if (n > 1) estimate.standard_error = std::sqrt(squares / static_cast<double>(n - 1) / static_cast<double>(n));

  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least < *most) {
    estimate.interval = Bootstrap(values, options);
  } else {
    // The same values drawn again are the same mean: the bootstrap would call it certain.
    const double right = *least * static_cast<double>(n);
    estimate.interval = {WilsonInterval(static_cast<int64_t>(std::floor(right)), n, options.confidence).low,
                         WilsonInterval(static_cast<int64_t>(std::ceil(right)), n, options.confidence).high};
  }
  return estimate;
}

}  // namespace loco
