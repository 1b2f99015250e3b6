#include "score/json_schema.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace loco {
namespace {

using Json = nlohmann::json;

std::vector<std::string> ProblemsOf(const Json& schema) {
  std::vector<SchemaProblem> problems;
  ReadJsonSchema(schema, problems);
  std::vector<std::string> lines;
  for (const SchemaProblem& problem : problems) lines.push_back(problem.place + ": " + problem.message);
  return lines;
}

bool Allows(const char* schema, const Json& value) {
  std::vector<SchemaProblem> problems;
  const JsonSchema read = ReadJsonSchema(Json::parse(schema), problems);
  REQUIRE(problems.empty());
  return !read.Mismatch(value);
}

std::string MismatchOf(const char* schema, const char* value) {
  std::vector<SchemaProblem> problems;
  const JsonSchema read = ReadJsonSchema(Json::parse(schema), problems);
  REQUIRE(problems.empty());
  return read.Mismatch(Json::parse(value)).value_or("");
}

}  // namespace

TEST_CASE("each keyword lets its own values through and no others") {
  struct Row {
    const char* schema;
    const char* good;  // a list of values
    const char* bad;
  };
  for (const Row& row : {
           Row{R"({"type":"integer"})", "[1, 1.0, -3, 1e3]", R"([1.5, "1", null, true, []])"},
           Row{R"({"type":["string","null"]})", R"(["", null])", "[0, false, {}]"},
           Row{R"({"type":"number"})", "[1, 1.5]", R"(["1", true])"},
           Row{R"({"type":"boolean"})", "[true, false]", "[0, null]"},
           Row{R"({"type":"object"})", "[{}]", "[[]]"},
           Row{R"({"enum":[1, "a", null, {"b": 1.0}]})", R"([1.0, "a", null, {"b": 1}])",
               R"([2, "A", false, {"b": 2}])"},
           Row{R"({"const":0})", "[0, 0.0]", "[false, null, 1]"},
           Row{R"({"minimum":1,"exclusiveMaximum":2})", R"([1, 1.9, "x"])", "[0.9, 2]"},
           Row{R"({"maximum":18446744073709551614})", "[18446744073709551614, -1]", "[18446744073709551615]"},
           Row{R"({"multipleOf":0.0001})", "[0.0075, 1, 0]", "[0.00751]"},
           Row{R"({"minLength":2,"maxLength":3})", R"(["ab", "日本語", 1])", R"(["a", "abcd"])"},
           Row{R"({"pattern":"^a|b$"})", R"(["ax", "xb", 5])", R"(["xa", ""])"},
           Row{R"({"minItems":1,"maxItems":2})", R"([[1], [1, 2], {}])", "[[], [1, 2, 3]]"},
           Row{R"({"uniqueItems":true})", R"([[1, "1", true], [{"a": 1}, {"a": 2}], []])",
               "[[1, 1.0], [{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]]"},
           Row{R"({"items":{"type":"string"}})", R"([["a"], [], 1])", R"([["a", 1]])"},
           Row{R"({"items":[{"type":"string"}],"additionalItems":false})", R"([["a"], []])", R"([[1], ["a", 1]])"},
           Row{R"({"prefixItems":[{"type":"string"}],"items":{"type":"number"}})", R"([["a", 1], []])",
               R"([[1], ["a", "b"]])"},
           Row{R"({"contains":{"const":1},"maxContains":2})", "[[1], [0, 1, 1]]", "[[], [2], [1, 1, 1]]"},
           Row{R"({"contains":{"const":1},"minContains":0})", "[[], [1]]", "[]"},
           Row{R"({"required":["a"]})", R"([{"a": null}, []])", R"([{}, {"A": 1}])"},
           Row{R"({"dependentRequired":{"a":["b"]}})", R"([{}, {"b": 1}, {"a": 1, "b": 1}])", R"([{"a": 1}])"},
           Row{R"({"minProperties":1,"maxProperties":2})", R"([{"a": 1}])", R"([{}, {"a": 1, "b": 1, "c": 1}])"},
           Row{R"({"properties":{"a":{"type":"string"}},"additionalProperties":false})", R"([{}, {"a": ""}])",
               R"([{"a": 1}, {"b": ""}])"},
           Row{R"({"patternProperties":{"^x":{"type":"number"}},"additionalProperties":{"type":"string"}})",
               R"([{"x1": 1, "y": ""}])", R"([{"x1": ""}, {"y": 1}])"},
           Row{R"({"propertyNames":{"maxLength":1}})", R"([{"a": 1, "b": 2}])", R"([{"a": 1, "ab": 2}])"},
           Row{R"({"allOf":[{"minimum":1},{"maximum":2}]})", "[1, 2]", "[0, 3]"},
           Row{R"({"anyOf":[{"type":"string"},{"minimum":2}]})", R"(["", 2])", "[1]"},
           Row{R"({"oneOf":[{"multipleOf":2},{"multipleOf":3}]})", "[2, 3]", "[1, 6]"},
           Row{R"({"not":{"type":"string"}})", "[1]", R"([""])"},
           Row{R"({"if":{"type":"string"},"then":{"minLength":1},"else":{"minimum":0}})", R"(["a", 0])", R"(["", -1])"},
           Row{R"({"if":{"type":"string"},"else":{"minimum":0}})", R"(["", 0])", "[-1]"},
           Row{R"({"$defs":{"x/y~z":{"type":"string"}},"$ref":"#/$defs/x~1y~0z","minLength":1})", R"(["a"])",
               R"([1, ""])"},
           Row{R"({"properties":{"next":{"$ref":"#"}},"additionalProperties":false})", R"([{"next": {"next": {}}}])",
               R"([{"next": {"other": 1}}])"},
           Row{"true", "[1, null]", "[]"},
           Row{"false", "[]", "[1, null]"},
           Row{R"({"title":"t","description":"d","default":1,"format":"date","$schema":"s","$id":"i","$comment":"c"})",
               R"(["x"])", "[]"},
       }) {
    CAPTURE(std::string(row.schema));
    for (const Json& value : Json::parse(row.good)) {
      CAPTURE(value.dump());
      CHECK(Allows(row.schema, value));
    }
    for (const Json& value : Json::parse(row.bad)) {
      CAPTURE(value.dump());
      CHECK_FALSE(Allows(row.schema, value));
    }
  }
}

