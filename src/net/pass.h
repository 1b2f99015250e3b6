// One pass of tokens through a network, forward and, for the adapter, backward.
//
//   Pass pass(network, threads, {.stored_blocks = 12, .loss_rows = 256});
//   PassResult result = pass.Run(batch, adapter, &gradients);     // gradients are added to what is there
//
// Memory. A stored block keeps what the way back needs; any other keeps its input only and is computed again on the
// way back. What is kept is rounded to the kernel's precision before its first use, so that a stored and a recomputed
// block give the same bits: the plan changes time and memory, never the result. Logits exist for `loss_rows` tokens at
// a time, and only for tokens that have a target, so the vocabulary's size does not enter the peak.
//
// Nothing random happens here but dropout, which is a function of (seed, block, layer, token, column) and so survives
// being computed twice.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/network.h"
#include "net/threads.h"

namespace loco {

// Samples packed one after the other into one pass. All vectors have one element a token.
struct TokenBatch {
  std::vector<int32_t> tokens;
  std::vector<int32_t> positions;  // within the sample
  std::vector<int32_t> first;      // index of the first token of the token's sample
  std::vector<int32_t> targets;    // the token to predict here; -1: none
  std::vector<float> weights;      // of each target in the loss
};

struct PassOptions {
  int64_t stored_blocks = 0;  // the last ones of the network: they are needed first
  int64_t loss_rows = 256;
  float dropout = 0;  // of the input of every adapter pair
  uint64_t dropout_seed = 0;
};

struct PassResult {
  double loss = 0;                // Σ weight · -log p
  double weight = 0;              // Σ weight
  std::vector<float> token_loss;  // -log p of each token with a target, in order
};

// Bytes that a pass of that many tokens allocates at its peak, beside weights and adapter: the memory plan's terms.
struct PassMemory {
  int64_t inputs = 0;  // of all blocks
  int64_t stored = 0;  // one stored block
  int64_t work = 0;    // buffers of the block in work
  int64_t loss = 0;    // logits and their gradients
};
PassMemory ComputePassMemory(const Network& network, int64_t rank, int64_t tokens, int64_t loss_rows,
                             int64_t element_bytes);

class Pass {
 public:
  // The network and the threads must outlive the object.
  Pass(const Network& network, Threads& threads, const PassOptions& options);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  void set_dropout(float share, uint64_t seed);

  // `gradients` has the adapter's shape; null: forward only. `adapter` may be null as well: the base alone.
  PassResult Run(const TokenBatch& batch, const Adapter* adapter, Adapter* gradients);
  // Logits of the tokens that have a target, rows × vocabulary.
  std::vector<float> Logits(const TokenBatch& batch, const Adapter* adapter);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace loco
