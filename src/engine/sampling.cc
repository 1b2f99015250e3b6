#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace loco {

Best BestToken(const float* logits, int vocabulary_size) {
  Best best;
  float highest = -std::numeric_limits<float>::infinity();
  float second = highest;
  for (int i = 0; i < vocabulary_size; ++i) {
    if (logits[i] > highest) {
      second = highest;
      highest = logits[i];
      best.token = i;
    } else if (logits[i] > second) {
      second = logits[i];
    }
  }
  best.gap = highest - second;
  return best;
}

Token SampleToken(const float* logits, int vocabulary_size, const Sampling& sampling, Random& random) {
  LOCO_CHECK(sampling.temperature > 0);
  struct Candidate {
    Token token;
    double weight;
  };
  // Below this, all of a large vocabulary together has less than one chance in 10^7.
  constexpr double kSmallest = 1e-13;
  const float highest = *std::max_element(logits, logits + vocabulary_size);
  std::vector<Candidate> candidates;
  double total = 0;
  for (Token i = 0; i < vocabulary_size; ++i) {
    const double weight = std::exp(static_cast<double>(logits[i] - highest) / sampling.temperature);
    if (!(weight >= kSmallest)) continue;
    candidates.push_back({i, weight});
    total += weight;
  }
  // Equal ones in the order of their ids, so that the draw is the same everywhere.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.weight > b.weight; });
  double kept = 0;
  size_t count = 0;
  while (count < candidates.size() && (count == 0 || kept < sampling.top_p * total)) kept += candidates[count++].weight;
  double draw = random.Uniform() * kept;
  for (size_t i = 0; i + 1 < count; ++i) {
    draw -= candidates[i].weight;
    if (draw < 0) return candidates[i].token;
  }
  return candidates[count - 1].token;
}

}  // namespace loco
