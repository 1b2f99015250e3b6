// The real LanguageModel: llama.cpp, in this process, on the CPU.
//
// src/engine is the only code that includes llama.h. Handles are owned from birth, llama.cpp's log is captured, and
// its last words become the Error when something fails.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "engine/language_model.h"

namespace loco {

struct LoadOptions {
  int threads = 0;       // 0: as many as the model's size is worth, see ThreadsFor()
  bool use_mmap = true;  // weights stay in the page cache, shared between processes
  bool repack = true;    // a second copy of quantized weights in a faster layout
  bool vocabulary_only = false;
  Path adapter;  // a LoRA adapter (GGUF) that is applied to everything; empty: none
};

// Throws Error for a file that llama.cpp cannot load, with its reason.
std::unique_ptr<LanguageModel> LoadModel(const Path& path, const LoadOptions& options);

// Threads for a model of this many weight bytes when nobody asked for a number: one for each started 48 MB, at most
// `cores`. Threads meet after every one of the few hundred operations of a token; below this size the meetings cost
// more than the work they share, and several times as much when the other core is busy (measured: docs/performance.md).
int ThreadsFor(uint64_t weight_bytes, int cores);

// "llama.cpp v0.5.0 (de3ff81, native), AVX512 …": what identifies a measurement's engine.
std::string EngineIdentity();

// Instruction sets and back ends in use, as llama.cpp prints them.
std::string EngineSystemInfo();

}  // namespace loco
