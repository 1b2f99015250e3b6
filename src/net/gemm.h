// Products of activations with weights that stay quantized, forward and backward.
//
//   Activations x(threads, values, tokens, width, width);            // 32-bit numbers to what the kernels read
//   MultiplyTransposed(threads, {{{{&x, w_gate}}, gate, ffn}, {{{&x, w_up}}, up, ffn}});   // gate = x·Wᵀ, up = x·Wᵀ
//   Multiply(threads, {{{{&d_gate, w_gate}, {&d_up, w_up}}, dx, width}});                 // dx = dgate·W + dup·W
//
// A product's output is a sum of terms, so that a LoRA adapter is one more term of the same pass (x·Wᵀ + u·Bᵀ, and
// backward dy·W + du·A), and products that share an input are computed in one call, which keeps all cores busy on
// small models.
//
// How it works. A strip of weights is dequantized into a panel that stays in the second-level cache and is used by all
// tokens: dequantization is paid once a panel and amortised over the tokens; below about 64 tokens it dominates. With
// AVX512-BF16 the panel holds pairs of bf16 numbers and a micro-kernel of 6 tokens × 64 columns keeps 24 accumulators,
// with AMX 32 × 32 in four tiles; all other kernels have panels and activations of 32 bits. Sums are in 32 bits always.
// Against the exact product of the dequantized weights the bf16 path errs by 2.4e-3 (relative, L2), less than the
// engine's own products on quantized activations.
//
// Every output element is summed by one worker in one order: the same kernel gives the same bits on any number of
// threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "net/threads.h"
#include "net/weights.h"

namespace loco {

// Which micro-kernels run. The best that the processor has is chosen; tests and benchmarks force others.
enum class KernelKind { kPortable, kAvx2, kAvx512, kAvx512Bf16, kAmx };
inline constexpr std::array kKernelKinds = {KernelKind::kPortable, KernelKind::kAvx2, KernelKind::kAvx512,
                                            KernelKind::kAvx512Bf16, KernelKind::kAmx};
KernelKind BestKernel();
bool IsSupported(KernelKind kind);
std::string_view KernelName(KernelKind kind);
// By its name in any case; nothing for a name that is none.
std::optional<KernelKind> KernelNamed(std::string_view name);
KernelKind CurrentKernel();
// Whether its activations, panels and what is kept are rounded to bf16.
bool IsBf16(KernelKind kind);
// Not while a product is running. The kind must be supported.
void UseKernel(KernelKind kind);

// Activations in the form that the current kernel reads: bf16 or 32-bit, rows padded with zeros to a multiple of 32
// numbers.
class Activations {
 public:
  Activations() = default;
  // `values` is rows × columns with `stride` numbers from row to row; each is multiplied by `scale` on the way.
  Activations(Threads& threads, const float* values, int64_t rows, int64_t columns, int64_t stride, float scale = 1);
  void Assign(Threads& threads, const float* values, int64_t rows, int64_t columns, int64_t stride, float scale = 1);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t stride() const { return stride_; }
  const std::byte* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  int64_t rows_ = 0;
  int64_t columns_ = 0;
  int64_t stride_ = 0;  // elements from row to row
  // Rows begin with a cache line: a load of a whole line must not need two.
  std::unique_ptr<std::byte, Free> data_;
  size_t capacity_ = 0;
};

struct ProductTerm {
  const Activations* input;
  Matrix weight;
};

struct Product {
  std::vector<ProductTerm> terms;
  float* output;     // tokens × outputs
  int64_t stride;    // numbers from row to row of the output
  bool add = false;  // add to what the output holds
};

// output[t][n] = Σ over terms, k of input[t][k] · weight[n][k]. All weights of a product have the same rows.
void MultiplyTransposed(Threads& threads, std::span<const Product> products);
// output[t][k] = Σ over terms, n of input[t][n] · weight[n][k]. All weights of a product have the same columns.
void Multiply(Threads& threads, std::span<const Product> products);

}  // namespace loco
