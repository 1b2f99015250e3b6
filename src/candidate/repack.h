// The copy of the weights that the engine makes when it loads a model, in a layout for wide instructions.
//
//   RepackBytes sum = CountRepacked(weights, tied_embeddings, RepackRuleOf(machine));
//   sum.copies + sum.tied;                    // on top of the mapped file
//
// Source: ggml-cpu/repack.cpp and ggml-cpu/amx of llama.cpp v0.5.0.
#pragma once

#include <cstdint>
#include <vector>

#include "candidate/machine.h"
#include "candidate/recipe.h"

namespace loco {

// Which types are copied. AMX copies nearly all types, F16 included; AVX2 and AVX-512 a few 4-bit ones (and Q2_K).
enum class RepackRule { kNone, kAvx2, kAvx512, kAmx, kDotProduct, kInt8Matrix };
// From the machine's flags; AVX2 for a described machine, the common case.
RepackRule RepackRuleOf(const Machine& machine);

struct RepackBytes {
  uint64_t copies = 0;     // of matrices
  uint64_t originals = 0;  // that the copies replace when the file is not mapped
  uint64_t tied = 0;       // copy of an embedding that is also the output matrix: both layouts are needed
};
RepackBytes CountRepacked(const std::vector<Weight>& weights, bool tied_embeddings, RepackRule rule);

}  // namespace loco
