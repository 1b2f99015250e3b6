// Readers of the weight types that most files are made of, compiled for each instruction set. Included like gemm_inl.h.
//
// ggml's own readers are written to be portable, not fast: they read one number of F16 or Q6_K at a time (0.9 billion a
// second on a Zen 4 core, where Q4_K reaches 4.2), which is a sixth of a training step at F16. Every other type goes
// through Dequantize(). The layouts are those of ggml-common.h of llama.cpp v0.5.0.
//
// A kernel K provides
//   kReadsBlocks                 whether these readers are used
//   Half(bits)                   one 16-bit float as 32 bits
//   ExpandHalves(from, to, count)

#pragma once

#include <ggml.h>

#include <cstring>

#include "net/weights.h"

namespace loco {
namespace {

// Blocks as they lie in a file, without alignment. Halves are two bytes.
struct Q8Block {  // Q8_0
  static constexpr int64_t kNumbers = 32;
  uint8_t scale[2];
  int8_t q[32];
};
struct Q4Block {  // Q4_0
  static constexpr int64_t kNumbers = 32;
  uint8_t scale[2];
  uint8_t q[16];
};
struct Q5Block {  // Q5_0
  static constexpr int64_t kNumbers = 32;
  uint8_t scale[2];
  uint8_t fifth[4];
  uint8_t q[16];
};
struct Q4KBlock {
  static constexpr int64_t kNumbers = 256;
  uint8_t scale[2];
  uint8_t minimum[2];
  uint8_t factors[12];
  uint8_t q[128];
};
struct Q5KBlock {
  static constexpr int64_t kNumbers = 256;
  uint8_t scale[2];
  uint8_t minimum[2];
  uint8_t factors[12];
  uint8_t fifth[32];
  uint8_t q[128];
};
struct Q6KBlock {
  static constexpr int64_t kNumbers = 256;
  uint8_t low[128];
  uint8_t high[64];
  int8_t factors[16];
  uint8_t scale[2];
};

template <typename K>
inline float HalfOf(const uint8_t* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return K::Half(bits);
}

template <typename K>
inline void ReadBlock(const Q8Block& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  for (int i = 0; i < 32; ++i) to[i] = scale * static_cast<float>(block.q[i]);
}

template <typename K>
inline void ReadBlock(const Q4Block& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  for (int i = 0; i < 16; ++i) to[i] = scale * static_cast<float>((block.q[i] & 15) - 8);
  for (int i = 0; i < 16; ++i) to[16 + i] = scale * static_cast<float>((block.q[i] >> 4) - 8);
}

template <typename K>
inline void ReadBlock(const Q5Block& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  uint32_t fifth;
  std::memcpy(&fifth, block.fifth, sizeof fifth);
  for (int i = 0; i < 16; ++i) {
    const auto high = static_cast<int32_t>((fifth >> i & 1U) << 4U);
    to[i] = scale * static_cast<float>((high | (block.q[i] & 15)) - 16);
  }
  for (int i = 0; i < 16; ++i) {
    const auto high = static_cast<int32_t>((fifth >> (16 + i) & 1U) << 4U);
    to[16 + i] = scale * static_cast<float>((high | (block.q[i] >> 4)) - 16);
  }
}

// A group of 32 numbers stands for scale · q - offset; both factors have 6 bits, packed.
struct Group {
  float scale;
  float offset;
};
inline Group GroupOf(const uint8_t* packed, int group, float scale, float minimum) {
  const int low = group < 4 ? packed[group] & 63 : (packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4);
  const int high = group < 4 ? packed[group + 4] & 63 : packed[group + 4] >> 4 | (packed[group] >> 6 << 4);
  return {scale * static_cast<float>(low), minimum * static_cast<float>(high)};
}

template <typename K>
inline void ReadBlock(const Q4KBlock& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  const float minimum = HalfOf<K>(block.minimum);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* q = block.q + 32 * (group / 2);
    const int shift = 4 * (group % 2);
    const Group g = GroupOf(block.factors, group, scale, minimum);
    for (int i = 0; i < 32; ++i) to[i] = g.scale * static_cast<float>(q[i] >> shift & 15) - g.offset;
    to += 32;
  }
}

template <typename K>
inline void ReadBlock(const Q5KBlock& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  const float minimum = HalfOf<K>(block.minimum);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* q = block.q + 32 * (group / 2);
    const int shift = 4 * (group % 2);
    const Group g = GroupOf(block.factors, group, scale, minimum);
    for (int i = 0; i < 32; ++i) {
      const int number = (q[i] >> shift & 15) | ((block.fifth[i] >> group & 1) << 4);
      to[i] = g.scale * static_cast<float>(number) - g.offset;
    }
    to += 32;
  }
}

template <typename K>
inline void ReadBlock(const Q6KBlock& block, float* to) {
  const float scale = HalfOf<K>(block.scale);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = block.low + 64 * half;
    const uint8_t* high = block.high + 32 * half;
    for (int quarter = 0; quarter < 4; ++quarter) {
      // Quarters 0 and 1 are the low, 2 and 3 the high nibbles of two runs of 32 bytes.
      const uint8_t* nibbles = low + 32 * (quarter % 2);
      const int shift = quarter < 2 ? 0 : 4;
      for (int sixteen = 0; sixteen < 2; ++sixteen) {
        const float factor = scale * static_cast<float>(block.factors[8 * half + 2 * quarter + sixteen]);
        for (int i = 16 * sixteen; i < 16 * sixteen + 16; ++i) {
          const int number = (nibbles[i] >> shift & 15) | ((high[i] >> (2 * quarter) & 3) << 4);
          to[32 * quarter + i] = factor * static_cast<float>(number - 32);
        }
      }
    }
    to += 128;
  }
}

template <typename K, typename Block>
inline void ReadBlocks(const std::byte* from, int64_t count, float* to) {
  const auto* blocks = reinterpret_cast<const Block*>(from);
  for (int64_t i = 0; i < count / Block::kNumbers; ++i) ReadBlock<K>(blocks[i], to + i * Block::kNumbers);
}

// Asks for numbers that will be read soon: a strip takes a short piece of each row, which is more than the processor
// foresees.
inline void PrefetchRow(const RowPlaces& places, int64_t row, int64_t begin, int64_t count) {
  const std::byte* from = places.At(row, begin);
  const int64_t bytes = places.BytesOf(count);
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

// Dequantize() by these readers where they know the type.
template <typename K>
inline void ReadRow(const Matrix& matrix, const RowPlaces& places, int64_t row, int64_t begin, int64_t count,
                    float* to) {
  if constexpr (K::kReadsBlocks) {
    const std::byte* from = places.At(row, begin);
    switch (matrix.type) {
      case GGML_TYPE_F16:
        return K::ExpandHalves(from, to, count);
      case GGML_TYPE_Q8_0:
        return ReadBlocks<K, Q8Block>(from, count, to);
      case GGML_TYPE_Q4_0:
        return ReadBlocks<K, Q4Block>(from, count, to);
      case GGML_TYPE_Q5_0:
        return ReadBlocks<K, Q5Block>(from, count, to);
      case GGML_TYPE_Q4_K:
        return ReadBlocks<K, Q4KBlock>(from, count, to);
      case GGML_TYPE_Q5_K:
        return ReadBlocks<K, Q5KBlock>(from, count, to);
      case GGML_TYPE_Q6_K:
        return ReadBlocks<K, Q6KBlock>(from, count, to);
      default:
        break;
    }
  }
  Dequantize(matrix, row, begin, count, to);
}

}  // namespace
}  // namespace loco
