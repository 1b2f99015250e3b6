#include "net/pass.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "net/gemm.h"
#include "net/kernels.h"

namespace loco {
namespace {

using Floats = std::vector<float>;

// Numbers in the kernel's precision, kept between the two ways.
class Kept {
 public:
  void Save(Threads& threads, const Floats& values) {
    const Kernels& kernels = CurrentKernels();
    count_ = values.size();
    data_.resize(count_ * static_cast<size_t>(kernels.element_bytes));
    Chunks(threads, [&](int64_t at, int64_t some) {
      kernels.to_elements(values.data() + at, data_.data() + at * kernels.element_bytes, some, 1);
    });
  }
  void Restore(Threads& threads, Floats& values) const {
    const Kernels& kernels = CurrentKernels();
    values.resize(count_);
    Chunks(threads, [&](int64_t at, int64_t some) {
      kernels.from_elements(data_.data() + at * kernels.element_bytes, values.data() + at, some);
    });
  }

 private:
  template <typename Work>
  void Chunks(Threads& threads, const Work& work) const {
    constexpr int64_t kChunk = 1 << 15;
    const auto count = static_cast<int64_t>(count_);
    threads.Run((count + kChunk - 1) / kChunk,
                [&](int64_t task, int) { work(task * kChunk, std::min(kChunk, count - task * kChunk)); });
  }
  std::vector<std::byte> data_;
  size_t count_ = 0;
};

// What the way back needs of a block besides its input.
struct StoredBlock {
  Kept query, key, value, attended, gate, up, attention_out, ffn_out;
  Floats middle;
  Floats log_sum;
};

// The activations of the block in work, 32-bit.
struct Activity {
  Floats query, key, value;  // as the linear layers give them, rounded
  Floats attended;           // rounded
  Floats log_sum;
  Floats attention_out;  // before its norm; rounded, and only where there is that norm
  Floats middle;         // the stream between attention and feed-forward part
  Floats gate, up;       // rounded
  Floats ffn_out;        // as attention_out
};

// A linear layer in a group that shares its input.
struct Use {
  const Linear* linear;
  Floats* values;  // its output, or on the way back the gradient of it
};

// Uniform on [0, 1) from the place of a number: the same whenever it is asked.
float UniformAt(uint64_t seed, uint64_t place) {
  uint64_t x = seed + place * 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return static_cast<float>(x >> 40) * 0x1p-24F;
}

Matrix RowsOf(const Floats& values, int64_t from, int64_t rows, int64_t columns) {
  return FloatMatrix(values.data() + from * columns, rows, columns);
}

}  // namespace

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
  memory.loss = loss_rows * (network.vocabulary * (kFloat + element_bytes) + 4 * network.width * kFloat);
  return memory;
}

class Pass::State {
 public:
  State(const Network& network, Threads& threads, const PassOptions& options)
      : net_(network), threads_(threads), options_(options), stored_(network.blocks.size()) {}

  void set_dropout(float share, uint64_t seed) {
    options_.dropout = share;
    options_.dropout_seed = seed;
  }

  PassResult Run(const TokenBatch& batch, const Adapter* adapter, Adapter* gradients) {
    LOCO_CHECK(gradients == nullptr || adapter != nullptr);
    Start(batch, adapter, gradients != nullptr);
    Floats stream;
    Embed(stream);
    for (size_t b = 0; b < net_.blocks.size(); ++b) {
      if (gradients != nullptr) inputs_[b] = stream;
      ForwardBlock(b, stream, activity_, /*whole=*/true);
      if (gradients != nullptr && IsStored(b)) Store(b);
    }
    PassResult result;
    Floats d_stream;
    Loss(stream, result, gradients != nullptr ? &d_stream : nullptr);
    if (gradients == nullptr) return result;
    for (size_t b = net_.blocks.size(); b-- > 0;) {
      if (IsStored(b)) {
        Restore(b);
      } else {
        stream = inputs_[b];
        ForwardBlock(b, stream, activity_, /*whole=*/false);
      }
      BackwardBlock(b, inputs_[b], d_stream, *gradients);
      inputs_[b] = Floats();
    }
    return result;
  }

