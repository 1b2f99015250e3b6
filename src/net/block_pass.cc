#include "net/block_pass.h"

#include <algorithm>

#include "net/kernels.h"

namespace loco {
namespace {

// The groups of layers of a block, as places of dropout.
enum Group : uint64_t { kAttentionInput, kAttentionOutput, kFfnInput, kFfnOutput, kGroups };
uint64_t PlaceOf(size_t block, Group group) { return block * kGroups + group; }

}  // namespace

void Kept::Save(Threads& threads, const Floats& values) {
  const Kernels& kernels = CurrentKernels();
  count_ = values.size();
  data_.resize(count_ * static_cast<size_t>(kernels.element_bytes));
  EachChunk(threads, count_, [&](int64_t at, int64_t some) {
    kernels.to_elements(values.data() + at, data_.data() + at * kernels.element_bytes, some, 1);
  });
}

void Kept::Restore(Threads& threads, Floats& values) const {
  const Kernels& kernels = CurrentKernels();
  values.resize(count_);
  EachChunk(threads, count_, [&](int64_t at, int64_t some) {
    kernels.from_elements(data_.data() + at * kernels.element_bytes, values.data() + at, some);
  });
}

void BlockPass::Start(const TokenBatch& batch, const Adapter* adapter, const PairDropout& dropout) {
  batch_ = &batch;
  tokens_ = static_cast<int64_t>(batch.tokens.size());
  rotations_.clear();
  for (const Rope& rope : net_.ropes) {
    rotations_.push_back(MakeRotation(threads_, rope, batch.positions.data(), tokens_));
  }
  layers_.Start(tokens_, adapter, dropout);
}

// The first token that each token sees in this block: its sample's first, or the window's.
const std::vector<int32_t>& BlockPass::FirstSeen(const Block& block) {
  if (block.window == 0) return batch_->first;
  windowed_.resize(batch_->first.size());
  for (size_t t = 0; t < windowed_.size(); ++t) {
    const int64_t start = static_cast<int64_t>(t) - block.window + 1;
    windowed_[t] = static_cast<int32_t>(std::max<int64_t>(batch_->first[t], start));
  }
  return windowed_;
}

// The call that both ways share; the caller adds what only one of them has.
AttentionCall BlockPass::CallOf(const Block& block) {
  return {.tokens = tokens_,
          .heads = net_.heads,
          .kv_heads = net_.kv_heads,
          .head = net_.head,
          .scale = net_.attention_scale,
          .first = FirstSeen(block).data(),
          .q = query_.data(),
          .k = key_.data(),
          .v = activity_.value.data(),
          .out = activity_.attended.data(),
          .log_sum = activity_.log_sum.data()};
}

// The head's norm and its position: what attention sees of the linear layers' queries and keys.
void BlockPass::Prepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm, Floats& ready,
                        Floats& inverse) {
  if (norm.empty()) {
    Copy(threads_, raw, ready);
  } else {
    Fit(ready, tokens_ * heads * net_.head);
    Fit(inverse, tokens_ * heads);
    RmsNorm(threads_, raw.data(), norm.data(), net_.epsilon, tokens_ * heads, net_.head, ready.data(), inverse.data());
  }
  if (block.rope >= 0) {
    Rotate(threads_, rotations_[static_cast<size_t>(block.rope)], ready.data(), tokens_, heads, net_.head,
           heads * net_.head);
  }
}

// d_ready becomes the gradient of the linear layer's output.
void BlockPass::Unprepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm,
                          const Floats& inverse, Floats& d_ready) {
  if (block.rope >= 0) {
    Rotate(threads_, rotations_[static_cast<size_t>(block.rope)], d_ready.data(), tokens_, heads, net_.head,
           heads * net_.head, /*backward=*/true);
  }
  if (norm.empty()) return;
  Fit(d_raw_, tokens_ * heads * net_.head);
  RmsNormBackward(threads_, d_ready.data(), raw.data(), norm.data(), inverse.data(), tokens_ * heads, net_.head,
                  d_raw_.data(), /*add=*/false);
  std::swap(d_ready, d_raw_);
}

void BlockPass::Norm(const Floats& x, const Floats& weight, int64_t width, Floats& y, Floats& inverse) {
  Fit(y, tokens_ * width);
  Fit(inverse, tokens_);
  RmsNorm(threads_, x.data(), weight.data(), net_.epsilon, tokens_, width, y.data(), inverse.data());
}

void BlockPass::Round(Floats& values) { RoundToElements(threads_, values.data(), static_cast<int64_t>(values.size())); }

