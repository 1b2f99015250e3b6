#include "engine/language_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace loco {

double LogProbability(std::span<const float> logits, Token token) {
  LOCO_CHECK(token >= 0 && static_cast<size_t>(token) < logits.size());
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return static_cast<double>(logits[static_cast<size_t>(token)]) - highest - std::log(sum);
}

std::vector<double> LanguageModel::LogProbabilities(std::span<const Token> tokens) {
  std::vector<double> result;
  if (tokens.size() < 2) return result;
  VisitLogits(tokens.first(tokens.size() - 1), [&](size_t position, std::span<const float> logits) {
    result.push_back(LogProbability(logits, tokens[position + 1]));
  });
  return result;
}

}  // namespace loco
