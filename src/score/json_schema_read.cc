#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "base/diagnostic.h"
#include "score/json_answer.h"
#include "score/json_schema.h"

namespace loco {

namespace {

// What a keyword's value must be.
enum class Kind {
  kNote,
  kAny,
  kType,
  kList,
  kNames,
  kNamesMap,
  kBoolean,
  kCount,
  kNumber,
  kPositive,
  kPattern,
  kReference,
  kSchema,
  kSchemas,
  kSchemaOrSchemas,
  kSchemaMap,
  kPatternMap,
};

struct Keyword {
  const char* name;
  Kind kind;
  bool in_place;  // its schemas are applied to the same value
};

constexpr Keyword kKeywords[] = {
    {"type", Kind::kType, false},
    {"enum", Kind::kList, false},
    {"const", Kind::kAny, false},
    {"properties", Kind::kSchemaMap, false},
    {"patternProperties", Kind::kPatternMap, false},
    {"additionalProperties", Kind::kSchema, false},
    {"propertyNames", Kind::kSchema, false},
    {"required", Kind::kNames, false},
    {"dependentRequired", Kind::kNamesMap, false},
    {"minProperties", Kind::kCount, false},
    {"maxProperties", Kind::kCount, false},
    {"items", Kind::kSchemaOrSchemas, false},
    {"prefixItems", Kind::kSchemas, false},
    {"additionalItems", Kind::kSchema, false},
    {"contains", Kind::kSchema, false},
    {"minContains", Kind::kCount, false},
    {"maxContains", Kind::kCount, false},
    {"minItems", Kind::kCount, false},
    {"maxItems", Kind::kCount, false},
    {"uniqueItems", Kind::kBoolean, false},
    {"minimum", Kind::kNumber, false},
    {"maximum", Kind::kNumber, false},
    {"exclusiveMinimum", Kind::kNumber, false},
    {"exclusiveMaximum", Kind::kNumber, false},
    {"multipleOf", Kind::kPositive, false},
    {"minLength", Kind::kCount, false},
    {"maxLength", Kind::kCount, false},
    {"pattern", Kind::kPattern, false},
    {"allOf", Kind::kSchemas, true},
    {"anyOf", Kind::kSchemas, true},
    {"oneOf", Kind::kSchemas, true},
    {"not", Kind::kSchema, true},
    {"if", Kind::kSchema, true},
    {"then", Kind::kSchema, true},
    {"else", Kind::kSchema, true},
    {"$ref", Kind::kReference, true},
    {"$defs", Kind::kSchemaMap, false},
    {"definitions", Kind::kSchemaMap, false},
    {"title", Kind::kNote, false},
    {"description", Kind::kNote, false},
    {"default", Kind::kNote, false},
    {"examples", Kind::kNote, false},
    {"format", Kind::kNote, false},
    {"readOnly", Kind::kNote, false},
    {"writeOnly", Kind::kNote, false},
    {"deprecated", Kind::kNote, false},
    {"$schema", Kind::kNote, false},
    {"$id", Kind::kNote, false},
    {"$comment", Kind::kNote, false},
};

constexpr const char* kTypes[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

const Keyword* FindKeyword(std::string_view name) {
  for (const Keyword& keyword : kKeywords) {
    if (name == keyword.name) return &keyword;
  }
  return nullptr;
}

bool IsCount(const nlohmann::json& value) {
  if (value.is_number_float())
    return value.get<double>() >= 0 && std::floor(value.get<double>()) == value.get<double>();
  return value.is_number_unsigned();
}

bool IsNames(const nlohmann::json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const nlohmann::json& name) { return name.is_string(); });
}

bool IsTypeName(const nlohmann::json& value) {
  return value.is_string() &&
         std::find(std::begin(kTypes), std::end(kTypes), value.get<std::string>()) != std::end(kTypes);
}

}  // namespace

class SchemaReader {
 public:
  explicit SchemaReader(std::vector<SchemaProblem>& problems) : problems_(problems) {}

  JsonSchema Read(const nlohmann::json& root) {
    const size_t before = problems_.size();
    if (IsTooDeep(root)) {
      Wrong("", fmt::format("nested more than {} deep", kDeepestJson));
      return {};
    }
    schema_.root_ = std::make_shared<const nlohmann::json>(root);
    ReadSchema(*schema_.root_, "");
    for (const auto& [schema, place] : places_) targets_["#" + place] = schema;
    for (const auto& [text, place] : to_resolve_) Resolve(text, place);
    for (const auto& [place, schema] : targets_) {
      if (problems_.size() == before) FindCircle(*schema, 0);
    }
    return problems_.size() == before ? schema_ : JsonSchema();
  }

 private:
  void Wrong(const std::string& place, std::string message) { problems_.push_back({place, std::move(message)}); }

