// Attention on the micro-kernels of the products: scores, probabilities and gradients are tiles of one key block each,
// so that no tokens × tokens matrix ever exists. Included like gemm_inl.h.
//
// A tile is (heads that share the keys × queries) × 64 keys: keys and values are packed once for the whole group.
// Backward makes two passes, one a query block for d_q and one a key block for d_k and d_v; scores are computed again
// in both, which costs two products of five but leaves every sum to one worker in one order.
#pragma once

#include "net/elementwise_inl.h"
#include "net/gemm_inl.h"

namespace loco {
namespace {

// Scratch memory of one task, cut into arrays of whole cache lines.
class Carver {
 public:
  explicit Carver(std::byte* memory) : at_(memory) {}
  template <typename T>
  T* Take(int64_t count) {
    auto* taken = reinterpret_cast<T*>(at_);
    at_ += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return taken;
  }

 private:
  std::byte* at_;
};

// What PackAsSteps needs beside the rows.
struct Margins {
  template <typename K>
  static Margins Take(Carver& carve, int64_t padded) {
    Margins margins{carve.Take<float>(padded), carve.Take<float>(2 * K::kColumns)};
    for (int64_t i = 0; i < padded; ++i) margins.zeros[i] = 0;
    return margins;
  }
  float* zeros;  // a row after the last
  float* edge;   // two rows' last columns
};

// Rows of a matrix, packed as the columns of a product whose sum runs along them: panel for x · rowsᵀ.
template <typename K>
inline void PackAsColumns(const float* rows, int64_t stride, int64_t count, int64_t width,
                          typename K::Element* panels) {
  const int64_t steps = RoundUp(width, K::kStep);
  for (int64_t row = 0; row < count; row += 16) {
    const int64_t some = count - row < 16 ? count - row : 16;
    K::PackRows(rows + row * stride, stride, some, width, steps, panels + row / K::kColumns * K::kColumns * steps,
                row % K::kColumns);
  }
}

// Rows of a matrix, packed as the steps of a product that sums over them: panels for x · rows.
template <typename K>
inline void PackAsSteps(const float* rows, int64_t stride, int64_t count, int64_t width, const Margins& margins,
                        typename K::Element* panels) {
  const float* zeros = margins.zeros;
  float* edge = margins.edge;
  const int64_t steps = RoundUp(count, K::kStep);
  for (int64_t d = 0; d < steps; d += K::kPair) {
    const float* a = d < count ? rows + d * stride : zeros;
    const float* b = d + 1 < count ? a + stride : zeros;
    for (int64_t at = 0; at < width; at += K::kColumns) {
      const float* a_at = a + at;
      const float* b_at = b + at;
      if (width - at < K::kColumns) {  // the last columns of a narrow head: do not read past the row
        for (int64_t i = 0; i < K::kColumns; ++i) {
          edge[i] = i < width - at ? a_at[i] : 0;
          edge[K::kColumns + i] = i < width - at ? b_at[i] : 0;
        }
        a_at = edge;
        b_at = edge + K::kColumns;
      }
      K::PackPair(a_at, b_at, panels + at * steps + d * K::kColumns);
    }
  }
}

template <typename K>
inline void ConvertRows(const float* from, int64_t stride, int64_t rows, int64_t width, float scale,
                        typename K::Element* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    K::Convert(from + r * stride, reinterpret_cast<std::byte*>(to + r * to_stride), width, scale);
    for (int64_t i = width; i < to_stride; ++i) to[r * to_stride + i] = 0;
  }
}

inline constexpr int64_t kBlock = kAttentionBlock;
inline constexpr float kNothing = -1e30F;

// Sizes and places of one task: the block of tokens from `begin` on, all heads that share key head `kv_head`.
struct AttentionTask {
  AttentionTask(const AttentionCall& call, int64_t key_head, int64_t begin)
      : group(call.heads / call.kv_heads),
        tokens(call.tokens - begin < kBlock ? call.tokens - begin : kBlock),
        head(call.head),
        padded(RoundUp(call.head, 64)),
        q_stride(call.heads * call.head),
        kv_stride(call.kv_heads * call.head),
        kv_head(key_head) {}
  int64_t HeadOf(int64_t g) const { return kv_head * group + g; }
  // Where a token's query, in the group's head g, and its key begin.
  int64_t QueryAt(int64_t token, int64_t g) const { return token * q_stride + HeadOf(g) * head; }
  int64_t KeyAt(int64_t token) const { return token * kv_stride + kv_head * head; }

