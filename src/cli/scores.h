// Lines about scores that several commands print.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluate.h"

namespace loco {

// "62.3  [56.7, 67.6]": percent with the 95 % Wilson interval.
std::string ShareText(int64_t right, int64_t n);

// What an answer was not, in a fixed order: "12 wrong, 3 truncated, 1 unparsed"; only what occurred.
std::string OutcomesText(const RunScore& score);

}  // namespace loco