void BlockPass::GateInto(Floats& gated) {
  Fit(gated, tokens_ * net_.ffn);
  Gate(threads_, net_.gate, activity_.gate.data(), activity_.up.data(), tokens_, net_.ffn, gated.data());
}

const Floats& BlockPass::SubNormed(const Floats& values, const Floats& norm, int64_t width) {
  if (norm.empty()) return values;
  Norm(values, norm, width, sub_normed_, sub_inverse_);
  return sub_normed_;
}

void BlockPass::SubNormBackward(const Floats& values, const Floats& norm, int64_t width, Floats& gradient) {
  if (norm.empty()) return;
  Floats d_values(gradient.size());
  RmsNormBackward(threads_, gradient.data(), values.data(), norm.data(), sub_inverse_.data(), tokens_, width,
                  d_values.data(), /*add=*/false);
  gradient = std::move(d_values);
}

// x += post(branch); the branch is kept where the norm's way back needs it.
void BlockPass::AddBranch(Floats& x, Floats& branch, const Floats& norm, Floats& kept) {
  if (norm.empty()) return AddRows(threads_, tokens_, branch, x);
  Round(branch);
  Copy(threads_, branch, kept);
  Norm(kept, norm, net_.width, branch, branch_inverse_);
  AddRows(threads_, tokens_, branch, x);
}

// The gradient of a branch before its norm, from the gradient of the stream.
void BlockPass::UnaddBranch(const Floats& d_stream, const Floats& norm, const Floats& kept, Floats& d_branch) {
  if (norm.empty()) return Copy(threads_, d_stream, d_branch);
  Fit(d_branch, tokens_ * net_.width);
  Norm(kept, norm, net_.width, normed_, branch_inverse_);  // for the inverse alone
  RmsNormBackward(threads_, d_stream.data(), kept.data(), norm.data(), branch_inverse_.data(), tokens_, net_.width,
                  d_branch.data(), /*add=*/false);
}

void BlockPass::Forward(size_t b, Floats& x, Extent extent) {
  const Block& block = net_.blocks[b];
  Activity& a = activity_;
  Norm(x, block.attention_norm, net_.width, normed_, inverse_);
  const LayerUse inputs[] = {{&block.query, &a.query}, {&block.key, &a.key}, {&block.value, &a.value}};
  layers_.Forward(normed_, inputs, PlaceOf(b, kAttentionInput));
  Round(a.query);
  Round(a.key);
  Round(a.value);
  Prepare(block, a.query, net_.heads, block.query_norm, query_, query_inverse_);
  Prepare(block, a.key, net_.kv_heads, block.key_norm, key_, key_inverse_);
  Fit(a.attended, tokens_ * net_.heads * net_.head);
  Fit(a.log_sum, tokens_ * net_.heads);
  Attend(threads_, CallOf(block));
  Round(a.attended);
  const LayerUse output[] = {{&block.output, &out_}};
  layers_.Forward(SubNormed(a.attended, block.attention_sub_norm, net_.heads * net_.head), output,
                  PlaceOf(b, kAttentionOutput));
  AddBranch(x, out_, block.attention_post_norm, a.attention_out);
  Copy(threads_, x, a.middle);

  Norm(a.middle, block.ffn_norm, net_.width, normed_, inverse_);
  const LayerUse gates[] = {{&block.gate, &a.gate}, {&block.up, &a.up}};
  layers_.Forward(normed_, gates, PlaceOf(b, kFfnInput));
  Round(a.gate);
  Round(a.up);
  if (extent == Extent::kActivity && block.ffn_post_norm.empty()) return;
  GateInto(gated_);
  const LayerUse down[] = {{&block.down, &out_}};
  layers_.Forward(SubNormed(gated_, block.ffn_sub_norm, net_.ffn), down, PlaceOf(b, kFfnOutput));
  AddBranch(x, out_, block.ffn_post_norm, a.ffn_out);
}

void BlockPass::Backward(size_t b, const Floats& input, Floats& d_stream, Adapter& gradients) {
  BackwardFeedForward(b, d_stream, gradients);
  BackwardAttention(b, input, d_stream, gradients);
}

