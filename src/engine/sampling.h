// Chooses the next token from logits.
//
// Private to this module.
#pragma once

#include "base/random.h"
#include "engine/language_model.h"

namespace loco {

struct Best {
  Token token = 0;
  float gap = 0;  // to the second-best logit
};
// The highest logit; the lowest id on an exact tie.
Best BestToken(const float* logits, int vocabulary_size);

// Drawn from softmax(logits / temperature), cut to the likeliest tokens that have `top_p` together. temperature > 0.
Token SampleToken(const float* logits, int vocabulary_size, const Sampling& sampling, Random& random);

}  // namespace loco
