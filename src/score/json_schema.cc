#include "score/json_schema.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include "base/diagnostic.h"
#include "score/json_answer.h"

namespace loco {

namespace {

// Exact for 64-bit integers where a long double has 64 bits of mantissa or more.
long double NumberOf(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<uint64_t>());
  if (value.is_number_integer()) return static_cast<long double>(value.get<int64_t>());
  return static_cast<long double>(value.get<double>());
}

// A count of the schema; one beyond what a size can be is as good as the largest.
size_t CountOf(const nlohmann::json& value) {
  return NumberOf(value) < 9e18L ? static_cast<size_t>(NumberOf(value)) : std::string::npos;
}

bool IsWhole(const nlohmann::json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

bool HasType(const nlohmann::json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return IsWhole(value);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return value.is_object();
}

std::string Joined(const nlohmann::json& names) {
  if (names.is_string()) return names.get<std::string>();
  std::string text;
  for (const nlohmann::json& name : names) text += (text.empty() ? "" : " or ") + name.get<std::string>();
  return text;
}

}  // namespace

class SchemaCheck {
 public:
  explicit SchemaCheck(const JsonSchema& schema) : schema_(schema) {}

  struct Failure {
    std::string place;  // from the value that was checked
    std::string message;
  };
  using Result = std::optional<Failure>;

  // A result is kept for each schema and value: without that, alternatives that share a part of the value would be
  // tried again at every level, in exponential time.
  Result Check(const nlohmann::json& schema, const nlohmann::json& value) {
    if (schema.is_boolean()) return Holds(schema.get<bool>(), "is not allowed here");
    const auto [known, is_new] = known_.try_emplace({&schema, &value}, false);
    if (!is_new) return Holds(known->second, "does not match the schema");
    if (steps_ == JsonSchema::kMostSteps) return Failure{"", "goes too deep for this schema"};
    ++steps_;
    Result result = CheckPlain(schema, value);
    if (!result) result = CheckCombined(schema, value);
    if (!result && value.is_array()) result = CheckList(schema, value);
    if (!result && value.is_object()) result = CheckObject(schema, value);
    --steps_;
    known_[{&schema, &value}] = !result;
    return result;
  }

 private:
  static Result Holds(bool holds, std::string message) {
    if (holds) return std::nullopt;
    return Failure{"", std::move(message)};
  }

  // The value of a keyword, where the schema has it.
  static const nlohmann::json* Find(const nlohmann::json& schema, const char* name) {
    const auto found = schema.find(name);
    return found == schema.end() ? nullptr : &*found;
  }

  Result CheckPart(const nlohmann::json& schema, const nlohmann::json& part, std::string_view name) {
    Result result = Check(schema, part);
    if (result) result->place.insert(0, JsonPointerStep(name));
    return result;
  }

  Result CheckPlain(const nlohmann::json& schema, const nlohmann::json& value) const {
    if (const nlohmann::json* type = Find(schema, "type")) {
      const auto has = [&](const nlohmann::json& name) { return HasType(value, name.get<std::string>()); };
      const bool holds = type->is_string() ? has(*type) : std::any_of(type->begin(), type->end(), has);
      if (!holds) return Failure{"", fmt::format("must be of type {}", Joined(*type))};
    }
    if (const nlohmann::json* allowed = Find(schema, "const")) {
      if (CanonicalJson(*allowed) != CanonicalJson(value)) return Failure{"", "is not the one value allowed"};
    }
    if (const nlohmann::json* allowed = Find(schema, "enum")) {
      const std::string text = CanonicalJson(value);
      const auto same = [&](const nlohmann::json& one) { return CanonicalJson(one) == text; };
      if (std::none_of(allowed->begin(), allowed->end(), same)) return Failure{"", "is none of the values allowed"};
    }
    if (value.is_number()) return CheckNumber(schema, value);
    if (value.is_string()) return CheckText(schema, value.get_ref<const std::string&>());
    return std::nullopt;
  }

