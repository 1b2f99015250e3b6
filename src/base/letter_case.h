// Words of formats and options without regard to case: letters A to Z alone, whatever the locale. For text that people
// or models write, which has other letters, see ICU in task/.
#pragma once

#include <string>
#include <string_view>

namespace loco {

// "Q4_K_M" and "q4_k_m" are the same word.
bool SameWord(std::string_view a, std::string_view b);
std::string LowerAscii(std::string_view text);

}  // namespace loco
