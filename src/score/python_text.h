// Text that a model wrote, seen as Python's str sees it, because the instruction checks (instructions.h) must agree
// with verdicts that a Python program gave.
//
//   const std::string text = ValidUtf8(response);      // all other functions want valid UTF-8
//   for (std::string_view word : SplitBlanks(text)) … IsUpper(word) …
//
// What is a blank, a word character or an upper-case letter: Python 3, Library Reference, str and re (Unicode). NUL is
// a character like others. Nothing here knows words of a language; every function takes linear time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "score/fold.h"

namespace loco {

// `text` with U+FFFD in place of what is no UTF-8.
std::string ValidUtf8(std::string_view text);

// The code point that ends before text[i]; one must be there.
char32_t CodePointBefore(std::string_view text, size_t i);

bool IsSpace(char32_t c);         // str.isspace, \s
bool IsLetter(char32_t c);        // str.isalpha
bool IsDecimalDigit(char32_t c);  // \d
bool IsPythonWord(char32_t c);    // \w: letters, numbers and _, but no combining marks

std::string_view Strip(std::string_view text);  // without blanks at both ends
bool IsAllBlank(std::string_view text);
std::string ToLower(std::string_view text);         // str.lower
std::string FoldCharacters(std::string_view text);  // re.IGNORECASE: each character by itself, so that ß is not ss

// Some letter is upper (lower) case and none is another case. False without such letters.
bool IsUpper(std::string_view text);
bool IsLower(std::string_view text);

// Pieces between blanks, none empty.
std::vector<std::string_view> SplitBlanks(std::string_view text);
// Pieces between separators, which may be empty; one piece when there is no separator, which must not be empty.
std::vector<std::string_view> SplitAt(std::string_view text, std::string_view separator);

bool Contains(std::string_view text, std::string_view part);
// How often `part`, which must not be empty, stands there without overlapping.
int64_t CountOccurrences(std::string_view text, std::string_view part);
// Without `part`; not found again where removing joins its pieces.
std::string Without(std::string_view text, char part);

}  // namespace loco
