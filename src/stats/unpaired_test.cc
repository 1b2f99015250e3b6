#include "stats/unpaired.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "stats/paired.h"

namespace loco {
namespace {

constexpr double kZ95 = 1.959963984540054;

double MassOf(int64_t k, int64_t n, double p) {
  const auto x = static_cast<double>(k);
  const auto m = static_cast<double>(n);
  return std::exp(std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) + x * std::log(p) +
                  (m - x) * std::log1p(-p));
}

}  // namespace

TEST_CASE("the interval of a difference has the published limits") {
  // Newcombe 1998, table II, method 10.
  const struct {
    Share a;
    Share b;
    double low;
    double high;
  } kPublished[] = {
      {{56, 70}, {48, 80}, .0524, .3339}, {{9, 10}, {3, 10}, .1705, .8090},  {{6, 7}, {2, 7}, .0582, .8062},
      {{5, 56}, {0, 29}, -.0381, .1926},  {{0, 10}, {0, 20}, -.1611, .2775}, {{0, 10}, {0, 10}, -.2775, .2775},
      {{10, 10}, {0, 20}, .6791, 1},      {{10, 10}, {0, 10}, .6075, 1},
  };
  for (const auto& row : kPublished) {
    const Interval interval = DifferenceIntervalAtZ(row.a, row.b, kZ95);
    CHECK(interval.low == doctest::Approx(row.low).epsilon(.002));
    CHECK(interval.high == doctest::Approx(row.high).epsilon(.002));
  }
}

TEST_CASE("without items nothing is known of a difference") {
  CHECK(DifferenceIntervalAtZ({0, 0}, {3, 4}, kZ95).low == -1);
  CHECK(DifferenceIntervalAtZ({3, 4}, {0, 0}, kZ95).high == 1);
}

TEST_CASE("a difference changes sign with its sides, lies within its limits, and correlation narrows them") {
  CHECK(rc::check("shape of the interval", [] {
    const int64_t n = *rc::gen::inRange<int64_t>(1, 300);
    const int64_t m = *rc::gen::inRange<int64_t>(1, 300);
    const Share a{*rc::gen::inRange<int64_t>(0, n + 1), n};
    const Share b{*rc::gen::inRange<int64_t>(0, m + 1), m};
    const double correlation = *rc::gen::inRange(0, 101) / 100.0;
    const Interval forth = DifferenceIntervalAtZ(a, b, kZ95, correlation);
    const Interval back = DifferenceIntervalAtZ(b, a, kZ95, correlation);
    RC_ASSERT(std::abs(forth.low + back.high) < 1e-12);
    RC_ASSERT(forth.Contains(a.value() - b.value()));
    RC_ASSERT(forth.low >= -1 && forth.high <= 1);
    RC_ASSERT(forth.Width() <= DifferenceIntervalAtZ(a, b, kZ95).Width() + 1e-12);
  }));
}

TEST_CASE("the interval of fully paired shares is the one of paired.h") {
  // The determinant is below n/2, so that Newcombe's correction makes the correlation there 0.
  const PairedCounts counts{.both = 10, .wins = 9, .losses = 8, .neither = 8};
  const Interval paired = PairedIntervalAtZ(counts, kZ95);
  const Interval unpaired = DifferenceIntervalAtZ({19, 35}, {18, 35}, kZ95);
  CHECK(unpaired.low == doctest::Approx(paired.low));
  CHECK(unpaired.high == doctest::Approx(paired.high));
}

TEST_CASE("the interval of a difference covers the truth about as often as it says") {
  double sum = 0;
  int cases = 0;
  for (const double a : {.3, .6, .9}) {
    for (const double b : {.2, .5, .8}) {
      double covered = 0;
      for (int64_t i = 0; i <= 30; ++i) {
        for (int64_t k = 0; k <= 40; ++k) {
          if (DifferenceIntervalAtZ({i, 30}, {k, 40}, kZ95).Contains(a - b))
            covered += MassOf(i, 30, a) * MassOf(k, 40, b);
        }
      }
      CHECK(covered > .93);
      sum += covered;
      ++cases;
    }
  }
  CHECK(std::abs(sum / cases - .95) < .01);
}

}  // namespace loco
