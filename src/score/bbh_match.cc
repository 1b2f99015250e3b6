#include "score/bbh_match.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "score/answer_filters.h"
#include "score/fold.h"

namespace loco {
namespace {

constexpr std::array<BbhTask, 27> kTasks = {{
    {"boolean_expressions", BbhReading::kTrueFalse},
    {"causal_judgement", BbhReading::kYesNo},
    {"date_understanding", BbhReading::kOption},
    {"disambiguation_qa", BbhReading::kOption},
    {"dyck_languages", BbhReading::kExact},
    {"formal_fallacies", BbhReading::kValidity},
    {"geometric_shapes", BbhReading::kOption},
    {"hyperbaton", BbhReading::kOption},
    {"logical_deduction_five_objects", BbhReading::kOption},
    {"logical_deduction_seven_objects", BbhReading::kOption},
    {"logical_deduction_three_objects", BbhReading::kOption},
    {"movie_recommendation", BbhReading::kOption},
    {"multistep_arithmetic_two", BbhReading::kExact},
    {"navigate", BbhReading::kYesNo},
    {"object_counting", BbhReading::kExact},
    {"penguins_in_a_table", BbhReading::kOption},
    {"reasoning_about_colored_objects", BbhReading::kOption},
    {"ruin_names", BbhReading::kOption},
    {"salient_translation_error_detection", BbhReading::kOption},
    {"snarks", BbhReading::kOption},
    {"sports_understanding", BbhReading::kYesNo},
    {"temporal_sequences", BbhReading::kOption},
    {"tracking_shuffled_objects_five_objects", BbhReading::kOption},
    {"tracking_shuffled_objects_seven_objects", BbhReading::kOption},
    {"tracking_shuffled_objects_three_objects", BbhReading::kOption},
    {"web_of_lies", BbhReading::kYesNo},
    {"word_sorting", BbhReading::kWordList},
}};

// The four places of the header; each pattern's first group is the choice.
struct ChoicePatterns {
  RE2 announced;
  RE2 line;  // the whole of a line
  RE2 opening;
  RE2 named;
  RE2 denied;
};

constexpr const char* kDenied = R"((?i)\b(?:not|never|neither|nor|cannot)\b|n['’]t\b)";

ChoicePatterns WordPatterns(const char* words) {
  return {RE2(fmt::format(R"((?i)\banswer(?:\s+is\b|\s*:)\s*:?[\s*"'`(\[]*({})\b)", words)),
          RE2(fmt::format(R"((?i)[\s*"'`(\[]*({})[\s*"'`)\].!]*)", words)),
          RE2(fmt::format(R"((?i)^[\s*"'`(\[]*({})[*"'`)\]]*(?:[.,;:!\n]|\s+[-–—]|\s*$))", words)),
          RE2(fmt::format(R"((?i)\b({})\b)", words)), RE2(kDenied)};
}

const ChoicePatterns& PatternsOf(BbhReading reading) {
  static const ChoicePatterns kYesNo = WordPatterns("yes|no");
  static const ChoicePatterns kTrueFalse = WordPatterns("true|false");
  static const ChoicePatterns kValidity = WordPatterns("valid|invalid");
  static const ChoicePatterns kOption{
      RE2(R"((?i:\banswer(?:\s+is\b|\s*:)\s*:?[\s*"'`\[]*(?:option\s+)?)\(?([A-Z])(?:[).,;:!*"'`\]\n]|\s*$|\s*\n))"),
      RE2(R"([\s*"'`\[]*(?i:option\s+)?\(?([A-Z])\)?[\s*"'`\].!]*)"),
      RE2(R"(^[\s*"'`]*([A-Z])(?:[).:](?:\s|$)|\s*\n))"), RE2(R"(\(([A-Z])\))"), RE2(kDenied)};
  switch (reading) {
    case BbhReading::kYesNo:
      return kYesNo;
    case BbhReading::kTrueFalse:
      return kTrueFalse;
    case BbhReading::kValidity:
      return kValidity;
    case BbhReading::kOption:
      return kOption;
    case BbhReading::kExact:
    case BbhReading::kWordList:
      break;
  }
  LOCO_CHECK(false);  // no choices
}

// Letters of options are capitals already.
std::string AsChoice(BbhReading reading, const std::string& found) {
  return reading == BbhReading::kOption ? "(" + found + ")" : FoldCase(found);
}

// The only choice named in the text; none when there are two.
std::optional<std::string> OnlyNamed(BbhReading reading, std::string_view text) {
  std::optional<std::string> only;
  re2::StringPiece rest(text.data(), text.size());
  for (std::string found; RE2::FindAndConsume(&rest, PatternsOf(reading).named, &found);) {
    const std::string choice = AsChoice(reading, found);
    if (only && *only != choice) return std::nullopt;
    only = choice;
  }
  return only;
}

std::optional<std::string> ReadChoice(BbhReading reading, std::string_view answer) {
  const ChoicePatterns& patterns = PatternsOf(reading);
  if (const auto announced = LastGroup(patterns.announced, 1, answer)) return AsChoice(reading, *announced);
  std::string line(answer);
  std::string found;
  if (SelectLastLine(line) && RE2::FullMatch(line, patterns.line, &found)) return AsChoice(reading, found);

  // "A. The owl, not (B)" may be a list of the options: with letters in parentheses the start does not count.
  const bool start_counts = reading != BbhReading::kOption || !FirstGroup(patterns.named, 1, answer);
  if (const auto start = FirstGroup(patterns.opening, 1, answer); start && start_counts) {
    return AsChoice(reading, *start);
  }
  if (FirstGroup(patterns.denied, 0, answer)) return std::nullopt;
  return OnlyNamed(reading, answer);
}

// The choice that the target is; none when it is something else.
std::optional<std::string> TargetChoice(BbhReading reading, std::string_view target) {
  std::string found;
  if (!RE2::FullMatch(re2::StringPiece(target.data(), target.size()), PatternsOf(reading).named, &found)) {
    return std::nullopt;
  }
  return AsChoice(reading, found);
}

// "1.", "23)", "-", "*", "•": what stands before a word of a list on paper.
bool IsListMark(std::string_view piece) {
  static const RE2 kMark(R"(\d+[.):]?|[-*+•–—]|[.)]+)");
  return RE2::FullMatch(re2::StringPiece(piece.data(), piece.size()), kMark);
}

std::string_view TrimSigns(std::string_view word) {
  constexpr std::string_view kSigns = "\"'`*[](){}.,;:!_<>";
  const size_t begin = word.find_first_not_of(kSigns);
  if (begin == std::string_view::npos) return {};
  return word.substr(begin, word.find_last_not_of(kSigns) - begin + 1);
}

// Where the list begins: after the last "answer is" or colon that something follows.
size_t ListBegin(std::string_view folded) {
  const std::string_view trimmed = folded.substr(0, folded.find_last_not_of(" \t\r\n:*_\"'`.") + 1);
  constexpr std::string_view kAnswerIs = "answer is ";
  const size_t colon = trimmed.rfind(':');
  const size_t announced = trimmed.rfind(kAnswerIs);
  const size_t after_colon = colon == std::string_view::npos ? 0 : colon + 1;
  return std::max(after_colon, announced == std::string_view::npos ? 0 : announced + kAnswerIs.size());
}

std::string ReadWordList(std::string_view answer) {
  const std::string folded = FoldCase(answer);
  constexpr std::string_view kSeparators = " \t\r\n\v\f,;";
  std::string words;
  for (size_t begin = ListBegin(folded); begin < folded.size();) {
    const size_t end = std::min(folded.find_first_of(kSeparators, begin), folded.size());
    const std::string_view piece = std::string_view(folded).substr(begin, end - begin);
    begin = end + 1;
    const std::string_view word = TrimSigns(piece);
    if (word.empty() || IsListMark(piece)) continue;
    if (!words.empty()) words += ' ';
    words += word;
  }
  return words;
}

}  // namespace

std::span<const BbhTask> BbhTasks() { return kTasks; }

std::optional<BbhReading> FindBbhReading(std::string_view task) {
  for (const BbhTask& known : kTasks) {
    if (task == known.name) return known.reading;
  }
  return std::nullopt;
}

Marking MarkBbh(std::string_view answer, std::string_view target, BbhReading reading) {
  const std::string_view trimmed = TrimBlanks(answer);
  const Marking exact{trimmed == target ? Outcome::kRight : Outcome::kWrong, std::string(trimmed)};
  if (reading == BbhReading::kExact) return exact;

  const bool list = reading == BbhReading::kWordList;
  const auto wanted = list ? std::optional(ReadWordList(target)) : TargetChoice(reading, target);
  if (!wanted) return exact;
  if (exact.outcome == Outcome::kRight) return {Outcome::kRight, *wanted};
  const auto given = list ? std::optional(ReadWordList(trimmed)) : ReadChoice(reading, trimmed);
  if (!given || given->empty()) return {Outcome::kUnparsed, ""};
  return {*given == *wanted ? Outcome::kRight : Outcome::kWrong, *given};
}

}  // namespace loco
