// What the kernels on bf16 numbers share: conversions, and panels of pairs. Included by kernels_avx512bf16.cc and
// kernels_amx.cc inside their target regions, like gemm_inl.h.
#pragma once

#include "net/avx512_inl.h"

namespace loco {
namespace {

// 32 numbers as bf16, the first 16 of them from `low`.
inline __m512i ToBf16(__m512 high, __m512 low) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

template <int64_t Columns>
struct Bf16Panels {
  using Element = uint16_t;
  static constexpr int64_t kColumns = Columns;
  static constexpr int64_t kPair = 2;

  static constexpr bool kReadsBlocks = true;
  static float Half(uint16_t bits) { return HalfToFloat(bits); }
  static void ExpandHalves(const std::byte* from, float* to, int64_t count) { HalvesToFloats(from, to, count); }

  static void Convert(const float* from, std::byte* to, int64_t count, float scale) {
    auto* out = reinterpret_cast<uint16_t*>(to);
    const __m512 factor = _mm512_set1_ps(scale);
    for (int64_t i = 0; i < count; i += 32) {
      const __m512 low = _mm512_maskz_loadu_ps(FirstLanes(count - i), from + i);
      const __m512 high = _mm512_maskz_loadu_ps(FirstLanes(count - i - 16), from + i + 16);
      const __m512i both = ToBf16(_mm512_mul_ps(high, factor), _mm512_mul_ps(low, factor));
      const int64_t left = count - i;
      const __mmask32 lanes = left >= 32 ? 0xffffffffU : (1U << left) - 1;
      _mm512_mask_storeu_epi16(out + i, lanes, both);
    }
  }

  static void Expand(const std::byte* from, float* to, int64_t count) {
    const auto* in = reinterpret_cast<const uint16_t*>(from);
    for (int64_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = FirstLanes(count - i);
      const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, in + i));
      _mm512_mask_storeu_ps(to + i, lanes, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
    }
  }

  static void PackRows(const float* rows, int64_t stride, int64_t count, int64_t width, int64_t steps, uint16_t* panel,
                       int64_t at) {
    for (int64_t k = 0; k < steps; k += 32) {
      const __mmask16 low = FirstLanes(width - k);
      const __mmask16 high = FirstLanes(width - k - 16);
      __m512i v[16];
      for (int64_t r = 0; r < 16; ++r) {
        const float* from = rows + r * stride + k;
        v[r] = r < count ? ToBf16(_mm512_maskz_loadu_ps(high, from + 16), _mm512_maskz_loadu_ps(low, from))
                         : _mm512_setzero_si512();
      }
      Transpose16(v);
      const int64_t pairs = steps - k < 32 ? (steps - k) / 2 : 16;
      for (int64_t p = 0; p < pairs; ++p) _mm512_store_si512(panel + ((k / 2 + p) * kColumns + at) * 2, v[p]);
    }
  }

  static void PackPair(const float* a, const float* b, uint16_t* panel) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t g = 0; g < kColumns / 16; ++g) {
      const __m512i both = ToBf16(_mm512_loadu_ps(b + 16 * g), _mm512_loadu_ps(a + 16 * g));
      _mm512_store_si512(panel + 32 * g, _mm512_permutexvar_epi16(order, both));
    }
  }
};

}  // namespace
}  // namespace loco
