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

// Rows of a matrix, packed as the columns of a product whose sum runs along them: panel for x · rowsᵀ.
template <typename K>
inline void PackAsColumns(const float* rows, int64_t stride, int64_t count, int64_t width,
                          typename K::Element* panels) {
  const int64_t steps = RoundUp(width, K::kPair);
  for (int64_t row = 0; row < count; row += 16) {
    const int64_t some = count - row < 16 ? count - row : 16;
    K::PackRows(rows + row * stride, stride, some, steps, panels + row / K::kColumns * K::kColumns * steps,
                row % K::kColumns);
  }
}

// Rows of a matrix, packed as the steps of a product that sums over them: panels for x · rows. `zeros` holds a row of
// at least RoundUp(width, kColumns) zeros.
template <typename K>
inline void PackAsSteps(const float* rows, int64_t stride, int64_t count, int64_t width, const float* zeros,
                        float* edge, typename K::Element* panels) {
  const int64_t steps = RoundUp(count, K::kPair);
  for (int64_t d = 0; d < steps; d += K::kPair) {
    const float* a = rows + d * stride;
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

template <typename K>
void AttentionForward(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  const int64_t group = call.heads / call.kv_heads;
  const int64_t queries = call.tokens - begin < kBlock ? call.tokens - begin : kBlock;
  const int64_t rows = group * queries;
  const int64_t head = call.head;
  const int64_t q_stride = call.heads * head;
  const int64_t kv_stride = call.kv_heads * head;
  const int64_t padded = RoundUp(head, 64);
  Carver carve(scratch);
  auto* q = carve.Take<Element>(rows * padded);
  auto* keys = carve.Take<Element>(kBlock * padded);
  auto* values = carve.Take<Element>(kBlock * padded);
  auto* scores = carve.Take<float>(rows * kBlock);
  auto* shares = carve.Take<Element>(rows * kBlock);
  auto* out = carve.Take<float>(rows * padded);
  auto* most = carve.Take<float>(rows);
  auto* sum = carve.Take<float>(rows);
  auto* zeros = carve.Take<float>(padded);
  auto* edge = carve.Take<float>(2 * K::kColumns);
  for (int64_t i = 0; i < padded; ++i) zeros[i] = 0;
  for (int64_t g = 0; g < group; ++g) {
    ConvertRows<K>(call.q + begin * q_stride + (kv_head * group + g) * head, q_stride, queries, head, call.scale,
                   q + g * queries * padded, padded);
  }
  for (int64_t r = 0; r < rows; ++r) {
    most[r] = -1e30F;
    sum[r] = 0;
  }
  for (int64_t i = 0; i < rows * padded; ++i) out[i] = 0;

  for (int64_t key = call.first[begin] / kBlock * kBlock; key < begin + queries; key += kBlock) {
    const int64_t count = call.tokens - key < kBlock ? call.tokens - key : kBlock;
    PackAsColumns<K>(call.k + key * kv_stride + kv_head * head, kv_stride, count, head, keys);
    PackAsSteps<K>(call.v + key * kv_stride + kv_head * head, kv_stride, count, head, zeros, edge, values);
    RunTokens<K>(q, padded, rows, keys, RoundUp(head, K::kPair), count, scores, kBlock, true);
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
      float highest = most[r];
      for (int64_t i = low; i <= high; ++i) highest = row[i] > highest ? row[i] : highest;
      const float factor = FastExp(most[r] - highest);
      most[r] = highest;
      for (int64_t i = 0; i < low; ++i) row[i] = 0;
      for (int64_t i = high + 1; i < kBlock; ++i) row[i] = 0;
      for (int64_t i = low; i <= high; ++i) row[i] = FastExp(row[i] - highest);
      float total = 0;
      for (int64_t i = low; i <= high; ++i) total += row[i];
      sum[r] = sum[r] * factor + total;
      for (int64_t i = 0; i < head; ++i) to[i] *= factor;
    }
    ConvertRows<K>(scores, kBlock, rows, kBlock, 1, shares, kBlock);
    RunTokens<K>(shares, kBlock, rows, values, RoundUp(count, K::kPair), head, out, padded, false);
  }

  for (int64_t g = 0; g < group; ++g) {
    const int64_t h = kv_head * group + g;
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t r = g * queries + i;
      const float inverse = 1 / sum[r];
      float* to = call.out + (begin + i) * q_stride + h * head;
      for (int64_t d = 0; d < head; ++d) to[d] = out[r * padded + d] * inverse;
      call.log_sum[h * call.tokens + begin + i] = most[r] + FastLog(sum[r]);
    }
  }
}

