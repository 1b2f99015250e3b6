#include "net/pass.h"

#include "base/error.h"
#include "base/system.h"
#include "net/block_pass.h"
#include "net/loss.h"
#include "net/rows.h"

namespace loco {

PassMemory ComputePassMemory(const Network& network, int64_t rank, int64_t tokens, int64_t loss_rows,
                             int64_t element_bytes) {
  constexpr int64_t kFloat = sizeof(float);
  const int64_t queries = network.heads * network.head;
  const int64_t keys = network.kv_heads * network.head;
  bool post_norms = false;
  for (const Block& block : network.blocks)
    post_norms = post_norms || !block.attention_post_norm.empty() || !block.ffn_post_norm.empty();
  const int64_t outs = post_norms ? 2 * network.width : 0;
  PassMemory memory;
  memory.inputs = static_cast<int64_t>(network.blocks.size()) * tokens * network.width * kFloat;
  memory.stored = tokens * (element_bytes * (2 * queries + 2 * keys + 2 * network.ffn + outs) +
                            kFloat * (network.width + network.heads));
  // Activity, the rotated copies and gradients of attention, three rows of the feed-forward part, and their elements.
  memory.work =
      tokens *
      (kFloat * (8 * queries + 6 * keys + 5 * network.ffn + 8 * network.width + outs + 14 * rank + 3 * network.heads) +
       element_bytes * (2 * network.ffn + 2 * queries + 2 * keys + 2 * network.width));
  for (const Rope& rope : network.ropes) memory.work += tokens * kFloat * rope.rotated;
  memory.loss = loss_rows * (network.vocabulary * (kFloat + element_bytes) + 4 * network.width * kFloat);
  return memory;
}

class Pass::State {
 public:
  State(const Network& network, Threads& threads, const PassOptions& options)
      : net_(network),
        threads_(threads),
        options_(options),
        blocks_(network, threads),
        loss_(network, threads, options.loss_rows) {}

  void set_dropout(float share, uint64_t seed) {
    options_.dropout = share;
    options_.dropout_seed = seed;
  }

  PassResult Run(const TokenBatch& batch, const Adapter* adapter, Adapter* gradients) {
    LOCO_CHECK(gradients == nullptr || adapter != nullptr);
    const bool backward = gradients != nullptr;
    Floats stream = Forward(batch, adapter, backward);
    PassResult result;
    Floats d_stream;
    loss_.Run(batch, stream, result, backward ? &d_stream : nullptr);
    if (!backward) return result;
    for (size_t b = net_.blocks.size(); b-- > 0;) {
      if (IsStored(b)) {
        blocks_.Restore(b);
      } else {
        Copy(threads_, inputs_[b], stream);
        blocks_.Forward(b, stream, Extent::kActivity);
      }
      blocks_.Backward(b, inputs_[b], d_stream, *gradients);
      inputs_[b] = Floats();
    }
    return result;
  }

  Floats Logits(const TokenBatch& batch, const Adapter* adapter) {
    return loss_.Logits(batch, Forward(batch, adapter, /*backward=*/false));
  }

 private:
  bool IsStored(size_t block) const {
    return static_cast<int64_t>(net_.blocks.size() - block) <= options_.stored_blocks;
  }

  // What the last block gives. With `backward`, keeps the blocks' inputs and the activity of the stored ones.
  Floats Forward(const TokenBatch& batch, const Adapter* adapter, bool backward) {
    LOCO_CHECK(!batch.tokens.empty() && batch.positions.size() == batch.tokens.size() &&
               batch.first.size() == batch.tokens.size());
    blocks_.Start(batch, adapter, {.share = options_.dropout, .seed = options_.dropout_seed});
    if (backward) inputs_.resize(net_.blocks.size());
    Floats stream = Embed(batch);
    for (size_t b = 0; b < net_.blocks.size(); ++b) {
      if (backward) Copy(threads_, stream, inputs_[b]);
      blocks_.Forward(b, stream, Extent::kAll);
      if (backward && IsStored(b)) blocks_.Store(b);
    }
    return stream;
  }

  Floats Embed(const TokenBatch& batch) {
    const auto tokens = static_cast<int64_t>(batch.tokens.size());
    Floats stream(batch.tokens.size() * static_cast<size_t>(net_.width));
    EachRow(threads_, tokens, [&](int64_t t) {
      float* row = stream.data() + t * net_.width;
      Dequantize(net_.embedding, batch.tokens[static_cast<size_t>(t)], 0, net_.width, row);
      for (int64_t i = 0; i < net_.width; ++i) row[i] *= net_.embedding_scale;
    });
    return stream;
  }

  const Network& net_;
  Threads& threads_;
  PassOptions options_;
  BlockPass blocks_;
  OutputLoss loss_;
  std::vector<Floats> inputs_;  // of each block
};

Pass::Pass(const Network& network, Threads& threads, const PassOptions& options)
    : state_(std::make_unique<State>(network, threads, options)) {
  KeepFreedMemory();  // every block's buffers come and go: 5 % of a small model's step
}
Pass::~Pass() = default;

void Pass::set_dropout(float share, uint64_t seed) { state_->set_dropout(share, seed); }

PassResult Pass::Run(const TokenBatch& batch, const Adapter* adapter, Adapter* gradients) {
  return state_->Run(batch, adapter, gradients);
}

std::vector<float> Pass::Logits(const TokenBatch& batch, const Adapter* adapter) {
  return state_->Logits(batch, adapter);
}

}  // namespace loco
