#include "net/ops.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "net/kernels.h"
#include "net/rows.h"

namespace loco {
namespace {

// Tasks of attention: every block of tokens for every key head, the longest first.
template <typename Work>
void EachBlock(Threads& threads, const AttentionCall& call, bool last_first, const Work& work) {
  const int64_t blocks = (call.tokens + kAttentionBlock - 1) / kAttentionBlock;
  threads.Run(blocks * call.kv_heads, [&](int64_t task, int worker) {
    const int64_t block = last_first ? blocks - 1 - task / call.kv_heads : task / call.kv_heads;
    work(task % call.kv_heads, block * kAttentionBlock, worker);
  });
}

void Check(const AttentionCall& call) {
  LOCO_CHECK(call.heads % call.kv_heads == 0);
  LOCO_CHECK(call.head % 2 == 0);  // pairs of bf16
}

}  // namespace

int64_t AttentionScratch(const AttentionCall& call) {
  const int64_t rows = std::max<int64_t>(call.heads / call.kv_heads, 1) * kAttentionBlock;
  const int64_t padded = (call.head + 63) / 64 * 64;
  // The sum of what the largest of the three tasks takes, with room for alignment.
  return 4 * (3 * rows * padded + 3 * rows * kAttentionBlock + 8 * kAttentionBlock * padded + 2 * rows + padded) + 4096;
}

void RmsNorm(Threads& threads, const float* x, const float* weight, float epsilon, int64_t tokens, int64_t width,
             float* y, float* inverse) {
  const Kernels& kernels = CurrentKernels();
  EachRow(threads, tokens,
          [&](int64_t t) { kernels.rms_norm(x + t * width, weight, y + t * width, inverse + t, width, epsilon); });
}

void RmsNormBackward(Threads& threads, const float* d_y, const float* x, const float* weight, const float* inverse,
                     int64_t tokens, int64_t width, float* d_x, bool add) {
  const Kernels& kernels = CurrentKernels();
  EachRow(threads, tokens, [&](int64_t t) {
    kernels.rms_norm_backward(d_y + t * width, x + t * width, weight, inverse[t], d_x + t * width, width, add);
  });
}

void Gate(Threads& threads, GateKind kind, const float* gate, const float* up, int64_t tokens, int64_t width,
          float* out) {
  const Kernels& kernels = CurrentKernels();
  EachRow(threads, tokens,
          [&](int64_t t) { kernels.gate(kind, gate + t * width, up + t * width, out + t * width, width); });
}

void GateBackward(Threads& threads, GateKind kind, const float* d_out, float* gate, float* up, int64_t tokens,
                  int64_t width) {
  const Kernels& kernels = CurrentKernels();
  EachRow(threads, tokens,
          [&](int64_t t) { kernels.gate_backward(kind, d_out + t * width, gate + t * width, up + t * width, width); });
}

Rotation MakeRotation(Threads& threads, const Rope& rope, const int32_t* positions, int64_t tokens) {
  const int64_t half = rope.rotated / 2;
  LOCO_CHECK(static_cast<int64_t>(rope.frequencies.size()) == half);
  Rotation rotation{.interleaved = rope.interleaved, .rotated = rope.rotated};
  rotation.turns.resize(static_cast<size_t>(tokens * rope.rotated));
  EachRow(threads, tokens, [&](int64_t t) {
    float* cosines = rotation.turns.data() + t * rope.rotated;
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[t]) * rope.frequencies[static_cast<size_t>(i)];
      cosines[i] = std::cos(angle) * rope.magnitude;
      cosines[half + i] = std::sin(angle) * rope.magnitude;
    }
  });
  return rotation;
}

