#include "stats/paired.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>

#include "base/random.h"

namespace loco {
namespace {

std::vector<PairedStratum> One(PairedCounts counts) { return {{.counts = counts, .weight = 1}}; }

PairedCounts AnyCounts(int limit) {
  const auto any = rc::gen::inRange<int64_t>(0, limit);
  return {*any, *any, *any, *any};
}

}  // namespace

TEST_CASE("McNemar's exact p agrees with the reference values") {
  CHECK(McNemarExact(10, 2) == doctest::Approx(.038574).epsilon(1e-4));
  CHECK(McNemarExact(15, 5) == doctest::Approx(.041389).epsilon(1e-4));
  CHECK(McNemarExact(6, 0) == doctest::Approx(.03125));
  CHECK(McNemarExact(7, 1) == doctest::Approx(.0703).epsilon(1e-3));
  CHECK(McNemarExact(8, 0) == doctest::Approx(.0078).epsilon(2e-3));
  CHECK(McNemarExact(0, 0) == 1);
  CHECK(McNemarExact(3, 3) == 1);
}

TEST_CASE("25 against 21 of 31 is never significant, however the items pair") {
  for (int64_t losses = 0; losses + 4 + losses <= 31; ++losses) CHECK(McNemarExact(losses + 4, losses) >= .125);
  CHECK(McNemarExact(4, 0) == doctest::Approx(.125));
}

TEST_CASE("Holm's adjustment agrees with the reference values, in any order") {
  const std::vector<double> adjusted = Holm(std::array{.04, .001, .3, .012, .02});
  const std::array expected{.08, .005, .3, .048, .06};
  for (size_t i = 0; i < expected.size(); ++i) CHECK(adjusted[i] == doctest::Approx(expected[i]));
  CHECK(Holm({}).empty());
}

TEST_CASE("Holm never lowers a p, keeps their order, and stays below Bonferroni") {
  CHECK(rc::check("Holm", [] {
    std::vector<double> p;
    for (const int x : *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1001)))) {
      p.push_back(x / 1000.0);
    }
    const std::vector<double> adjusted = Holm(p);
    for (size_t i = 0; i < p.size(); ++i) {
      RC_ASSERT(adjusted[i] >= p[i]);
      RC_ASSERT(adjusted[i] <= std::min(1.0, p[i] * static_cast<double>(p.size())) + 1e-12);
      for (size_t j = 0; j < p.size(); ++j) RC_ASSERT(!(p[i] < p[j]) || adjusted[i] <= adjusted[j]);
    }
  }));
}

TEST_CASE("pairs are counted by who was right") {
  const std::array<uint8_t, 6> a{1, 1, 0, 0, 1, 0};
  const std::array<uint8_t, 6> b{1, 0, 1, 0, 0, 0};
  const PairedCounts counts = CountPairs(a, b);
  CHECK(counts.both == 1);
  CHECK(counts.wins == 2);
  CHECK(counts.losses == 1);
  CHECK(counts.neither == 2);
}

// An example of Newcombe 1998; the limits were recomputed with an independent implementation of method 10.
TEST_CASE("the paired interval agrees with an independent implementation") {
  const Interval interval = PairedIntervalAtZ({.both = 20, .wins = 12, .losses = 2, .neither = 16}, CentralZ(.95));
  CHECK(std::abs(interval.low - .056156424841748) < 1e-12);
  CHECK(std::abs(interval.high - .329206995400140) < 1e-12);
}

TEST_CASE("the standard error is that of the item differences") {
  // d = 1, 1, 0, -1: mean .25, sample variance .9167, SE √(.9167 / 4).
  const PairedDifference d = ComparePaired(One({.both = 1, .wins = 2, .losses = 1, .neither = 0}));
  CHECK(d.value == doctest::Approx(.25));
  CHECK(d.standard_error == doctest::Approx(std::sqrt(11.0 / 12 / 4)));
}

TEST_CASE("a comparison mirrors when the models swap, contains its value, and has width also in full agreement") {
  CHECK(rc::check("shape of the comparison", [] {
    std::vector<PairedStratum> strata;
    std::vector<PairedStratum> swapped;
    const int tasks = *rc::gen::inRange(1, 5);
    for (int t = 0; t < tasks; ++t) {
      const PairedCounts counts = AnyCounts(60);
      const double weight = *rc::gen::inRange(1, 5);
      strata.push_back({counts, weight});
      swapped.push_back({counts.Swapped(), weight});
    }
    const PairedOptions options{.resamples = 200};
    const PairedDifference d = ComparePaired(strata, options);
    const PairedDifference s = ComparePaired(swapped, options);
    RC_ASSERT(std::abs(d.value + s.value) < 1e-12);
    RC_ASSERT(std::abs(d.interval.low + s.interval.high) < 1e-9);
    RC_ASSERT(d.interval.low <= d.value + 1e-12 && d.value <= d.interval.high + 1e-12);
    RC_ASSERT(d.interval.Width() > 0);
    RC_ASSERT(d.p > 0 && d.p <= 1);
    RC_ASSERT(std::abs(d.standard_error - s.standard_error) < 1e-12);
  }));
}

