// The end of a network: last norm, output matrix and cross-entropy, a few tokens at a time.
//
//   OutputLoss loss(network, threads, /*rows=*/256);
//   loss.Run(batch, stream, result, &d_stream);
//
// Only tokens that have a target are computed, and logits exist for `rows` of them at a time.
//
// For the files of this module.
#pragma once

#include <cstdint>
#include <vector>

#include "net/network.h"
#include "net/pass.h"
#include "net/rows.h"

namespace loco {

class OutputLoss {
 public:
  // The network and the threads must outlive the object.
  OutputLoss(const Network& network, Threads& threads, int64_t rows) : net_(network), threads_(threads), rows_(rows) {}

  // `stream` is what the last block gives, tokens × width. Adds to `result`; d_stream, if any, gets its gradient.
  void Run(const TokenBatch& batch, const Floats& stream, PassResult& result, Floats* d_stream);
  // Of all tokens that have a target, rows × vocabulary.
  Floats Logits(const TokenBatch& batch, const Floats& stream);

 private:
  void Gather(const Floats& stream, int64_t from, int64_t count);
  void ComputeLogits(int64_t count, float* logits);

  const Network& net_;
  Threads& threads_;
  int64_t rows_;
  std::vector<int32_t> labelled_;  // tokens that have a target
  Floats raw_, normed_, inverse_;  // of the tokens in work, before and after the last norm
  Floats d_normed_, d_raw_;
};

}  // namespace loco