void Rotate(Threads& threads, const Rotation& rotation, float* x, int64_t tokens, int64_t heads, int64_t head,
            int64_t stride, bool backward) {
  const int64_t half = rotation.rotated / 2;
  LOCO_CHECK(rotation.rotated <= head && static_cast<int64_t>(rotation.turns.size()) == tokens * rotation.rotated);
  const float sign = backward ? -1.0F : 1.0F;
  EachRow(threads, tokens, [&](int64_t t) {
    const float* cosines = rotation.turns.data() + t * rotation.rotated;
    const float* sines = cosines + half;
    for (int64_t h = 0; h < heads; ++h) {
      float* row = x + t * stride + h * head;
      if (rotation.interleaved) {
        for (int64_t i = 0; i < half; ++i) {
          const float a = row[2 * i];
          const float b = row[2 * i + 1];
          row[2 * i] = a * cosines[i] - b * sign * sines[i];
          row[2 * i + 1] = a * sign * sines[i] + b * cosines[i];
        }
      } else {
        for (int64_t i = 0; i < half; ++i) {
          const float a = row[i];
          const float b = row[i + half];
          row[i] = a * cosines[i] - b * sign * sines[i];
          row[i + half] = a * sign * sines[i] + b * cosines[i];
        }
      }
    }
  });
}

void Drop(Threads& threads, float* x, int64_t tokens, int64_t width, float share, uint64_t key) {
  const Kernels& kernels = CurrentKernels();
  EachRow(threads, tokens, [&](int64_t t) {
    // A key of its own for each row, so that places within it are small numbers.
    uint64_t mixed = key + static_cast<uint64_t>(t) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    kernels.drop(x + t * width, width, share, static_cast<uint32_t>(mixed >> 32));
  });
}

void Attend(Threads& threads, const AttentionCall& call) {
  Check(call);
  const Kernels& kernels = CurrentKernels();
  const auto bytes = static_cast<size_t>(AttentionScratch(call));
  EachBlock(threads, call, true, [&](int64_t kv_head, int64_t begin, int worker) {
    kernels.attention_forward(call, kv_head, begin, threads.Scratch(worker, bytes));
  });
}

void AttendBackward(Threads& threads, const AttentionCall& call) {
  Check(call);
  const Kernels& kernels = CurrentKernels();
  const int64_t width = call.heads * call.head;
  EachRow(threads, call.tokens, [&](int64_t t) {
    for (int64_t h = 0; h < call.heads; ++h) {
      float sum = 0;
      for (int64_t i = 0; i < call.head; ++i) {
        sum += call.out[t * width + h * call.head + i] * call.d_out[t * width + h * call.head + i];
      }
      call.delta[h * call.tokens + t] = sum;
    }
  });
  const auto bytes = static_cast<size_t>(AttentionScratch(call));
  EachBlock(threads, call, true, [&](int64_t kv_head, int64_t begin, int worker) {
    kernels.attention_backward_queries(call, kv_head, begin, threads.Scratch(worker, bytes));
  });
  EachBlock(threads, call, false, [&](int64_t kv_head, int64_t begin, int worker) {
    kernels.attention_backward_keys(call, kv_head, begin, threads.Scratch(worker, bytes));
  });
}

void CrossEntropy(Threads& threads, float* logits, int64_t rows, int64_t vocabulary, const int32_t* targets,
                  const float* weights, float* losses) {
  const Kernels& kernels = CurrentKernels();
  threads.Run(rows, [&](int64_t row, int) {
    losses[row] = kernels.cross_entropy(logits + row * vocabulary, vocabulary, targets[row], weights[row]);
  });
}

void RoundToElements(Threads& threads, float* values, int64_t count) {
  const Kernels& kernels = CurrentKernels();
  if (kernels.element_bytes == sizeof(float)) return;
  constexpr int64_t kChunk = 4096;
  threads.Run((count + kChunk - 1) / kChunk, [&](int64_t task, int worker) {
    std::byte* elements = threads.Scratch(worker, static_cast<size_t>(kChunk * kernels.element_bytes));
    const int64_t some = std::min(kChunk, count - task * kChunk);
    kernels.to_elements(values + task * kChunk, elements, some, 1);
    kernels.from_elements(elements, values + task * kChunk, some);
  });
}

}  // namespace loco
