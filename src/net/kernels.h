// What a family of micro-kernels offers: one table of functions each for portable code, AVX2, AVX512, AVX512-BF16 and
// AMX.
// The loops behind them are templates (gemm_inl.h, attention_inl.h, elementwise_inl.h) that every family compiles for
// itself.
//
//   const Kernels& kernels = CurrentKernels();
//   kernels.forward_strip({&product, 0, 0, tokens}, scratch);
//
// For the files of this module; everybody else uses gemm.h and ops.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/gemm.h"
#include "net/ops.h"

namespace loco {

// One task of a product: some tokens and columns of the output, no more columns than the kernels say.
struct Strip {
  const Product* product = nullptr;
  int64_t column = 0;
  int64_t columns = 0;
  int64_t begin = 0;  // tokens
  int64_t end = 0;
};

struct Kernels {
  // Bytes of an element of panels and activations: 2 for bf16, 4 for 32-bit floats.
  int64_t element_bytes;
  // `count` numbers times `scale` as elements.
  void (*to_elements)(const float* from, std::byte* to, int64_t count, float scale);
  void (*from_elements)(const std::byte* from, float* to, int64_t count);

  int64_t forward_columns;  // most of a strip
  int64_t backward_columns;
  int64_t gemm_scratch;  // bytes that a strip of either kind needs
  void (*forward_strip)(const Strip& strip, std::byte* scratch);
  void (*backward_strip)(const Strip& strip, std::byte* scratch);

  // One task of attention: the queries, or keys, from `begin` on of all heads that share key head `kv_head`.
  void (*attention_forward)(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch);
  void (*attention_backward_queries)(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch);
  void (*attention_backward_keys)(const AttentionCall& call, int64_t kv_head, int64_t begin, std::byte* scratch);

  // One token's row each.
  void (*rms_norm)(const float* x, const float* weight, float* y, float* inverse, int64_t width, float epsilon);
  void (*rms_norm_backward)(const float* dy, const float* x, const float* weight, float inverse, float* dx,
                            int64_t width, bool add);
  void (*gate)(GateKind kind, const float* gate, const float* up, float* out, int64_t width);
  void (*gate_backward)(GateKind kind, const float* d_out, float* gate, float* up, int64_t width);
  // Sets a share of a row to 0 and scales the rest; the pattern follows from `key`.
  void (*drop)(float* x, int64_t width, float share, uint32_t key);
  // Cross-entropy of one row of logits, which become (probability - target) · weight. Returns -log probability.
  float (*cross_entropy)(float* logits, int64_t width, int64_t target, float weight);
};

// Queries, or keys, that one task of attention takes for each head.
constexpr int64_t kAttentionBlock = 64;
int64_t AttentionScratch(const AttentionCall& call);

const Kernels& KernelsOf(KernelKind kind);
const Kernels& CurrentKernels();

const Kernels& PortableKernels();
const Kernels& Avx2Kernels();
const Kernels& Avx512Kernels();
const Kernels& Avx512Bf16Kernels();
const Kernels& AmxKernels();
// Whether the processor has AMX with bf16 and the system lets this process use it.
bool HasAmx();

}  // namespace loco
