// JSON Schema, as far as contracts of model answers need it: read once with every problem named, then applied to
// hostile values.
//
//   std::vector<SchemaProblem> problems;
//   const JsonSchema schema = ReadJsonSchema(json, problems);
//       // problems: "/properties/risk/maximum: must be a number"
//   if (const auto mismatch = schema.Mismatch(value)) …
//       // "/commands/0: 'name' is missing"
//
// The keywords of draft 2020-12 and draft 7 for values, objects, lists, numbers and texts, combined by allOf, anyOf,
// oneOf, not, if/then/else and $ref (within the schema, "#/$defs/x"). `format` and the other notes check nothing, as
// the standard has it by default. Any other keyword is a problem: a misspelt one would pass everything. `pattern` is
// RE2, found anywhere in the text; what RE2 lacks (look-ahead, back-references) is a problem.
//
// Why our own and not a library: Debian's valijson 1.0 matches patterns with std::regex, which crashes on texts of
// 100,000 characters, and follows {"$ref": "#"} until the stack ends. Here a value and a schema meet once (results are
// kept), so the time is at most their product, and a schema that refers to itself without going into the value is a
// problem.
//
// It deliberately does not load other files, and knows neither $dynamicRef nor unevaluatedProperties.
// Source: https://json-schema.org/draft/2020-12/json-schema-validation.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace re2 {
class RE2;
}

namespace loco {

struct SchemaProblem {
  std::string place;  // JSON pointer into what was read; empty: the whole
  std::string message;
};

class JsonSchema {
 public:
  JsonSchema() = default;  // passes everything

  // The first thing about the value that the schema does not allow; hostile, as its place names the value's keys.
  std::optional<std::string> Mismatch(const nlohmann::json& value) const;

 private:
  friend class SchemaReader;
  friend class SchemaCheck;
  static constexpr int kMostSteps = 1000;  // of schemas within schemas, into the value or not: what a stack holds
  // Pointers to the schemas and patterns point into it: it never moves.
  std::shared_ptr<const nlohmann::json> root_;
  std::map<std::string, std::shared_ptr<const re2::RE2>> patterns_;
  std::map<std::string, const nlohmann::json*> references_;
};

// Appends what is wrong with the schema. With problems, what comes back passes everything and is not to be used.
JsonSchema ReadJsonSchema(const nlohmann::json& schema, std::vector<SchemaProblem>& problems);

}  // namespace loco
