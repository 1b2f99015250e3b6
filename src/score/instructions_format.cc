#include <re2/re2.h>

#include <functional>

#include "base/error.h"
#include "score/instruction_checks.h"
#include "score/python_text.h"

namespace loco {
namespace {

// What \s is in Python, which knows all of Unicode; RE2's knows ASCII.
constexpr const char* kSpace = R"([\t-\r\x{1c}-\x{1f}\x{85}\pZ])";

// The matches of `pattern`, one behind the other, that `counts` accepts.
int64_t CountMatches(
    std::string_view text, const std::string& pattern,
    const std::function<bool(std::string_view)>& counts = [](std::string_view) { return true; }) {
  const RE2 expression(pattern, RE2::Quiet);
  LOCO_CHECK(expression.ok());
  const re2::StringPiece piece(text.data(), text.size());
  re2::StringPiece match;
  int64_t count = 0;
  // Match rather than FindAndConsume, because ^ must see what stands before.
  for (size_t begin = 0; expression.Match(piece, begin, piece.size(), RE2::UNANCHORED, &match, 1);) {
    if (counts({match.data(), match.size()})) ++count;
    begin = static_cast<size_t>(match.data() - piece.data()) + match.size();
  }
  return count;
}

// Whether something is left when the characters of `left` and `right` and then blanks are taken off the ends.
bool HasTextBetween(std::string_view text, std::string_view left, std::string_view right) {
  const size_t begin = text.find_first_not_of(left);
  if (begin == std::string_view::npos) return false;
  text.remove_prefix(begin);
  return !IsAllBlank(text.substr(0, text.find_last_not_of(right) + 1));
}

// After a blank or none.
bool StartsWithNumber(std::string_view text) {
  size_t i = 0;
  char32_t c = text.empty() ? U'\0' : NextCodePoint(text, i);
  if (IsSpace(c) && i < text.size()) c = NextCodePoint(text, i);
  return IsDecimalDigit(c);
}

}  // namespace

bool HasBullets(const std::string& response, const nlohmann::json& arguments) {
  // A line that begins with ** is no bullet but emphasis. Blank lines before a bullet are part of it.
  const int64_t stars = CountMatches(response, std::string("(?m)^") + kSpace + R"(*\*[^*].*$)");
  const int64_t dashes = CountMatches(response, std::string("(?m)^") + kSpace + "*-.*$");
  return stars + dashes == CountArgument(arguments, "num_bullets");
}

bool HasHighlights(const std::string& response, const nlohmann::json& arguments) {
  const auto has_text = [](std::string_view text) { return HasTextBetween(text, "*", "*"); };
  const int64_t single = CountMatches(response, R"(\*[^\n*]*\*)", has_text);
  const int64_t twofold = CountMatches(response, R"(\*\*[^\n*]*\*\*)", has_text);
  return single + twofold >= CountArgument(arguments, "num_highlights");
}

bool HasPlaceholders(const std::string& response, const nlohmann::json& arguments) {
  return CountMatches(response, R"(\[.*?\])") >= CountArgument(arguments, "num_placeholders");
}

bool HasPostscript(const std::string& response, const nlohmann::json& arguments) {
  const std::string argument = TextArgument(arguments, "postscript_marker");
  const std::string_view marker = Strip(argument);
  const std::string text = ToLower(response);
  if (marker == "P.P.S") return CountMatches(text, std::string(R"(p\.)") + kSpace + R"(?p\.)" + kSpace + "?s") > 0;
  if (marker == "P.S.") return CountMatches(text, std::string(R"(p\.)") + kSpace + R"(?s\.)") > 0;
  return Contains(text, ToLower(marker));
}

bool HasSections(const std::string& response, const nlohmann::json& arguments) {
  const std::string argument = TextArgument(arguments, "section_spliter");
  const std::string_view splitter = Strip(argument);
  int64_t sections = 0;
  for (size_t at = 0; (at = response.find(splitter, at)) != std::string::npos; ++at) {
    sections += int64_t{StartsWithNumber(std::string_view(response).substr(at + splitter.size()))};
  }
  return sections >= CountArgument(arguments, "num_sections");
}

bool HasTitle(const std::string& response, const nlohmann::json& /*arguments*/) {
  const auto has_text = [](std::string_view title) { return HasTextBetween(title, "<", ">"); };
  return CountMatches(response, R"(<<[^\n]+>>)", has_text) > 0;
}

bool IsJson(const std::string& response, const nlohmann::json& /*arguments*/) {
  std::string_view text = Strip(response);
  for (const std::string_view fence : {"```json", "```Json", "```JSON", "```"}) {
    if (text.starts_with(fence)) text.remove_prefix(fence.size());
  }
  if (text.ends_with("```")) text.remove_suffix(3);
  text = Strip(text);
  // To the parser a NUL is the end of the text, and a byte-order mark is nothing.
  if (Contains(text, std::string_view("\0", 1)) || text.starts_with("\xEF\xBB\xBF")) return false;
  // accept() checks without building values, so that depth costs no stack. Unlike Python's reader it refuses NaN and
  // Infinity, which are no JSON, and numbers that no double holds.
  return nlohmann::json::accept(text);
}

}  // namespace loco
