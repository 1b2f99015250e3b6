// Text made comparable: what the modules that read answers share.
//
//   FoldCase("Straße") == FoldCase("STRASSE");   TrimBlanks(" x\n") == "x";
//   for (size_t at = 0; at < text.size();) Use(NextCodePoint(text, at));
//
// Nothing here fails: bytes that are no UTF-8 read as U+FFFD, NUL is a character like others, time is linear. It does
// not normalise (NFC and its kin): reordering long runs of combining marks takes quadratic time, and models write what
// they were given.
#pragma once

#include <string>
#include <string_view>

namespace loco {

// Lower case by Unicode's rules of no language; the only rule that looks around is that of the final sigma.
std::string LowerCase(std::string_view text);

// For comparing without regard to case: as LowerCase, with ß as ss and every sigma alike.
std::string FoldCase(std::string_view text);

// Without blanks (also vertical tabs and form feeds) at both ends.
std::string_view TrimBlanks(std::string_view text);

// The code point at byte `at`, which must be less than the size; moves `at` past it.
char32_t NextCodePoint(std::string_view text, size_t& at);

// Appends the code point as UTF-8.
void AppendCodePoint(char32_t code_point, std::string& text);

// Letters, digits and other numerals, and the marks that combine with them.
bool IsWordCharacter(char32_t code_point);

}  // namespace loco
