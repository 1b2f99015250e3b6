#include "score/python_text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>

namespace loco {
namespace {

icu::UnicodeString FromUtf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(text.size())});
}

// True when some code point `is` of the wanted case and none of another.
bool IsOfCase(std::string_view text, UBool (*is)(UChar32), UBool (*is_not)(UChar32)) {
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<UChar32>(NextCodePoint(text, i));
    if (is_not(c) || u_istitle(c)) return false;
    any = any || is(c);
  }
  return any;
}

void Append(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else {
    icu::UnicodeString(static_cast<UChar32>(c)).toUTF8String(text);
  }
}

}  // namespace

char32_t CodePointBefore(std::string_view text, size_t i) {
  do {
    --i;
  } while (i > 0 && U8_IS_TRAIL(text[i]));
  return NextCodePoint(text, i);
}

std::string ValidUtf8(std::string_view text) {
  std::string out;
  FromUtf8(text).toUTF8String(out);
  return out;
}

// Python counts the four information separators U+001C to U+001F, which Unicode's White_Space leaves out.
bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) || (c >= 0x1C && c <= 0x1F); }

bool IsLetter(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }

bool IsDecimalDigit(char32_t c) { return u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER; }

bool IsPythonWord(char32_t c) {
  return c == '_' || (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

std::string_view Strip(std::string_view text) {
  size_t begin = text.size();
  size_t end = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (IsSpace(NextCodePoint(text, i))) continue;
    begin = std::min(begin, start);
    end = i;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

bool IsAllBlank(std::string_view text) { return Strip(text).empty(); }

std::string ToLower(std::string_view text) {
  std::string out;
  FromUtf8(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
  return out;
}

std::string FoldCharacters(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<UChar32>(NextCodePoint(text, i));
    Append(out, static_cast<char32_t>(u_foldCase(c, U_FOLD_CASE_DEFAULT)));
  }
  return out;
}

bool IsUpper(std::string_view text) { return IsOfCase(text, u_isUUppercase, u_isULowercase); }
bool IsLower(std::string_view text) { return IsOfCase(text, u_isULowercase, u_isUUppercase); }

std::vector<std::string_view> SplitBlanks(std::string_view text) {
  std::vector<std::string_view> pieces;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    if (!IsSpace(NextCodePoint(text, i))) continue;
    if (start > begin) pieces.push_back(text.substr(begin, start - begin));
    begin = i;
  }
  if (begin < text.size()) pieces.push_back(text.substr(begin));
  return pieces;
}

std::vector<std::string_view> SplitAt(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  size_t begin = 0;
  for (size_t end = 0; (end = text.find(separator, begin)) != std::string_view::npos; begin = end + separator.size()) {
    pieces.push_back(text.substr(begin, end - begin));
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

int64_t CountOccurrences(std::string_view text, std::string_view part) {
  return static_cast<int64_t>(SplitAt(text, part).size()) - 1;
}

std::string Without(std::string_view text, char part) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), part), out.end());
  return out;
}

}  // namespace loco
