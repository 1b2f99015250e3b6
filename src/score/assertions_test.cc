#include "score/assertions.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include "score/fold.h"

namespace loco {
namespace {

using AssertionJson = nlohmann::json;

std::vector<Assertion> MustRead(const std::string& text) {
  std::vector<SchemaProblem> problems;
  auto assertions = ReadAssertions(AssertionJson::parse(text), problems);
  for (const SchemaProblem& problem : problems) FAIL_CHECK(problem.place << ": " << problem.message);
  return assertions;
}

// One assertion, without its braces.
bool HoldsFor(const std::string& assertion, std::string_view answer) {
  return CheckAssertions(MustRead("[{" + assertion + "}]"), answer).holds;
}

std::string ProblemsOf(const std::string& text) {
  std::vector<SchemaProblem> problems;
  ReadAssertions(AssertionJson::parse(text), problems);
  std::string all;
  for (const SchemaProblem& problem : problems) all += fmt::format("{}: {}\n", problem.place, problem.message);
  return all;
}

TEST_CASE("texts are looked for as they are, or without regard to case in any script") {
  CHECK(HoldsFor(R"("assert": "contains", "value": "Paris")", "It is Paris."));
  CHECK(!HoldsFor(R"("assert": "contains", "value": "Paris")", "It is PARIS."));
  CHECK(HoldsFor(R"("assert": "icontains", "value": "paris")", "It is PARIS."));
  CHECK(HoldsFor(R"("assert": "icontains", "value": "STRASSE")", "die Straße"));
  CHECK(HoldsFor(R"("assert": "icontains", "value": "οδοσ")", "ΟΔΟΣ"));
  CHECK(HoldsFor(R"("assert": "contains-any", "value": ["red", "blue"])", "a blue door"));
  CHECK(!HoldsFor(R"("assert": "contains-any", "value": ["red", "Blue"])", "a blue door"));
  CHECK(HoldsFor(R"("assert": "icontains-any", "value": ["red", "Blue"])", "a blue door"));
  CHECK(HoldsFor(R"("assert": "contains-all", "value": ["blue", "door"])", "a blue door"));
  CHECK(!HoldsFor(R"("assert": "contains-all", "value": ["blue", "Door"])", "a blue door"));
  CHECK(HoldsFor(R"("assert": "icontains-all", "value": ["BLUE", "Door"])", "a blue door"));
}

TEST_CASE("whole answers, beginnings and ends are compared without the blanks around") {
  CHECK(HoldsFor(R"("assert": "equals", "value": " yes ")", "\n yes\t"));
  CHECK(!HoldsFor(R"("assert": "equals", "value": "yes")", "Yes"));
  CHECK(HoldsFor(R"("assert": "iequals", "value": "yes")", "YES\n"));
  CHECK(!HoldsFor(R"("assert": "iequals", "value": "yes")", "yes."));
  CHECK(HoldsFor(R"("assert": "starts-with", "value": "Dear ")", "\nDear Ada"));
  CHECK(!HoldsFor(R"("assert": "starts-with", "value": "Dear ")", "dear Ada"));
  CHECK(HoldsFor(R"("assert": "istarts-with", "value": "DEAR")", "dear Ada"));
  CHECK(HoldsFor(R"("assert": "ends-with", "value": "Ada")", "Yours, Ada \n"));
  CHECK(!HoldsFor(R"("assert": "ends-with", "value": "ada")", "Yours, Ada"));
  CHECK(HoldsFor(R"("assert": "iends-with", "value": "ada")", "Yours, Ada"));
}

TEST_CASE("a pattern is searched for") {
  CHECK(HoldsFor(R"("assert": "regex", "value": "\\d{4}-\\d\\d")", "on 2024-05-01"));
  CHECK(!HoldsFor(R"("assert": "regex", "value": "^\\d+$")", "7 days"));
  CHECK(HoldsFor(R"("assert": "regex", "value": "^\\d+$")", " 77\n"));
  CHECK(HoldsFor(R"("assert": "regex", "value": "^.?$")", "x"));
}

TEST_CASE("the last number counts, within its tolerance") {
  CHECK(HoldsFor(R"("assert": "number", "value": 1042)", "5 + 37, so $1,042."));
  CHECK(!HoldsFor(R"("assert": "number", "value": 5)", "5 + 37 is 42"));
  CHECK(HoldsFor(R"("assert": "number", "value": 3.14, "tolerance": 0.01)", "about 3.1416"));
  CHECK(!HoldsFor(R"("assert": "number", "value": 3.14, "tolerance": 0.001)", "about 3.1416"));
  CHECK(!HoldsFor(R"("assert": "number", "value": 0)", "none"));
  CHECK(HoldsFor(R"("assert": "not-number", "value": 0)", "none"));
}

TEST_CASE("words, characters and lines are counted") {
  CHECK(HoldsFor(R"("assert": "word-count", "min": 4, "max": 4)", "- don't stop, it's 5 – "));
  CHECK(!HoldsFor(R"("assert": "word-count", "max": 3)", "one two\u00a0three\u2003four"));
  CHECK(HoldsFor(R"("assert": "length", "min": 3, "max": 3)", " aé😀\n"));
  CHECK(HoldsFor(R"("assert": "length", "min": 2, "max": 2)", "\xff\xfe"));  // each byte a replacement character
  CHECK(!HoldsFor(R"("assert": "length", "min": 4)", "abc"));
  CHECK(HoldsFor(R"("assert": "line-count", "min": 3, "max": 3)", "a\r\n\r\n \nb\nc\n\n"));
  CHECK(HoldsFor(R"("assert": "line-count", "max": 0)", " \n"));
}

TEST_CASE("JSON is the whole answer, strictly read, and keeps its schema") {
  CHECK(HoldsFor(R"("assert": "is-json")", "\n{\"a\": [1]} "));
  CHECK(!HoldsFor(R"("assert": "is-json")", "Sure: {\"a\": 1}"));
  CHECK(!HoldsFor(R"("assert": "is-json")", "{\"a\": 1, \"a\": 2}"));
  const std::string with_schema = R"("assert": "is-json", "schema": {"type": "object", "required": ["a"]})";
  CHECK(HoldsFor(with_schema, R"({"a": null})"));
  CHECK(!HoldsFor(with_schema, R"({"b": 1})"));
  CHECK(!HoldsFor(with_schema, "[]"));
}

TEST_CASE("the share is that of the weight that holds, and those that fail are named") {
  const auto assertions = MustRead(R"([
    {"assert": "contains", "value": "a"},
    {"assert": "not-icontains-any", "value": ["B", "c"], "weight": 2},
    {"assert": "word-count", "min": 2, "weight": 0.5},
    {"assert": "length", "max": 9}, {"assert": "is-json"}])");
  const AssertionResult result = CheckAssertions(assertions, "a b");
  CHECK(!result.holds);
  CHECK(result.share == doctest::Approx(2.5 / 5.5));
  CHECK(result.failed == std::vector<std::string>{"not-icontains-any 'B' and 1 more", "is-json"});
  CHECK(CheckAssertions(MustRead(R"([{"assert": "word-count", "min": 2, "max": 3}])"), "").failed ==
        std::vector<std::string>{"word-count from 2 to 3"});
  const AssertionResult all = CheckAssertions(MustRead(R"([{"assert": "number", "value": 2, "weight": 0.1}])"), "2");
  CHECK(all.holds);
  CHECK(all.share == 1);
}

TEST_CASE("every problem is named with its place") {
  CHECK(ProblemsOf("{}").find(": must be a list of assertions") == 0);
  CHECK(ProblemsOf("[]").find(": must be a list of assertions") == 0);
  CHECK(ProblemsOf(R"([7, {"value": "x"}, {"assert": 1}])") ==
        "/0: must be an object: {\"assert\": \"contains\", \"value\": \"…\"}\n"
        "/1: needs \"assert\", the name of an assertion\n"
        "/2/assert: needs \"assert\", the name of an assertion\n");
  CHECK(ProblemsOf(R"([{"assert": "not-contain", "value": "x"}])") ==
        "/0/assert: unknown assertion 'not-contain'; did you mean 'contains'?\n");
  CHECK(ProblemsOf(R"([{"assert": "contains", "valeu": "x"}])") ==
        "/0: unknown key 'valeu' of 'contains'; did you mean 'value'?\n"
        "/0: needs \"value\", a text that is not empty\n");
  CHECK(ProblemsOf(R"([{"assert": "contains-any", "value": ["a", ""]}, {"assert": "contains-all", "value": []}])") ==
        "/0/value: needs \"value\", a list of texts, none of them empty\n"
        "/1/value: needs \"value\", a list of texts, none of them empty\n");
  CHECK(ProblemsOf(R"x([{"assert": "regex", "value": "(?=x)"
}])x")
            .find("/0/value: not an RE2 pattern: ") == 0);
  CHECK(ProblemsOf(R"([{"assert": "number", "value": "5", "tolerance": -1}])") ==
        "/0/value: needs \"value\", a number\n/0/tolerance: must be a number from 0\n");
  CHECK(ProblemsOf(R"([{"assert": "length"}, {"assert": "length", "min": 1.5}])") ==
        "/0: needs \"min\" or \"max\"\n/1/min: must be a whole number from 0\n");
  CHECK(ProblemsOf(R"([{"assert": "is-json", "schema": {"maximum": "x"}}])").find("/0/schema/maximum: ") == 0);
  for (const char* weight : {"0", "-1", "\"1\"", "1e300"}) {
    CHECK(ProblemsOf(fmt::format(R"([{{"assert": "is-json", "weight": {}}}])", weight)).find("/0/weight: ") == 0);
  }
  std::string deep = "1";
  for (int i = 0; i < 80; ++i) deep = "[" + deep + "]";
  CHECK(ProblemsOf(R"([{"assert": "is-json", "schema": {"const": )" + deep + "}}]") == ": nested more than 64 deep\n");
}

