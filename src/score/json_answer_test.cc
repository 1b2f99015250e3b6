#include "score/json_answer.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace loco {
namespace {

std::string Repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("JSON is found bare, in a fence and between words, and the place is told") {
  struct Row {
    const char* answer;
    JsonPlace place;
  };
  for (const Row& row :
       {Row{"{\"a\": 1}", JsonPlace::kBare}, Row{" \n{\"a\": 1}\r\n", JsonPlace::kBare},
        Row{"```json\n{\"a\": 1}\n```", JsonPlace::kFenced},
        Row{"Here:\n  ```\n{\"a\": 1}\n  ```\nDone.", JsonPlace::kFenced},
        Row{"~~~\n{\"a\": 1}\n~~~", JsonPlace::kFenced}, Row{"```\n{\"a\": 1}", JsonPlace::kFenced},
        Row{"The answer is {\"a\": 1}, of course.", JsonPlace::kInProse},
        Row{"Set {x} then {\"a\": 1}", JsonPlace::kInProse}, Row{"An open { and {\"a\": 1}", JsonPlace::kInProse},
        Row{"```\nnothing\n```\n{\"a\": 1}", JsonPlace::kInProse}}) {
    CAPTURE(std::string(row.answer));
    const JsonAnswer answer = FindJson(row.answer);
    CHECK(std::string(NameOf(answer.place)) == NameOf(row.place));
    CHECK(answer.found.value == nlohmann::json({{"a", 1}}));
    CHECK(answer.others.empty());
    CHECK(answer.reason.empty());
  }
}

TEST_CASE("further objects are kept, and a fenced one comes first") {
  const JsonAnswer answer = FindJson("{\"a\": 1}\n```json\n{\"b\": 2}\n```\n{\"b\": 2} {\"c\": 3}");
  CHECK(answer.place == JsonPlace::kFenced);
  CHECK(answer.found.value.contains("b"));
  REQUIRE(answer.others.size() == 3);
  CHECK(answer.others[0].value.contains("a"));
  CHECK(answer.others[1].value.contains("b"));
  CHECK(answer.others[2].value.contains("c"));
}

TEST_CASE("what strict readers refuse is refused, and nothing within it is taken for the answer") {
  struct Row {
    std::string answer;
    const char* reason;
  };
  for (const Row& row : {Row{"", "no JSON"},
                         Row{"I cannot do that.", "no JSON"},
                         Row{"NaN", "no JSON"},
                         Row{"{\"a\": NaN}", "no JSON"},
                         Row{"{\"a\": Infinity, \"b\": {}}", "no JSON"},
                         Row{"{\"a\": 1,}", "no JSON"},
                         Row{"{'a': 1}", "no JSON"},
                         Row{"{\"a\": 1} // done", ""},
                         Row{"{\"a\": {\"b\": 1}, \"a\": 2}", "the key 'a' stands twice"},
                         Row{"{\"a\": {\"b\": 1, \"\\u0062\": 1}}", "the key 'b' stands twice"},
                         Row{"{\"a\": 1e999}", "a number is too large"},
                         Row{"{\"a\": -99999999999999999999}", "an integer is beyond 64 bits"},
                         Row{"{\"a\": \"\xff\"}", "no JSON"},
                         Row{"{\"a\": \"\\ud800\"}", "no JSON"},
                         Row{std::string("{\"a\": \"\0\"}", 10), "no JSON"},
                         Row{"{\"a\": [{\"b\": 1}, {\"c\": ", "an object is not closed"},
                         Row{"So: {\"a\": [{\"b\": 1}, {\"c\": ", "an object is not closed"},
                         Row{"```json\n{\"a\": [{\"b\": 1}, {\"c\": ", "an object is not closed"},
                         Row{"{\"a\": 01}", "no JSON"},
                         Row{"{\"a\": tru}", "no JSON"}}) {
    CAPTURE(std::string(row.answer));
    const JsonAnswer answer = FindJson(row.answer);
    if (std::string(row.reason).empty()) {
      CHECK(answer.place == JsonPlace::kInProse);
      continue;
    }
    CHECK(answer.place == JsonPlace::kNone);
    CHECK(answer.reason == row.reason);
  }
  CHECK(ParseStrictJson("[1, 2").byte >= 5);
  CHECK(ParseStrictJson("18446744073709551615").valid);
  CHECK(ParseStrictJson("18446744073709551615").value == 18446744073709551615U);
  CHECK(ParseStrictJson("1e300").valid);
}

TEST_CASE("nesting is bounded, and ten thousand levels neither crash nor give a part of themselves") {
  CHECK(ParseStrictJson(Repeated("[", 64) + Repeated("]", 64)).valid);
  CHECK(ParseStrictJson(Repeated("[", 65) + Repeated("]", 65)).reason == "nested more than 64 deep");
  for (const char* open : {"{\"a\":", "[", "{\"a\":["}) {
    const std::string close = open[0] == '[' ? "]" : std::string(open).back() == '[' ? "]}" : "}";
    const std::string deep = Repeated(open, 10'000) + "1" + Repeated(close, 10'000);
    CHECK(FindJson(deep).place == JsonPlace::kNone);
    CHECK(FindJson("Words: " + deep).place == JsonPlace::kNone);
    CHECK(FindJson(Repeated(open, 10'000)).place == JsonPlace::kNone);
  }
  CHECK(IsTooDeep(ParseStrictJson(Repeated("[", 5) + Repeated("]", 5)).value, 4));
  CHECK_FALSE(IsTooDeep(ParseStrictJson(Repeated("[", 5) + Repeated("]", 5)).value, 5));
}

TEST_CASE("long answers are searched in linear time") {
  const auto start = std::chrono::steady_clock::now();
  for (const char* part : {"{", "{\"", "}{", "```\n", "\"{\\", "{\"a\":1}", "[", "{ x "}) {
    CAPTURE(std::string(part));
    const JsonAnswer answer = FindJson(Repeated(part, 300'000));
    CHECK(answer.others.size() <= 64);
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("values that are equal have the same canonical text, and others do not") {
  const auto canonical = [](const char* text) { return CanonicalJson(nlohmann::json::parse(text)); };
  CHECK(canonical(R"({"b": 1, "a": [1.0, 2]})") == canonical(R"({"a":[1,2.0],"b":1e0})"));
  CHECK(canonical("-0.0") == canonical("0"));
  for (const auto& pair : {std::pair{"1", "\"1\""},
                           {"0", "false"},
                           {"[1,2]", "[2,1]"},
                           {"[]", "{}"},
                           {"null", "0"},
                           {"1.5", "1"},
                           {"9007199254740993", "9007199254740992.0"},
                           {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
                           {"[[1],2]", "[1,[2]]"},
                           {"[\"a,\\\"b\"]", "[\"a\",\"b\"]"}}) {
    CAPTURE(std::string(pair.first));
    CHECK(canonical(pair.first) != canonical(pair.second));
  }
}

}  // namespace loco
