// Reads assertions.h's assertions from JSON.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/diagnostic.h"
#include "base/error.h"
#include "score/assertions.h"
#include "score/fold.h"
#include "score/json_answer.h"

namespace loco {
namespace {

enum class Reads { kText, kTexts, kPattern, kNumber, kBounds, kSchema };

struct AssertionType {
  const char* name;
  AssertionTest test;
  Reads reads;
  bool folds;
};

// As in the table of assertions.h.
constexpr AssertionType kAssertionTypes[] = {
    {"contains", AssertionTest::kContainsAll, Reads::kText, false},
    {"icontains", AssertionTest::kContainsAll, Reads::kText, true},
    {"contains-any", AssertionTest::kContainsAny, Reads::kTexts, false},
    {"contains-all", AssertionTest::kContainsAll, Reads::kTexts, false},
    {"icontains-any", AssertionTest::kContainsAny, Reads::kTexts, true},
    {"icontains-all", AssertionTest::kContainsAll, Reads::kTexts, true},
    {"equals", AssertionTest::kEquals, Reads::kText, false},
    {"iequals", AssertionTest::kEquals, Reads::kText, true},
    {"starts-with", AssertionTest::kStartsWith, Reads::kText, false},
    {"istarts-with", AssertionTest::kStartsWith, Reads::kText, true},
    {"ends-with", AssertionTest::kEndsWith, Reads::kText, false},
    {"iends-with", AssertionTest::kEndsWith, Reads::kText, true},
    {"regex", AssertionTest::kRegex, Reads::kPattern, false},
    {"number", AssertionTest::kNumber, Reads::kNumber, false},
    {"word-count", AssertionTest::kWordCount, Reads::kBounds, false},
    {"length", AssertionTest::kLength, Reads::kBounds, false},
    {"line-count", AssertionTest::kLineCount, Reads::kBounds, false},
    {"is-json", AssertionTest::kIsJson, Reads::kSchema, false},
};

constexpr std::string_view kNot = "not-";

// The keys that say what the assertion is about.
std::vector<std::string> KeysOf(Reads reads) {
  switch (reads) {
    case Reads::kText:
    case Reads::kTexts:
    case Reads::kPattern:
      return {"value"};
    case Reads::kNumber:
      return {"value", "tolerance"};
    case Reads::kBounds:
      return {"min", "max"};
    case Reads::kSchema:
      return {"schema"};
  }
  LOCO_CHECK(false);
}

// Whether an empty match is found between any two characters: such a pattern finds one in every answer. The characters
// of the probe are for private use, so that no pattern means them.
bool MatchesAnything(const RE2& pattern) {
  constexpr std::string_view kProbe = "\uE000\uE000";
  return pattern.Match({kProbe.data(), kProbe.size()}, 3, 3, RE2::ANCHOR_BOTH, nullptr, 0);
}

class AssertionReader {
 public:
  AssertionReader(const nlohmann::json& value, std::string place, std::vector<SchemaProblem>& problems)
      : value_(value), place_(std::move(place)), problems_(problems) {}

  Assertion Read() {
    const AssertionType* type = ReadType();
    if (type == nullptr) return assertion_;
    RefuseOtherKeys(*type);
    assertion_.test = type->test;
    assertion_.folds = type->folds;
    switch (type->reads) {
      case Reads::kText:
        ReadText();
        break;
      case Reads::kTexts:
        ReadTexts();
        break;
      case Reads::kPattern:
        ReadPattern();
        break;
      case Reads::kNumber:
        ReadNumber();
        break;
      case Reads::kBounds:
        ReadBounds();
        break;
      case Reads::kSchema:
        ReadSchema();
        break;
    }
    ReadWeight();
    return assertion_;
  }

 private:
  void Wrong(const std::string& where, std::string message) {
    problems_.push_back({place_ + where, std::move(message)});
  }

  const nlohmann::json* Find(const char* key) const {
    const auto found = value_.find(key);
    return found == value_.end() ? nullptr : &*found;
  }

  const AssertionType* ReadType() {
    if (!value_.is_object()) {
      Wrong("", R"(must be an object: {"assert": "contains", "value": "…"})");
      return nullptr;
    }
    const nlohmann::json* given = Find("assert");
    if (given == nullptr || !given->is_string()) {
      Wrong(given == nullptr ? "" : "/assert", R"(needs "assert", the name of an assertion)");
      return nullptr;
    }
    const auto name = given->get<std::string>();
    assertion_.label = name;
    assertion_.negated = name.starts_with(kNot);
    const std::string_view bare = std::string_view(name).substr(assertion_.negated ? kNot.size() : 0);
    for (const AssertionType& type : kAssertionTypes) {
      if (bare == type.name) return &type;
    }
    Wrong("/assert", fmt::format("unknown assertion {}; {}", QuotedWord(name), SuggestWord(bare, AssertionNames())));
    return nullptr;
  }

  void RefuseOtherKeys(const AssertionType& type) {
    std::vector<std::string> known = KeysOf(type.reads);
    known.insert(known.end(), {"assert", "weight"});
    for (const auto& [key, ignored] : value_.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      Wrong("", fmt::format("unknown key {} of '{}'; {}", QuotedWord(key), assertion_.label, SuggestWord(key, known)));
    }
  }

  void AddText(std::string_view text) {
    assertion_.texts.push_back(assertion_.folds ? FoldCase(text) : std::string(text));
  }

