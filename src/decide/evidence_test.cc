#include "decide/evidence.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

Figure Rank(double value, std::optional<double> low = {}, std::optional<double> high = {}) {
  Figure figure;
  figure.evidence.model = "m";
  figure.evidence.what = "mean tuned rank";
  figure.evidence.value = value;
  figure.evidence.low = low;
  figure.evidence.high = high;
  figure.evidence.source = "a study";
  figure.evidence.date = "2025-06";
  figure.evidence.precision = "16-bit";
  figure.row = {"evidence", 4};
  return figure;
}

Policy AtMost(double max) {
  Policy policy;
  policy.evidence = {{.figure = "mean tuned rank", .max = max}};
  return policy;
}

}  // namespace

TEST_CASE("a figure prunes only beyond the policy's threshold") {
  CHECK(Survives(ApplyEvidence(AtMost(9), {Rank(9)})));
  CHECK(!Survives(ApplyEvidence(AtMost(9), {Rank(9.5)})));
  CHECK(Survives(ApplyEvidence(Policy(), {Rank(99)})));
}

TEST_CASE("a figure whose interval reaches the threshold does not prune, and says so") {
  const std::vector<PruneVerdict> verdicts = ApplyEvidence(AtMost(4), {Rank(4.44, 2.84, 6.04)});
  CHECK(Survives(verdicts));
  CHECK(verdicts.front().undecided);
  CHECK(!Survives(ApplyEvidence(AtMost(2), {Rank(4.44, 2.84, 6.04)})));
}

TEST_CASE("a missing figure prunes nobody, and is listed as unknown") {
  Figure other = Rank(99);
  other.evidence.what = "something else";
  Figure wordy = Rank(99);
  wordy.evidence.value.reset();
  for (const auto& figures : {std::vector<Figure>{}, {other}, {wordy}}) {
    const std::vector<PruneVerdict> verdicts = ApplyEvidence(AtMost(1), figures);
    REQUIRE(verdicts.size() == 1);
    CHECK(!verdicts.front().known);
    CHECK(Survives(verdicts));
  }
}

TEST_CASE("a verdict carries value, limit, precision, source, date and row") {
  const PruneVerdict verdict = ApplyEvidence(AtMost(9), {Rank(4.44, 2.84, 6.04)}).front();
  CHECK(verdict.value == "4.44 [2.84, 6.04]");
  CHECK(verdict.limit == "at most 9");
  CHECK(verdict.precision == "16-bit");
  CHECK(verdict.source == "a study");
  CHECK(verdict.date == "2025-06");
  CHECK(verdict.row == RowRef{"evidence", 4});
}

}  // namespace loco
