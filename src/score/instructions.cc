#include "score/instructions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/suggest.h"
#include "score/instruction_checks.h"
#include "score/language.h"
#include "score/python_text.h"

namespace loco {
namespace {

enum class Kind { kCount, kPlace, kRelation, kText, kTexts, kLetter, kLanguage };

struct Argument {
  const char* name = nullptr;
  Kind kind = Kind::kText;
};

struct InstructionType {
  const char* id;
  InstructionCheck* follows;
  std::array<Argument, 3> arguments;  // those without a name are none
};

// In alphabetical order.
constexpr InstructionType kTypes[] = {
    {"change_case:capital_word_frequency",
     HasCapitalWords,
     {{{"capital_frequency", Kind::kCount}, {"capital_relation", Kind::kRelation}}}},
    {"change_case:english_capital", IsCapitalEnglish, {}},
    {"change_case:english_lowercase", IsLowercaseEnglish, {}},
    {"combination:repeat_prompt", RepeatsPrompt, {{{"prompt_to_repeat", Kind::kText}}}},
    {"combination:two_responses", HasTwoResponses, {}},
    {"detectable_content:number_placeholders", HasPlaceholders, {{{"num_placeholders", Kind::kCount}}}},
    {"detectable_content:postscript", HasPostscript, {{{"postscript_marker", Kind::kText}}}},
    {"detectable_format:constrained_response", HasConstrainedResponse, {}},
    {"detectable_format:json_format", IsJson, {}},
    {"detectable_format:multiple_sections",
     HasSections,
     {{{"section_spliter", Kind::kText}, {"num_sections", Kind::kCount}}}},
    {"detectable_format:number_bullet_lists", HasBullets, {{{"num_bullets", Kind::kCount}}}},
    {"detectable_format:number_highlighted_sections", HasHighlights, {{{"num_highlights", Kind::kCount}}}},
    {"detectable_format:title", HasTitle, {}},
    {"keywords:existence", HasKeywords, {{{"keywords", Kind::kTexts}}}},
    {"keywords:forbidden_words", HasNoForbiddenWord, {{{"forbidden_words", Kind::kTexts}}}},
    {"keywords:frequency",
     HasKeywordCount,
     {{{"keyword", Kind::kText}, {"frequency", Kind::kCount}, {"relation", Kind::kRelation}}}},
    {"keywords:letter_frequency",
     HasLetterCount,
     {{{"letter", Kind::kLetter}, {"let_frequency", Kind::kCount}, {"let_relation", Kind::kRelation}}}},
    {"language:response_language", IsInLanguage, {{{"language", Kind::kLanguage}}}},
    {"length_constraints:nth_paragraph_first_word",
     HasFirstWord,
     {{{"num_paragraphs", Kind::kCount}, {"nth_paragraph", Kind::kPlace}, {"first_word", Kind::kText}}}},
    {"length_constraints:number_paragraphs", HasParagraphs, {{{"num_paragraphs", Kind::kCount}}}},
    {"length_constraints:number_sentences",
     HasSentenceCount,
     {{{"num_sentences", Kind::kCount}, {"relation", Kind::kRelation}}}},
    {"length_constraints:number_words", HasWordCount, {{{"num_words", Kind::kCount}, {"relation", Kind::kRelation}}}},
    {"punctuation:no_comma", HasNoComma, {}},
    {"startend:end_checker", EndsWithPhrase, {{{"end_phrase", Kind::kText}}}},
    {"startend:quotation", IsQuoted, {}},
};

const InstructionType* FindType(std::string_view id) {
  for (const InstructionType& type : kTypes) {
    if (id == type.id) return &type;
  }
  return nullptr;
}

std::vector<std::string> ArgumentNames(const InstructionType& type) {
  std::vector<std::string> names;
  for (const Argument& argument : type.arguments) {
    if (argument.name != nullptr) names.emplace_back(argument.name);
  }
  return names;
}

// "; did you mean 'x'?", or nothing.
std::string Suggestion(const std::string& word, const std::vector<std::string>& known) {
  const auto nearest = Nearest(word, known);
  return nearest ? fmt::format("; did you mean '{}'?", *nearest) : "";
}

// Ids come with a group in front, which is often left out or mistaken.
std::string SuggestId(const std::string& id) {
  const auto without_group = [](const std::string& name) { return name.substr(name.find(':') + 1); };
  std::string suggestion = Suggestion(id, InstructionIds());
  if (!suggestion.empty()) return suggestion;
  std::vector<std::string> names;
  for (const InstructionType& type : kTypes) names.push_back(without_group(type.id));
  const auto nearest = Nearest(without_group(id), names);
  if (!nearest) return "";
  const auto at = std::find(names.begin(), names.end(), *nearest) - names.begin();
  return fmt::format("; did you mean '{}'?", kTypes[at].id);
}

bool IsCount(const nlohmann::json& value, double least) {
  // Copies of the data that went through tables have 3.0 for 3.
  if (!value.is_number()) return false;
  const auto number = value.get<double>();
  return number >= least && number <= 1e9 && number == std::floor(number);
}

bool IsText(const nlohmann::json& value) { return value.is_string() && !IsAllBlank(value.get<std::string>()); }

bool IsOneCharacter(const nlohmann::json& value) {
  if (!IsText(value)) return false;
  const std::string text = ValidUtf8(value.get<std::string>());
  size_t end = 0;
  NextCodePoint(text, end);
  return end == text.size();
}

// What is wrong with an argument's value.
std::optional<std::string> FindMistake(const nlohmann::json& value, Kind kind) {
  const auto check = [](bool good, std::string what) { return good ? std::nullopt : std::optional(std::move(what)); };
  switch (kind) {
    case Kind::kCount:
      return check(IsCount(value, 0), "must be a whole number from 0");
    case Kind::kPlace:
      return check(IsCount(value, 1), "must be a whole number from 1");
    case Kind::kRelation:
      return check(value == "at least" || value == "less than", "must be \"at least\" or \"less than\"");
    case Kind::kText:
      return check(IsText(value), "must be a text that is not empty");
    case Kind::kTexts:
      return check(value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), IsText),
                   "must be a list of texts, none of them empty");
    case Kind::kLetter:
      return check(IsOneCharacter(value), "must be one character");
    case Kind::kLanguage:
      if (!value.is_string()) return "must be a language code such as \"de\"";
      const auto& codes = LanguageCodes();
      return check(std::find(codes.begin(), codes.end(), value.get<std::string>()) != codes.end(),
                   fmt::format("must be one of {}", fmt::join(codes, " ")));
  }
  LOCO_CHECK(false);
}

