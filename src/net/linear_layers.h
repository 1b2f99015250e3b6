// Frozen linear layers with a LoRA pair beside each: y = scale · x Wᵀ + bias + s · (x Aᵀ) Bᵀ, forward and backward.
//
//   LinearLayers layers(threads);
//   layers.Start(tokens, &adapter, {.dropout = 0.05F, .seed = 7});
//   layers.Forward(x, {{&block.gate, &gate}, {&block.up, &up}}, place);
//
// Layers that share their input are computed as one group: one conversion of the input, one round of the threads. The
// gradient goes to A and B and to the input; W has none.
//
// For the files of this module.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "net/gemm.h"
#include "net/network.h"
#include "net/rows.h"

namespace loco {

// A layer of a group.
struct LayerUse {
  const Linear* linear;
  Floats* values;  // its output, tokens × rows; on the way back the gradient of it
};

// Dropout of the pairs' input. What is dropped depends on the seed, the group's place and the number's place alone, so
// that a block can be computed twice.
struct PairDropout {
  float share = 0;
  uint64_t seed = 0;
};

class LinearLayers {
 public:
  explicit LinearLayers(Threads& threads) : threads_(threads) {}

  // Before the first group of a pass. `adapter`, which may be null, must live until the pass ends.
  void Start(int64_t tokens, const Adapter* adapter, const PairDropout& dropout);

  // `place` is different for each group of a network.
  void Forward(const Floats& x, std::span<const LayerUse> uses, uint64_t place);
  // `uses` hold the gradients of the outputs and lose them where a layer has a scale. Adds to `gradients`, which has
  // the adapter's shape; d_x is overwritten, or not computed when null.
  void Backward(const Floats& x, std::span<const LayerUse> uses, uint64_t place, Floats* d_x, Adapter& gradients);

 private:
  const LoraPair* PairOf(const Linear& linear) const;
  std::vector<int> PairsOf(std::span<const LayerUse> uses) const;
  const Floats& Dropped(const Floats& x, int64_t width, uint64_t place);
  void ApplyDropout(Floats& x, int64_t width, uint64_t place);
  std::vector<Floats> LowRank(const std::vector<int>& pairs, const Activations& input);
  void BackwardInput(std::span<const LayerUse> uses, const std::vector<int>& pairs,
                     const std::vector<Activations>& d_outputs, const std::vector<Activations>& d_low, int64_t width,
                     uint64_t place, Floats& d_x);
  void BackwardPairs(const Floats& x, std::span<const LayerUse> uses, const std::vector<int>& pairs,
                     const std::vector<Floats>& d_low, int64_t width, uint64_t place, Adapter& gradients);

  Threads& threads_;
  int64_t tokens_ = 0;
  const Adapter* adapter_ = nullptr;
  PairDropout dropout_;
  Floats dropped_;
};

}  // namespace loco
