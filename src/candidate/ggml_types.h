// The storage types of ggml tensors: name, elements per block, bytes per block.
//
//   const GgmlType* type = FindGgmlType(12);            // q4_K: 256 elements in 144 bytes
//   std::optional<uint64_t> size = type->BytesOf(2560); // one row of 2,560 elements: 1,440 bytes
//
// Source: llama.cpp v0.5.0, ggml/src/ggml.c (type traits) and ggml-common.h (block sizes). It knows sizes only;
// what the bits mean is the business of `net` and of the engine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace loco {

struct GgmlType {
  uint32_t id;
  std::string_view name;
  uint32_t block;  // elements
  uint32_t bytes;  // per block

  // Bytes of `elements` elements; empty when they do not fill whole blocks or the size exceeds 64 bits.
  constexpr std::optional<uint64_t> BytesOf(uint64_t elements) const {
    if (elements % block != 0) return std::nullopt;
    const uint64_t blocks = elements / block;
    if (blocks > UINT64_MAX / bytes) return std::nullopt;
    return blocks * bytes;
  }
};

// Identifiers that the code names. The table below is the whole set.
inline constexpr uint32_t kF32 = 0;
inline constexpr uint32_t kF16 = 1;
inline constexpr uint32_t kQ4_0 = 2;
inline constexpr uint32_t kQ4_1 = 3;
inline constexpr uint32_t kQ5_0 = 6;
inline constexpr uint32_t kQ8_0 = 8;
inline constexpr uint32_t kQ2_K = 10;
inline constexpr uint32_t kQ4_K = 12;
inline constexpr uint32_t kQ5_K = 13;
inline constexpr uint32_t kQ6_K = 14;
inline constexpr uint32_t kIq4Nl = 20;
inline constexpr uint32_t kIq4Xs = 23;
inline constexpr uint32_t kMxfp4 = 39;

inline constexpr std::array<GgmlType, 35> kGgmlTypes = {{
    {kF32, "f32", 1, 4},        {kF16, "f16", 1, 2},
    {kQ4_0, "q4_0", 32, 18},    {kQ4_1, "q4_1", 32, 20},
    {kQ5_0, "q5_0", 32, 22},    {7, "q5_1", 32, 24},
    {kQ8_0, "q8_0", 32, 34},    {9, "q8_1", 32, 36},
    {kQ2_K, "q2_K", 256, 84},   {11, "q3_K", 256, 110},
    {kQ4_K, "q4_K", 256, 144},  {kQ5_K, "q5_K", 256, 176},
    {kQ6_K, "q6_K", 256, 210},  {15, "q8_K", 256, 292},
    {16, "iq2_xxs", 256, 66},   {17, "iq2_xs", 256, 74},
    {18, "iq3_xxs", 256, 98},   {19, "iq1_s", 256, 50},
    {kIq4Nl, "iq4_nl", 32, 18}, {21, "iq3_s", 256, 110},
    {22, "iq2_s", 256, 82},     {kIq4Xs, "iq4_xs", 256, 136},
    {24, "i8", 1, 1},           {25, "i16", 1, 2},
    {26, "i32", 1, 4},          {27, "i64", 1, 8},
    {28, "f64", 1, 8},          {29, "iq1_m", 256, 56},
    {30, "bf16", 1, 2},         {34, "tq1_0", 256, 54},
    {35, "tq2_0", 256, 66},     {kMxfp4, "mxfp4", 32, 17},
    {40, "nvfp4", 64, 36},      {41, "q1_0", 128, 18},
    {42, "q2_0", 64, 18},
}};

// nullptr for numbers that were never used, were removed (4, 5, 31-33, 36-38), or are newer than llama.cpp v0.5.0.
constexpr const GgmlType* FindGgmlType(uint32_t id) {
  for (const GgmlType& type : kGgmlTypes) {
    if (type.id == id) return &type;
  }
  return nullptr;
}
constexpr const GgmlType* FindGgmlType(std::string_view name) {
  for (const GgmlType& type : kGgmlTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace loco