// Probabilities of one tile from its scores, row by row: exp(score - log_sum) where the query sees the key, else 0.
inline void ProbabilitiesByQuery(const AttentionCall& call, int64_t kv_head, int64_t begin, int64_t queries,
                                 int64_t key, int64_t count, float* scores) {
  const int64_t group = call.heads / call.kv_heads;
  for (int64_t r = 0; r < group * queries; ++r) {
    const int64_t t = begin + r % queries;
    const float log_sum = call.log_sum[(kv_head * group + r / queries) * call.tokens + t];
    float* row = scores + r * kBlock;
    for (int64_t i = 0; i < kBlock; ++i) {
      const int64_t at = key + i;
      const bool seen = i < count && at >= call.first[t] && at <= t;
      row[i] = seen ? FastExp(row[i] - log_sum) : 0;
    }
  }
}

template <typename K>
void AttentionBackwardQueries(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  const int64_t group = call.heads / call.kv_heads;
  const int64_t queries = call.tokens - begin < kBlock ? call.tokens - begin : kBlock;
  const int64_t rows = group * queries;
  const int64_t head = call.head;
  const int64_t q_stride = call.heads * head;
  const int64_t kv_stride = call.kv_heads * head;
  const int64_t padded = RoundUp(head, 64);
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
  auto* zeros = carve.Take<float>(padded);
  auto* edge = carve.Take<float>(2 * K::kColumns);
  for (int64_t i = 0; i < padded; ++i) zeros[i] = 0;
  for (int64_t i = 0; i < rows * padded; ++i) d_q[i] = 0;
  for (int64_t g = 0; g < group; ++g) {
    const int64_t offset = begin * q_stride + (kv_head * group + g) * head;
    ConvertRows<K>(call.q + offset, q_stride, queries, head, call.scale, q + g * queries * padded, padded);
    ConvertRows<K>(call.d_out + offset, q_stride, queries, head, 1, d_out + g * queries * padded, padded);
  }
  for (int64_t key = call.first[begin] / kBlock * kBlock; key < begin + queries; key += kBlock) {
    const int64_t count = call.tokens - key < kBlock ? call.tokens - key : kBlock;
    const float* k_rows = call.k + key * kv_stride + kv_head * head;
    PackAsColumns<K>(k_rows, kv_stride, count, head, keys);
    PackAsSteps<K>(k_rows, kv_stride, count, head, zeros, edge, key_steps);
    PackAsColumns<K>(call.v + key * kv_stride + kv_head * head, kv_stride, count, head, values);
    RunTokens<K>(q, padded, rows, keys, RoundUp(head, K::kPair), count, scores, kBlock, true);
    RunTokens<K>(d_out, padded, rows, values, RoundUp(head, K::kPair), count, gradients, kBlock, true);
    ProbabilitiesByQuery(call, kv_head, begin, queries, key, count, scores);
    for (int64_t r = 0; r < rows; ++r) {
      const float delta = call.delta[(kv_head * group + r / queries) * call.tokens + begin + r % queries];
      float* row = gradients + r * kBlock;
      const float* p = scores + r * kBlock;
      // Behind `count` the gradients were never computed: their probability is 0, but 0 · NaN is not.
      for (int64_t i = 0; i < kBlock; ++i) row[i] = i < count ? p[i] * (row[i] - delta) : 0;
    }
    ConvertRows<K>(gradients, kBlock, rows, kBlock, 1, shares, kBlock);
    RunTokens<K>(shares, kBlock, rows, key_steps, RoundUp(count, K::kPair), head, d_q, padded, false);
  }
  for (int64_t g = 0; g < group; ++g) {
    for (int64_t i = 0; i < queries; ++i) {
      float* to = call.d_q + (begin + i) * q_stride + (kv_head * group + g) * head;
      const float* from = d_q + (g * queries + i) * padded;
      for (int64_t d = 0; d < head; ++d) to[d] = from[d] * call.scale;
    }
  }
}