TEST_CASE("what every answer passes, or none, is a problem") {
  for (const char* pattern : {"", "a*", "x?|y", ".*", "(?s).*", "()"}) {
    const AssertionJson list = {{{"assert", "regex"}, {"value", pattern}}};
    CHECK_MESSAGE(ProblemsOf(list.dump()) == "/0/value: matches every answer\n", pattern);
  }
  CHECK(ProblemsOf(R"([{"assert": "contains", "value": ""}])") ==
        "/0/value: needs \"value\", a text that is not empty\n");
  CHECK(ProblemsOf(R"([{"assert": "length", "min": 5, "max": 4}])") == "/0/max: is less than 'min'\n");
  CHECK(ProblemsOf(R"([{"assert": "not-length", "min": 0}])") == "/0/min: every answer has 0 or more\n");
  const std::string blank = "/value: the answer is read without blanks at its ends, so that none could stand there\n";
  CHECK(ProblemsOf(R"([{"assert": "starts-with", "value": " a"}, {"assert": "iends-with", "value": "a\n"},
                       {"assert": "equals", "value": " "}])") == "/0" + blank + "/1" + blank + "/2" + blank);
}

// An assertion of every name, about the letters that answers below are made of.
std::vector<AssertionJson> OneOfEach() {
  std::vector<AssertionJson> all;
  for (const std::string& name : AssertionNames()) {
    AssertionJson assertion = {{"assert", name}};
    if (name.ends_with("-any") || name.ends_with("-all")) {
      assertion["value"] = {"ab", "B"};
    } else if (name == "number") {
      assertion["value"] = 1;
    } else if (name == "word-count" || name == "length" || name == "line-count") {
      assertion["min"] = 2;
      assertion["max"] = 3;
    } else if (name != "is-json") {
      assertion["value"] = "ab";
    }
    all.push_back(assertion);
  }
  return all;
}

