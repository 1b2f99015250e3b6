// Which tensors a dense transformer has, and the type that llama.cpp's quantizer gives each of them: the size of a
// quantized file to the byte before anybody downloads it.
//
//   std::optional<std::vector<Weight>> weights = DeriveWeights(dims, "Q4_K_M");
//   TotalBytes(*weights);     // Qwen3-4B: 2,491,323,904
//
// Bits per weight times parameters is never used: Q4_K_M runs from 4.9 bits (8B) to 6.4 (Gemma 3 1B, whose rows of
// 1,152 do not fill blocks of 256 and fall back to larger types).
//
// Covers F16, Q8_0 and Q4_K_M of the architectures in the table of recipe.cc; anything else is empty, never guessed.
// Source: llama.cpp v0.5.0, src/llama-quant.cpp (types), src/models/*.cpp (tensors).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "candidate/shape.h"

namespace loco {

// One weight tensor as far as memory is concerned.
struct Weight {
  std::string name;      // as in GGUF: "blk.3.ffn_down.weight"
  uint32_t type = 0;     // ggml type
  uint64_t in = 1;       // columns: the input width of a linear layer
  uint64_t out = 1;      // rows
  uint64_t experts = 1;  // third dimension
  uint64_t bytes = 0;

  uint64_t elements() const { return in * out * experts; }
};

std::optional<std::vector<Weight>> DeriveWeights(const Dims& dims, std::string_view quantization);

Bytes TotalBytes(const std::vector<Weight>& weights);
// Parameters that were trained: without the constant tables of rotary frequencies that some files carry.
uint64_t CountParameters(const std::vector<Weight>& weights);

// A linear layer inside a block, which LoRA attaches to. Embeddings, the output matrix, norms, convolutions and the
// router of a mixture of experts are not.
bool IsLinearLayer(const Weight& weight);

// Σ (in + out) over the linear layers: a LoRA adapter of rank r has r times as many parameters.
uint64_t LoraWidth(const std::vector<Weight>& weights);

}  // namespace loco
