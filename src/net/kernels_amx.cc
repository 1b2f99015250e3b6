// Micro-kernels for AMX (Sapphire Rapids and later): tiles of 16 tokens × 16 columns, bf16 pairs, 32-bit sums.
//
// A core multiplies ten times as many numbers a second with it as with vdpbf16ps, so that what feeds the tiles matters:
// a micro-kernel of 32 tokens × 32 columns uses every tile that it loads twice, strips are wide, because every strip
// reads all activations once more, and the sum is cut into pieces of 512, so that panel, activations and output fit
// into the second-level cache together.
#include "net/kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <ggml.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"

#if defined(__clang__)
#pragma clang attribute push(                                                                                 \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16"))), \
    apply_to = function)
#else
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")
#endif

#include "net/bf16_inl.h"

namespace loco {
namespace {

// The operand of ldtilecfg and sttilecfg: rows and bytes of a row of each of the eight tiles.
struct alignas(64) TileShapes {
  uint8_t palette = 0;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileShapes) == 64);

// Not the compiler's intrinsics: GCC 12's tell only of 8 of the 64 bytes, and it drops the stores of the others.
inline void LoadShapes(const TileShapes& shapes) { asm volatile("ldtilecfg %0" ::"m"(shapes)); }
inline void StoreShapes(TileShapes& shapes) { asm volatile("sttilecfg %0" : "=m"(shapes)); }

// GCC's tile loads do not say that they read memory.
inline void MemoryBarrier() { asm volatile("" ::: "memory"); }

// Of the micro-kernel that this thread ran last, as rows + 64 · columns; 0: unknown.
thread_local int64_t current_shape = 0;

struct Amx : Bf16Panels<32> {
  static constexpr int64_t kStep = 32;
  static constexpr int64_t kTokenRows = 32;
  static constexpr int64_t kNarrowRows = 32;
  static constexpr bool kTokensFirst = true;
  static constexpr int64_t kForwardStrip = 384;
  static constexpr int64_t kForwardDepth = 896;
  static constexpr int64_t kBackwardStrip = 512;
  static constexpr int64_t kBackwardDepth = 640;

  // The engine configures the tiles of a thread once and counts on it: a task leaves them as it found them.
  class Session {
   public:
    Session() {
      StoreShapes(before_);
      current_shape = 0;
    }
    ~Session() { LoadShapes(before_); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

   private:
    TileShapes before_;
  };

  // Tiles 0 … 3 hold the sums (2 × 2), 4 and 5 the tokens, 6 and 7 the columns.
  static void Configure(int64_t rows, int64_t columns) {
    const int64_t shape = rows + 64 * columns;
    if (shape == current_shape) return;
    current_shape = shape;
    TileShapes shapes{.palette = 1};
    const auto set = [&](int tile, int64_t tile_rows, int64_t bytes) {
      const bool used = tile_rows > 0 && bytes > 0;
      shapes.rows[tile] = used ? static_cast<uint8_t>(tile_rows) : 0;
      shapes.row_bytes[tile] = used ? static_cast<uint16_t>(bytes) : 0;
    };
    for (int i = 0; i < 2; ++i) {
      const int64_t tile_rows = rows - 16 * i < 16 ? rows - 16 * i : 16;
      set(4 + i, tile_rows, 64);
      for (int j = 0; j < 2; ++j) {
        const int64_t tile_columns = columns - 16 * j < 16 ? columns - 16 * j : 16;
        set(2 * i + j, tile_rows, 4 * tile_columns);
        set(6 + j, 16, 4 * tile_columns);
      }
    }
    LoadShapes(shapes);
  }

  template <bool TwoRows, bool TwoColumns>
  static void Tiles(const uint16_t* a, int64_t stride, const uint16_t* panel, int64_t steps, float* c, int64_t c_stride,
                    bool first) {
    const int64_t a_bytes = stride * static_cast<int64_t>(sizeof(uint16_t));
    const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(float));
    constexpr int64_t kPanelBytes = kColumns * kPair * static_cast<int64_t>(sizeof(uint16_t));
    if (first) {
      _tile_zero(0);
      if constexpr (TwoColumns) _tile_zero(1);
      if constexpr (TwoRows) _tile_zero(2);
      if constexpr (TwoRows && TwoColumns) _tile_zero(3);
    } else {
      _tile_loadd(0, c, c_bytes);
      if constexpr (TwoColumns) _tile_loadd(1, c + 16, c_bytes);
      if constexpr (TwoRows) _tile_loadd(2, c + 16 * c_stride, c_bytes);
      if constexpr (TwoRows && TwoColumns) _tile_loadd(3, c + 16 * c_stride + 16, c_bytes);
    }
    for (int64_t k = 0; k < steps; k += kStep) {
      _tile_loadd(4, a + k, a_bytes);
      _tile_loadd(6, panel + k * kColumns, kPanelBytes);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (TwoRows) {
        _tile_loadd(5, a + 16 * stride + k, a_bytes);
        _tile_dpbf16ps(2, 5, 6);
      }
      if constexpr (TwoColumns) {
        _tile_loadd(7, panel + k * kColumns + 16 * kPair, kPanelBytes);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (TwoRows && TwoColumns) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, c_bytes);
    if constexpr (TwoColumns) _tile_stored(1, c + 16, c_bytes);
    if constexpr (TwoRows) _tile_stored(2, c + 16 * c_stride, c_bytes);
    if constexpr (TwoRows && TwoColumns) _tile_stored(3, c + 16 * c_stride + 16, c_bytes);
  }

  static void Micro(int64_t rows, int64_t columns, const uint16_t* a, int64_t stride, const uint16_t* panel,
                    int64_t steps, float* c, int64_t c_stride, bool first) {
    Configure(rows, columns);
    MemoryBarrier();
    if (rows > 16 && columns > 16) {
      Tiles<true, true>(a, stride, panel, steps, c, c_stride, first);
    } else if (rows > 16) {
      Tiles<true, false>(a, stride, panel, steps, c, c_stride, first);
    } else if (columns > 16) {
      Tiles<false, true>(a, stride, panel, steps, c, c_stride, first);
    } else {
      Tiles<false, false>(a, stride, panel, steps, c, c_stride, first);
    }
    MemoryBarrier();
  }
};

// Linux gives the tiles' state, 8 KB a thread, to processes that ask for it.
bool AskForTiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool HasAmx() {
  static const bool kHas = [] {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    constexpr unsigned kBf16 = 1U << 22;
    constexpr unsigned kTile = 1U << 24;
    return (edx & kBf16) != 0 && (edx & kTile) != 0 && AskForTiles();
  }();
  return kHas;
}

const Kernels& AmxKernels() {
  static constexpr Kernels kKernels = MakeKernels<Amx>();
  return kKernels;
}

}  // namespace loco

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif  // x86-64
