#include "stats/paired.h"

#include <algorithm>
#include <bit>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace loco {
namespace {

// A p below this is not worth distinguishing from 0: NonInferiorityP looks no further than z = 8.
constexpr double kFarthestZ = 8;

double Square(double x) { return x * x; }

double TotalWeight(std::span<const PairedStratum> strata) {
  double total = 0;
  for (const PairedStratum& s : strata) {
    if (s.counts.n() > 0) total += s.weight;
  }
  return total;
}

// Phi, the correlation of the two models' rightness, shrunk towards 0 by Newcombe's continuity correction.
double Correlation(const PairedCounts& c) {
  const auto a = static_cast<double>(c.both);
  const auto b = static_cast<double>(c.wins);
  const auto g = static_cast<double>(c.losses);
  const auto d = static_cast<double>(c.neither);
  const double product = (a + b) * (g + d) * (a + g) * (b + d);
  if (product == 0) return 0;
  const double determinant = a * d - b * g;
  const double half = static_cast<double>(c.n()) / 2;
  const double corrected = determinant > half ? determinant - half : determinant >= 0 ? 0 : determinant;
  return corrected / std::sqrt(product);
}

double DifferenceOf(const PairedCounts& c) {
  return c.n() == 0 ? 0 : static_cast<double>(c.wins - c.losses) / static_cast<double>(c.n());
}

// Weighted difference and its limits at z.
struct Combined {
  double value = 0;
  Interval interval;
};

Combined CombineAtZ(std::span<const PairedStratum> strata, double z) {
  const double total = TotalWeight(strata);
  if (total <= 0) return {0, {-1, 1}};
  double value = 0;
  double below = 0;
  double above = 0;
  for (const PairedStratum& s : strata) {
    if (s.counts.n() == 0) continue;
    const double w = s.weight / total;
    const double d = DifferenceOf(s.counts);
    const Interval limits = PairedIntervalAtZ(s.counts, z);
    value += w * d;
    below += Square(w * (d - limits.low)) + Square(w * z) * s.run_variance;
    above += Square(w * (limits.high - d)) + Square(w * z) * s.run_variance;
  }
  return {value, {std::max(-1.0, value - std::sqrt(below)), std::min(1.0, value + std::sqrt(above))}};
}

// Bin(n, ½) by counting bits: deterministic, and fast enough that no table is needed.
int64_t DrawHalfBinomial(int64_t n, Random& random) {
  int64_t sum = 0;
  for (; n >= 64; n -= 64) sum += std::popcount(random.Next());
  if (n > 0) sum += std::popcount(random.Next() >> (64 - n));
  return sum;
}

// Monte-Carlo sign-flip p; the observed assignment counts as one of the draws, so that p is never 0.
double SignFlipP(std::span<const PairedStratum> strata, const PairedOptions& options) {
  struct Flip {
    int64_t discordant;
    double step;  // what one more win is worth, in units of the difference
  };
  std::vector<Flip> flips;
  double observed = 0;
  for (const PairedStratum& s : strata) {
    if (s.counts.n() == 0 || s.weight == 0) continue;
    const double step = s.weight / static_cast<double>(s.counts.n());
    flips.push_back({s.counts.wins + s.counts.losses, step});
    observed += step * static_cast<double>(s.counts.wins - s.counts.losses);
  }
  Random random(options.seed);
  int64_t extreme = 1;
  const double threshold = std::abs(observed) * (1 - 1e-12);  // equal sums may differ in the last bits
  for (int r = 0; r < options.resamples; ++r) {
    double sum = 0;
    for (const Flip& flip : flips) {
      sum += flip.step * static_cast<double>(2 * DrawHalfBinomial(flip.discordant, random) - flip.discordant);
    }
    if (std::abs(sum) >= threshold) ++extreme;
  }
  return static_cast<double>(extreme) / (options.resamples + 1);
}

bool EachItemWeighsTheSame(std::span<const PairedStratum> strata) {
  double per_item = -1;
  for (const PairedStratum& s : strata) {
    if (s.counts.wins + s.counts.losses == 0) continue;
    const double mine = s.weight / static_cast<double>(s.counts.n());
    if (per_item >= 0 && std::abs(mine - per_item) > 1e-12 * per_item) return false;
    per_item = mine;
  }
  return true;
}

}  // namespace

PairedCounts CountPairs(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  LOCO_CHECK(a.size() == b.size());
  // Three sums without a branch, which the compiler vectorizes: a resampled decision counts millions of pairs.
  int64_t right_a = 0;
  int64_t right_b = 0;
  int64_t both = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    right_a += a[i];
    right_b += b[i];
    both += a[i] & b[i];
  }
  return {.both = both,
          .wins = right_a - both,
          .losses = right_b - both,
          .neither = static_cast<int64_t>(a.size()) - right_a - right_b + both};
}