  Floats Logits(const TokenBatch& batch, const Adapter* adapter) {
    Start(batch, adapter, false);
    Floats stream;
    Embed(stream);
    for (size_t b = 0; b < net_.blocks.size(); ++b) ForwardBlock(b, stream, activity_, true);
    Floats rows;
    Floats normed;
    Floats inverse;
    Gather(stream, 0, static_cast<int64_t>(labelled_.size()), rows, normed, inverse);
    Floats logits(labelled_.size() * static_cast<size_t>(net_.vocabulary));
    const auto count = static_cast<int64_t>(labelled_.size());
    const Activations input(threads_, normed.data(), count, net_.width, net_.width);
    MultiplyTransposed(threads_, {{{{{&input, net_.output}}, logits.data(), net_.vocabulary}}});
    return logits;
  }

 private:
  bool IsStored(size_t block) const {
    return static_cast<int64_t>(net_.blocks.size() - block) <= options_.stored_blocks;
  }

  void Start(const TokenBatch& batch, const Adapter* adapter, bool backward) {
    batch_ = &batch;
    adapter_ = adapter;
    tokens_ = static_cast<int64_t>(batch.tokens.size());
    LOCO_CHECK(tokens_ > 0 && batch.positions.size() == batch.tokens.size() &&
               batch.first.size() == batch.tokens.size());
    if (backward) inputs_.resize(net_.blocks.size());
    labelled_.clear();
    for (size_t t = 0; t < batch.targets.size(); ++t) {
      if (batch.targets[t] >= 0) labelled_.push_back(static_cast<int32_t>(t));
    }
  }

  template <typename Work>
  void EachToken(const Work& work) {
    constexpr int64_t kTokensPerTask = 16;
    threads_.Run((tokens_ + kTokensPerTask - 1) / kTokensPerTask, [&](int64_t task, int) {
      for (int64_t t = task * kTokensPerTask; t < std::min(tokens_, (task + 1) * kTokensPerTask); ++t) work(t);
    });
  }

  static void Fit(Floats& values, int64_t count) { values.resize(static_cast<size_t>(count)); }

  void Embed(Floats& stream) {
    Fit(stream, tokens_ * net_.width);
    EachToken([&](int64_t t) {
      float* row = stream.data() + t * net_.width;
      Dequantize(net_.embedding, batch_->tokens[static_cast<size_t>(t)], 0, net_.width, row);
      for (int64_t i = 0; i < net_.width; ++i) row[i] *= net_.embedding_scale;
    });
  }

  // ------------------------------------------------------------------------------------------- linear layers

  const LoraPair* PairOf(const Linear& linear) const {
    return adapter_ == nullptr || linear.pair < 0 ? nullptr : &adapter_->pairs[static_cast<size_t>(linear.pair)];
  }

  // The adapter pairs of a group, each once.
  std::vector<int> PairsOf(std::span<const Use> uses) const {
    std::vector<int> pairs;
    for (const Use& use : uses) {
      const int pair = use.linear->pair;
      if (PairOf(*use.linear) != nullptr && std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) {
        pairs.push_back(pair);
      }
    }
    return pairs;
  }

  // x with some numbers dropped and the others scaled up; the group's place makes its pattern.
  const Floats& Dropped(const Floats& x, int64_t width, uint64_t group) {
    if (options_.dropout <= 0) return x;
    dropped_ = x;
    ApplyDropout(dropped_, width, group);
    return dropped_;
  }
  void ApplyDropout(Floats& x, int64_t width, uint64_t group) {
    const float keep = 1 / (1 - options_.dropout);
    EachToken([&](int64_t t) {
      float* row = x.data() + t * width;
      for (int64_t i = 0; i < width; ++i) {
        const auto place = (group << 40) + static_cast<uint64_t>(t * width + i);
        row[i] = UniformAt(options_.dropout_seed, place) < options_.dropout ? 0 : row[i] * keep;
      }
    });
  }

