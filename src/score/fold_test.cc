#include "score/fold.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <unicode/unistr.h>

namespace loco {
namespace {

TEST_CASE("case is folded beyond ASCII, and what is no UTF-8 becomes a replacement character") {
  CHECK(LowerCase("ÄÖ İ ΟΔΟΣ") == "äö i̇ οδος");
  CHECK(FoldCase("Straße ΟΔΟΣ") == FoldCase("STRASSE οδος"));
  CHECK(LowerCase("A\xff\xc3") == "a\uFFFD\uFFFD");
  CHECK(LowerCase(std::string_view("A\0B", 3)) == std::string("a\0b", 3));
  CHECK(LowerCase("").empty());
}

TEST_CASE("blanks are trimmed at the ends only") {
  CHECK(TrimBlanks(" \t\r\n\v\fa b \n") == "a b");
  CHECK(TrimBlanks("  ").empty());
  CHECK(TrimBlanks("").empty());
}

TEST_CASE("every text is walked to its end, code point by code point") {
  CHECK(rc::check("as ICU decodes it whole", [](const std::string& text) {
    std::string walked;
    for (size_t at = 0; at < text.size();) {
      const size_t before = at;
      AppendCodePoint(NextCodePoint(text, at), walked);
      RC_ASSERT(at > before);
    }
    std::string decoded;
    icu::UnicodeString::fromUTF8(text).toUTF8String(decoded);
    RC_ASSERT(walked == decoded);
  }));
  std::string all;
  for (const char32_t c : {U'a', U'ä', U'日', U'😀', U'\0'}) AppendCodePoint(c, all);
  CHECK(all == std::string("aä日😀\0", 11));
}

TEST_CASE("letters, digits and marks make words; signs do not") {
  for (const char32_t c : {U'a', U'Z', U'7', U'ß', U'日', U'\u0301', U'½'}) CHECK(IsWordCharacter(c));
  for (const char32_t c : {U' ', U'_', U'-', U'\'', U'€', U'\uFFFD', U'\0'}) CHECK(!IsWordCharacter(c));
}

}  // namespace
}  // namespace loco