TEST_CASE("a mismatch is told with its place in the value") {
  const char* schema = R"({"required":["commands"],"properties":{"commands":{"items":{"type":"object",
      "required":["name"],"properties":{"name":{"enum":["a"]},"x/y":{"maximum":1}}}}}})";
  CHECK(MismatchOf(schema, "{}") == "'commands' is missing");
  CHECK(MismatchOf(schema, R"({"commands":[{"name":"a"},{}]})") == "/commands/1: 'name' is missing");
  CHECK(MismatchOf(schema, R"({"commands":["a"]})") == "/commands/0: must be of type object");
  CHECK(MismatchOf(schema, R"({"commands":[{"name":"b"}]})") == "/commands/0/name: is none of the values allowed");
  CHECK(MismatchOf(schema, R"({"commands":[{"name":"a","x/y":2}]})") == "/commands/0/x~1y: is too large");
  CHECK(MismatchOf(schema, R"({"commands":[]})").empty());
}

TEST_CASE("every problem of a schema is named with its place") {
  const auto lines =
      ProblemsOf(Json::parse(R"json({"typ":"object","properties":{"a":{"type":"strin"},"b":{"pattern":"("},
      "c":{"minLength":-1},"d":{"$ref":"#/nowhere"},"e":{"enum":[]},"f":7,"g":{"exclusiveMinimum":true}},
      "required":"a","anyOf":[],"multipleOf":0,"items":{"minItems":1.5},"patternProperties":{"(?=x)":true}})json"));
  const auto has = [&](const std::string& line) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& one) { return one.starts_with(line); });
  };
  CHECK(has("/typ: unknown keyword 'typ'; did you mean 'type'?"));
  CHECK(has("/properties/a/type: must be null, boolean"));
  CHECK(has("/properties/b/pattern: not an RE2 pattern: missing )"));
  CHECK(has("/properties/c/minLength: must be a whole number from 0"));
  CHECK(has("/properties/d/$ref: '#/nowhere' names no schema in here"));
  CHECK(has("/properties/e/enum: must be a list of values"));
  CHECK(has("/properties/f: a schema must be an object, true or false"));
  CHECK(has("/properties/g/exclusiveMinimum: must be a number"));
  CHECK(has("/required: must be a list of names"));
  CHECK(has("/anyOf: must be a list of schemas"));
  CHECK(has("/multipleOf: must be a number above 0"));
  CHECK(has("/items/minItems: must be a whole number from 0"));
  CHECK(has("/patternProperties/(?=x): not an RE2 pattern"));
  CHECK(lines.size() == 13);
}

