// Makes a quantized copy of a model with llama.cpp's quantizer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace loco {

// Names such as "Q4_K_M" that Quantize() accepts, from large to small.
std::vector<std::string> QuantizationNames();
bool IsQuantizationName(std::string_view name);

// Writes `target` atomically: a killed process leaves no half-made model. Throws Error when the input cannot be
// quantized (already quantized files are refused: quantizing twice loses more than either) or the disk is full.
void Quantize(const Path& source, const Path& target, std::string_view quantization, int threads);

// The same weights as 32-bit floats, from a file of any type: to compare results without the rounding of activations
// that the engine does in products with quantized weights.
void ExpandToFloats(const Path& source, const Path& target, int threads);

}  // namespace loco
