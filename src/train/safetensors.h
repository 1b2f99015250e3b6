// The safetensors format: a JSON table of names, types, shapes and offsets, then the numbers.
//
//   MappedFile file(path);
//   for (const Safetensor& tensor : ParseSafetensors(file.bytes(), path.string())) std::vector<float> v =
//   tensor.Floats();
//
// Source: the format's description in https://github.com/huggingface/safetensors, read 2026-11-21. A file is hostile
// until parsed: every offset is checked against the file, the shape against the offsets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace loco {

struct Safetensor {
  std::string name;
  std::string type;            // "F32", "BF16", …
  std::vector<int64_t> shape;  // row-major, the row last
  std::span<const std::byte> data;

  // The numbers in 32 bits. Throws Error for types other than F32, F16 and BF16.
  std::vector<float> Floats() const;
};

// In the file's order of names. Throws Error naming `source` when the bytes are not a safetensors file.
std::vector<Safetensor> ParseSafetensors(std::span<const std::byte> file, std::string_view source);

struct FloatTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> data;
};
// Atomically, in 32 bits. Throws Error when the disk is full.
void WriteSafetensors(const Path& path, const std::vector<FloatTensor>& tensors);

}  // namespace loco
