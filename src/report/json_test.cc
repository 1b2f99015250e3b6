#include "report/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "report/report_fixture.h"

namespace loco {

TEST_CASE("the JSON holds the whole decision and reads back with the same numbers") {
  const Decision decision = SampleDecision();
  const auto json = nlohmann::json::parse(DecisionJson(decision));
  CHECK(json["format"] == "loco-decision/1");
  CHECK(json["kind"] == "chosen");
  CHECK(json["chosen"] == "s");
  CHECK(json["candidates"].size() == 5);
  CHECK(json["pairs"].size() == 6);
  CHECK(json["funnel"].size() == 5);
  CHECK(json["candidates"][1]["score"]["value"].get<double>() == decision.candidates[1].score->value);
  CHECK(json["candidates"][1]["scores"][0]["run"] == "run-201");
  CHECK(json["candidates"][1]["practical"]["joules_per_token"].is_null());
  CHECK(json["candidates"][4]["score"].is_null());
  CHECK(json["rests_on"].size() == decision.rests_on.size());
  CHECK(json["unknowns"][0]["what"] == "trainability");
}

TEST_CASE("equal decisions are equal bytes, and keys stand in a fixed order") {
  CHECK(DecisionJson(SampleDecision()) == DecisionJson(SampleDecision()));
  const std::string text = DecisionJson(NobodyDecision());
  CHECK(text.find("\"format\"") < text.find("\"kind\""));
  CHECK(text.find("\"kind\"") < text.find("\"funnel\""));
  CHECK(text.find("\"chosen\": null") != std::string::npos);
}

TEST_CASE("hostile text is valid JSON") {
  const auto json = nlohmann::json::parse(DecisionJson(HostileDecision()));
  CHECK(json["candidates"][0]["name"].get<std::string>().find("</script>") != std::string::npos);
  CHECK(DecisionJson(HostileDecision()).find('\x1b') == std::string::npos);
}

}  // namespace loco
