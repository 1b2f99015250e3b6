#include "report/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "base/hostile_text.h"
#include "report/report_fixture.h"

namespace loco {
namespace {

// Longest line that is not a single unbreakable word, in columns.
size_t WidestLine(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  size_t widest = 0;
  while (std::getline(lines, line)) widest = std::max(widest, DisplayWidth(line));
  return widest;
}

}  // namespace

TEST_CASE("the answer comes first, with its doubt beside it and the next command at the end") {
  const std::string text = DecisionText(SampleDecision(), {.width = 100},
                                        {.decision = "decision-7", .files = {"decisions/x.md", "report.html"}});
  CHECK(text.find("LocoLLM · policy fake · 5 candidates") == 0);
  CHECK(text.find("\n→ s Q4_K_M   ") != std::string::npos);
  CHECK(text.find("  not worse than the best by more than 3 points, and ") != std::string::npos);
  CHECK(text.find("base score") < text.find("unknown"));
  CHECK(text.find("trainability: not measured") != std::string::npos);
  CHECK(text.find("record  decisions/x.md · report.html\n") != std::string::npos);
  CHECK(text.find("loco show decision-7\n") == text.size() - 21);
}

TEST_CASE("colour adds nothing but escape codes") {
  const Decision decision = SampleDecision();
  std::string coloured = DecisionText(decision, {.colour = true, .width = 90});
  CHECK(coloured.find("\x1b[") != std::string::npos);
  for (size_t at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  CHECK(coloured == DecisionText(decision, {.width = 90}));
}

TEST_CASE("no line is wider than the terminal") {
  for (const size_t width : {48U, 60U, 80U, 100U, 140U}) {
    CHECK(WidestLine(DecisionText(SampleDecision(), {.width = width})) <= width);
    CHECK(WidestLine(DecisionText(NobodyDecision(), {.width = width})) <= width);
    CHECK(WidestLine(DecisionText(UnmeasuredDecision(), {.width = width})) <= width);
    CHECK(WidestLine(FunnelText(SampleDecision(), {.width = width})) <= width);
  }
}

TEST_CASE("when nobody qualifies the nearest misses say what would change it") {
  const std::string text = DecisionText(NobodyDecision(), {.width = 100});
  CHECK(text.find("→ nobody meets the policy. Nearest misses:\n") != std::string::npos);
  CHECK(text.find("licence: gemma (needed: in [Apache-2.0, MIT])") != std::string::npos);
  CHECK(text.find("would pass if: the policy allows 'gemma'") != std::string::npos);
}

TEST_CASE("who is out reads what would let it in") {
  const std::string text = DecisionText(SampleDecision(), {.width = 100});
  const size_t out = text.find("gemma-4b   ");
  REQUIRE(out != std::string::npos);
  CHECK(text.find("would pass if: the policy allows 'gemma'", out) != std::string::npos);
}

TEST_CASE("a long reason why nobody was measured is wrapped, never cut, and said once") {
  Decision decision = UnmeasuredDecision();
  for (CandidateSummary& c : decision.candidates) {
    c.reason = "no file of it here: name one with file = \"…\" in the policy, and run this command again to measure it";
  }
  std::istringstream words(DecisionText(decision, {.width = 60}));
  std::string text;
  for (std::string word; words >> word;) text += word + " ";
  CHECK(text.find("to measure it") != std::string::npos);
  CHECK(text.find("to measure it") == text.rfind("to measure it"));
}

TEST_CASE("one of a thing is not called many, and a precision is not compared with itself") {
  Decision decision = SampleDecision();
  decision.items = 1;
  decision.reference = decision.shipped;
  const std::string text = DecisionText(decision, {.width = 100});
  CHECK(text.find("on 1 item\n") != std::string::npos);
  CHECK(text.find("cost of") == std::string::npos);
}

TEST_CASE("when nothing was measured, nothing is recommended") {
  const std::string text = DecisionText(UnmeasuredDecision(), {.width = 100});
  CHECK(text.find("→ no decision: 2 of 2 candidates meet the hard rules, and none was measured.") != std::string::npos);
  CHECK(text.find("no file here") != std::string::npos);
}

TEST_CASE("hostile names cannot steer the terminal, in any part") {
  const Decision decision = HostileDecision();
  for (const std::string& text : {DecisionText(decision, {.width = 100}), FunnelText(decision, {.width = 100}),
                                  FilterText(decision, {.width = 100})}) {
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\a') == std::string::npos);
    CHECK(text.find("\u202e") == std::string::npos);
  }
}

TEST_CASE("the filter shows every rule with value, limit and cure") {
  const std::string text = FilterText(NobodyDecision(), {.width = 120});
  CHECK(text.find("✗") != std::string::npos);
  CHECK(text.find("licence: gemma; would pass if: the policy allows 'gemma'") != std::string::npos);
}

TEST_CASE("the same decision renders to the same bytes") {
  CHECK(DecisionText(SampleDecision(), {}) == DecisionText(SampleDecision(), {}));
}

}  // namespace loco
