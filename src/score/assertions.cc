#include "score/assertions.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/error.h"
#include "score/json_answer.h"
#include "score/last_number.h"
#include "score/python_text.h"

namespace loco {
namespace {

bool HasWordCharacter(std::string_view piece) {
  for (size_t at = 0; at < piece.size();) {
    if (IsWordCharacter(NextCodePoint(piece, at))) return true;
  }
  return false;
}

size_t CountPiecesWithWords(std::string_view text) {
  const std::string valid = ValidUtf8(text);
  const std::vector<std::string_view> pieces = SplitBlanks(valid);
  return static_cast<size_t>(std::count_if(pieces.begin(), pieces.end(), HasWordCharacter));
}

size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) NextCodePoint(text, at);
  return count;
}

size_t CountFilledLines(std::string_view text) {
  const std::vector<std::string_view> lines = SplitAt(text, "\n");
  const auto is_filled = [](std::string_view line) { return !TrimBlanks(line).empty(); };
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), is_filled));
}

bool IsWithinBounds(const Assertion& assertion, size_t count) {
  return count >= assertion.min && count <= assertion.max.value_or(count);
}

bool IsJsonWithSchema(const Assertion& assertion, std::string_view text) {
  const StrictJson json = ParseStrictJson(text);
  return json.valid && !assertion.schema.Mismatch(json.value).has_value();
}

bool EndsWithNumber(const Assertion& assertion, std::string_view text) {
  const auto given = ParseNumber(std::string(LastNumberText(text)));
  return given && IsNear(*given, assertion.number, assertion.tolerance);
}

// Without regard to `negated`. `text` is folded where the assertion is.
bool TestHolds(const Assertion& assertion, std::string_view text) {
  const std::vector<std::string>& texts = assertion.texts;
  const auto is_there = [text](const std::string& part) { return Contains(text, part); };
  switch (assertion.test) {
    case AssertionTest::kContainsAny:
      return std::any_of(texts.begin(), texts.end(), is_there);
    case AssertionTest::kContainsAll:
      return std::all_of(texts.begin(), texts.end(), is_there);
    case AssertionTest::kEquals:
      return text == texts.at(0);
    case AssertionTest::kStartsWith:
      return text.starts_with(texts.at(0));
    case AssertionTest::kEndsWith:
      return text.ends_with(texts.at(0));
    case AssertionTest::kRegex:
      return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *assertion.pattern);
    case AssertionTest::kNumber:
      return EndsWithNumber(assertion, text);
    case AssertionTest::kWordCount:
      return IsWithinBounds(assertion, CountPiecesWithWords(text));
    case AssertionTest::kLength:
      return IsWithinBounds(assertion, CountCodePoints(text));
    case AssertionTest::kLineCount:
      return IsWithinBounds(assertion, CountFilledLines(text));
    case AssertionTest::kIsJson:
      return IsJsonWithSchema(assertion, text);
  }
  LOCO_CHECK(false);
}

}  // namespace

AssertionResult CheckAssertions(const std::vector<Assertion>& assertions, std::string_view answer) {
  LOCO_CHECK(!assertions.empty());  // ReadAssertions refuses an empty list
  const std::string_view text = TrimBlanks(answer);
  std::optional<std::string> folded;  // made once, and only for those that ask
  AssertionResult result;
  double held = 0;
  double all = 0;
  for (const Assertion& assertion : assertions) {
    if (assertion.folds && !folded) folded = FoldCase(text);
    all += assertion.weight;
    if (TestHolds(assertion, assertion.folds ? std::string_view(*folded) : text) != assertion.negated) {
      held += assertion.weight;
    } else {
      result.failed.push_back(assertion.label);
    }
  }
  result.holds = result.failed.empty();
  result.share = result.holds ? 1 : held / all;
  return result;
}

}  // namespace loco
