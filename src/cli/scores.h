// Lines about scores that several commands print.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "store/store.h"

namespace loco {

// What answered in a run: "pocket-m-Q4_K_M", or with an adapter "pocket-m-Q4_K_M + adapter-7". Names are as in the
// store, hostile.
std::string RunSubject(const Store& store, const RunRow& run);

// "62.3  [56.7, 67.6]": percent with the 95 % Wilson interval.
std::string ShareText(int64_t right, int64_t n);
std::string ShareText(const RunScore& score);

// What an answer was not, in a fixed order: "12 wrong, 3 truncated, 1 unparsed"; only what occurred.
std::string OutcomesText(const RunScore& score);

}  // namespace loco