  int64_t group;   // query heads
  int64_t tokens;  // of the block
  int64_t head;
  int64_t padded;  // head, as scratch rows hold it
  int64_t q_stride;
  int64_t kv_stride;
  int64_t kv_head;
};

// Queries, or gradients of the same shape, of a block: a row for each head and token.
template <typename K>
inline void ConvertQueries(const AttentionTask& task, const float* from, int64_t begin, float scale,
                           typename K::Element* to) {
  for (int64_t g = 0; g < task.group; ++g) {
    ConvertRows<K>(from + task.QueryAt(begin, g), task.q_stride, task.tokens, task.head, scale,
                   to + g * task.tokens * task.padded, task.padded);
  }
}

// Scores outside `low` … `high - 1` become so small that their exponential is 0: rows are then computed whole, which
// takes fewer instructions than their parts.
inline void Hide(float* row, int64_t low, int64_t high) {
  for (int64_t i = 0; i < low; ++i) row[i] = kNothing;
  for (int64_t i = high; i < kBlock; ++i) row[i] = kNothing;
}

template <typename K>
void AttentionForward(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  [[maybe_unused]] const typename K::Session session;
  const AttentionTask task(call, kv_head, begin);
  const int64_t queries = task.tokens;
  const int64_t rows = task.group * queries;
  const int64_t head = task.head;
  const int64_t padded = task.padded;
  Carver carve(scratch);
  auto* q = carve.Take<Element>(rows * padded);
  auto* keys = carve.Take<Element>(kBlock * padded);
  auto* values = carve.Take<Element>(kBlock * padded);
  auto* scores = carve.Take<float>(rows * kBlock);
  auto* shares = carve.Take<Element>(rows * kBlock);
  auto* out = carve.Take<float>(rows * padded);
  auto* most = carve.Take<float>(rows);
  auto* sum = carve.Take<float>(rows);
  const Margins margins = Margins::Take<K>(carve, padded);
  ConvertQueries<K>(task, call.q, begin, call.scale, q);
  for (int64_t r = 0; r < rows; ++r) {
    most[r] = kNothing;
    sum[r] = 0;
  }
  for (int64_t i = 0; i < rows * padded; ++i) out[i] = 0;

  for (int64_t key = call.first[begin] / kBlock * kBlock; key < begin + queries; key += kBlock) {
    const int64_t count = call.tokens - key < kBlock ? call.tokens - key : kBlock;
    PackAsColumns<K>(call.k + task.KeyAt(key), task.kv_stride, count, head, keys);
    PackAsSteps<K>(call.v + task.KeyAt(key), task.kv_stride, count, head, margins, values);
    RunTokens<K>(q, padded, rows, keys, RoundUp(head, K::kStep), count, scores, kBlock, true);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t t = begin + r % queries;
      const int64_t low = call.first[t] > key ? call.first[t] - key : 0;
      const int64_t high = t - key < count - 1 ? t - key : count - 1;  // the last key that t sees
      float* row = scores + r * kBlock;
      float* to = out + r * padded;
      if (high < low) {
        for (int64_t i = 0; i < kBlock; ++i) row[i] = 0;
        continue;
      }
      Hide(row, low, high + 1);
      const float highest = MaxOf(row, kBlock, most[r]);
      const float factor = FastExp(most[r] - highest);
      most[r] = highest;
      sum[r] = sum[r] * factor + ExpAndSum(row, kBlock, highest);
      if (factor == 1) continue;
      for (int64_t i = 0; i < head; ++i) to[i] *= factor;
    }
    ConvertRows<K>(scores, kBlock, rows, kBlock, 1, shares, kBlock);
    RunTokens<K>(shares, kBlock, rows, values, RoundUp(count, K::kStep), head, out, padded, false);
  }

  for (int64_t g = 0; g < task.group; ++g) {
    const int64_t h = task.HeadOf(g);
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t r = g * queries + i;
      const float inverse = 1 / sum[r];
      float* to = call.out + task.QueryAt(begin + i, g);
      for (int64_t d = 0; d < head; ++d) to[d] = out[r * padded + d] * inverse;
      call.log_sum[h * call.tokens + begin + i] = most[r] + FastLog(sum[r]);
    }
  }
}

