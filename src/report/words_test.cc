#include "report/words.h"

#include <doctest/doctest.h>

#include "decide/decide_fixture.h"

namespace loco {

TEST_CASE("numbers read as people write them") {
  CHECK(PercentWords(.41379) == "41.4 %");
  CHECK(PercentInterval({.392, .4374}) == "[39.2, 43.7]");
  CHECK(SignedPoints(.0321) == "+3.2");
  CHECK(SignedPoints(-.0081) == "\u22120.8");
  CHECK(SignedPoints(-.0001) == "0.0");
  CHECK(SignedInterval({-.016, .001}) == "[\u22121.6, +0.1]");
  CHECK(SecondsWords(.0123) == "12.3 ms");
  CHECK(SecondsWords(.814) == "0.81 s");
  CHECK(SpeedWords(14.23) == "14.2 tok/s");
  CHECK(SpeedWords(1412.4) == "1,412 tok/s");
  CHECK(PWords(.138) == "p = .14");
  CHECK(PWords(.0002) == "p < .001");
  CHECK(PWords(.0042) == "p = .004");
  CHECK(PWords(1) == "p = 1");
}

TEST_CASE("a share that rounds to none or all, but is not, says so") {
  CHECK(ShareWords(0) == "0 %");
  CHECK(ShareWords(.001) == "< 1 %");
  CHECK(ShareWords(.914) == "91 %");
  CHECK(ShareWords(.999) == "> 99 %");
  CHECK(ShareWords(1) == "100 %");
}

TEST_CASE("the margins that would change the answer are named once") {
  Decision decision;
  decision.candidates.resize(3);
  decision.candidates[0].id = "large";
  decision.candidates[1].id = "middle";
  decision.candidates[2].id = "small";
  decision.chosen = 1;
  decision.margin = .03;
  decision.what_if = {{.01, 0}, {.02, 0}, {.03, 1}, {.05, 2}, {.10, 2}};
  CHECK(MarginWords(decision) == "a margin of 2 points: large; a margin of 5 points: small");
  decision.what_if = {{.03, 1}, {.05, 1}};
  CHECK(MarginWords(decision).empty());
}

TEST_CASE("stability names everyone who is chosen now and then") {
  Decision decision;
  decision.candidates.resize(3);
  decision.candidates[0] = {.id = "a", .chosen_share = .9};
  decision.candidates[1] = {.id = "b", .chosen_share = .02};
  decision.candidates[2] = {.id = "c", .chosen_share = .08};
  decision.chosen = 0;
  decision.pairs.resize(3);
  CHECK(StabilityWords(decision).starts_with("the items tell nobody apart"));
  decision.pairs[0].difference.wins = 1;
  CHECK(StabilityWords(decision) == "chosen in 90 % of resamples; c in 8 %; b in 2 %");
}

}  // namespace loco
