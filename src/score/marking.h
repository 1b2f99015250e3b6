// An answer on its way to a mark: what the model gave, and what a scorer makes of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/rows.h"

namespace loco {

// What the model gave for one item.
struct Response {
  std::string text;
  std::string thinking;
  Finish finish = Finish::kStop;
  std::vector<double> log_likelihood;  // of each choice, natural logarithm
  std::vector<int> choice_tokens;      // tokens of each choice
};

struct Marking {
  Outcome outcome = Outcome::kWrong;
  std::string extracted;             // what was read out of the answer and compared
  std::optional<double> value = {};  // 0 to 1, where the scorer knows degrees
};

}  // namespace loco
