// Which language a text is in, by the library CLD2 (Apache-2.0), which knows from letters and four-letter groups.
//
//   DetectLanguage("Das ist ein kurzer Satz.")   // "de"
//
// It does not find several languages in one text (the most of it counts), and it tells apart neither the scripts of
// Chinese nor Bosnian from Croatian. A word or two, or a list of names, is often too little: then it knows none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loco {

// The ISO 639-1 code of the language, one of LanguageCodes() or another that the library knows; empty when it cannot
// tell. `text` must be valid UTF-8.
std::string DetectLanguage(std::string_view text);

// The codes that can be asked for, in alphabetical order; a test has a text of each.
const std::vector<std::string>& LanguageCodes();

}  // namespace loco