TEST_CASE("of an assertion and its opposite exactly one holds, whatever the answer") {
  std::vector<AssertionJson> pairs;
  for (AssertionJson assertion : OneOfEach()) {
    pairs.push_back(assertion);
    assertion["assert"] = "not-" + assertion["assert"].get<std::string>();
    pairs.push_back(assertion);
  }
  const auto assertions = MustRead(AssertionJson(pairs).dump());
  REQUIRE(assertions.size() == 2 * AssertionNames().size());
  const auto exactly_half = [&](const std::string& answer) {
    const AssertionResult result = CheckAssertions(assertions, answer);
    RC_ASSERT(result.failed.size() * 2 == assertions.size());
    RC_ASSERT(result.share == 0.5);
    RC_ASSERT(!result.holds);
  };
  CHECK(rc::check("any bytes", [&](const std::string& answer) { exactly_half(answer); }));
  CHECK(rc::check("texts near the assertions", [&] {
    exactly_half(*rc::gen::container<std::string>(rc::gen::element('a', 'b', 'B', ' ', '\n', '1', '\xc3')));
  }));
}

TEST_CASE("what was cut out of an answer is found there, and in the other case without regard to case") {
  CHECK(rc::check("parts", [] {
    const auto text = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('!', '~')));
    const size_t begin = *rc::gen::inRange<size_t>(0, text.size());
    const size_t size = *rc::gen::inRange<size_t>(1, text.size() - begin + 1);
    const AssertionJson list = {{{"assert", "contains"}, {"value", text.substr(begin, size)}},
                                {{"assert", "icontains-all"}, {"value", {FoldCase(text.substr(begin, size))}}},
                                {{"assert", "iequals"}, {"value", LowerCase(text)}},
                                {{"assert", "starts-with"}, {"value", text.substr(0, size)}},
                                {{"assert", "length"}, {"min", text.size()}, {"max", text.size()}}};
    RC_ASSERT(CheckAssertions(MustRead(list.dump()), " " + text + "\n").holds);
  }));
}

TEST_CASE("long answers take linear time") {
  const auto assertions = MustRead(AssertionJson(OneOfEach()).dump());
  for (const char* piece : {"1,", "a ", "[", "\xff", "\n"}) {
    std::string answer;
    while (answer.size() < 1'000'000) answer += piece;
    CHECK(CheckAssertions(assertions, answer).failed.size() >= assertions.size() / 2);
  }
}

}  // namespace
}  // namespace loco
