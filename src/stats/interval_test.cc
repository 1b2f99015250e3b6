#include "stats/interval.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>

#include "base/random.h"

namespace loco {
namespace {

void CheckNear(Interval interval, double low, double high, double error = 5e-5) {
  CHECK(std::abs(interval.low - low) < error);
  CHECK(std::abs(interval.high - high) < error);
}

// Probability of `k` of `n` at share p, in logarithms so that n may be large.
double BinomialMass(int64_t k, int64_t n, double p) {
  const auto x = static_cast<double>(k);
  const auto m = static_cast<double>(n);
  return std::exp(std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) + x * std::log(p) +
                  (m - x) * std::log1p(-p));
}

template <typename MakeInterval>
double Coverage(int64_t n, double p, MakeInterval make) {
  double covered = 0;
  for (int64_t k = 0; k <= n; ++k) {
    if (make(k, n).Contains(p)) covered += BinomialMass(k, n, p);
  }
  return covered;
}

}  // namespace

TEST_CASE("the published 31-item scores get these error bars") {
  CheckNear(WilsonInterval(25, 31), .6372, .9081);
  CheckNear(WilsonInterval(21, 31), .5014, .8143);
  CheckNear(WilsonInterval(19, 31), .4382, .7627);
  CheckNear(ClopperPearsonInterval(25, 31), .6253, .9255);
  CheckNear(ClopperPearsonInterval(21, 31), .4863, .8332);
  CheckNear(ClopperPearsonInterval(19, 31), .4219, .7815);
}

TEST_CASE("other reference intervals agree") {
  CheckNear(WilsonInterval(80, 100), .7112, .8666);
  CHECK(ClopperPearsonInterval(0, 31).high == doctest::Approx(.1122).epsilon(.001));
}

TEST_CASE("no items means that nothing is known") {
  CheckNear(WilsonInterval(0, 0), 0, 1, 1e-15);
  CheckNear(ClopperPearsonInterval(0, 0), 0, 1, 1e-15);
  CheckNear(MacroAverage({}).interval, 0, 1, 1e-15);
}

TEST_CASE("nothing right and everything right still leave doubt, on one side only") {
  for (const int64_t n : {1, 2, 31, 1000}) {
    CHECK(WilsonInterval(0, n).low == 0);
    CHECK(WilsonInterval(0, n).high > 0);
    CHECK(WilsonInterval(n, n).high == 1);
    CHECK(WilsonInterval(n, n).low < 1);
    CHECK(ClopperPearsonInterval(0, n).low == 0);
    CHECK(ClopperPearsonInterval(n, n).high == 1);
  }
}

TEST_CASE("the normal quantile and tail are each other's inverse") {
  CHECK(NormalQuantile(.975) == doctest::Approx(1.959963984540054));
  CHECK(CentralZ(.95) == doctest::Approx(1.959963984540054));
  CHECK(NormalUpperTail(1.6448536269514722) == doctest::Approx(.05));
  CHECK(rc::check("tail(quantile(p)) = 1 - p", [] {
    const double p = *rc::gen::inRange(1, 999) / 1000.0;
    RC_ASSERT(std::abs(NormalUpperTail(NormalQuantile(p)) - (1 - p)) < 1e-12);
  }));
}

TEST_CASE("an interval contains its estimate, mirrors when right and wrong swap, and lies within the exact bounds") {
  CHECK(rc::check("shape of the intervals", [] {
    const int64_t n = *rc::gen::inRange<int64_t>(1, 3000);
    const int64_t k = *rc::gen::inRange<int64_t>(0, n + 1);
    const double p = static_cast<double>(k) / static_cast<double>(n);
    for (const auto make : {+[](int64_t a, int64_t b) { return WilsonInterval(a, b); },
                            +[](int64_t a, int64_t b) { return ClopperPearsonInterval(a, b); }}) {
      const Interval interval = make(k, n);
      const Interval mirrored = make(n - k, n);
      RC_ASSERT(interval.Contains(p));
      RC_ASSERT(interval.low >= 0 && interval.high <= 1);
      RC_ASSERT(std::abs(interval.low - (1 - mirrored.high)) < 1e-9);
    }
    RC_ASSERT(WilsonInterval(k, n, .99).Width() > WilsonInterval(k, n, .9).Width());
    RC_ASSERT(WilsonInterval(k, n).Width() > WilsonInterval(4 * k, 4 * n).Width());
  }));
}