TEST_CASE("the sign-flip p of several tasks agrees with McNemar's where both apply") {
  // Weights that differ in the last digits switch to sign flips without changing the question.
  const PairedCounts first{.both = 50, .wins = 14, .losses = 5, .neither = 31};
  const PairedCounts second{.both = 40, .wins = 9, .losses = 4, .neither = 47};
  const std::vector<PairedStratum> flipped{{first, 1}, {second, 1.0001}};
  const double exact = McNemarExact(23, 9);
  CHECK(ComparePaired(std::vector<PairedStratum>{{first, 1}, {second, 1}}).p == doctest::Approx(exact));
  // Weights that are not quite equal also break ties between sums, which makes p smaller by up to one atom.
  const double p = ComparePaired(flipped, {.resamples = 200'000}).p;
  CHECK(p <= exact * 1.05);
  CHECK(p > exact * .6);
}

TEST_CASE("the p of a comparison is the same for the same seed") {
  const std::vector<PairedStratum> strata{{{5, 9, 3, 4}, 1}, {{50, 12, 6, 40}, 1}};
  CHECK(ComparePaired(strata, {.seed = 7}).p == ComparePaired(strata, {.seed = 7}).p);
}

TEST_CASE("two equal models are called different in about one of twenty studies, not more") {
  Random random(5);
  int rejected = 0;
  int covered = 0;
  constexpr int kStudies = 1500;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<PairedStratum> strata;
    for (const int items : {40, 90}) {
      PairedCounts counts;
      for (int i = 0; i < items; ++i) {
        const bool a = random.Uniform() < .55;
        const bool b = random.Uniform() < .6 ? a : random.Uniform() < .55;
        ++(a ? (b ? counts.both : counts.wins) : (b ? counts.losses : counts.neither));
      }
      strata.push_back({counts, 1});
    }
    const PairedDifference d = ComparePaired(strata, {.resamples = 400, .seed = static_cast<uint64_t>(study)});
    rejected += d.p <= .05 ? 1 : 0;
    covered += d.interval.Contains(0) ? 1 : 0;
  }
  CHECK(rejected < kStudies * .065);
  CHECK(rejected > kStudies * .025);
  CHECK(covered > kStudies * .935);
  CHECK(covered < kStudies * .975);
}

TEST_CASE("the non-inferiority p and the bound tell the same story") {
  CHECK(rc::check("p <= .05 exactly when the 95 % bound is below the margin", [] {
    std::vector<PairedStratum> strata = One(AnyCounts(120));
    strata.push_back({AnyCounts(120), 2});
    const double margin = *rc::gen::inRange(1, 30) / 100.0;
    const double bound = UpperBound(strata, .95);
    RC_PRE(std::abs(bound - margin) > 1e-6);
    RC_ASSERT((NonInferiorityP(strata, margin) <= .05) == (bound < margin));
  }));
}

TEST_CASE("not worse is easier to show for a wider margin and with more items, and never without items") {
  const PairedCounts counts{.both = 60, .wins = 11, .losses = 10, .neither = 19};
  const PairedCounts tenfold{.both = 600, .wins = 110, .losses = 100, .neither = 190};
  CHECK(NonInferiorityP(One(counts), .1) < NonInferiorityP(One(counts), .05));
  CHECK(NonInferiorityP(One(tenfold), .05) < NonInferiorityP(One(counts), .05));
  CHECK(NonInferiorityP({}, .05) == 1);
  CHECK(NonInferiorityP(One({}), .05) == 1);
  CHECK(NonInferiorityP(One({.both = 0, .wins = 50, .losses = 0, .neither = 50}), .03) > .999);
}

TEST_CASE("few items cannot show that a model is not worse") {
  // 31 items, complete agreement: still not within 3 points.
  CHECK(NonInferiorityP(One({.both = 25, .wins = 0, .losses = 0, .neither = 6}), .03) > .05);
}

TEST_CASE("models that differ by their seeds only are told apart in one of twenty studies when the seeds count") {
  Random random(6);
  constexpr double kSeedDeviation = .04;
  // The sum of twelve uniform numbers is normal enough.
  const auto shift = [&] {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.Uniform();
    return kSeedDeviation * sum;
  };
  constexpr int kStudies = 1500;
  int with = 0;
  int without = 0;
  int covered = 0;
  for (int study = 0; study < kStudies; ++study) {
    const double skill_a = .55 + shift();
    const double skill_b = .55 + shift();
    PairedCounts counts;
    for (int i = 0; i < 400; ++i) {
      const bool a = random.Uniform() < skill_a;
      const bool b = random.Uniform() < skill_b;
      ++(a ? (b ? counts.both : counts.wins) : (b ? counts.losses : counts.neither));
    }
    std::vector<PairedStratum> strata = One(counts);
    without += ComparePaired(strata).p <= .05 ? 1 : 0;
    strata.front().run_variance = 2 * kSeedDeviation * kSeedDeviation;
    const PairedDifference d = ComparePaired(strata);
    with += d.p <= .05 ? 1 : 0;
    covered += d.interval.Contains(0) ? 1 : 0;
  }
  CHECK(without > kStudies * .15);
  CHECK(with < kStudies * .065);
  CHECK(with > kStudies * .03);
  CHECK(covered > kStudies * .935);
  CHECK(covered < kStudies * .97);
}

TEST_CASE("the variance of the seeds leaves the value and widens every limit") {
  std::vector<PairedStratum> strata{{{50, 12, 6, 40}, 1}, {{5, 30, 3, 4}, 2}};
  const PairedDifference items = ComparePaired(strata);
  const double bound = UpperBound(strata);
  const double p = NonInferiorityP(strata, .6);
  for (PairedStratum& s : strata) s.run_variance = .001;
  const PairedDifference both = ComparePaired(strata);
  CHECK(both.value == items.value);
  CHECK(both.interval.low < items.interval.low);
  CHECK(both.interval.high > items.interval.high);
  const double expected = items.standard_error * items.standard_error + .001 * (1 + 4) / 9;
  CHECK(both.standard_error == doctest::Approx(std::sqrt(expected)));
  CHECK(both.p > items.p);
  CHECK(UpperBound(strata) > bound);
  CHECK(NonInferiorityP(strata, .6) > p);
}

}  // namespace loco
