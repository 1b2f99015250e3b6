#include "net/gemm.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/letter_case.h"
#include "net/kernels.h"

namespace loco {
namespace {

constexpr std::align_val_t kCacheLine{64};

KernelKind& Current() {
  static KernelKind kind = BestKernel();
  return kind;
}

#if defined(__x86_64__)
// Conversion of 16-bit floats. Clang 14's __builtin_cpu_supports does not know the name.
bool HasHalfFloats() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

// Columns of a strip: as many as the kernel likes, or fewer, so that each thread gets as many strips. Backward, strips
// begin where blocks of weights do.
int64_t StripWidth(const Product& product, bool forward, int threads) {
  constexpr int64_t kLeastForward = 64;
  constexpr int64_t kLeastBackward = 256;
  const Kernels& kernels = CurrentKernels();
  const int64_t columns = forward ? product.terms.front().weight.rows : product.terms.front().weight.columns;
  const int64_t most = forward ? kernels.forward_columns : kernels.backward_columns;
  const int64_t least = forward ? kLeastForward : kLeastBackward;
  int64_t granule = 32;
  if (!forward) {
    for (const ProductTerm& term : product.terms) granule = std::max(granule, BlockOf(term.weight.type));
  }
  int64_t count = (columns + most - 1) / most;
  const int64_t even = (count + threads - 1) / threads * threads;
  if (columns / even >= least) count = even;
  const int64_t width = (columns + count - 1) / count;
  return std::min(most / granule, (width + granule - 1) / granule) * granule;
}

// Strips, as many for each thread; those that are left over are divided among the threads by tokens, so that none waits
// for a last strip of another. No sum depends on it.
std::vector<Strip> StripsOf(std::span<const Product> products, bool forward, int threads) {
  constexpr int64_t kLeastTokens = 32;  // below, preparing the weights would cost more than the wait
  std::vector<Strip> strips;
  for (const Product& product : products) {
    LOCO_CHECK(!product.terms.empty());
    const Matrix& first = product.terms.front().weight;
    const int64_t columns = forward ? first.rows : first.columns;
    for (const ProductTerm& term : product.terms) {
      LOCO_CHECK((forward ? term.weight.rows : term.weight.columns) == columns);
      LOCO_CHECK((forward ? term.weight.columns : term.weight.rows) == term.input->columns());
      LOCO_CHECK(term.input->rows() == product.terms.front().input->rows());
    }
    const int64_t tokens = product.terms.front().input->rows();
    const int64_t width = StripWidth(product, forward, threads);
    for (int64_t column = 0; column < columns; column += width) {
      strips.push_back({&product, column, std::min(width, columns - column), 0, tokens});
    }
  }
  const auto count = static_cast<size_t>(threads);
  const std::vector<Strip> rest(strips.end() - static_cast<ptrdiff_t>(strips.size() % count), strips.end());
  strips.resize(strips.size() - rest.size());
  for (const Strip& strip : rest) {
    const int64_t part = std::max((strip.end + threads - 1) / threads, kLeastTokens);
    for (int64_t begin = 0; begin < strip.end; begin += part) {
      strips.push_back({strip.product, strip.column, strip.columns, begin, std::min(begin + part, strip.end)});
    }
  }
  return strips;
}

}  // namespace

const Kernels& KernelsOf(KernelKind kind) {
#if defined(__x86_64__)
  if (kind == KernelKind::kAmx) return AmxKernels();
  if (kind == KernelKind::kAvx512Bf16) return Avx512Bf16Kernels();
  if (kind == KernelKind::kAvx512) return Avx512Kernels();
  if (kind == KernelKind::kAvx2) return Avx2Kernels();
#endif
  LOCO_CHECK(kind == KernelKind::kPortable);
  return PortableKernels();
}

const Kernels& CurrentKernels() { return KernelsOf(Current()); }

bool IsSupported(KernelKind kind) {
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && HasHalfFloats();
  if (kind == KernelKind::kAvx512) return avx512;
  const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  if (kind == KernelKind::kAvx512Bf16) return bf16;
  if (kind == KernelKind::kAmx) return bf16 && HasAmx();
  if (kind == KernelKind::kAvx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasHalfFloats();
#endif
  return kind == KernelKind::kPortable;
}

KernelKind BestKernel() {
#if defined(__x86_64__)
  if (IsSupported(KernelKind::kAmx)) return KernelKind::kAmx;
  // Outside their matrix units, Intel's cores multiply 16-bit pairs at half the rate of 32-bit numbers or less, AMD's
  // at twice the rate (docs/performance.md). A rule and no stopwatch: the choice is part of what makes a run the same
  // run.
  if (__builtin_cpu_is("intel") && IsSupported(KernelKind::kAvx512)) return KernelKind::kAvx512;
#endif
  for (const KernelKind kind : {KernelKind::kAvx512Bf16, KernelKind::kAvx512, KernelKind::kAvx2}) {
    if (IsSupported(kind)) return kind;
  }
  return KernelKind::kPortable;
}

std::string_view KernelName(KernelKind kind) {
  switch (kind) {
    case KernelKind::kPortable:
      return "portable";
    case KernelKind::kAvx2:
      return "AVX2";
    case KernelKind::kAvx512:
      return "AVX512";
    case KernelKind::kAvx512Bf16:
      return "AVX512-BF16";
    case KernelKind::kAmx:
      return "AMX-BF16";
  }
  return "";
}

std::optional<KernelKind> KernelNamed(std::string_view name) {
  for (const KernelKind kind : kKernelKinds) {
    if (SameWord(name, KernelName(kind))) return kind;
  }
  return std::nullopt;
}

KernelKind CurrentKernel() { return Current(); }

bool IsBf16(KernelKind kind) { return KernelsOf(kind).element_bytes == 2; }

void UseKernel(KernelKind kind) {
  LOCO_CHECK(IsSupported(kind));
  Current() = kind;
}

void Activations::Free::operator()(std::byte* memory) const { ::operator delete(memory, kCacheLine); }

Activations::Activations(Threads& threads, const float* values, int64_t rows, int64_t columns, int64_t stride,
                         float scale) {
  Assign(threads, values, rows, columns, stride, scale);
}

void Activations::Assign(Threads& threads, const float* values, int64_t rows, int64_t columns, int64_t stride,
                         float scale) {
  const Kernels& kernels = CurrentKernels();
  rows_ = rows;
  columns_ = columns;
  stride_ = (columns + 31) / 32 * 32;
  const auto row_bytes = static_cast<size_t>(stride_ * kernels.element_bytes);
  const auto used_bytes = static_cast<size_t>(columns_ * kernels.element_bytes);
  const size_t bytes = static_cast<size_t>(rows_) * row_bytes;
  if (bytes > capacity_) {
    data_.reset();
    data_.reset(static_cast<std::byte*>(::operator new(bytes, kCacheLine)));
    capacity_ = bytes;
  }
  constexpr int64_t kRowsPerTask = 32;
  threads.Run((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) {
      std::byte* to = data_.get() + static_cast<size_t>(row) * row_bytes;
      kernels.to_elements(values + row * stride, to, columns, scale);
      std::memset(to + used_bytes, 0, row_bytes - used_bytes);
    }
  });
}

void MultiplyTransposed(Threads& threads, std::span<const Product> products) {
  const Kernels& kernels = CurrentKernels();
  const std::vector<Strip> strips = StripsOf(products, true, threads.count());
  threads.Run(static_cast<int64_t>(strips.size()), [&](int64_t task, int worker) {
    kernels.forward_strip(strips[static_cast<size_t>(task)],
                          threads.Scratch(worker, static_cast<size_t>(kernels.gemm_scratch)));
  });
}

void Multiply(Threads& threads, std::span<const Product> products) {
  const Kernels& kernels = CurrentKernels();
  const std::vector<Strip> strips = StripsOf(products, false, threads.count());
  threads.Run(static_cast<int64_t>(strips.size()), [&](int64_t task, int worker) {
    kernels.backward_strip(strips[static_cast<size_t>(task)],
                           threads.Scratch(worker, static_cast<size_t>(kernels.gemm_scratch)));
  });
}

}  // namespace loco