  static Result CheckNumber(const nlohmann::json& schema, const nlohmann::json& value) {
    const long double number = NumberOf(value);
    const auto limit = [&](const char* name) { return NumberOf(*Find(schema, name)); };
    if (Find(schema, "minimum") && number < limit("minimum")) return Failure{"", "is too small"};
    if (Find(schema, "maximum") && number > limit("maximum")) return Failure{"", "is too large"};
    if (Find(schema, "exclusiveMinimum") && number <= limit("exclusiveMinimum")) return Failure{"", "is too small"};
    if (Find(schema, "exclusiveMaximum") && number >= limit("exclusiveMaximum")) return Failure{"", "is too large"};
    if (Find(schema, "multipleOf")) {
      // Decimal fractions are not exact in binary: .0075 is to be a multiple of .0001. Beyond 2^53 no fraction is left.
      const long double times = std::fabs(number / limit("multipleOf"));
      const long double slack = times > 0x1p53L ? 1 : std::min(1e-3L, 1e-9L * std::max(1.0L, times));
      if (times > std::numeric_limits<double>::max() || std::fabs(times - std::round(times)) > slack) {
        return Failure{"", "is no multiple"};
      }
    }
    return std::nullopt;
  }

  Result CheckText(const nlohmann::json& schema, const std::string& text) const {
    const auto length =
        static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    if (const nlohmann::json* least = Find(schema, "minLength"); least && length < CountOf(*least))
      return Failure{"", "is too short"};
    if (const nlohmann::json* most = Find(schema, "maxLength"); most && length > CountOf(*most))
      return Failure{"", "is too long"};
    if (const nlohmann::json* pattern = Find(schema, "pattern");
        pattern && !Matches(pattern->get<std::string>(), text)) {
      return Failure{"", "does not match the pattern"};
    }
    return std::nullopt;
  }

  bool Matches(const std::string& pattern, const std::string& text) const {
    return RE2::PartialMatch(text, *schema_.patterns_.at(pattern));
  }

  Result CheckCombined(const nlohmann::json& schema, const nlohmann::json& value) {
    if (const nlohmann::json* reference = Find(schema, "$ref")) {
      if (Result result = Check(*schema_.references_.at(reference->get<std::string>()), value)) return result;
    }
    if (const nlohmann::json* all = Find(schema, "allOf")) {
      for (const nlohmann::json& one : *all) {
        if (Result result = Check(one, value)) return result;
      }
    }
    if (const nlohmann::json* any = Find(schema, "anyOf")) {
      if (std::all_of(any->begin(), any->end(),
                      [&](const nlohmann::json& one) { return Check(one, value).has_value(); })) {
        return Failure{"", "matches none of the alternatives"};
      }
    }
    if (const nlohmann::json* choices = Find(schema, "oneOf")) {
      const auto count = std::count_if(choices->begin(), choices->end(),
                                       [&](const nlohmann::json& one) { return !Check(one, value); });
      if (count != 1)
        return Failure{"", fmt::format("matches {} alternatives, not one", count == 0 ? "no" : "several")};
    }
    if (const nlohmann::json* no = Find(schema, "not"); no && !Check(*no, value))
      return Failure{"", "matches what it must not"};
    if (const nlohmann::json* condition = Find(schema, "if")) {
      const nlohmann::json* then = Find(schema, Check(*condition, value) ? "else" : "then");
      if (then != nullptr) return Check(*then, value);
    }
    return std::nullopt;
  }

