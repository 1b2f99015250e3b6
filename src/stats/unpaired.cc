#include "stats/unpaired.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace loco {

Interval DifferenceIntervalAtZ(Share a, Share b, double z, double correlation) {
  LOCO_CHECK(-1 <= correlation && correlation <= 1);
  if (a.n == 0 || b.n == 0) return {-1, 1};
  const Interval wilson_a = WilsonIntervalAtZ(a.right, a.n, z);
  const Interval wilson_b = WilsonIntervalAtZ(b.right, b.n, z);
  const double difference = a.value() - b.value();
  // With |correlation| <= 1 the radicand is at least a perfect square; max() only guards the last bit.
  const auto combine = [correlation](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * correlation * x * y + y * y));
  };
  const double below = combine(a.value() - wilson_a.low, wilson_b.high - b.value());
  const double above = combine(wilson_a.high - a.value(), b.value() - wilson_b.low);
  return {std::max(-1.0, difference - below), std::min(1.0, difference + above)};
}

}  // namespace loco
