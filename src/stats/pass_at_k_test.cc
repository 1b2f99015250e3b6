#include "stats/pass_at_k.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace loco {
namespace {

// By definition: the share of the k-subsets of n samples, of which the first c passed, that hold one of those.
double ByCounting(int n, int c, int k) {
  int subsets = 0;
  int holding = 0;
  for (unsigned set = 0; set < (1U << n); ++set) {
    if (__builtin_popcount(set) != k) continue;
    ++subsets;
    if ((set & ((1U << c) - 1)) != 0) ++holding;
  }
  return static_cast<double>(holding) / subsets;
}

}  // namespace

TEST_CASE("reference values of pass@k agree") {
  CHECK(*PassAtK(10, 3, 5) == doctest::Approx(.916667).epsilon(1e-6));
  CHECK(*PassAtK(200, 20, 10) == doctest::Approx(.660226).epsilon(1e-6));
}

TEST_CASE("pass@k is the share of k-subsets that hold a passing sample") {
  for (int n = 1; n <= 10; ++n) {
    for (int c = 0; c <= n; ++c) {
      for (int k = 1; k <= n; ++k) CHECK(*PassAtK(n, c, k) == doctest::Approx(ByCounting(n, c, k)).epsilon(1e-12));
    }
  }
}

TEST_CASE("pass@1 is the share that passed, and pass@n is whether any did") {
  rc::check([] {
    const auto n = *rc::gen::inRange<int64_t>(1, 2000);
    const auto c = *rc::gen::inRange<int64_t>(0, n + 1);
    RC_ASSERT(std::abs(*PassAtK(n, c, 1) - static_cast<double>(c) / static_cast<double>(n)) < 1e-12);
    RC_ASSERT(*PassAtK(n, c, n) == (c > 0 ? 1.0 : 0.0));
  });
}

TEST_CASE("more tries and more passing samples never lower pass@k") {
  rc::check([] {
    const auto n = *rc::gen::inRange<int64_t>(2, 5000);
    const auto c = *rc::gen::inRange<int64_t>(0, n);
    const auto k = *rc::gen::inRange<int64_t>(1, n);
    const double value = *PassAtK(n, c, k);
    RC_ASSERT(value >= 0 && value <= 1);
    RC_ASSERT(*PassAtK(n, c, k + 1) >= value);
    RC_ASSERT(*PassAtK(n, c + 1, k) >= value);
  });
}

TEST_CASE("pass@k stays exact where the binomials overflow") {
  // One passing sample: k / n, whatever n is.
  for (const int64_t n : {100, 10'000, 1'000'000}) {
    CHECK(*PassAtK(n, 1, n / 4) == doctest::Approx(.25).epsilon(1e-12));
  }
  // C(1e6-5e5, 1000) / C(1e6, 1000) is about 2^-1000: certain in double precision, never above 1.
  CHECK(*PassAtK(1'000'000, 500'000, 1000) == 1);
}

TEST_CASE("more tries than samples have no estimate") {
  CHECK_FALSE(PassAtK(10, 10, 11).has_value());
  CHECK_FALSE(PassAtK(0, 0, 1).has_value());
  const std::vector<ProblemSamples> problems = {{10, 3}, {4, 4}};
  CHECK(PassAtKOver(problems, 4).has_value());
  CHECK_FALSE(PassAtKOver(problems, 5).has_value());
  CHECK_FALSE(PassAtKOver({}, 1).has_value());
}

TEST_CASE("the mean over problems counts each problem once, however many samples it has") {
  const std::vector<ProblemSamples> problems = {{10, 3}, {200, 20}, {5, 0}};
  const auto estimate = PassAtKOver(problems, 5);
  REQUIRE(estimate.has_value());
  CHECK(estimate->value == doctest::Approx((*PassAtK(10, 3, 5) + *PassAtK(200, 20, 5)) / 3));
  CHECK(estimate->n == 3);
  CHECK(estimate->interval.Contains(estimate->value));
  CHECK(estimate->standard_error > 0);
  const auto again = PassAtKOver(problems, 5);
  CHECK(again->interval.low == estimate->interval.low);
  CHECK(again->interval.high == estimate->interval.high);
}

TEST_CASE("problems that all came out the same still leave doubt") {
  const std::vector<ProblemSamples> all(20, {5, 5});
  const std::vector<ProblemSamples> none(20, {5, 0});
  const std::vector<ProblemSamples> half(20, {2, 1});
  CHECK(PassAtKOver(all, 1)->interval.high == 1);
  CHECK(PassAtKOver(all, 1)->interval.low == doctest::Approx(WilsonInterval(20, 20).low));
  CHECK(PassAtKOver(none, 1)->interval.low == 0);
  CHECK(PassAtKOver(none, 1)->interval.high == doctest::Approx(WilsonInterval(0, 20).high));
  CHECK(PassAtKOver(half, 1)->interval.Width() == doctest::Approx(WilsonInterval(10, 20).Width()));
  CHECK(PassAtKOver(std::vector<ProblemSamples>{{1, 1}}, 1)->interval.Width() > .5);
}

TEST_CASE("the interval of pass@k covers the truth about as often as it says") {
  // Problems whose chance is uniform on [0, 1], ten samples each: the truth of pass@3 is 1 - ∫(1-p)³ = .75.
  Random random(7);
  constexpr int kStudies = 1000;
  int covered = 0;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<ProblemSamples> problems(60);
    for (ProblemSamples& problem : problems) {
      const double chance = random.Uniform();
      problem.samples = 10;
      for (int s = 0; s < 10; ++s) problem.passed += random.Uniform() < chance ? 1 : 0;
    }
    const auto estimate = PassAtKOver(problems, 3, {.resamples = 500, .seed = random.Next()});
    covered += estimate->interval.Contains(.75) ? 1 : 0;
  }
  MESSAGE("covered " << covered << " of " << kStudies);
  CHECK(covered >= .92 * kStudies);
  CHECK(covered <= .97 * kStudies);
}

}  // namespace loco
