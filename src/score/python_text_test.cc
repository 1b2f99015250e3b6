#include "score/python_text.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("what is no UTF-8 becomes U+FFFD and nothing else changes") {
  CHECK(ValidUtf8("") == "");
  CHECK(ValidUtf8("aä日😀") == "aä日😀");
  CHECK(ValidUtf8(std::string_view("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(ValidUtf8("a\xff") == "a\uFFFD");
  CHECK(ValidUtf8("\xe6\x97") == "\uFFFD");              // cut off
  CHECK(ValidUtf8("\xed\xa0\x80").find("\uFFFD") == 0);  // a surrogate
  CHECK(ValidUtf8("\xc0\x80").find("\uFFFD") == 0);      // overlong
  for (int byte = 0; byte < 256; ++byte) {
    const std::string once = ValidUtf8(std::string{static_cast<char>(byte), 'x', static_cast<char>(byte)});
    CHECK(ValidUtf8(once) == once);
  }
}

TEST_CASE("code points are read forwards and backwards alike") {
  const std::string text = "aä日😀";
  size_t i = 0;
  for (const char32_t expected : U"aä日😀") {
    if (expected == 0) break;
    CHECK(NextCodePoint(text, i) == expected);
    CHECK(CodePointBefore(text, i) == expected);
  }
  CHECK(i == text.size());
}

TEST_CASE("blanks and word characters are Python's") {
  for (const char32_t c : {U' ', U'\t', U'\n', U'\v', U'\x1c', U'\x85', U'\u00a0', U'\u2003', U'\u3000'}) {
    CHECK(IsSpace(c));
    CHECK(!IsPythonWord(c));
  }
  for (const char32_t c : {U'\0', U'\u200b', U'\ufeff'}) CHECK(!IsSpace(c));
  for (const char32_t c : {U'a', U'_', U'7', U'ß', U'日', U'½', U'\u0967'}) CHECK(IsPythonWord(c));
  for (const char32_t c : {U'-', U'\'', U'\u0301', U'\u093f', U'😀'}) CHECK(!IsPythonWord(c));
  CHECK(IsLetter(U'ñ'));
  CHECK(!IsLetter(U'7'));
  CHECK(IsDecimalDigit(U'\u0967'));
  CHECK(!IsDecimalDigit(U'½'));
}

TEST_CASE("stripping takes blanks off the ends only") {
  CHECK(Strip("\u00a0 a b\n\u3000") == "a b");
  CHECK(Strip("a") == "a");
  CHECK(Strip(" \n\t").empty());
  CHECK(IsAllBlank(""));
  CHECK(IsAllBlank(" \u2003\n"));
  CHECK(!IsAllBlank(std::string_view("\0", 1)));
}

TEST_CASE("a text is in one case when no letter of another case is in it") {
  CHECK(IsUpper("A 1, É!"));
  CHECK(!IsUpper("A b"));
  CHECK(IsLower("a 1, ß!"));
  CHECK(!IsLower("a B"));
  for (const char* none : {"", "123", "日本", "!"}) {
    CHECK(!IsUpper(none));
    CHECK(!IsLower(none));
  }
  CHECK(!IsUpper("\u01c5"));  // ǅ, title case
  CHECK(!IsLower("\u01c5"));
}

TEST_CASE("case is taken away in all of Unicode") {
  CHECK(ToLower("ÄÖ ΛΌΓΟΣ") == "äö λόγος");
  CHECK(FoldCharacters("ΛΌΓΟΣ λόγος") == "λόγοσ λόγοσ");
  CHECK(FoldCharacters("Straße") == "straße");
}

TEST_CASE("the pieces and the separators make up the text") {
  CHECK(SplitAt("", ",") == std::vector<std::string_view>{""});
  CHECK(SplitAt("a,,b,", ",") == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(SplitAt("****", "***") == std::vector<std::string_view>{"", "*"});
  CHECK(SplitBlanks(" a\u00a0bc\n") == std::vector<std::string_view>{"a", "bc"});
  CHECK(SplitBlanks(" ").empty());
  CHECK(CountOccurrences("aaaa", "aa") == 2);
  CHECK(CountOccurrences("", "a") == 0);
  CHECK(Contains("abc", "bc"));
  CHECK(Without("*a**b", '*') == "ab");
}

}  // namespace
}  // namespace loco
