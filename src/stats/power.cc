#include "stats/power.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "stats/interval.h"
#include "stats/paired.h"

namespace loco {
namespace {

constexpr int64_t kExactUpTo = 2000;

using boost::math::binomial;
using boost::math::cdf;
using boost::math::complement;
using boost::math::pdf;

// For each number of discordant items, the largest number of losses at which McNemar still rejects; -1: never.
std::vector<int64_t> CriticalLosses(int64_t items, double alpha) {
  std::vector<int64_t> critical(static_cast<size_t>(items) + 1, -1);
  int64_t losses = -1;
  for (int64_t m = 1; m <= items; ++m) {
    // The critical value grows by at most one when m grows by one.
    while (2 * (losses + 1) < m && McNemarExact(m - losses - 1, losses + 1) <= alpha) ++losses;
    critical[static_cast<size_t>(m)] = losses;
  }
  return critical;
}

double PowerAt(int64_t items, double difference, double discordance, const std::vector<int64_t>& critical) {
  const double win_share = std::min(1.0, (discordance + difference) / (2 * discordance));
  const binomial discordant(static_cast<double>(items), discordance);
  double power = 0;
  for (int64_t m = 1; m <= items; ++m) {
    const int64_t k = critical[static_cast<size_t>(m)];
    const double mass = pdf(discordant, static_cast<double>(m));
    if (k < 0 || mass < 1e-14) continue;
    const binomial losses(static_cast<double>(m), 1 - win_share);
    // Both tails reject: a significant loss is also a finding, if a wrong one; its share is negligible for d > 0.
    power += mass * (cdf(losses, static_cast<double>(k)) + cdf(complement(losses, static_cast<double>(m - k - 1))));
  }
  return power;
}

double SumOfQuantiles(double tail, double power) { return NormalQuantile(1 - tail) + NormalQuantile(power); }

}  // namespace

double PowerOfMcNemar(int64_t items, double difference, const PowerOptions& options) {
  LOCO_CHECK(items >= 0 && difference >= 0 && difference <= options.discordance);
  return PowerAt(items, difference, options.discordance, CriticalLosses(items, options.alpha));
}

std::optional<double> MinimumDetectableDifference(int64_t items, const PowerOptions& options) {
  LOCO_CHECK(options.discordance > 0 && options.discordance <= 1);
  if (items <= 0) return std::nullopt;
  if (items > kExactUpTo) {
    const double c = SumOfQuantiles(options.alpha / 2, options.power);
    return std::sqrt(options.discordance * c * c / (static_cast<double>(items) + c * c));
  }
  const std::vector<int64_t> critical = CriticalLosses(items, options.alpha);
  double low = 0;
  double high = options.discordance;
  if (PowerAt(items, high, options.discordance, critical) < options.power) return std::nullopt;
  for (int step = 0; step < 30; ++step) {
    const double middle = (low + high) / 2;
    (PowerAt(items, middle, options.discordance, critical) >= options.power ? high : low) = middle;
  }
  return high;
}

int64_t ItemsToDetect(double difference, const PowerOptions& options) {
  LOCO_CHECK(difference > 0);
  const double c = SumOfQuantiles(options.alpha / 2, options.power);
  const double items = c * c * (options.discordance - difference * difference) / (difference * difference);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(items)));
}

int64_t ItemsToShowNotWorse(double margin, const PowerOptions& options) {
  LOCO_CHECK(margin > 0);
  const double c = SumOfQuantiles(options.alpha, options.power);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(c * c * options.discordance / (margin * margin))));
}

}  // namespace loco
