// LoRA adapters: putting one on a network, and keeping it in a file that llama.cpp and Ollama load.
//
//   Adapter adapter = AttachAdapter(network, {.rank = 16, .alpha = 32}, seed);   // b is zero: nothing changes yet
//   WriteAdapter("name.gguf", adapter, {.architecture = "qwen3", .base_hash = hash, .alpha = 32});
//
// The file is llama.cpp's: one pair of 32-bit tensors a weight, NAME.lora_a (rank × inputs) and NAME.lora_b (outputs ×
// rank), and adapter.lora.alpha; the engine scales by alpha / rank, and so does `scale`. Keys of our own begin with
// "loco.": the base's hash and the recipe.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "net/network.h"

namespace loco {

struct AdapterShape {
  int64_t rank = 16;
  float alpha = 32;
  bool rank_stabilized = false;  // rsLoRA: scale by alpha / √rank
  // Parts of a block that get a pair: "attn_q", "ffn_down", …; empty: all linear layers.
  std::vector<std::string> targets;
};

// The names that `targets` may use.
std::vector<std::string> AdapterTargets();

// Parameters of the adapter that AttachAdapter() would make.
int64_t CountParameters(const Network& network, const AdapterShape& shape);
// Puts a pair on every target of the network and returns them: a is uniform on ±1/√inputs, b is zero. Throws Error when
// no layer of the network is a target.
Adapter AttachAdapter(Network& network, const AdapterShape& shape, uint64_t seed);
// The same shape, all zero: what gradients and the optimizer's moments are kept in.
Adapter ZeroLike(const Adapter& adapter);
int64_t CountParameters(const Adapter& adapter);

struct AdapterFacts {
  std::string name;
  std::string architecture;  // of the base
  std::string base_hash;     // SHA-256 of the base's file
  std::string recipe;        // JSON
  float alpha = 32;
};
// Atomically. Throws Error when the disk is full.
void WriteAdapter(const Path& path, const Adapter& adapter, const AdapterFacts& facts);

}  // namespace loco
