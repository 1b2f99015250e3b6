// Micro-kernels for AVX2 with FMA: 32-bit numbers, 6 tokens × 16 columns in 12 accumulators.
#include "net/kernels.h"

#if defined(__x86_64__)
#include <ggml.h>
#include <immintrin.h>

#include <cstring>

#include "base/error.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#include "net/attention_inl.h"

// GCC 12 unrolls these short loops too late to keep the sums in registers: each step would store all of them.
#if defined(__clang__)
#define LOCO_UNROLL _Pragma("unroll")
#else
#define LOCO_UNROLL _Pragma("GCC unroll 8")
#endif

namespace loco {
namespace {

// Rows of 8 become columns.
inline void Transpose8(__m256* v) {
  __m256 t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
  }
  for (int i = 0; i < 8; ++i) v[i] = t[i];
}

template <int R>
inline void MicroTile(const float* a, int64_t stride, const float* panel, int64_t steps, float* c, int64_t c_stride,
                      bool first) {
  __m256 sum[R][2];
  LOCO_UNROLL
  for (int r = 0; r < R; ++r) {
    LOCO_UNROLL
    for (int n = 0; n < 2; ++n) sum[r][n] = first ? _mm256_setzero_ps() : _mm256_loadu_ps(c + r * c_stride + 8 * n);
  }
  for (int64_t k = 0; k < steps; ++k) {
    const __m256 w0 = _mm256_load_ps(panel + 16 * k);
    const __m256 w1 = _mm256_load_ps(panel + 16 * k + 8);
    LOCO_UNROLL
    for (int r = 0; r < R; ++r) {
      const __m256 x = _mm256_broadcast_ss(a + r * stride + k);
      sum[r][0] = _mm256_fmadd_ps(x, w0, sum[r][0]);
      sum[r][1] = _mm256_fmadd_ps(x, w1, sum[r][1]);
    }
  }
  LOCO_UNROLL
  for (int r = 0; r < R; ++r) {
    LOCO_UNROLL
    for (int n = 0; n < 2; ++n) _mm256_storeu_ps(c + r * c_stride + 8 * n, sum[r][n]);
  }
}

struct Avx2 : VectorBlocking {
  using Element = float;
  static constexpr int64_t kColumns = 16;
  static constexpr int64_t kPair = 1;
  static constexpr int64_t kStep = 1;
  static constexpr int64_t kNarrowRows = 6;
  static constexpr int64_t kForwardStrip = 128;
  static constexpr int64_t kForwardDepth = 576;  // a micro-panel is then little more than the first-level cache
  static constexpr int64_t kBackwardDepth = 320;

  static constexpr bool kReadsBlocks = true;
  static float Half(uint16_t bits) { return _cvtsh_ss(bits); }
  static void ExpandHalves(const std::byte* from, float* to, int64_t count) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i));
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    for (; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, from + 2 * i, sizeof bits);
      to[i] = Half(bits);
    }
  }

  static void Convert(const float* from, std::byte* to, int64_t count, float scale) {
    auto* out = reinterpret_cast<float*>(to);
    for (int64_t i = 0; i < count; ++i) out[i] = from[i] * scale;
  }

  static void Expand(const std::byte* from, float* to, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  }

  static void PackRows(const float* rows, int64_t stride, int64_t count, int64_t /*width*/, int64_t steps, float* panel,
                       int64_t at) {
    for (int64_t half = 0; half < 16; half += 8) {
      int64_t k = 0;
      for (; k + 8 <= steps; k += 8) {
        __m256 v[8];
        for (int64_t r = 0; r < 8; ++r) {
          v[r] = half + r < count ? _mm256_loadu_ps(rows + (half + r) * stride + k) : _mm256_setzero_ps();
        }
        Transpose8(v);
        for (int64_t i = 0; i < 8; ++i) _mm256_store_ps(panel + (k + i) * kColumns + at + half, v[i]);
      }
      for (; k < steps; ++k) {
        for (int64_t r = half; r < half + 8; ++r) {
          panel[k * kColumns + at + r] = r < count ? rows[r * stride + k] : 0.0F;
        }
      }
    }
  }

  static void PackPair(const float* a, const float* /*b*/, float* panel) {
    _mm256_store_ps(panel, _mm256_loadu_ps(a));
    _mm256_store_ps(panel + 8, _mm256_loadu_ps(a + 8));
  }

  static void Full(int64_t rows, const float* a, int64_t stride, const float* panel, int64_t steps, float* c,
                   int64_t c_stride, bool first) {
    switch (rows) {
      case 1:
        return MicroTile<1>(a, stride, panel, steps, c, c_stride, first);
      case 2:
        return MicroTile<2>(a, stride, panel, steps, c, c_stride, first);
      case 3:
        return MicroTile<3>(a, stride, panel, steps, c, c_stride, first);
      case 4:
        return MicroTile<4>(a, stride, panel, steps, c, c_stride, first);
      case 5:
        return MicroTile<5>(a, stride, panel, steps, c, c_stride, first);
      default:
        return MicroTile<6>(a, stride, panel, steps, c, c_stride, first);
    }
  }

  static void Micro(int64_t rows, int64_t columns, const float* a, int64_t stride, const float* panel, int64_t steps,
                    float* c, int64_t c_stride, bool first) {
    if (columns == kColumns) return Full(rows, a, stride, panel, steps, c, c_stride, first);
    // The ragged edge of a matrix goes through a whole tile of our own.
    float tile[6 * kColumns] = {};
    for (int64_t r = 0; r < rows && !first; ++r) {
      for (int64_t n = 0; n < columns; ++n) tile[r * kColumns + n] = c[r * c_stride + n];
    }
    Full(rows, a, stride, panel, steps, tile, kColumns, first);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < columns; ++n) c[r * c_stride + n] = tile[r * kColumns + n];
    }
  }
};

}  // namespace

const Kernels& Avx2Kernels() {
  static constexpr Kernels kKernels = MakeKernels<Avx2>();
  return kKernels;
}

}  // namespace loco

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // x86-64
