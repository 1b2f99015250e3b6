// What both families of AVX-512 kernels share. Included by kernels_avx512*.cc inside their target regions, like
// gemm_inl.h.
#pragma once

#include "net/attention_inl.h"

namespace loco {
namespace {

inline __mmask16 FirstLanes(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

// Rows of 16 dwords become columns.
inline void Transpose16(__m512i* v) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

inline float HalfToFloat(uint16_t bits) { return _cvtsh_ss(bits); }

inline void HalvesToFloats(const std::byte* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = FirstLanes(count - i);
    _mm512_mask_storeu_ps(to + i, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, from + 2 * i)));
  }
}

// R tokens on N registers of columns, the last of them masked by `last`. T says what a step of kPair numbers is: the
// columns' register, Load(panel), Broadcast(a) and MultiplyAdd(sum, x, w).
template <typename T, int R, int N>
inline void MicroTile(const typename T::Element* a, int64_t stride, const typename T::Element* panel, int64_t steps,
                      float* c, int64_t c_stride, __mmask16 last, bool first) {
  __m512 sum[R][N];
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      const __mmask16 lanes = n + 1 == N ? last : static_cast<__mmask16>(0xffff);
      sum[r][n] = first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, c + r * c_stride + 16 * n);
    }
  }
  for (int64_t k = 0; k < steps; k += T::kPair) {
    typename T::Register w[N];
    for (int n = 0; n < N; ++n) w[n] = T::Load(panel + k * T::kColumns + 16 * n * T::kPair);
    for (int r = 0; r < R; ++r) {
      const typename T::Register x = T::Broadcast(a + r * stride + k);
      for (int n = 0; n < N; ++n) sum[r][n] = T::MultiplyAdd(sum[r][n], x, w[n]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n) {
      const __mmask16 lanes = n + 1 == N ? last : static_cast<__mmask16>(0xffff);
      _mm512_mask_storeu_ps(c + r * c_stride + 16 * n, lanes, sum[r][n]);
    }
  }
}

// Chooses the micro-kernel for so many tokens and columns.
template <typename T>
struct Tiles {
  using Element = typename T::Element;

  template <int R>
  static void Wide(int64_t columns, const Element* a, int64_t stride, const Element* panel, int64_t steps, float* c,
                   int64_t c_stride, bool first) {
    const int64_t registers = (columns + 15) / 16;
    const __mmask16 last = FirstLanes(columns - 16 * (registers - 1));
    switch (registers) {
      case 1:
        return MicroTile<T, R, 1>(a, stride, panel, steps, c, c_stride, last, first);
      case 2:
        return MicroTile<T, R, 2>(a, stride, panel, steps, c, c_stride, last, first);
      case 3:
        return MicroTile<T, R, 3>(a, stride, panel, steps, c, c_stride, last, first);
      default:
        return MicroTile<T, R, 4>(a, stride, panel, steps, c, c_stride, last, first);
    }
  }

  // 7 to 12 tokens on up to 16 columns.
  static void Narrow(int64_t rows, __mmask16 lanes, const Element* a, int64_t stride, const Element* panel,
                     int64_t steps, float* c, int64_t c_stride, bool first) {
    switch (rows) {
      case 7:
        return MicroTile<T, 7, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
      case 8:
        return MicroTile<T, 8, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
      case 9:
        return MicroTile<T, 9, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
      case 10:
        return MicroTile<T, 10, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
      case 11:
        return MicroTile<T, 11, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
      default:
        return MicroTile<T, 12, 1>(a, stride, panel, steps, c, c_stride, lanes, first);
    }
  }

  static void Run(int64_t rows, int64_t columns, const Element* a, int64_t stride, const Element* panel, int64_t steps,
                  float* c, int64_t c_stride, bool first) {
    if (rows > 6) return Narrow(rows, FirstLanes(columns), a, stride, panel, steps, c, c_stride, first);
    switch (rows) {
      case 1:
        return Wide<1>(columns, a, stride, panel, steps, c, c_stride, first);
      case 2:
        return Wide<2>(columns, a, stride, panel, steps, c, c_stride, first);
      case 3:
        return Wide<3>(columns, a, stride, panel, steps, c, c_stride, first);
      case 4:
        return Wide<4>(columns, a, stride, panel, steps, c, c_stride, first);
      case 5:
        return Wide<5>(columns, a, stride, panel, steps, c, c_stride, first);
      default:
        return Wide<6>(columns, a, stride, panel, steps, c, c_stride, first);
    }
  }
};

}  // namespace
}  // namespace loco
