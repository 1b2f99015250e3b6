#include "stats/power.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

namespace loco {

TEST_CASE("the number of items for 10, 5, 3 and 2 points agrees with the reference values") {
  CHECK(ItemsToDetect(.10) == 228);
  CHECK(ItemsToDetect(.05) == 935);
  CHECK(ItemsToDetect(.03) == 2609);
  CHECK(ItemsToDetect(.02) == 5879);
}

TEST_CASE("31 items cannot tell apart what the published bake-off claims") {
  CHECK(!MinimumDetectableDifference(31, {.discordance = .2}));
  CHECK(*MinimumDetectableDifference(31, {.discordance = .3}) == doctest::Approx(.270).epsilon(.004));
  CHECK(*MinimumDetectableDifference(31, {.discordance = .4}) == doctest::Approx(.317).epsilon(.004));
}

TEST_CASE("the minimum detectable difference agrees with the reference values") {
  CHECK(*MinimumDetectableDifference(100) == doctest::Approx(.159).epsilon(.005));
  CHECK(*MinimumDetectableDifference(200) == doctest::Approx(.111).epsilon(.006));
  CHECK(std::abs(*MinimumDetectableDifference(1000) - .049) < .001);
  CHECK(std::abs(*MinimumDetectableDifference(2001) - .034) < .0005);
}

TEST_CASE("the number of items that shows 'not worse' agrees with the reference values") {
  CHECK(std::abs(ItemsToShowNotWorse(.05, {.discordance = .2}) - 495) <= 1);
  CHECK(std::abs(ItemsToShowNotWorse(.03, {.discordance = .2}) - 1374) <= 1);
  CHECK(std::abs(ItemsToShowNotWorse(.02, {.discordance = .2}) - 3092) <= 1);
  CHECK(std::abs(ItemsToShowNotWorse(.03, {.discordance = .05}) - 344) <= 1);
}

TEST_CASE("without items, or without discordance to speak of, nothing can be detected") {
  CHECK(!MinimumDetectableDifference(0));
  CHECK(!MinimumDetectableDifference(5));
}

TEST_CASE("power grows with the difference, and no true difference is found in at most alpha of the cases") {
  CHECK(rc::check("power", [] {
    const int64_t items = *rc::gen::inRange<int64_t>(20, 200);
    const double smaller = *rc::gen::inRange(0, 15) / 100.0;
    RC_ASSERT(PowerOfMcNemar(items, 0) <= .05 + 1e-9);
    RC_ASSERT(PowerOfMcNemar(items, smaller) <= PowerOfMcNemar(items, smaller + .1) + 1e-9);
  }));
}

TEST_CASE("the exact and the approximate minimum meet where one takes over from the other") {
  const double exact = *MinimumDetectableDifference(2000);
  const double approximate = *MinimumDetectableDifference(2001);
  CHECK(std::abs(exact - approximate) < .002);
}

}  // namespace loco
