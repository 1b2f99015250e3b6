#include "stats/timing.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace loco {
namespace {

double MedianInPlace(std::vector<double>& values) {
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (*std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half)) + upper) / 2;
}

}  // namespace

double Median(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> copy(values.begin(), values.end());
  return MedianInPlace(copy);
}

MedianEstimate MedianInterval(std::span<const double> values, const TimingOptions& options) {
  LOCO_CHECK(options.confidence > 0 && options.confidence < 1 && options.resamples > 0);
  MedianEstimate estimate{.median = Median(values), .interval = {}, .n = static_cast<int64_t>(values.size())};
  estimate.interval = {estimate.median, estimate.median};
  if (values.size() < 2) return estimate;

  Random random(options.seed);
  std::vector<double> medians;
  std::vector<double> drawn(values.size());
  for (int r = 0; r < options.resamples; ++r) {
    for (double& d : drawn) d = values[static_cast<size_t>(random.Below(values.size()))];
    medians.push_back(MedianInPlace(drawn));
  }
  std::sort(medians.begin(), medians.end());
  const double tail = (1 - options.confidence) / 2;
  const auto last = static_cast<double>(medians.size() - 1);
  estimate.interval = {medians[static_cast<size_t>(std::floor(tail * last))],
                       medians[static_cast<size_t>(std::ceil((1 - tail) * last))]};
  return estimate;
}

MedianEstimate PairedRatio(std::span<const double> a, std::span<const double> b, const TimingOptions& options) {
  LOCO_CHECK(a.size() == b.size());
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) {
    LOCO_CHECK(b[i] > 0);
    ratios.push_back(a[i] / b[i]);
  }
  return MedianInterval(ratios, options);
}

Slope LeastSquaresSlope(std::span<const double> x, std::span<const double> y, double confidence) {
  LOCO_CHECK(x.size() == y.size());
  const auto n = static_cast<double>(x.size());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Slope slope{.interval = {-kInfinity, kInfinity}, .n = static_cast<int64_t>(x.size())};
  if (x.size() < 2) {
    if (!y.empty()) slope.intercept = y.front();
    return slope;
  }
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  double xx = 0;
  double xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  LOCO_CHECK(xx > 0);
  slope.value = xy / xx;
  slope.intercept = mean_y - slope.value * mean_x;
  if (x.size() < 3) return slope;

  double residual = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double r = y[i] - slope.intercept - slope.value * x[i];
    residual += r * r;
  }
  slope.standard_error = std::sqrt(residual / (n - 2) / xx);
  const double t = boost::math::quantile(boost::math::students_t(n - 2), 0.5 + confidence / 2);
  slope.interval = {slope.value - t * slope.standard_error, slope.value + t * slope.standard_error};
  return slope;
}

}  // namespace loco
