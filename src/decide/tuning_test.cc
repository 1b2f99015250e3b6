#include "decide/tuning.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("the better half goes on, rounded up, and never fewer than the finalists that there are") {
  CHECK(KeptAfterRung(9, 2) == 5);
  CHECK(KeptAfterRung(4, 2) == 2);
  CHECK(KeptAfterRung(3, 2) == 2);
  CHECK(KeptAfterRung(2, 2) == 2);
  CHECK(KeptAfterRung(1, 2) == 1);
  CHECK(KeptAfterRung(6, 4) == 4);
  CHECK(KeptAfterRung(0, 2) == 0);
}

// Candidate 0 predicts the answers worst and would win the decision; 2 is the other way round.
const std::vector<RungStanding> kStandings = {{0, .9, .50}, {1, .7, .40}, {2, .5, .30}, {3, .8, .45}};

TEST_CASE("bits a byte decide who goes on where every suite has an adapter") {
  const Rung rung = HalveAfterRung(kStandings, RungMeasure::kBits, 2, 200);
  CHECK(rung.kept == std::vector<size_t>{1, 2});
  REQUIRE(rung.dropped.size() == 2);
  CHECK(rung.dropped[0].candidate == 3);
  CHECK(rung.dropped[0].because == "0.800 bits a byte after 200 examples; the last that went on has 0.700");
  CHECK(rung.dropped[1].candidate == 0);
}

TEST_CASE("the whole score decides where some suites have no adapter") {
  const Rung rung = HalveAfterRung(kStandings, RungMeasure::kScore, 2, 1600);
  CHECK(rung.kept == std::vector<size_t>{0, 3});
  REQUIRE(rung.dropped.size() == 2);
  CHECK(rung.dropped[0].candidate == 1);
  CHECK(rung.dropped[0].because == "40.0 % over all suites after 1,600 examples; the last that went on has 45.0 %");
}

TEST_CASE("equal candidates go on in their order; nobody is dropped where all are kept; nobody is there to drop") {
  const std::vector<RungStanding> equal = {{4, .5, .5}, {1, .5, .5}, {2, .5, .5}};
  CHECK(HalveAfterRung(equal, RungMeasure::kScore, 2, 200).kept == std::vector<size_t>{1, 4});
  CHECK(HalveAfterRung(equal, RungMeasure::kBits, 3, 200).dropped.empty());
  CHECK(HalveAfterRung({}, RungMeasure::kBits, 2, 200).kept.empty());
}

Tuning Tuned(const std::vector<double>& scores, int64_t examples) {
  Tuning tuning;
  tuning.runs.push_back({.task = "t", .examples = examples / 2, .score = .1});  // an earlier rung
  tuning.runs.push_back({.task = "t", .examples = examples});                   // a learning rate that was left
  for (const double score : scores) {
    tuning.runs.push_back({.task = "t", .examples = examples, .seed = tuning.runs.size(), .score = score});
  }
  return tuning;
}

TEST_CASE("the variance of the seeds is pooled over the finalists, of the run in the middle") {
  const Tuning spread = Tuned({.70, .71, .72}, 400);
  const Tuning steady = Tuned({.80, .80, .80}, 400);
  // 0.0002 over 4 degrees of freedom; π/2 · s² / 3.
  CHECK(SeedVariance({&spread, &steady}, "t") == doctest::Approx(2.618e-5).epsilon(1e-3));
  CHECK(SeedVariance({&spread}, "t") == doctest::Approx(5.236e-5).epsilon(1e-3));
  CHECK(SeedVariance({&spread}, "another") == 0);
  const Tuning single = Tuned({.70}, 400);
  CHECK(SeedVariance({&single, &single}, "t") == 0);
  CHECK(SeedVariance({}, "t") == 0);
}

}  // namespace
}  // namespace loco