TEST_CASE("a schema that goes in a circle, or too deep, is a problem and not a crash") {
  for (const char* schema :
       {R"({"$ref":"#"})", R"({"anyOf":[true,{"$ref":"#"}]})", R"({"not":{"if":{"$ref":"#/not"}}})",
        R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}})"}) {
    CAPTURE(std::string(schema));
    const auto lines = ProblemsOf(Json::parse(schema));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("refers to itself") != std::string::npos);
  }
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "{\"not\":";
  deep += "true" + std::string(10'000, '}');
  CHECK(ProblemsOf(Json::parse(deep)).front() == ": nested more than 64 deep");
  // A long way is no circle, but no stack can go it: the value is refused instead.
  Json chain;
  for (int i = 0; i < 5'000; ++i) chain["$defs"][std::to_string(i)]["$ref"] = fmt::format("#/$defs/{}", i + 1);
  chain["$defs"]["5000"] = true;
  chain["$ref"] = "#/$defs/0";
  std::vector<SchemaProblem> problems;
  const JsonSchema read = ReadJsonSchema(chain, problems);
  CHECK(problems.empty());
  CHECK(read.Mismatch(1) == "goes too deep for this schema");
  chain["$defs"]["5000"] = {{"$ref", "#/$defs/0"}};
  ReadJsonSchema(chain, problems);
  CHECK(problems.empty());
}

TEST_CASE("hostile values take no exponential time, no std::regex and no stack") {
  // Two ways into the same part, at each of 60 levels: 2^60 without the kept results.
  const char* schema = R"({"anyOf":[{"items":{"$ref":"#"},"minItems":9},{"items":{"$ref":"#"},"maxItems":1}]})";
  Json value = Json::array();
  for (int i = 0; i < 60; ++i) value = Json::array({std::move(value)});
  CHECK(Allows(schema, value));
  CHECK(Allows(R"({"pattern":"^(a|b)*$"})", std::string(1'000'000, 'a')));
  CHECK_FALSE(Allows(R"({"pattern":"^(a+)+$"})", std::string(100'000, 'a') + "b"));
  Json many = Json::array();
  for (int i = 0; i < 100'000; ++i) many.push_back(i);
  CHECK(Allows(R"({"uniqueItems":true})", many));
  // As deep as schema and value may go together.
  Json steps;
  for (int i = 0; i < 900; ++i) steps["$defs"][std::to_string(i)]["$ref"] = fmt::format("#/$defs/{}", i + 1);
  steps["$defs"]["900"]["items"]["$ref"] = "#";
  steps["$ref"] = "#/$defs/0";
  std::vector<SchemaProblem> problems;
  const JsonSchema read = ReadJsonSchema(steps, problems);
  CHECK(problems.empty());
  CHECK(read.Mismatch(value).value_or("").ends_with("goes too deep for this schema"));
  CHECK_FALSE(read.Mismatch(1).has_value());
}

TEST_CASE("the official test suite of JSON Schema agrees wherever the schema is taken") {
  const Path suite = "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests";
  if (!std::filesystem::exists(suite)) {
    MESSAGE("skipped: the Debian package libtest-json-schema-acceptance-perl is not installed");
    return;
  }
  int in_all = 0;
  for (const std::string draft : {"draft7", "draft2020-12"}) {
    int agree = 0;
    int disagree = 0;
    int refused = 0;
    for (const Path& file : FilesMatching(suite / draft / "*.json")) {
      for (const Json& group : Json::parse(ReadFile(file))) {
        std::vector<SchemaProblem> problems;
        const JsonSchema schema = ReadJsonSchema(group["schema"], problems);
        for (const Json& test : group["tests"]) {
          if (!problems.empty()) {
            ++refused;
          } else if (!schema.Mismatch(test["data"]) == test["valid"].get<bool>()) {
            ++agree;
          } else {
            ++disagree;
            MESSAGE(draft << " " << file.filename().string() << ": " << group["description"] << ": "
                          << test["description"]);
          }
        }
      }
    }
    MESSAGE(draft << ": " << agree << " agree, " << disagree << " disagree, " << refused
                  << " have a schema that is refused");
    // Draft 7 ignores what stands beside a $ref; a meta-schema of 2020-12 can switch keywords off. We do neither.
    CHECK(disagree <= 1);
    in_all += agree;
  }
  CHECK(in_all > 1500);
}

}  // namespace loco