TEST_CASE("Wilson covers the truth about as often as it says, Clopper-Pearson at least as often") {
  const auto wilson = [](int64_t k, int64_t n) { return WilsonInterval(k, n); };
  const auto exact = [](int64_t k, int64_t n) { return ClopperPearsonInterval(k, n); };
  double sum = 0;
  int cases = 0;
  for (const int64_t n : {20, 31, 100, 300}) {
    for (double p = .05; p < .96; p += .05) {
      const double covered = Coverage(n, p, wilson);
      CHECK(covered > .91);
      CHECK(covered < .99);
      CHECK(Coverage(n, p, exact) >= .95);
      sum += covered;
      ++cases;
    }
  }
  CHECK(std::abs(sum / cases - .95) < .005);
}

TEST_CASE("the macro-average of one task is that task's Wilson interval") {
  const std::array<Stratum, 1> one{{{.right = 25, .n = 31, .weight = 7}}};
  const Estimate estimate = MacroAverage(one);
  CHECK(estimate.value == doctest::Approx(25.0 / 31));
  CheckNear(estimate.interval, .6372, .9081);
  CHECK(estimate.n == 31);
}

TEST_CASE("tasks count by weight, not by their number of items") {
  const std::array<Stratum, 2> tasks{{{.right = 10, .n = 10, .weight = 1}, {.right = 0, .n = 1000, .weight = 1}}};
  CHECK(MacroAverage(tasks).value == doctest::Approx(.5));
  const std::array<Stratum, 2> weighted{{{.right = 10, .n = 10, .weight = 3}, {.right = 0, .n = 1000, .weight = 1}}};
  CHECK(MacroAverage(weighted).value == doctest::Approx(.75));
}

TEST_CASE("a task without answers neither helps nor harms the average") {
  const std::array<Stratum, 2> tasks{{{.right = 5, .n = 10, .weight = 1}, {.right = 0, .n = 0, .weight = 1}}};
  CHECK(MacroAverage(tasks).value == doctest::Approx(.5));
}

TEST_CASE("the macro-average covers the truth about as often as it says") {
  Random random(11);
  const std::array<double, 3> truth{.1, .5, .85};
  const std::array<int64_t, 3> items{40, 100, 60};
  const double mean = (truth[0] + truth[1] + truth[2]) / 3;
  int covered = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::array<Stratum, 3> strata{};
    for (size_t k = 0; k < 3; ++k) {
      strata[k].n = items[k];
      for (int64_t i = 0; i < items[k]; ++i) strata[k].right += random.Uniform() < truth[k] ? 1 : 0;
    }
    covered += MacroAverage(strata).interval.Contains(mean) ? 1 : 0;
  }
  CHECK(covered / static_cast<double>(kTrials) > .94);
  CHECK(covered / static_cast<double>(kTrials) < .965);
}

TEST_CASE("the variance of a model's seeds adds to that of the items") {
  const std::array<Stratum, 1> items{{{.right = 200, .n = 400}}};
  const std::array<Stratum, 1> both{{{.right = 200, .n = 400, .run_variance = .0004}}};
  const Estimate narrow = MacroAverage(items);
  const Estimate wide = MacroAverage(both);
  const double half = narrow.interval.high - narrow.value;
  CHECK(wide.value == narrow.value);
  CHECK(wide.interval.high - wide.value == doctest::Approx(std::hypot(half, 1.959964 * .02)));
  CHECK(wide.standard_error == doctest::Approx(std::hypot(narrow.standard_error, .02)));
}

}  // namespace loco