void BlockPass::BackwardFeedForward(size_t b, Floats& d_stream, Adapter& gradients) {
  const Block& block = net_.blocks[b];
  Activity& a = activity_;
  UnaddBranch(d_stream, block.ffn_post_norm, a.ffn_out, d_branch_);
  GateInto(gated_);
  const LayerUse down[] = {{&block.down, &d_branch_}};
  layers_.Backward(SubNormed(gated_, block.ffn_sub_norm, net_.ffn), down, PlaceOf(b, kFfnOutput), &d_inner_, gradients);
  SubNormBackward(gated_, block.ffn_sub_norm, net_.ffn, d_inner_);
  GateBackward(threads_, net_.gate, d_inner_.data(), a.gate.data(), a.up.data(), tokens_, net_.ffn);
  Norm(a.middle, block.ffn_norm, net_.width, normed_, inverse_);
  const LayerUse gates[] = {{&block.gate, &a.gate}, {&block.up, &a.up}};
  layers_.Backward(normed_, gates, PlaceOf(b, kFfnInput), &d_inner_, gradients);
  RmsNormBackward(threads_, d_inner_.data(), a.middle.data(), block.ffn_norm.data(), inverse_.data(), tokens_,
                  net_.width, d_stream.data(), /*add=*/true);
}

void BlockPass::BackwardAttention(size_t b, const Floats& input, Floats& d_stream, Adapter& gradients) {
  const Block& block = net_.blocks[b];
  Activity& a = activity_;
  UnaddBranch(d_stream, block.attention_post_norm, a.attention_out, d_branch_);
  const int64_t queries = net_.heads * net_.head;
  const LayerUse output[] = {{&block.output, &d_branch_}};
  layers_.Backward(SubNormed(a.attended, block.attention_sub_norm, queries), output, PlaceOf(b, kAttentionOutput),
                   &d_inner_, gradients);
  SubNormBackward(a.attended, block.attention_sub_norm, queries, d_inner_);
  Prepare(block, a.query, net_.heads, block.query_norm, query_, query_inverse_);
  Prepare(block, a.key, net_.kv_heads, block.key_norm, key_, key_inverse_);
  Fit(d_query_, tokens_ * queries);
  Fit(d_key_, tokens_ * net_.kv_heads * net_.head);
  Fit(d_value_, tokens_ * net_.kv_heads * net_.head);
  Fit(delta_, tokens_ * net_.heads);
  AttentionCall call = CallOf(block);
  call.d_out = d_inner_.data();
  call.delta = delta_.data();
  call.d_q = d_query_.data();
  call.d_k = d_key_.data();
  call.d_v = d_value_.data();
  AttendBackward(threads_, call);
  Unprepare(block, a.query, net_.heads, block.query_norm, query_inverse_, d_query_);
  Unprepare(block, a.key, net_.kv_heads, block.key_norm, key_inverse_, d_key_);
  Norm(input, block.attention_norm, net_.width, normed_, inverse_);
  const LayerUse inputs[] = {{&block.query, &d_query_}, {&block.key, &d_key_}, {&block.value, &d_value_}};
  // Below the first block is the embedding, which is frozen.
  const bool is_first = b == 0;
  layers_.Backward(normed_, inputs, PlaceOf(b, kAttentionInput), is_first ? nullptr : &d_inner_, gradients);
  if (is_first) return;
  RmsNormBackward(threads_, d_inner_.data(), input.data(), block.attention_norm.data(), inverse_.data(), tokens_,
                  net_.width, d_stream.data(), /*add=*/true);
}

void BlockPass::Store(size_t b) {
  StoredBlock& stored = stored_[b];
  const Activity& a = activity_;
  stored.query.Save(threads_, a.query);
  stored.key.Save(threads_, a.key);
  stored.value.Save(threads_, a.value);
  stored.attended.Save(threads_, a.attended);
  stored.gate.Save(threads_, a.gate);
  stored.up.Save(threads_, a.up);
  if (!net_.blocks[b].attention_post_norm.empty()) stored.attention_out.Save(threads_, a.attention_out);
  if (!net_.blocks[b].ffn_post_norm.empty()) stored.ffn_out.Save(threads_, a.ffn_out);
  Copy(threads_, a.middle, stored.middle);
  stored.log_sum = a.log_sum;
}

void BlockPass::Restore(size_t b) {
  const StoredBlock& stored = stored_[b];
  Activity& a = activity_;
  stored.query.Restore(threads_, a.query);
  stored.key.Restore(threads_, a.key);
  stored.value.Restore(threads_, a.value);
  stored.attended.Restore(threads_, a.attended);
  stored.gate.Restore(threads_, a.gate);
  stored.up.Restore(threads_, a.up);
  if (!net_.blocks[b].attention_post_norm.empty()) stored.attention_out.Restore(threads_, a.attention_out);
  if (!net_.blocks[b].ffn_post_norm.empty()) stored.ffn_out.Restore(threads_, a.ffn_out);
  Copy(threads_, stored.middle, a.middle);
  a.log_sum = stored.log_sum;
}

}  // namespace loco
