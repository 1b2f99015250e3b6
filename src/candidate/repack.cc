#include "candidate/repack.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "candidate/ggml_types.h"

namespace loco {
namespace {

// Bytes of the copy that AMX makes of a matrix, 0 when it makes none. Source: ggml-cpu/amx of llama.cpp v0.5.0.
uint64_t AmxCopyBytes(const Weight& weight) {
  if (weight.out % 32 != 0 || weight.experts != 1) return 0;
  const uint64_t blocks = weight.in / 256 * weight.out;
  switch (weight.type) {
    case kF16:
      return weight.in % 16 == 0 ? weight.bytes : 0;
    case kQ4_0:
    case kQ4_1:
      return weight.bytes;  // rows of such blocks are always whole tiles
    case kQ8_0:
      return weight.bytes + 4 * (weight.in / 32) * weight.out;  // a compensation term a block
    case kQ4_K:
    case kQ5_K:
      return weight.bytes + 4 * blocks;
    case kQ6_K:
      return weight.bytes;
    case kIq4Xs:
      return weight.bytes + 2 * blocks;
    default:
      return 0;
  }
}

// Bytes of the copy that the engine makes of a matrix when it loads it, 0 when it makes none.
// Source: ggml-cpu/repack.cpp of llama.cpp v0.5.0.
uint64_t CopyBytes(RepackRule rule, const Weight& weight) {
  const uint32_t type = weight.type;
  const bool by8 = weight.out % 8 == 0;
  const bool by4 = weight.out % 4 == 0;
  bool copied = false;
  switch (rule) {
    case RepackRule::kNone:
      break;
    case RepackRule::kAmx:
      if (const uint64_t bytes = AmxCopyBytes(weight); bytes != 0) return bytes;
      return CopyBytes(RepackRule::kAvx512, weight);  // AMX comes first, then what any AVX-512 processor does
    case RepackRule::kAvx512:
    case RepackRule::kAvx2:
      copied = by8 && (type == kQ4_0 || type == kQ4_K || type == kIq4Nl || type == kMxfp4 ||
                       (type == kQ2_K && rule == RepackRule::kAvx512));
      break;
    case RepackRule::kDotProduct:
    case RepackRule::kInt8Matrix:
      copied = (by8 && (type == kQ4_K || type == kQ5_K || type == kQ6_K)) ||
               (by4 && (type == kQ4_0 || type == kIq4Nl || type == kMxfp4 || type == kQ8_0));
      break;
  }
  return copied ? weight.bytes : 0;
}

bool IsLookup(const Weight& weight) {
  return weight.name.find("token_embd") != std::string::npos ||
         weight.name.find("position_embd") != std::string::npos || weight.name.find("token_types") != std::string::npos;
}

}  // namespace

RepackRule RepackRuleOf(const Machine& machine) {
  if (machine.described) return RepackRule::kAvx2;
  const std::string flags = " " + machine.simd + " ";
  const auto has = [&](std::string_view flag) { return flags.find(fmt::format(" {} ", flag)) != std::string::npos; };
  if (has("amx_tile") && has("amx_int8") && has("avx512f")) return RepackRule::kAmx;
  if (has("avx512f")) return RepackRule::kAvx512;
  if (has("avx2")) return RepackRule::kAvx2;
  if (has("i8mm")) return RepackRule::kInt8Matrix;
  if (has("asimddp")) return RepackRule::kDotProduct;
  return RepackRule::kNone;
}

RepackBytes CountRepacked(const std::vector<Weight>& weights, bool tied_embeddings, RepackRule rule) {
  RepackBytes sum;
  for (const Weight& weight : weights) {
    if (weight.out <= 1 || weight.name.find("norm") != std::string::npos) continue;
    const uint64_t copy = CopyBytes(rule, weight);
    if (copy == 0) continue;
    const bool tied_output = tied_embeddings && weight.name == "token_embd.weight";
    if (tied_output) {
      sum.tied += copy;
    } else if (!IsLookup(weight)) {
      sum.copies += copy;
      sum.originals += weight.bytes;
    }
  }
  return sum;
}

}  // namespace loco
