#include "stats/timing.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace loco {
namespace {

// A normal draw, by Box and Muller.
double Normal(Random& random) {
  return std::sqrt(-2 * std::log(1 - random.Uniform())) * std::cos(2 * 3.141592653589793 * random.Uniform());
}

}  // namespace

TEST_CASE("the median is the middle, and one wild value does not move it") {
  CHECK(Median(std::array{3.0, 1.0, 2.0}) == 2);
  CHECK(Median(std::array{4.0, 1.0, 2.0, 3.0}) == 2.5);
  CHECK(Median(std::array{1.0, 2.0, 3.0, 1e9, 2.0}) == 2);
  CHECK(std::isnan(Median({})));
}

TEST_CASE("the interval of a median contains it, lies within the values, and scales with them") {
  CHECK(rc::check("median interval", [] {
    std::vector<double> values;
    for (const int v : *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 1000)))) {
      values.push_back(v);
    }
    const MedianEstimate e = MedianInterval(values, {.resamples = 200});
    RC_ASSERT(e.interval.Contains(e.median));
    std::vector<double> doubled;
    for (const double v : values) {
      doubled.push_back(2 * v);
    }
    RC_ASSERT(MedianInterval(doubled, {.resamples = 200}).interval.high == 2 * e.interval.high);
  }));
}

TEST_CASE("a single timing has a median and no known spread") {
  const MedianEstimate e = MedianInterval(std::array{7.0});
  CHECK(e.n == 1);
  CHECK(e.interval.Width() == 0);
}

TEST_CASE("a ratio of pairs does not see what slows both sides") {
  std::vector<double> a;
  std::vector<double> b;
  Random random(2);
  for (int i = 0; i < 12; ++i) {
    const double load = 1 + 4 * random.Uniform();  // the machine's mood, fivefold
    a.push_back(.97 * load);
    b.push_back(load);
  }
  const MedianEstimate ratio = PairedRatio(a, b);
  CHECK(ratio.median == doctest::Approx(.97));
  CHECK(ratio.interval.Width() < 1e-9);
}

// Source: Anscombe 1973, Am. Stat. 27:17, first data set: slope .5001, intercept 3.0001, standard error .1179.
TEST_CASE("the least-squares slope agrees with a published fit") {
  const std::array x{10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0};
  const std::array y{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68};
  const Slope slope = LeastSquaresSlope(x, y);
  CHECK(slope.value == doctest::Approx(.5001).epsilon(1e-3));
  CHECK(slope.intercept == doctest::Approx(3.0001).epsilon(1e-3));
  CHECK(slope.standard_error == doctest::Approx(.1179).epsilon(1e-3));
  CHECK(slope.interval.low == doctest::Approx(.2334).epsilon(2e-3));
  CHECK(slope.interval.high == doctest::Approx(.7668).epsilon(2e-3));
}

TEST_CASE("two points have a slope but no error bar, one point has neither") {
  CHECK(LeastSquaresSlope(std::array{0.0, 2.0}, std::array{1.0, 5.0}).value == doctest::Approx(2));
  CHECK(std::isinf(LeastSquaresSlope(std::array{0.0, 2.0}, std::array{1.0, 5.0}).interval.high));
  CHECK(LeastSquaresSlope(std::array{3.0}, std::array{9.0}).intercept == 9);
  CHECK(LeastSquaresSlope({}, {}).n == 0);
}

TEST_CASE("the slope's interval covers the true slope about as often as it says") {
  Random random(6);
  int covered = 0;
  constexpr int kStudies = 3000;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<double> x;
    std::vector<double> y;
    for (int i = 0; i < 20; ++i) {
      x.push_back(i);
      y.push_back(5 + .3 * i + Normal(random));
    }
    covered += LeastSquaresSlope(x, y).interval.Contains(.3) ? 1 : 0;
  }
  CHECK(covered / static_cast<double>(kStudies) == doctest::Approx(.95).epsilon(.015));
}

}  // namespace loco
