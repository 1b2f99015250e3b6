// Micro-kernels for AVX-512 in 32 bits: 6 tokens × 64 columns in 24 accumulators.
//
// For processors without AVX512-BF16, and for Intel's with it: there `vdpbf16ps` runs at half the rate of the 32-bit
// multiply-adds or less (docs/performance.md), so that 16-bit numbers would cost precision and gain nothing.
#include "net/kernels.h"

#if defined(__x86_64__)
#include <ggml.h>
#include <immintrin.h>

#include <cstring>

#include "base/error.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq"))), \
                             apply_to = function)
#else
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")
#endif

#include "net/avx512_inl.h"

namespace loco {
namespace {

struct Avx512 : VectorBlocking {
  using Element = float;
  static constexpr int64_t kColumns = 64;
  static constexpr int64_t kPair = 1;
  static constexpr int64_t kStep = 1;
  static constexpr int64_t kNarrowRows = 12;

  static constexpr bool kReadsBlocks = true;
  static float Half(uint16_t bits) { return HalfToFloat(bits); }
  static void ExpandHalves(const std::byte* from, float* to, int64_t count) { HalvesToFloats(from, to, count); }

  static void Convert(const float* from, std::byte* to, int64_t count, float scale) {
    auto* out = reinterpret_cast<float*>(to);
    for (int64_t i = 0; i < count; ++i) out[i] = from[i] * scale;
  }

  static void Expand(const std::byte* from, float* to, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  }

  static void PackRows(const float* rows, int64_t stride, int64_t count, int64_t /*width*/, int64_t steps, float* panel,
                       int64_t at) {
    for (int64_t k = 0; k < steps; k += 16) {
      const __mmask16 lanes = FirstLanes(steps - k);
      __m512i v[16];
      for (int64_t r = 0; r < 16; ++r) {
        v[r] = r < count ? _mm512_castps_si512(_mm512_maskz_loadu_ps(lanes, rows + r * stride + k))
                         : _mm512_setzero_si512();
      }
      Transpose16(v);
      const int64_t some = steps - k < 16 ? steps - k : 16;
      for (int64_t i = 0; i < some; ++i) _mm512_store_si512(panel + (k + i) * kColumns + at, v[i]);
    }
  }

  static void PackPair(const float* a, const float* /*b*/, float* panel) {
    for (int i = 0; i < 4; ++i) _mm512_store_ps(panel + 16 * i, _mm512_loadu_ps(a + 16 * i));
  }

  using Register = __m512;
  static Register Load(const float* panel) { return _mm512_load_ps(panel); }
  static Register Broadcast(const float* a) { return _mm512_set1_ps(*a); }
  static __m512 MultiplyAdd(__m512 sum, Register x, Register w) { return _mm512_fmadd_ps(x, w, sum); }

  static void Micro(int64_t rows, int64_t columns, const float* a, int64_t stride, const float* panel, int64_t steps,
                    float* c, int64_t c_stride, bool first) {
    Tiles<Avx512>::Run(rows, columns, a, stride, panel, steps, c, c_stride, first);
  }
};

}  // namespace

const Kernels& Avx512Kernels() {
  static constexpr Kernels kKernels = MakeKernels<Avx512>();
  return kKernels;
}

}  // namespace loco

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // x86-64