  // u = x aᵀ for each pair, tokens × rank.
  std::vector<Floats> LowRank(const std::vector<int>& pairs, const Activations& input) {
    std::vector<Floats> low(pairs.size());
    std::vector<Product> products;
    for (size_t p = 0; p < pairs.size(); ++p) {
      const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
      Fit(low[p], tokens_ * adapter_->rank);
      products.push_back({{{&input, RowsOf(pair.a, 0, adapter_->rank, pair.columns)}}, low[p].data(), adapter_->rank});
    }
    MultiplyTransposed(threads_, products);
    return low;
  }

  void Forward(const Floats& x, std::span<const Use> uses, uint64_t group) {
    const int64_t width = uses.front().linear->weight.columns;
    const Activations input(threads_, x.data(), tokens_, width, width);
    const std::vector<int> pairs = PairsOf(uses);
    std::vector<Activations> low(pairs.size());
    if (!pairs.empty()) {
      const Floats& dropped = Dropped(x, width, group);
      Activations dropped_input;
      if (&dropped != &x) dropped_input.Assign(threads_, dropped.data(), tokens_, width, width);
      const std::vector<Floats> u = LowRank(pairs, &dropped == &x ? input : dropped_input);
      for (size_t p = 0; p < pairs.size(); ++p) {
        low[p].Assign(threads_, u[p].data(), tokens_, adapter_->rank, adapter_->rank, adapter_->scale);
      }
    }
    std::vector<Product> products;
    for (const Use& use : uses) {
      const Linear& linear = *use.linear;
      const int64_t rows = linear.weight.rows;
      Fit(*use.values, tokens_ * rows);
      Product product{{{&input, linear.weight}}, use.values->data(), rows};
      if (const LoraPair* pair = PairOf(linear)) {
        const auto at = static_cast<size_t>(std::find(pairs.begin(), pairs.end(), linear.pair) - pairs.begin());
        product.terms.push_back({&low[at], RowsOf(pair->b, linear.pair_row, rows, adapter_->rank)});
      }
      products.push_back(std::move(product));
    }
    MultiplyTransposed(threads_, products);
    for (const Use& use : uses) {
      const Linear& linear = *use.linear;
      if (linear.bias.empty() && linear.scale == 1) continue;
      const int64_t rows = linear.weight.rows;
      EachToken([&](int64_t t) {
        float* row = use.values->data() + t * rows;
        for (int64_t i = 0; i < rows; ++i) {
          row[i] = row[i] * linear.scale + (linear.bias.empty() ? 0 : linear.bias[static_cast<size_t>(i)]);
        }
      });
    }
  }