// The text without its first line, its last line, or both: what is left has no blanks at its ends.
std::vector<std::string> WithoutOuterLines(std::string_view text) {
  const size_t first = text.find('\n');
  const size_t last = text.rfind('\n');
  std::vector<std::string> out;
  if (first == std::string_view::npos) return out;  // nothing is left of a single line
  out.emplace_back(Strip(text.substr(first + 1)));
  out.emplace_back(Strip(text.substr(0, last)));
  if (first < last) out.emplace_back(Strip(text.substr(first + 1, last - first - 1)));
  return out;
}

bool FollowsText(const InstructionType& type, const nlohmann::json& arguments, const std::string& text) {
  return !IsAllBlank(text) && type.follows(text, arguments);
}

const InstructionType& CheckedType(const Instruction& instruction) {
  LOCO_CHECK(FindInstructionProblems(instruction).empty());  // whoever loads instructions refuses those with problems
  return *FindType(instruction.id);
}

}  // namespace

std::vector<InstructionProblem> FindInstructionProblems(const Instruction& instruction) {
  const InstructionType* type = FindType(instruction.id);
  if (type == nullptr) {
    return {{"", fmt::format("unknown instruction '{}'{}", instruction.id, SuggestId(instruction.id))}};
  }
  const nlohmann::json& given = instruction.arguments;
  if (!given.is_object()) return {{"", "the arguments of an instruction must be an object"}};
  std::vector<InstructionProblem> problems;
  const std::vector<std::string> names = ArgumentNames(*type);
  for (const auto& [name, value] : given.items()) {
    if (value.is_null() || std::find(names.begin(), names.end(), name) != names.end()) continue;
    problems.push_back({name, fmt::format("'{}' has no argument '{}'{}", type->id, name, Suggestion(name, names))});
  }
  for (const Argument& argument : type->arguments) {
    if (argument.name == nullptr) continue;
    if (!given.contains(argument.name)) {
      problems.push_back({"", fmt::format("'{}' needs the argument '{}'", type->id, argument.name)});
    } else if (const auto mistake = FindMistake(given.at(argument.name), argument.kind)) {
      problems.push_back({argument.name, fmt::format("'{}' {}", argument.name, *mistake)});
    }
  }
  const bool has_place = problems.empty() && type->follows == HasFirstWord;
  if (has_place && CountArgument(given, "nth_paragraph") > CountArgument(given, "num_paragraphs")) {
    problems.push_back({"nth_paragraph", "'nth_paragraph' must be at most 'num_paragraphs'"});
  }
  return problems;
}

bool Follows(const Instruction& instruction, std::string_view response) {
  return FollowsText(CheckedType(instruction), instruction.arguments, ValidUtf8(response));
}

bool FollowsLoosely(const Instruction& instruction, std::string_view response) {
  const InstructionType& type = CheckedType(instruction);
  const std::string whole = ValidUtf8(response);
  std::vector<std::string> variants = WithoutOuterLines(whole);
  variants.push_back(whole);
  return std::any_of(variants.begin(), variants.end(), [&](const std::string& variant) {
    return FollowsText(type, instruction.arguments, variant) ||
           FollowsText(type, instruction.arguments, Without(variant, '*'));
  });
}

std::vector<std::string> InstructionIds() {
  std::vector<std::string> ids;
  for (const InstructionType& type : kTypes) ids.emplace_back(type.id);
  return ids;
}

int64_t CountArgument(const nlohmann::json& arguments, const char* name) {
  return static_cast<int64_t>(arguments.at(name).get<double>());
}

std::string TextArgument(const nlohmann::json& arguments, const char* name) {
  return ValidUtf8(arguments.at(name).get<std::string>());
}

bool IsWithin(int64_t count, const nlohmann::json& arguments, const char* relation, const char* limit) {
  const int64_t number = CountArgument(arguments, limit);
  return TextArgument(arguments, relation) == "at least" ? count >= number : count < number;
}

}  // namespace loco