  Result CheckList(const nlohmann::json& schema, const nlohmann::json& value) {
    if (const nlohmann::json* least = Find(schema, "minItems"); least && value.size() < CountOf(*least)) {
      return Failure{"", "has too few items"};
    }
    if (const nlohmann::json* most = Find(schema, "maxItems"); most && value.size() > CountOf(*most)) {
      return Failure{"", "has too many items"};
    }
    if (const nlohmann::json* unique = Find(schema, "uniqueItems"); unique && unique->get<bool>()) {
      std::set<std::string> seen;
      for (const nlohmann::json& item : value) {
        if (!seen.insert(CanonicalJson(item)).second) return Failure{"", "holds an item twice"};
      }
    }
    // Draft 7 writes a list of schemas into `items` and the rest into `additionalItems`.
    const nlohmann::json* items = Find(schema, "items");
    const bool draft7 = items != nullptr && items->is_array();
    const nlohmann::json* first = draft7 ? items : Find(schema, "prefixItems");
    const nlohmann::json* rest = draft7 ? Find(schema, "additionalItems") : items;
    size_t matches = 0;
    const nlohmann::json* contains = Find(schema, "contains");
    for (size_t i = 0; i < value.size(); ++i) {
      const nlohmann::json* of_item = first != nullptr && i < first->size() ? &(*first)[i] : rest;
      if (of_item != nullptr) {
        if (Result result = CheckPart(*of_item, value[i], std::to_string(i))) return result;
      }
      if (contains != nullptr && !Check(*contains, value[i])) ++matches;
    }
    if (contains == nullptr) return std::nullopt;
    const nlohmann::json* least = Find(schema, "minContains");
    const nlohmann::json* most = Find(schema, "maxContains");
    if (matches < (least != nullptr ? CountOf(*least) : 1)) return Failure{"", "lacks an item that it must contain"};
    return Holds(most == nullptr || matches <= CountOf(*most), "contains too many of some item");
  }

  Result CheckObject(const nlohmann::json& schema, const nlohmann::json& value) {
    if (const nlohmann::json* required = Find(schema, "required")) {
      for (const nlohmann::json& name : *required) {
        if (!value.contains(name.get<std::string>())) return Missing(name.get<std::string>());
      }
    }
    if (const nlohmann::json* dependent = Find(schema, "dependentRequired")) {
      for (const auto& [present, names] : dependent->items()) {
        for (const nlohmann::json& name : names) {
          if (value.contains(present) && !value.contains(name.get<std::string>()))
            return Missing(name.get<std::string>());
        }
      }
    }
    if (const nlohmann::json* least = Find(schema, "minProperties"); least && value.size() < CountOf(*least)) {
      return Failure{"", "has too few fields"};
    }
    if (const nlohmann::json* most = Find(schema, "maxProperties"); most && value.size() > CountOf(*most)) {
      return Failure{"", "has too many fields"};
    }
    const nlohmann::json* properties = Find(schema, "properties");
    const nlohmann::json* patterns = Find(schema, "patternProperties");
    const nlohmann::json* additional = Find(schema, "additionalProperties");
    const nlohmann::json* names = Find(schema, "propertyNames");
    for (const auto& [name, member] : value.items()) {
      bool is_known = false;
      if (names != nullptr) {
        const nlohmann::json text = name;
        // By a check of its own: results are kept by address, and this one is passing.
        if (Result result = SchemaCheck(schema_).Check(*names, text))
          return Failure{JsonPointerStep(name), "is no name allowed"};
      }
      if (properties != nullptr && properties->contains(name)) {
        is_known = true;
        if (Result result = CheckPart((*properties)[name], member, name)) return result;
      }
      if (patterns != nullptr) {
        for (const auto& [pattern, of_member] : patterns->items()) {
          if (!Matches(pattern, name)) continue;
          is_known = true;
          if (Result result = CheckPart(of_member, member, name)) return result;
        }
      }
      if (additional != nullptr && !is_known) {
        if (Result result = CheckPart(*additional, member, name)) return result;
      }
    }
    return std::nullopt;
  }

  static Result Missing(const std::string& name) { return Failure{"", fmt::format("{} is missing", QuotedWord(name))}; }

  const JsonSchema& schema_;
  std::map<std::pair<const nlohmann::json*, const nlohmann::json*>, bool> known_;
  int steps_ = 0;
};

std::optional<std::string> JsonSchema::Mismatch(const nlohmann::json& value) const {
  if (root_ == nullptr) return std::nullopt;
  const auto failure = SchemaCheck(*this).Check(*root_, value);
  if (!failure) return std::nullopt;
  return failure->place.empty() ? failure->message : fmt::format("{}: {}", failure->place, failure->message);
}

}  // namespace loco