  // Columns become rows, times `scale`.
  Floats Transposed(const Floats& values, int64_t rows, int64_t columns, float scale) {
    Floats turned(values.size());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        turned[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * columns + c)] * scale;
      }
    }
    return turned;
  }

  // `uses` hold gradients of the outputs (and lose them where the layer has a scale). Adds to `gradients`; d_x is
  // overwritten, or left alone when null.
  void Backward(const Floats& x, std::span<const Use> uses, uint64_t group, Floats* d_x, Adapter& gradients) {
    const int64_t width = uses.front().linear->weight.columns;
    const int64_t rank = adapter_->rank;
    for (const Use& use : uses) {
      if (use.linear->scale == 1) continue;
      for (float& value : *use.values) value *= use.linear->scale;
    }
    std::vector<Activations> d_outputs(uses.size());
    for (size_t i = 0; i < uses.size(); ++i) {
      const int64_t rows = uses[i].linear->weight.rows;
      d_outputs[i].Assign(threads_, uses[i].values->data(), tokens_, rows, rows);
    }
    const std::vector<int> pairs = PairsOf(uses);
    std::vector<Floats> d_low(pairs.size());
    std::vector<Product> products;
    for (size_t p = 0; p < pairs.size(); ++p) {
      const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
      Fit(d_low[p], tokens_ * rank);
      Product product{{}, d_low[p].data(), rank};
      for (size_t i = 0; i < uses.size(); ++i) {
        const Linear& linear = *uses[i].linear;
        if (linear.pair == pairs[p])
          product.terms.push_back({&d_outputs[i], RowsOf(pair.b, linear.pair_row, linear.weight.rows, rank)});
      }
      products.push_back(std::move(product));
    }
    Multiply(threads_, products);
    std::vector<Activations> d_low_input(pairs.size());
    for (size_t p = 0; p < pairs.size(); ++p) {
      d_low_input[p].Assign(threads_, d_low[p].data(), tokens_, rank, rank, adapter_->scale);
    }
    if (d_x != nullptr) BackwardInput(uses, pairs, d_outputs, d_low_input, width, group, *d_x);
    if (!pairs.empty()) BackwardPairs(x, uses, pairs, d_low, width, group, gradients);
  }

  void BackwardInput(std::span<const Use> uses, const std::vector<int>& pairs,
                     const std::vector<Activations>& d_outputs, const std::vector<Activations>& d_low, int64_t width,
                     uint64_t group, Floats& d_x) {
    Fit(d_x, tokens_ * width);
    Product product{{}, d_x.data(), width};
    for (size_t i = 0; i < uses.size(); ++i) product.terms.push_back({&d_outputs[i], uses[i].linear->weight});
    std::vector<Product> products;
    Floats through_pairs;
    if (options_.dropout > 0 && !pairs.empty()) Fit(through_pairs, tokens_ * width);
    Product separate{{}, through_pairs.data(), width};
    for (size_t p = 0; p < pairs.size(); ++p) {
      const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
      const Term term{&d_low[p], RowsOf(pair.a, 0, adapter_->rank, width)};
      (through_pairs.empty() ? product : separate).terms.push_back(term);
    }
    products.push_back(std::move(product));
    if (!through_pairs.empty()) products.push_back(std::move(separate));
    Multiply(threads_, products);
    if (through_pairs.empty()) return;
    ApplyDropout(through_pairs, width, group);
    EachToken([&](int64_t t) {
      for (int64_t i = t * width; i < (t + 1) * width; ++i)
        d_x[static_cast<size_t>(i)] += through_pairs[static_cast<size_t>(i)];
    });
  }

  // d_a += (scale d_u)ᵀ x and d_b += scale d_yᵀ u, as products that sum over tokens.
  void BackwardPairs(const Floats& x, std::span<const Use> uses, const std::vector<int>& pairs,
                     const std::vector<Floats>& d_low, int64_t width, uint64_t group, Adapter& gradients) {
    const int64_t rank = adapter_->rank;
    const Floats& dropped = Dropped(x, width, group);
    const Activations input(threads_, dropped.data(), tokens_, width, width);
    const std::vector<Floats> low = LowRank(pairs, input);
    std::vector<Activations> d_low_rows(pairs.size());
    std::vector<Activations> low_rows(pairs.size());
    std::vector<Product> products;
    for (size_t p = 0; p < pairs.size(); ++p) {
      const Floats turned = Transposed(d_low[p], tokens_, rank, adapter_->scale);
      d_low_rows[p].Assign(threads_, turned.data(), rank, tokens_, tokens_);
      const Floats low_turned = Transposed(low[p], tokens_, rank, adapter_->scale);
      low_rows[p].Assign(threads_, low_turned.data(), rank, tokens_, tokens_);
      products.push_back({{{&d_low_rows[p], FloatMatrix(dropped.data(), tokens_, width)}},
                          gradients.pairs[static_cast<size_t>(pairs[p])].a.data(),
                          width,
                          /*add=*/true});
    }
    std::vector<Floats> d_b(uses.size());
    for (size_t i = 0; i < uses.size(); ++i) {
      const Linear& linear = *uses[i].linear;
      if (PairOf(linear) == nullptr) continue;
      const auto at = static_cast<size_t>(std::find(pairs.begin(), pairs.end(), linear.pair) - pairs.begin());
      const int64_t rows = linear.weight.rows;
      Fit(d_b[i], rank * rows);
      products.push_back({{{&low_rows[at], FloatMatrix(uses[i].values->data(), tokens_, rows)}}, d_b[i].data(), rows});
    }
    Multiply(threads_, products);
    for (size_t i = 0; i < uses.size(); ++i) {
      if (d_b[i].empty()) continue;
      const Linear& linear = *uses[i].linear;
      const int64_t rows = linear.weight.rows;
      Floats& b = gradients.pairs[static_cast<size_t>(linear.pair)].b;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t k = 0; k < rank; ++k) {
          b[static_cast<size_t>((linear.pair_row + r) * rank + k)] += d_b[i][static_cast<size_t>(k * rows + r)];
        }
      }
    }
  }

  // ------------------------------------------------------------------------------------------------- attention

  // The first token that each token sees in this block: its sample's first, or the window's.
  const std::vector<int32_t>& FirstSeen(const Block& block) {
    if (block.window == 0) return batch_->first;
    windowed_.resize(batch_->first.size());
    for (size_t t = 0; t < windowed_.size(); ++t) {
      const int64_t start = static_cast<int64_t>(t) - block.window + 1;
      windowed_[t] = static_cast<int32_t>(std::max<int64_t>(batch_->first[t], start));
    }
    return windowed_;
  }

  AttentionCall CallOf(const Block& block, const Floats& query, const Floats& key, const Floats& value) {
    return {.tokens = tokens_,
            .heads = net_.heads,
            .kv_heads = net_.kv_heads,
            .head = net_.head,
            .scale = net_.attention_scale,
            .first = FirstSeen(block).data(),
            .q = query.data(),
            .k = key.data(),
            .v = value.data()};
  }

  // The head's norm and its position: what attention sees of the linear layers' queries and keys.
  void Prepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm, Floats& ready,
               Floats& inverse) {
    ready = raw;
    if (!norm.empty()) {
      Fit(inverse, tokens_ * heads);
      RmsNorm(threads_, raw.data(), norm.data(), net_.epsilon, tokens_ * heads, net_.head, ready.data(),
              inverse.data());
    }
    if (block.rope >= 0) {
      Rotate(threads_, net_.ropes[static_cast<size_t>(block.rope)], batch_->positions.data(), ready.data(), tokens_,
             heads, net_.head, heads * net_.head);
    }
  }
  // d_ready becomes the gradient of the linear layer's output.
  void Unprepare(const Block& block, const Floats& raw, int64_t heads, const Floats& norm, const Floats& inverse,
                 Floats& d_ready) {
    if (block.rope >= 0) {
      Rotate(threads_, net_.ropes[static_cast<size_t>(block.rope)], batch_->positions.data(), d_ready.data(), tokens_,
             heads, net_.head, heads * net_.head, /*backward=*/true);
    }
    if (norm.empty()) return;
    Floats d_raw(d_ready.size());
    RmsNormBackward(threads_, d_ready.data(), raw.data(), norm.data(), inverse.data(), tokens_ * heads, net_.head,
                    d_raw.data(), /*add=*/false);
    d_ready = std::move(d_raw);
  }

  // ---------------------------------------------------------------------------------------------------- blocks

  enum Group : uint64_t { kAttentionInput, kAttentionOutput, kFfnInput, kFfnOutput, kGroups };
  static uint64_t PlaceOf(size_t block, Group group) { return block * kGroups + group; }

  void Norm(const Floats& x, const Floats& weight, int64_t width, Floats& y, Floats& inverse) {
    Fit(y, tokens_ * width);
    Fit(inverse, tokens_);
    RmsNorm(threads_, x.data(), weight.data(), net_.epsilon, tokens_, width, y.data(), inverse.data());
  }

  void Round(Floats& values) { RoundToElements(threads_, values.data(), static_cast<int64_t>(values.size())); }

  void AddTo(Floats& to, const Floats& from) {
    const int64_t width = static_cast<int64_t>(from.size()) / tokens_;
    EachToken([&](int64_t t) {
      for (int64_t i = t * width; i < (t + 1) * width; ++i) to[static_cast<size_t>(i)] += from[static_cast<size_t>(i)];
    });
  }

  // x becomes the block's output; the activity has what the way back needs. Without `whole`, x is left undefined and
  // only that activity is computed.
  void ForwardBlock(size_t b, Floats& x, Activity& a, bool whole) {
    const Block& block = net_.blocks[b];
    Norm(x, block.attention_norm, net_.width, normed_, inverse_);
    const Use inputs[] = {{&block.query, &a.query}, {&block.key, &a.key}, {&block.value, &a.value}};
    Forward(normed_, inputs, PlaceOf(b, kAttentionInput));
    Round(a.query);
    Round(a.key);
    Round(a.value);
    Prepare(block, a.query, net_.heads, block.query_norm, query_, query_inverse_);
    Prepare(block, a.key, net_.kv_heads, block.key_norm, key_, key_inverse_);
    Fit(a.attended, tokens_ * net_.heads * net_.head);
    Fit(a.log_sum, tokens_ * net_.heads);
    AttentionCall call = CallOf(block, query_, key_, a.value);
    call.out = a.attended.data();
    call.log_sum = a.log_sum.data();
    Attend(threads_, call);
    Round(a.attended);
    const Use output[] = {{&block.output, &out_}};
    Forward(SubNormed(a.attended, block.attention_sub_norm, net_.heads * net_.head), output,
            PlaceOf(b, kAttentionOutput));
    AddBranch(x, out_, block.attention_post_norm, a.attention_out);
    a.middle = x;

    Norm(a.middle, block.ffn_norm, net_.width, normed_, inverse_);
    const Use gates[] = {{&block.gate, &a.gate}, {&block.up, &a.up}};
    Forward(normed_, gates, PlaceOf(b, kFfnInput));
    Round(a.gate);
    Round(a.up);
    if (!whole && block.ffn_post_norm.empty()) return;
    GateInto(a, gated_);
    const Use down[] = {{&block.down, &out_}};
    Forward(SubNormed(gated_, block.ffn_sub_norm, net_.ffn), down, PlaceOf(b, kFfnOutput));
    AddBranch(x, out_, block.ffn_post_norm, a.ffn_out);
  }

  void GateInto(const Activity& a, Floats& gated) {
    Fit(gated, tokens_ * net_.ffn);
    Gate(threads_, net_.gate, a.gate.data(), a.up.data(), tokens_, net_.ffn, gated.data());
  }

  const Floats& SubNormed(const Floats& values, const Floats& norm, int64_t width) {
    if (norm.empty()) return values;
    Norm(values, norm, width, sub_normed_, sub_inverse_);
    return sub_normed_;
  }

  // x += post(branch); the branch is kept where the norm's way back needs it.
  void AddBranch(Floats& x, Floats& branch, const Floats& norm, Floats& kept) {
    if (norm.empty()) return AddTo(x, branch);
    Round(branch);
    kept = branch;
    Norm(kept, norm, net_.width, branch, branch_inverse_);
    AddTo(x, branch);
  }

  // The gradient of a branch before its norm, from the gradient of the stream.
  void UnaddBranch(const Floats& d_stream, const Floats& norm, const Floats& kept, Floats& d_branch) {
    d_branch = d_stream;
    if (norm.empty()) return;
    Norm(kept, norm, net_.width, normed_, branch_inverse_);  // for the inverse alone
    RmsNormBackward(threads_, d_stream.data(), kept.data(), norm.data(), branch_inverse_.data(), tokens_, net_.width,
                    d_branch.data(), /*add=*/false);
  }

  void SubNormBackward(const Floats& values, const Floats& norm, int64_t width, Floats& gradient) {
    if (norm.empty()) return;
    Floats d_values(gradient.size());
    RmsNormBackward(threads_, gradient.data(), values.data(), norm.data(), sub_inverse_.data(), tokens_, width,
                    d_values.data(), /*add=*/false);
    gradient = std::move(d_values);
  }

  // d_stream: the gradient of the block's output, then of its input.
  void BackwardBlock(size_t b, const Floats& x, Floats& d_stream, Adapter& gradients) {
    const Block& block = net_.blocks[b];
    Activity& a = activity_;
    UnaddBranch(d_stream, block.ffn_post_norm, a.ffn_out, d_branch_);
    GateInto(a, gated_);
    const Use down[] = {{&block.down, &d_branch_}};
    Backward(SubNormed(gated_, block.ffn_sub_norm, net_.ffn), down, PlaceOf(b, kFfnOutput), &d_inner_, gradients);
    SubNormBackward(gated_, block.ffn_sub_norm, net_.ffn, d_inner_);
    GateBackward(threads_, net_.gate, d_inner_.data(), a.gate.data(), a.up.data(), tokens_, net_.ffn);
    Norm(a.middle, block.ffn_norm, net_.width, normed_, inverse_);
    const Use gates[] = {{&block.gate, &a.gate}, {&block.up, &a.up}};
    Backward(normed_, gates, PlaceOf(b, kFfnInput), &d_inner_, gradients);
    RmsNormBackward(threads_, d_inner_.data(), a.middle.data(), block.ffn_norm.data(), inverse_.data(), tokens_,
                    net_.width, d_stream.data(), /*add=*/true);

    UnaddBranch(d_stream, block.attention_post_norm, a.attention_out, d_branch_);
    const int64_t queries = net_.heads * net_.head;
    const Use output[] = {{&block.output, &d_branch_}};
    Backward(SubNormed(a.attended, block.attention_sub_norm, queries), output, PlaceOf(b, kAttentionOutput), &d_inner_,
             gradients);
    SubNormBackward(a.attended, block.attention_sub_norm, queries, d_inner_);
    Prepare(block, a.query, net_.heads, block.query_norm, query_, query_inverse_);
    Prepare(block, a.key, net_.kv_heads, block.key_norm, key_, key_inverse_);
    AttentionCall call = CallOf(block, query_, key_, a.value);
    Fit(d_query_, tokens_ * queries);
    Fit(d_key_, tokens_ * net_.kv_heads * net_.head);
    Fit(d_value_, tokens_ * net_.kv_heads * net_.head);
    Fit(delta_, tokens_ * net_.heads);
    call.out = a.attended.data();
    call.log_sum = a.log_sum.data();
    call.d_out = d_inner_.data();
    call.delta = delta_.data();
    call.d_q = d_query_.data();
    call.d_k = d_key_.data();
    call.d_v = d_value_.data();
    AttendBackward(threads_, call);
    Unprepare(block, a.query, net_.heads, block.query_norm, query_inverse_, d_query_);
    Unprepare(block, a.key, net_.kv_heads, block.key_norm, key_inverse_, d_key_);
    Norm(x, block.attention_norm, net_.width, normed_, inverse_);
    const Use inputs[] = {{&block.query, &d_query_}, {&block.key, &d_key_}, {&block.value, &d_value_}};
    // Below the first block is the embedding, which is frozen: nobody asks for its gradient.
    Backward(normed_, inputs, PlaceOf(b, kAttentionInput), b == 0 ? nullptr : &d_inner_, gradients);
    if (b == 0) return;
    RmsNormBackward(threads_, d_inner_.data(), x.data(), block.attention_norm.data(), inverse_.data(), tokens_,
                    net_.width, d_stream.data(), /*add=*/true);
  }

  void Store(size_t b) {
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
    stored.middle = a.middle;
    stored.log_sum = a.log_sum;
  }

  void Restore(size_t b) {
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
    a.middle = stored.middle;
    a.log_sum = stored.log_sum;
  }

  // ------------------------------------------------------------------------------------------------------ loss

  // Labelled tokens from … from + count - 1, before and after the last norm.
  void Gather(const Floats& stream, int64_t from, int64_t count, Floats& rows, Floats& normed, Floats& inverse) {
    Fit(rows, count * net_.width);
    Fit(normed, count * net_.width);
    Fit(inverse, count);
    for (int64_t i = 0; i < count; ++i) {
      const float* source = stream.data() + labelled_[static_cast<size_t>(from + i)] * net_.width;
      std::copy(source, source + net_.width, rows.data() + i * net_.width);
    }
    RmsNorm(threads_, rows.data(), net_.output_norm.data(), net_.epsilon, count, net_.width, normed.data(),
            inverse.data());
  }

  void Loss(const Floats& stream, PassResult& result, Floats* d_stream) {
    if (d_stream != nullptr) d_stream->assign(stream.size(), 0);
    const auto total = static_cast<int64_t>(labelled_.size());
    result.token_loss.resize(labelled_.size());
    Floats rows;
    Floats normed;
    Floats inverse;
    Floats logits;
    Floats d_normed;
    Floats d_rows;
    std::vector<int32_t> targets;
    Floats weights;
    for (int64_t from = 0; from < total; from += options_.loss_rows) {
      const int64_t count = std::min(options_.loss_rows, total - from);
      Gather(stream, from, count, rows, normed, inverse);
      targets.clear();
      weights.clear();
      for (int64_t i = 0; i < count; ++i) {
        const auto token = static_cast<size_t>(labelled_[static_cast<size_t>(from + i)]);
        targets.push_back(batch_->targets[token]);
        weights.push_back(batch_->weights[token]);
      }
      Fit(logits, count * net_.vocabulary);
      {
        const Activations input(threads_, normed.data(), count, net_.width, net_.width);
        MultiplyTransposed(threads_, {{{{{&input, net_.output}}, logits.data(), net_.vocabulary}}});
      }
      float* losses = result.token_loss.data() + from;
      CrossEntropy(threads_, logits.data(), count, net_.vocabulary, targets.data(), weights.data(), losses);
      for (int64_t i = 0; i < count; ++i) {
        result.loss += static_cast<double>(weights[static_cast<size_t>(i)]) * losses[i];
        result.weight += weights[static_cast<size_t>(i)];
      }
      if (d_stream == nullptr) continue;
      Fit(d_normed, count * net_.width);
      {
        const Activations d_logits(threads_, logits.data(), count, net_.vocabulary, net_.vocabulary);
        Multiply(threads_, {{{{{&d_logits, net_.output}}, d_normed.data(), net_.width}}});
      }
      Fit(d_rows, count * net_.width);
      RmsNormBackward(threads_, d_normed.data(), rows.data(), net_.output_norm.data(), inverse.data(), count,
                      net_.width, d_rows.data(), /*add=*/false);
      for (int64_t i = 0; i < count; ++i) {
        std::copy(d_rows.data() + i * net_.width, d_rows.data() + (i + 1) * net_.width,
                  d_stream->data() + labelled_[static_cast<size_t>(from + i)] * net_.width);
      }
    }
  }

  const Network& net_;
  Threads& threads_;
  PassOptions options_;
  const TokenBatch* batch_ = nullptr;
  const Adapter* adapter_ = nullptr;
  int64_t tokens_ = 0;
  std::vector<int32_t> labelled_;  // tokens that have a target
  std::vector<int32_t> windowed_;

  std::vector<Floats> inputs_;  // of each block
  std::vector<StoredBlock> stored_;
  Activity activity_;
  // Buffers of the block in work.
  Floats normed_, inverse_, query_, key_, query_inverse_, key_inverse_, out_, gated_, sub_normed_, sub_inverse_,
      branch_inverse_, dropped_;
  Floats d_branch_, d_inner_, d_query_, d_key_, d_value_, delta_;
};

Pass::Pass(const Network& network, Threads& threads, const PassOptions& options)
    : state_(std::make_unique<State>(network, threads, options)) {}
Pass::~Pass() = default;

void Pass::set_dropout(float share, uint64_t seed) { state_->set_dropout(share, seed); }

PassResult Pass::Run(const TokenBatch& batch, const Adapter* adapter, Adapter* gradients) {
  return state_->Run(batch, adapter, gradients);
}

std::vector<float> Pass::Logits(const TokenBatch& batch, const Adapter* adapter) {
  return state_->Logits(batch, adapter);
}

}  // namespace loco
