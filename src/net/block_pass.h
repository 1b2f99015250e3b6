// One block of a network, forward and backward, and what is kept of it between the two.
//
//   BlockPass blocks(network, threads);
//   blocks.Start(batch, adapter, dropout);
//   blocks.Forward(3, stream, Extent::kAll);       // stream becomes the block's output
//   blocks.Store(3);                               // or nothing, and Forward(3, …, Extent::kActivity) again later
//   blocks.Restore(3);
//   blocks.Backward(3, input, d_stream, gradients);
//
// For the files of this module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/linear_layers.h"
#include "net/network.h"
#include "net/pass.h"
#include "net/rows.h"

namespace loco {

// Numbers in the kernel's precision: 2 bytes each with bf16 kernels.
class Kept {
 public:
  void Save(Threads& threads, const Floats& values);
  void Restore(Threads& threads, Floats& values) const;

 private:
  std::vector<std::byte> data_;
  size_t count_ = 0;
};

// Activations of the block in work, tokens × their width. Those marked kept are rounded to the kernel's precision
// before their first use, so that it makes no difference whether they were stored or computed again.
struct Activity {
  Floats query, key, value;  // kept; as the linear layers give them
  Floats attended;           // kept
  Floats log_sum;            // heads × tokens
  Floats attention_out;      // kept; before its norm, and only where there is that norm
  Floats middle;             // the stream between attention and feed-forward part
  Floats gate, up;           // kept
  Floats ffn_out;            // kept; as attention_out
};

struct StoredBlock {
  Kept query, key, value, attended, gate, up, attention_out, ffn_out;
  Floats middle;
  Floats log_sum;
};

// How much of a block the way forward computes: all of it, or no more than the way back needs.
enum class Extent { kAll, kActivity };

class BlockPass {
 public:
  // The network and the threads must outlive the object.
  BlockPass(const Network& network, Threads& threads)
      : net_(network), threads_(threads), layers_(threads), stored_(network.blocks.size()) {}

  // Before the first block of a pass. Batch and adapter, which may be null, must live until it ends.
  void Start(const TokenBatch& batch, const Adapter* adapter, const PairDropout& dropout);

  // The stream becomes the block's output; with kActivity it is undefined afterwards.
  void Forward(size_t block, Floats& stream, Extent extent);
  void Store(size_t block);
  void Restore(size_t block);
  // `input` is the stream before the block; d_stream the gradient of its output, then of its input. Below the first
  // block nobody asks for it: there it is undefined.
  void Backward(size_t block, const Floats& input, Floats& d_stream, Adapter& gradients);

 private:
  const std::vector<int32_t>& FirstSeen(const Block& block);
  AttentionCall CallOf(const Block& block);
  void Prepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm, Floats& ready,
               Floats& inverse);
  void Unprepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm, const Floats& inverse,
                 Floats& d_ready);
  void Norm(const Floats& x, const Floats& weight, int64_t width, Floats& y, Floats& inverse);
  void Round(Floats& values);
  void GateInto(Floats& gated);
  const Floats& SubNormed(const Floats& values, const Floats& norm, int64_t width);
  void SubNormBackward(const Floats& values, const Floats& norm, int64_t width, Floats& gradient);
  void AddBranch(Floats& x, Floats& branch, const Floats& norm, Floats& kept);
  void UnaddBranch(const Floats& d_stream, const Floats& norm, const Floats& kept, Floats& d_branch);
  void BackwardFeedForward(size_t block, Floats& d_stream, Adapter& gradients);
  void BackwardAttention(size_t block, const Floats& input, Floats& d_stream, Adapter& gradients);

  const Network& net_;
  Threads& threads_;
  LinearLayers layers_;
  std::vector<StoredBlock> stored_;
  const TokenBatch* batch_ = nullptr;
  int64_t tokens_ = 0;
  std::vector<int32_t> windowed_;
  std::vector<Rotation> rotations_;  // of the batch, one a rope
  Activity activity_;
  // Buffers of the block in work.
  Floats normed_, inverse_, query_, key_, query_inverse_, key_inverse_, out_, gated_, sub_normed_, sub_inverse_,
      branch_inverse_;
  Floats d_branch_, d_inner_, d_query_, d_key_, d_value_, d_raw_, delta_;
};

}  // namespace loco