  void ReadText() {
    const nlohmann::json* value = Find("value");
    if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) {
      Wrong(value == nullptr ? "" : "/value", R"(needs "value", a text that is not empty)");
      return;
    }
    const auto& text = value->get_ref<const std::string&>();
    const std::string_view trimmed = TrimBlanks(text);
    const AssertionTest test = assertion_.test;
    const bool at_begin = test == AssertionTest::kStartsWith && !text.starts_with(trimmed);
    const bool at_end = test == AssertionTest::kEndsWith && !text.ends_with(trimmed);
    if (test != AssertionTest::kContainsAll && (trimmed.empty() || at_begin || at_end)) {
      Wrong("/value", "the answer is read without blanks at its ends, so that none could stand there");
      return;
    }
    AddText(test == AssertionTest::kEquals ? trimmed : text);
    assertion_.label += " " + QuotedWord(text);
  }

  void ReadTexts() {
    const nlohmann::json* value = Find("value");
    const auto is_text = [](const nlohmann::json& one) {
      return one.is_string() && !one.get_ref<const std::string&>().empty();
    };
    if (value == nullptr || !value->is_array() || value->empty() ||
        !std::all_of(value->begin(), value->end(), is_text)) {
      Wrong(value == nullptr ? "" : "/value", R"(needs "value", a list of texts, none of them empty)");
      return;
    }
    for (const nlohmann::json& text : *value) AddText(text.get_ref<const std::string&>());
    const size_t more = value->size() - 1;
    assertion_.label += " " + QuotedWord(value->at(0).get_ref<const std::string&>());
    if (more > 0) assertion_.label += fmt::format(" and {} more", more);
  }

  void ReadPattern() {
    const nlohmann::json* value = Find("value");
    if (value == nullptr || !value->is_string()) {
      Wrong(value == nullptr ? "" : "/value", R"(needs "value", an RE2 pattern)");
      return;
    }
    const auto& text = value->get_ref<const std::string&>();
    auto pattern = std::make_shared<const RE2>(text, RE2::Quiet);
    if (!pattern->ok()) {
      Wrong("/value", fmt::format("not an RE2 pattern: {}", pattern->error()));
    } else if (MatchesAnything(*pattern)) {
      Wrong("/value", "matches every answer");
    }
    assertion_.pattern = std::move(pattern);
    assertion_.label += " " + QuotedWord(text);
  }

  // The finite number from `least` on that stands there, if one does.
  std::optional<double> FiniteNumber(const char* key, double least) {
    const nlohmann::json* value = Find(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const auto number = value->get<double>();
    return std::isfinite(number) && number >= least ? std::optional(number) : std::nullopt;
  }

  void ReadNumber() {
    constexpr double kLowest = std::numeric_limits<double>::lowest();
    const auto number = FiniteNumber("value", kLowest);
    if (!number) Wrong(Find("value") == nullptr ? "" : "/value", R"(needs "value", a number)");
    const auto tolerance = FiniteNumber("tolerance", 0);
    if (Find("tolerance") != nullptr && !tolerance) Wrong("/tolerance", "must be a number from 0");
    assertion_.number = number.value_or(0);
    assertion_.tolerance = tolerance.value_or(0);
    assertion_.label += fmt::format(" {}", assertion_.number);
  }

  std::optional<size_t> Bound(const char* key) {
    const nlohmann::json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned()) return value->get<size_t>();
    Wrong(std::string("/") + key, "must be a whole number from 0");
    return std::nullopt;
  }

  void ReadBounds() {
    const auto min = Bound("min");
    assertion_.min = min.value_or(0);
    assertion_.max = Bound("max");
    if (Find("min") == nullptr && Find("max") == nullptr) {
      Wrong("", R"(needs "min" or "max")");
    } else if (assertion_.max && *assertion_.max < assertion_.min) {
      Wrong("/max", "is less than 'min'");
    } else if (min == 0 && Find("max") == nullptr) {
      Wrong("/min", "every answer has 0 or more");
    }
    if (Find("min") != nullptr) assertion_.label += fmt::format(" from {}", assertion_.min);
    if (assertion_.max) assertion_.label += fmt::format(" to {}", *assertion_.max);
  }

  void ReadSchema() {
    const nlohmann::json* schema = Find("schema");
    if (schema == nullptr) return;
    std::vector<SchemaProblem> of_schema;
    assertion_.schema = ReadJsonSchema(*schema, of_schema);
    for (const SchemaProblem& problem : of_schema) Wrong("/schema" + problem.place, problem.message);
  }

  void ReadWeight() {
    constexpr double kMost = 1e6;  // a share must not lose the others
    if (Find("weight") == nullptr) return;
    const auto weight = FiniteNumber("weight", 0);
    if (weight && *weight >= 1 / kMost && *weight <= kMost) {
      assertion_.weight = *weight;
    } else {
      Wrong("/weight", "must be a number from 0.000001 to 1000000");
    }
  }

  const nlohmann::json& value_;
  std::string place_;
  std::vector<SchemaProblem>& problems_;
  Assertion assertion_;
};

}  // namespace

std::vector<Assertion> ReadAssertions(const nlohmann::json& value, std::vector<SchemaProblem>& problems) {
  if (!value.is_array() || value.empty()) {
    problems.push_back({"", R"(must be a list of assertions: [{"assert": "contains", "value": "…"}])"});
    return {};
  }
  if (IsTooDeep(value)) {
    problems.push_back({"", fmt::format("nested more than {} deep", kDeepestJson)});
    return {};
  }
  std::vector<Assertion> assertions;
  for (size_t i = 0; i < value.size(); ++i) {
    assertions.push_back(AssertionReader(value[i], fmt::format("/{}", i), problems).Read());
  }
  return assertions;
}

std::vector<std::string> AssertionNames() {
  std::vector<std::string> names;
  for (const AssertionType& type : kAssertionTypes) names.emplace_back(type.name);
  return names;
}

}  // namespace loco