// Probabilities of one tile from its scores, row by row: exp(score - log_sum) where the query sees the key, else 0.
inline void ProbabilitiesByQuery(const AttentionCall& call, const AttentionTask& task, int64_t begin, int64_t key,
                                 int64_t count, float* scores) {
  for (int64_t r = 0; r < task.group * task.tokens; ++r) {
    const int64_t t = begin + r % task.tokens;
    const float log_sum = call.log_sum[task.HeadOf(r / task.tokens) * call.tokens + t];
    float* row = scores + r * kBlock;
    const int64_t low = call.first[t] > key ? call.first[t] - key : 0;
    const int64_t high = t - key < count - 1 ? t - key : count - 1;
    Hide(row, low < kBlock ? low : kBlock, high + 1 > 0 ? high + 1 : 0);
    for (int64_t i = 0; i < kBlock; ++i) row[i] = FastExp(row[i] - log_sum);
  }
}

template <typename K>
void AttentionBackwardQueries(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  [[maybe_unused]] const typename K::Session session;
  const AttentionTask task(call, kv_head, begin);
  const int64_t queries = task.tokens;
  const int64_t rows = task.group * queries;
  const int64_t head = task.head;
  const int64_t padded = task.padded;
  Carver carve(scratch);
  auto* q = carve.Take<Element>(rows * padded);
  auto* d_out = carve.Take<Element>(rows * padded);
  auto* keys = carve.Take<Element>(kBlock * padded);
  auto* key_steps = carve.Take<Element>(kBlock * padded);
  auto* values = carve.Take<Element>(kBlock * padded);
  auto* scores = carve.Take<float>(rows * kBlock);
  auto* gradients = carve.Take<float>(rows * kBlock);
  auto* shares = carve.Take<Element>(rows * kBlock);
  auto* d_q = carve.Take<float>(rows * padded);
  const Margins margins = Margins::Take<K>(carve, padded);
  for (int64_t i = 0; i < rows * padded; ++i) d_q[i] = 0;
  ConvertQueries<K>(task, call.q, begin, call.scale, q);
  ConvertQueries<K>(task, call.d_out, begin, 1, d_out);
  for (int64_t key = call.first[begin] / kBlock * kBlock; key < begin + queries; key += kBlock) {
    const int64_t count = call.tokens - key < kBlock ? call.tokens - key : kBlock;
    const float* k_rows = call.k + task.KeyAt(key);
    PackAsColumns<K>(k_rows, task.kv_stride, count, head, keys);
    PackAsSteps<K>(k_rows, task.kv_stride, count, head, margins, key_steps);
    PackAsColumns<K>(call.v + task.KeyAt(key), task.kv_stride, count, head, values);
    RunTokens<K>(q, padded, rows, keys, RoundUp(head, K::kStep), count, scores, kBlock, true);
    RunTokens<K>(d_out, padded, rows, values, RoundUp(head, K::kStep), count, gradients, kBlock, true);
    ProbabilitiesByQuery(call, task, begin, key, count, scores);
    for (int64_t r = 0; r < rows; ++r) {
      const float delta = call.delta[task.HeadOf(r / queries) * call.tokens + begin + r % queries];
      float* row = gradients + r * kBlock;
      const float* p = scores + r * kBlock;
      // Behind `count` the gradients were never computed: their probability is 0, but 0 · NaN is not.
      for (int64_t i = count; i < kBlock; ++i) row[i] = 0;
      for (int64_t i = 0; i < kBlock; ++i) row[i] = p[i] * (row[i] - delta);
    }
    ConvertRows<K>(gradients, kBlock, rows, kBlock, 1, shares, kBlock);
    RunTokens<K>(shares, kBlock, rows, key_steps, RoundUp(count, K::kStep), head, d_q, padded, false);
  }
  for (int64_t g = 0; g < task.group; ++g) {
    for (int64_t i = 0; i < queries; ++i) {
      float* to = call.d_q + task.QueryAt(begin + i, g);
      const float* from = d_q + (g * queries + i) * padded;
      for (int64_t d = 0; d < head; ++d) to[d] = from[d] * call.scale;
    }
  }
}