double McNemarExact(int64_t wins, int64_t losses) {
  LOCO_CHECK(wins >= 0 && losses >= 0);
  if (wins + losses == 0) return 1;
  const boost::math::binomial half(static_cast<double>(wins + losses), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(half, static_cast<double>(std::min(wins, losses))));
}

Interval PairedIntervalAtZ(const PairedCounts& counts, double z) {
  const int64_t n = counts.n();
  if (n == 0) return {-1, 1};
  const int64_t right_a = counts.both + counts.wins;
  const int64_t right_b = counts.both + counts.losses;
  const double a = static_cast<double>(right_a) / static_cast<double>(n);
  const double b = static_cast<double>(right_b) / static_cast<double>(n);
  const Interval wilson_a = WilsonIntervalAtZ(right_a, n, z);
  const Interval wilson_b = WilsonIntervalAtZ(right_b, n, z);
  const double phi = Correlation(counts);
  // With |phi| <= 1 both radicands are at least a perfect square; max() only guards the last bit.
  const auto combine = [phi](double x, double y) { return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y)); };
  const double below = combine(a - wilson_a.low, wilson_b.high - b);
  const double above = combine(wilson_a.high - a, b - wilson_b.low);
  return {std::max(-1.0, a - b - below), std::min(1.0, a - b + above)};
}

PairedDifference ComparePaired(std::span<const PairedStratum> strata, const PairedOptions& options) {
  const Combined combined = CombineAtZ(strata, CentralZ(options.confidence));
  PairedDifference difference{.value = combined.value, .interval = combined.interval};
  const double total = TotalWeight(strata);
  double variance = 0;
  double run_variance = 0;
  double null_variance = 0;  // of the items, if each discordant one were as likely a win as a loss
  for (const PairedStratum& s : strata) {
    const int64_t n = s.counts.n();
    if (n == 0) continue;
    run_variance += Square(s.weight / total) * s.run_variance;
    null_variance +=
        Square(s.weight / total / static_cast<double>(n)) * static_cast<double>(s.counts.wins + s.counts.losses);
    difference.n += n;
    difference.wins += s.counts.wins;
    difference.losses += s.counts.losses;
    if (n < 2 || total <= 0) continue;
    const auto count = static_cast<double>(n);
    const double mean = DifferenceOf(s.counts);
    const double sample_variance =
        (static_cast<double>(s.counts.wins + s.counts.losses) - count * mean * mean) / (count - 1);
    variance += Square(s.weight / total) * sample_variance / count;
  }
  variance = std::max(0.0, variance);
  difference.standard_error = std::sqrt(variance + run_variance);
  difference.p =
      EachItemWeighsTheSame(strata) ? McNemarExact(difference.wins, difference.losses) : SignFlipP(strata, options);
  if (run_variance > 0) {
    const double z = -NormalQuantile(std::max(difference.p, 1e-300) / 2);
    difference.p = 2 * NormalUpperTail(z * std::sqrt(null_variance / (null_variance + run_variance)));
  }
  return difference;
}

double UpperBound(std::span<const PairedStratum> strata, double confidence) {
  return CombineAtZ(strata, NormalQuantile(confidence)).interval.high;
}

double NonInferiorityP(std::span<const PairedStratum> strata, double margin) {
  LOCO_CHECK(margin > 0);
  const Combined at_zero = CombineAtZ(strata, 0);
  if (TotalWeight(strata) <= 0) return 1;
  // Below z = 0 the limits mirror: for an estimate beyond the margin, the lower limit is the one that reaches it.
  const bool inside = at_zero.value < margin;
  double near = 0;
  double far = kFarthestZ;
  for (int step = 0; step < 40; ++step) {
    const double z = (near + far) / 2;
    const Interval interval = CombineAtZ(strata, z).interval;
    const bool reached = inside ? interval.high >= margin : interval.low <= margin;
    (reached ? far : near) = z;
  }
  return NormalUpperTail(inside ? near : -near);
}

std::vector<double> Holm(std::span<const double> p_values) {
  const size_t m = p_values.size();
  std::vector<size_t> order(m);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) { return p_values[x] < p_values[y]; });
  std::vector<double> adjusted(m);
  double largest = 0;
  for (size_t j = 0; j < m; ++j) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(m - j) * p_values[order[j]]));
    adjusted[order[j]] = largest;
  }
  return adjusted;
}

}  // namespace loco
