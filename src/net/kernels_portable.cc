// Micro-kernels in plain C++: what runs where no better family does, and the reference that the others are tested
// against. Written so that compilers vectorise the inner loop for whatever the target has (SSE2, NEON).
#include <ggml.h>

#include <cstring>

#include "net/attention_inl.h"
#include "net/kernels.h"

namespace loco {
namespace {

struct Portable : VectorBlocking {
  using Element = float;
  static constexpr int64_t kColumns = 16;
  static constexpr int64_t kPair = 1;
  static constexpr int64_t kStep = 1;
  static constexpr int64_t kNarrowRows = 6;
  static constexpr bool kReadsBlocks = false;

  static void Convert(const float* from, std::byte* to, int64_t count, float scale) {
    auto* out = reinterpret_cast<float*>(to);
    for (int64_t i = 0; i < count; ++i) out[i] = from[i] * scale;
  }
  static void Expand(const std::byte* from, float* to, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  }

  static void PackRows(const float* rows, int64_t stride, int64_t count, int64_t /*width*/, int64_t steps, float* panel,
                       int64_t at) {
    for (int64_t k = 0; k < steps; ++k) {
      for (int64_t r = 0; r < 16; ++r) panel[k * kColumns + at + r] = r < count ? rows[r * stride + k] : 0.0F;
    }
  }
  static void PackPair(const float* a, const float* /*b*/, float* panel) {
    std::memcpy(panel, a, kColumns * sizeof(float));
  }
  static void Micro(int64_t rows, int64_t columns, const float* a, int64_t stride, const float* panel, int64_t steps,
                    float* c, int64_t c_stride, bool first) {
    // Two tokens at a time: their 32 sums are what the 16 registers of SSE2 or NEON hold beside the panel's numbers.
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2)
      Tile<2>(columns, a + r * stride, stride, panel, steps, c + r * c_stride, c_stride, first);
    if (r < rows) Tile<1>(columns, a + r * stride, stride, panel, steps, c + r * c_stride, c_stride, first);
  }

  template <int R>
  static void Tile(int64_t columns, const float* a, int64_t stride, const float* panel, int64_t steps, float* c,
                   int64_t c_stride, bool first) {
    float sum[R][kColumns] = {};
    for (int r = 0; r < R && !first; ++r) {
      for (int64_t n = 0; n < columns; ++n) sum[r][n] = c[r * c_stride + n];
    }
    for (int64_t k = 0; k < steps; ++k) {
      for (int r = 0; r < R; ++r) {
        const float x = a[r * stride + k];
        for (int64_t n = 0; n < kColumns; ++n) sum[r][n] += x * panel[k * kColumns + n];
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int64_t n = 0; n < columns; ++n) c[r * c_stride + n] = sum[r][n];
    }
  }
};

}  // namespace

const Kernels& PortableKernels() {
  static constexpr Kernels kKernels = MakeKernels<Portable>();
  return kKernels;
}

}  // namespace loco