  void ReadSchema(const nlohmann::json& schema, const std::string& place) {
    places_[&schema] = place;
    if (schema.is_boolean()) return;
    if (!schema.is_object()) return Wrong(place, "a schema must be an object, true or false");
    for (const auto& [name, value] : schema.items()) {
      const Keyword* keyword = FindKeyword(name);
      if (keyword != nullptr) {
        ReadKeyword(keyword->kind, value, place + JsonPointerStep(name));
      } else {
        std::vector<std::string> known;
        for (const Keyword& candidate : kKeywords) known.emplace_back(candidate.name);
        Wrong(place + JsonPointerStep(name),
              fmt::format("unknown keyword {}; {}", QuotedWord(name), SuggestWord(name, known)));
      }
    }
  }

  void ReadKeyword(Kind kind, const nlohmann::json& value, const std::string& place) {
    const auto need = [&](bool holds, const char* what) {
      if (!holds) Wrong(place, fmt::format("must be {}", what));
      return holds;
    };
    switch (kind) {
      case Kind::kNote:
      case Kind::kAny:
        return;
      case Kind::kType:
        need(IsTypeName(value) ||
                 (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), IsTypeName)),
             "null, boolean, integer, number, string, array or object, or a list of these");
        return;
      case Kind::kList:
        need(value.is_array() && !value.empty(), "a list of values");
        return;
      case Kind::kNames:
        need(IsNames(value), "a list of names");
        return;
      case Kind::kNamesMap:
        need(value.is_object() && std::all_of(value.begin(), value.end(), IsNames), "an object of lists of names");
        return;
      case Kind::kBoolean:
        need(value.is_boolean(), "true or false");
        return;
      case Kind::kCount:
        need(IsCount(value), "a whole number from 0");
        return;
      case Kind::kNumber:
        need(value.is_number(), "a number");
        return;
      case Kind::kPositive:
        need(value.is_number() && value.get<double>() > 0, "a number above 0");
        return;
      case Kind::kPattern:
        if (need(value.is_string(), "a pattern")) ReadPattern(value.get<std::string>(), place);
        return;
      case Kind::kReference:
        if (need(value.is_string(), "a text like \"#/$defs/name\"")) to_resolve_[value.get<std::string>()] = place;
        return;
      case Kind::kSchema:
        return ReadSchema(value, place);
      case Kind::kSchemaOrSchemas:
        if (!value.is_array()) return ReadSchema(value, place);
        [[fallthrough]];
      case Kind::kSchemas:
        if (!need(value.is_array() && !value.empty(), "a list of schemas")) return;
        for (size_t i = 0; i < value.size(); ++i) ReadSchema(value[i], place + JsonPointerStep(std::to_string(i)));
        return;
      case Kind::kSchemaMap:
      case Kind::kPatternMap:
        if (!need(value.is_object(), "an object of schemas")) return;
        for (const auto& [name, member] : value.items()) {
          if (kind == Kind::kPatternMap) ReadPattern(name, place + JsonPointerStep(name));
          ReadSchema(member, place + JsonPointerStep(name));
        }
        return;
    }
  }

  void ReadPattern(const std::string& pattern, const std::string& place) {
    auto expression = std::make_shared<const RE2>(pattern, RE2::Quiet);
    if (!expression->ok()) return Wrong(place, fmt::format("not an RE2 pattern: {}", expression->error()));
    schema_.patterns_[pattern] = std::move(expression);
  }

  void Resolve(const std::string& text, const std::string& place) {
    const auto target = targets_.find(text);
    if (target == targets_.end()) {
      return Wrong(place, fmt::format("{} names no schema in here; write \"#/$defs/name\"", QuotedWord(text)));
    }
    schema_.references_[text] = target->second;
  }

  // Follows the schemas that are applied to the same value: none may come back to where it is.
  void FindCircle(const nlohmann::json& schema, int steps) {
    // A longer way is cut by the check itself.
    if (!schema.is_object() || done_.contains(&schema) || steps == JsonSchema::kMostSteps) return;
    if (open_.contains(&schema)) return Wrong(places_[&schema], "refers to itself without going into the value");
    open_.insert(&schema);
    for (const auto& [name, value] : schema.items()) {
      const Keyword* keyword = FindKeyword(name);
      if (!keyword->in_place) continue;
      if (keyword->kind == Kind::kReference) {
        FindCircle(*schema_.references_[value.get<std::string>()], steps + 1);
      } else if (value.is_array()) {
        for (const nlohmann::json& member : value) FindCircle(member, steps + 1);
      } else {
        FindCircle(value, steps + 1);
      }
    }
    open_.erase(&schema);
    done_.insert(&schema);
  }

  std::vector<SchemaProblem>& problems_;
  JsonSchema schema_;
  std::map<const nlohmann::json*, std::string> places_;  // of every schema
  std::map<std::string, const nlohmann::json*> targets_;
  std::map<std::string, std::string> to_resolve_;
  std::set<const nlohmann::json*> open_;
  std::set<const nlohmann::json*> done_;
};

JsonSchema ReadJsonSchema(const nlohmann::json& schema, std::vector<SchemaProblem>& problems) {
  return SchemaReader(problems).Read(schema);
}

}  // namespace loco
