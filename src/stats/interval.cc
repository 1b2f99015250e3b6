#include "stats/interval.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "base/error.h"

namespace loco {

double NormalQuantile(double p) { return boost::math::quantile(boost::math::normal(), p); }

double NormalUpperTail(double z) { return boost::math::cdf(boost::math::complement(boost::math::normal(), z)); }

double CentralZ(double confidence) {
  LOCO_CHECK(confidence > 0 && confidence < 1);
  return NormalQuantile(0.5 + confidence / 2);
}

Interval WilsonInterval(int64_t right, int64_t n, double confidence) {
  return WilsonIntervalAtZ(right, n, CentralZ(confidence));
}

Interval WilsonIntervalAtZ(int64_t right, int64_t n, double z) {
  LOCO_CHECK(0 <= right && right <= n);
  if (n == 0) return {0, 1};
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(right) / count;
  const double scale = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / scale;
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / scale;
  // At the ends the limit is exactly 0 or 1; rounding would leave 1e-17.
  return {right == 0 ? 0 : std::max(0.0, centre - half), right == n ? 1 : std::min(1.0, centre + half)};
}

Interval ClopperPearsonInterval(int64_t right, int64_t n, double confidence) {
  LOCO_CHECK(0 <= right && right <= n && confidence > 0 && confidence < 1);
  if (n == 0) return {0, 1};
  const double tail = (1 - confidence) / 2;
  const auto k = static_cast<double>(right);
  const auto count = static_cast<double>(n);
  Interval interval{0, 1};
  if (right > 0) interval.low = boost::math::quantile(boost::math::beta_distribution<>(k, count - k + 1), tail);
  if (right < n) interval.high = boost::math::quantile(boost::math::beta_distribution<>(k + 1, count - k), 1 - tail);
  return interval;
}

Estimate MacroAverage(std::span<const Stratum> strata, double confidence) {
  double total = 0;
  for (const Stratum& s : strata) {
    if (s.n > 0) total += s.weight;
  }
  Estimate estimate{.interval = {0, 1}};
  if (total <= 0) return estimate;

  const double z = CentralZ(confidence);
  double variance = 0;
  double below = 0;
  double above = 0;
  for (const Stratum& s : strata) {
    if (s.n == 0) continue;
    const auto count = static_cast<double>(s.n);
    const double w = s.weight / total;
    const double p = static_cast<double>(s.right) / count;
    const Interval wilson = WilsonIntervalAtZ(s.right, s.n, z);
    estimate.value += w * p;
    estimate.n += s.n;
    variance += w * w * (p * (1 - p) / std::max(1.0, count - 1) + s.run_variance);
    below += w * w * ((p - wilson.low) * (p - wilson.low) + z * z * s.run_variance);
    above += w * w * ((wilson.high - p) * (wilson.high - p) + z * z * s.run_variance);
  }
  estimate.standard_error = std::sqrt(variance);
  estimate.interval = {std::max(0.0, estimate.value - std::sqrt(below)),
                       std::min(1.0, estimate.value + std::sqrt(above))};
  return estimate;
}

}  // namespace loco
