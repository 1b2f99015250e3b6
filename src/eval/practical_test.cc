#include "eval/practical.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("a practical result survives its way through JSON") {
  PracticalResult result;
  result.load_seconds.values = {0.1, 0.3, 0.2};
  result.first_token_seconds.values = {0.5};
  result.prompt_speed.values = {100, 120};
  result.generation_speed.values = {10, 30, 20};
  result.memory.peak = Bytes{123456789};
  result.memory.resident = {1e6, 2e6};
  result.memory.slope.value = 12.5;
  result.memory.slope.interval = {-1, 26};
  result.memory.verdict = "flat";
  result.independent_runtime = "not run here: \"x\"";
  result.context = 512;
  const PracticalResult back = PracticalFromJson(PracticalToJson(result));
  CHECK(back.load_seconds.values == result.load_seconds.values);
  CHECK(back.generation_speed.Estimate().median == 20);
  CHECK(back.memory.peak == result.memory.peak);
  CHECK(back.memory.resident == result.memory.resident);
  CHECK(back.memory.slope.interval.high == 26);
  CHECK(back.independent_runtime == result.independent_runtime);
  CHECK_FALSE(back.joules_per_token.has_value());
  result.joules_per_token = 0.25;
  CHECK(PracticalFromJson(PracticalToJson(result)).joules_per_token == 0.25);
}

TEST_CASE("other options are another practical test") {
  const std::string key = PracticalKey("m", "f", {});
  CHECK(PracticalKey("m", "f", {}) == key);
  CHECK(PracticalKey("m", "g", {}) != key);
  CHECK(PracticalKey("m", "f", {.turns = 3}) != key);
}

}  // namespace
}  // namespace loco
