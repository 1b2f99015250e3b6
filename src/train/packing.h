// Samples into passes: several short ones side by side, none seeing another.
//
//   std::vector<std::vector<size_t>> passes = PlanPasses(lengths, order, 512);   // indices of samples
//   TokenBatch batch = PackSamples({&a, &b});
//
// Pure and deterministic: the same lengths and order give the same passes, on which resuming rests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "net/pass.h"
#include "train/data.h"

namespace loco {

// Fills passes of at most `capacity` tokens with samples, in the given order: a sample goes into the first pass begun
// and not full that has room (first fit over the last few, so that order is kept roughly and little stays empty). Then
// full passes give to those that hold little: a last pass with the few samples that were left over would move the
// weights as far as a full one, on much less evidence. A sample longer than the capacity has a pass of its own.
std::vector<std::vector<size_t>> PlanPasses(std::span<const int64_t> lengths, std::span<const size_t> order,
                                            int64_t capacity);

// One pass. Every learned token becomes the target of the token before it, with weight 1.
TokenBatch PackSamples(const std::vector<const Sample*>& samples);

}  // namespace loco
