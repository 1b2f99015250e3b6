// Files of a published model's exact shape, filled with random weights.
//
//   WriteRandomModel(catalog.Get("smollm2-135m-instruct").dims, "smollm2-135m-instruct", "out.gguf", {});
//
// Where the real weights cannot be had, such a file still loads, quantizes, takes memory and computes as fast as the
// real one; only its answers are noise. Its vocabulary has the real one's size and is made of letter n-grams, so
// ordinary text is tokenized into a few letters a token.
//
// It deliberately covers the dense architectures whose every tensor follows from the dimensions, and refuses the
// others by name. For tests and benchmarks; no part of the product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/file.h"
#include "candidate/shape.h"

namespace loco {

struct RandomModelOptions {
  bool full_precision = false;  // 32 bits instead of 16
  uint64_t seed = 1;
  // Another quantization than F16, made directly: large shapes need not be written at 16 bits first. Rows of a matrix
  // are then drawn from a few dozen different ones. `quantize` fills `rows` whole rows of `to`.
  std::string_view quantization = "F16";
  std::function<void(const float* from, int64_t rows, int64_t columns, uint32_t type, std::byte* to)> quantize;
};

void WriteRandomModel(const Dims& dims, std::string_view name, const Path& path, const RandomModelOptions& options);

}  // namespace loco
