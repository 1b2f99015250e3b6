// Multiple choice by log-likelihood: the most likely continuation is the answer; on an exact tie the first one.
#include <limits>

#include "base/error.h"
#include "task/scorers.h"

namespace loco {

Marking ScoreChoice(const Item& item, const ScoreSettings& settings, const Response& response) {
  LOCO_CHECK(response.log_likelihood.size() == item.choices.size());
  size_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < item.choices.size(); ++i) {
    double score = response.log_likelihood[i];
    if (settings.length == "bytes") score /= static_cast<double>(item.choices[i].size());
    if (settings.length == "tokens") score /= response.choice_tokens.at(i);
    if (score > highest) {
      highest = score;
      best = i;
    }
  }
  return {best == item.right_choice ? Outcome::kRight : Outcome::kWrong, item.choices[best]};
}

}  // namespace loco