template <typename K>
void AttentionBackwardKeys(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch) {
  using Element = typename K::Element;
  const int64_t group = call.heads / call.kv_heads;
  const int64_t keys = call.tokens - begin < kBlock ? call.tokens - begin : kBlock;
  const int64_t head = call.head;
  const int64_t q_stride = call.heads * head;
  const int64_t kv_stride = call.kv_heads * head;
  const int64_t padded = RoundUp(head, 64);
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
  auto* zeros = carve.Take<float>(padded);
  auto* edge = carve.Take<float>(2 * K::kColumns);
  for (int64_t i = 0; i < padded; ++i) zeros[i] = 0;
  for (int64_t i = 0; i < kBlock * padded; ++i) d_k[i] = d_v[i] = 0;
  ConvertRows<K>(call.k + begin * kv_stride + kv_head * head, kv_stride, keys, head, call.scale, k, padded);
  ConvertRows<K>(call.v + begin * kv_stride + kv_head * head, kv_stride, keys, head, 1, v, padded);
  const int64_t steps = RoundUp(head, K::kPair);
  for (int64_t t = begin; t < call.tokens && call.first[t] < begin + keys; t += kBlock) {
    const int64_t count = call.tokens - t < kBlock ? call.tokens - t : kBlock;
    for (int64_t g = 0; g < group; ++g) {
      const int64_t h = kv_head * group + g;
      const float* q_rows = call.q + t * q_stride + h * head;
      const float* d_rows = call.d_out + t * q_stride + h * head;
      PackAsColumns<K>(q_rows, q_stride, count, head, queries);
      PackAsSteps<K>(q_rows, q_stride, count, head, zeros, edge, query_steps);
      PackAsColumns<K>(d_rows, q_stride, count, head, d_outs);
      PackAsSteps<K>(d_rows, q_stride, count, head, zeros, edge, d_out_steps);
      // Transposed tiles: a row is a key, a column a query.
      RunTokens<K>(k, padded, keys, queries, steps, count, scores, kBlock, true);
      RunTokens<K>(v, padded, keys, d_outs, steps, count, gradients, kBlock, true);
      const float* log_sum = call.log_sum + h * call.tokens + t;
      const float* delta = call.delta + h * call.tokens + t;
      for (int64_t r = 0; r < keys; ++r) {
        float* p = scores + r * kBlock;
        float* row = gradients + r * kBlock;
        for (int64_t i = 0; i < kBlock; ++i) {
          const bool seen = i < count && begin + r >= call.first[t + (i < count ? i : 0)] && begin + r <= t + i;
          p[i] = seen ? FastExp(p[i] - log_sum[i < count ? i : 0]) : 0;
          row[i] = seen ? p[i] * (row[i] - delta[i < count ? i : 0]) : 0;
        }
      }
      ConvertRows<K>(scores, kBlock, keys, kBlock, 1, shares, kBlock);
      RunTokens<K>(shares, kBlock, keys, d_out_steps, RoundUp(count, K::kPair), head, d_v, padded, false);
      ConvertRows<K>(gradients, kBlock, keys, kBlock, 1, shares, kBlock);
      RunTokens<K>(shares, kBlock, keys, query_steps, RoundUp(count, K::kPair), head, d_k, padded, false);
    }
  }
  for (int64_t i = 0; i < keys; ++i) {
    float* to_k = call.d_k + (begin + i) * kv_stride + kv_head * head;
    float* to_v = call.d_v + (begin + i) * kv_stride + kv_head * head;
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
          .forward_strip = ForwardStrip<K>,
          .backward_strip = BackwardStrip<K>,
          .attention_forward = AttentionForward<K>,
          .attention_backward_queries = AttentionBackwardQueries<K>,
          .attention_backward_keys = AttentionBackwardKeys<K>,
          .rms_norm = RmsNormRow,
          .rms_norm_backward = RmsNormBackwardRow,
          .gate = GateRow,
          .gate_backward = GateBackwardRow,
          .cross_entropy = CrossEntropyRow};
}

}  // namespace
}  // namespace loco
