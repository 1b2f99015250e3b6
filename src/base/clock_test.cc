#include "base/clock.h"

#include <doctest/doctest.h>

namespace loco {

TEST_CASE("durations are written for people") {
  CHECK(FormatDuration(0) == "0.0 s");
  CHECK(FormatDuration(0.84) == "0.8 s");
  CHECK(FormatDuration(9.94) == "9.9 s");
  CHECK(FormatDuration(9.96) == "10 s");
  CHECK(FormatDuration(59.4) == "59 s");
  CHECK(FormatDuration(59.6) == "1 min 00 s");
  CHECK(FormatDuration(125) == "2 min 05 s");
  CHECK(FormatDuration(3599.7) == "1 h 00 min");
  CHECK(FormatDuration(3840) == "1 h 04 min");
  CHECK(FormatDuration(100 * 3600) == "100 h 00 min");
}

TEST_CASE("the system's clock counts forward and writes UTC") {
  const SystemClock clock;
  const double before = clock.Seconds();
  CHECK(clock.Seconds() >= before);
  const std::string now = clock.Now();
  CHECK(now.size() == 20);
  CHECK(now[10] == 'T');
  CHECK(now.back() == 'Z');
}

TEST_CASE("the fake clock stands still until it is moved") {
  FakeClock clock;
  CHECK(clock.Seconds() == 0);
  clock.seconds = 5;
  CHECK(clock.Seconds() == 5);
  CHECK(clock.Now() == "2026-01-01T00:00:00Z");
}

}  // namespace loco
