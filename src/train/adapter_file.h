// Adapters in llama.cpp's files, which Ollama's ADAPTER loads, too.
//
//   WriteAdapter("name.gguf", adapter, {.architecture = "qwen3", .base_hash = hash});
//   StoredAdapter stored = ReadAdapter("name.gguf");
//
// A file holds one pair of 32-bit tensors a weight, NAME.lora_a (rank × inputs) and NAME.lora_b (outputs × rank), and
// adapter.lora.alpha; the engine scales a pair by alpha / its rank. Keys of our own begin with "loco.": the base's hash
// and the recipe.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "net/network.h"

namespace loco {

struct AdapterFacts {
  std::string name;
  std::string architecture;  // of the base
  std::string base_hash;     // SHA-256 of the base's file; empty: unknown
  std::string recipe;        // JSON; empty: unknown
};

// An adapter whose pairs may differ in rank and scale, as other programs make them.
struct StoredPair {
  LoraPair pair;
  int64_t rank = 0;
  double scale = 1;
};
struct StoredAdapter {
  AdapterFacts facts;
  std::vector<StoredPair> pairs;
};

// Atomically. Throws Error when the disk is full.
void WriteAdapter(const Path& path, const Adapter& adapter, const AdapterFacts& facts);
// Scales that alpha / rank cannot say are multiplied into b.
void WriteAdapter(const Path& path, const StoredAdapter& adapter);
// Throws Error for a file that is no LoRA adapter, is cut short, or has a pair with one half.
StoredAdapter ReadAdapter(const Path& path);

}  // namespace loco