template <typename K>
void AttentionBackwardKeys(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  [[maybe_unused]] const typename K::Session session;
  const AttentionTask task(call, kv_head, begin);
  const int64_t keys = task.tokens;
  const int64_t head = task.head;
  const int64_t padded = task.padded;
  Carver carve(scratch);
  auto* k = carve.Take<Element>(kBlock * padded);
  auto* v = carve.Take<Element>(kBlock * padded);
  auto* queries = carve.Take<Element>(kBlock * padded);
  auto* query_steps = carve.Take<Element>(kBlock * padded);
  auto* d_outs = carve.Take<Element>(kBlock * padded);
  auto* d_out_steps = carve.Take<Element>(kBlock * padded);
  auto* scores = carve.Take<float>(kBlock * kBlock);
  auto* gradients = carve.Take<float>(kBlock * kBlock);
  auto* shares = carve.Take<Element>(kBlock * kBlock);
  auto* d_k = carve.Take<float>(kBlock * padded);
  auto* d_v = carve.Take<float>(kBlock * padded);
  const Margins margins = Margins::Take<K>(carve, padded);
  for (int64_t i = 0; i < kBlock * padded; ++i) d_k[i] = d_v[i] = 0;
  ConvertRows<K>(call.k + task.KeyAt(begin), task.kv_stride, keys, head, call.scale, k, padded);
  ConvertRows<K>(call.v + task.KeyAt(begin), task.kv_stride, keys, head, 1, v, padded);
  const int64_t steps = RoundUp(head, K::kStep);
  for (int64_t t = begin; t < call.tokens && call.first[t] < begin + keys; t += kBlock) {
    const int64_t count = call.tokens - t < kBlock ? call.tokens - t : kBlock;
    for (int64_t g = 0; g < task.group; ++g) {
      const int64_t h = task.HeadOf(g);
      const float* q_rows = call.q + task.QueryAt(t, g);
      const float* d_rows = call.d_out + task.QueryAt(t, g);
      PackAsColumns<K>(q_rows, task.q_stride, count, head, queries);
      PackAsSteps<K>(q_rows, task.q_stride, count, head, margins, query_steps);
      PackAsColumns<K>(d_rows, task.q_stride, count, head, d_outs);
      PackAsSteps<K>(d_rows, task.q_stride, count, head, margins, d_out_steps);
      // Transposed tiles: a row is a key, a column a query.
      RunTokens<K>(k, padded, keys, queries, steps, count, scores, kBlock, true);
      RunTokens<K>(v, padded, keys, d_outs, steps, count, gradients, kBlock, true);
      float log_sum[kBlock] = {};
      float delta[kBlock] = {};
      for (int64_t i = 0; i < count; ++i) {
        log_sum[i] = call.log_sum[h * call.tokens + t + i];
        delta[i] = call.delta[h * call.tokens + t + i];
      }
      int64_t high = 0;  // of the queries that see the key; grows with it, because `first` does
      for (int64_t r = 0; r < keys; ++r) {
        float* p = scores + r * kBlock;
        float* row = gradients + r * kBlock;
        while (high < count && call.first[t + high] <= begin + r) ++high;
        const int64_t low = begin + r - t > 0 ? begin + r - t : 0;
        Hide(p, low < kBlock ? low : kBlock, high);
        for (int64_t i = count; i < kBlock; ++i) row[i] = 0;
        for (int64_t i = 0; i < kBlock; ++i) {
          p[i] = FastExp(p[i] - log_sum[i]);
          row[i] = p[i] * (row[i] - delta[i]);
        }
      }
      ConvertRows<K>(scores, kBlock, keys, kBlock, 1, shares, kBlock);
      RunTokens<K>(shares, kBlock, keys, d_out_steps, RoundUp(count, K::kStep), head, d_v, padded, false);
      ConvertRows<K>(gradients, kBlock, keys, kBlock, 1, shares, kBlock);
      RunTokens<K>(shares, kBlock, keys, query_steps, RoundUp(count, K::kStep), head, d_k, padded, false);
    }
  }
  for (int64_t i = 0; i < keys; ++i) {
    float* to_k = call.d_k + task.KeyAt(begin + i);
    float* to_v = call.d_v + task.KeyAt(begin + i);
    for (int64_t d = 0; d < head; ++d) {
      to_k[d] = d_k[i * padded + d] * call.scale;
      to_v[d] = d_v[i * padded + d];
    }
  }
}

template <typename K>
constexpr Kernels MakeKernels() {
  return {.element_bytes = sizeof(typename K::Element),
          .to_elements = K::Convert,
          .from_elements = K::Expand,
          .forward_columns = K::kForwardStrip,
          .backward_columns = K::kBackwardStrip,
          .gemm_scratch = GemmScratch<K>(),
          .forward_strip = ForwardStrip<K>,
          .backward_strip = BackwardStrip<K>,
          .attention_forward = AttentionForward<K>,
          .attention_backward_queries = AttentionBackwardQueries<K>,
          .attention_backward_keys = AttentionBackwardKeys<K>,
          .rms_norm = RmsNormRow,
          .rms_norm_backward = RmsNormBackwardRow,
          .gate = GateRow,
          .gate_backward = GateBackwardRow,
          .drop = DropRow,
          .cross_entropy = CrossEntropyRow};
}

}  // namespace
}  // namespace loco
