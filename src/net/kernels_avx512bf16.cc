// Micro-kernels for AVX512-BF16 (Zen 4, Cooper Lake, Sapphire Rapids and later): bf16 pairs, 32-bit sums.
//
// Intrinsics and not a portable SIMD library: Debian's Highway 1.0.3 has no target that emits vdpbf16ps, and this one
// instruction doubles the rate of the whole trainer.
#include "net/kernels.h"

#if defined(__x86_64__)
#include <ggml.h>
#include <immintrin.h>

#include <cstring>

#include "base/error.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))), \
                             apply_to = function)
#else
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
#endif

#include "net/bf16_inl.h"

namespace loco {
namespace {

struct Avx512Bf16 : VectorBlocking, Bf16Panels<64> {
  static constexpr int64_t kStep = 2;
  static constexpr int64_t kNarrowRows = 12;

  using Register = __m512i;  // 16 pairs
  static Register Load(const uint16_t* panel) { return _mm512_load_si512(panel); }
  static Register Broadcast(const uint16_t* a) {
    int32_t pair;
    std::memcpy(&pair, a, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  static __m512 MultiplyAdd(__m512 sum, Register x, Register w) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
  }

  static void Micro(int64_t rows, int64_t columns, const uint16_t* a, int64_t stride, const uint16_t* panel,
                    int64_t steps, float* c, int64_t c_stride, bool first) {
    Tiles<Avx512Bf16>::Run(rows, columns, a, stride, panel, steps, c, c_stride, first);
  }
};

}  // namespace

const Kernels& Avx512Bf16Kernels() {
  static constexpr Kernels kKernels = MakeKernels<Avx512Bf16>();
  return kKernels;
}

}  // namespace loco

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // x86-64
