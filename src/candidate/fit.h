// Will it fit? Every term of the memory that inference on the processor takes, with how it is known.
//
//   Fit fit = ComputeFit(ReadFacts("qwen3-4b-Q4_K_M.gguf"), {.context = 4096, .memory = ParseBytes("8GB")});
//   for (const Term& term : fit.terms) …      // weights 2.49 GB exact, KV cache 0.60 GB exact …
//   fit.verdict;                              // Verdict::kTight
//   fit.remedies[0].change;                   // "without the repacked copy"
//   MaxContext(inputs, options);              // 16,384
//
// The total is what is reserved, an upper figure; `expected_resident` is what the process is expected to touch (the
// space for logits of a whole batch is reserved but hardly used). Both are pure functions of dimensions and options: a
// file, a catalog entry or a plan give the same answer.
//
// Formulas and their tests: llama.cpp v0.5.0 (llama-kv-cache*.cpp, llama-context.cpp). The context is always a stated
// assumption, never silently the model's maximum. An unknown term makes the verdict unknown unless what is known alone
// exceeds the memory.
//
// It deliberately covers no GPU and no training yet, and does not measure: `loco bench` does, and compares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "candidate/facts.h"
#include "candidate/ggml_types.h"
#include "candidate/machine.h"
#include "candidate/recipe.h"
#include "candidate/repack.h"
#include "candidate/shape.h"

namespace loco {

enum class Basis {
  kExact,     // counted in the file, or what the engine allocates by its own rule
  kDerived,   // computed from dimensions by a formula that is not exact for every model
  kFitted,    // a formula whose constants were fitted to measurements
  kMeasured,  // on this machine
  kAssumed,   // a convention that the user can change
};
std::string_view BasisName(Basis basis);

struct Term {
  std::string name;            // "KV cache"
  std::string detail;          // "f16"
  std::optional<Bytes> bytes;  // empty: unknown, `source` says why
  Basis basis = Basis::kExact;
  std::string source;  // one line
};

// What the arithmetic needs of a model, whether it comes from a file or from the catalog.
struct FitInputs {
  std::string model;
  std::string quantization;
  Dims dims;
  Shape shape;
  std::vector<Weight> weights;  // empty: only the total is known
  std::optional<Bytes> weight_bytes;
  Basis weight_basis = Basis::kExact;
  std::string weight_source;
  std::optional<Bytes> compute_bytes;  // the engine's own figure at 4,096 tokens and micro-batches of 512
  std::vector<std::string> warnings;   // what makes the answer doubtful, passed on to Fit
};
FitInputs FitInputsOf(const Facts& facts);
// The same for the copy at `quantization` that would be made of the file. Empty when its tensors' types cannot be
// derived (see recipe.h).
std::optional<FitInputs> FitInputsAt(const Facts& facts, std::string_view quantization);

struct FitOptions {
  uint64_t context = 4096;     // tokens, all sequences together
  uint32_t cache_type = kF16;  // kF16, kQ8_0 or kQ4_0
  uint64_t sequences = 1;
  bool unified_cache = true;   // sequences share one cache
  uint64_t micro_batch = 512;  // tokens computed at a time
  uint64_t outputs = 1;        // tokens of a batch whose logits are kept
  bool flash_attention = true;
  bool mmap = true;
  bool repack = true;
  RepackRule repack_rule = RepackRule::kAvx2;
  uint64_t adapter_rank = 0;  // 0: no LoRA adapter
  uint32_t adapter_type = kF16;
  Bytes os_reserve{1'500'000'000};
  Basis os_basis = Basis::kAssumed;
  std::string os_source = "--os-reserve sets another figure";
  std::optional<Bytes> memory;  // the limit; empty: no verdict is asked for
};

enum class Verdict { kFits, kTight, kDoesNotFit, kUnknown };
std::string_view VerdictName(Verdict verdict);

// Above this share of the memory a fit is called tight: the rest of the machine still wants caches and a browser.
inline constexpr double kTightShare = 0.8;

struct Remedy {
  std::string change;  // "q8_0 KV cache"
  std::string option;  // "--kv q8_0"
  Bytes total;
  Verdict verdict = Verdict::kUnknown;
};

struct Fit {
  std::vector<Term> terms;
  Bytes total;                             // of the known terms
  Bytes process;                           // total without the operating system
  std::optional<Bytes> expected_resident;  // of the process; within 2 % on the models it was fitted to
  uint64_t context = 0;                    // the assumption, as the engine rounds it
  std::optional<Bytes> memory;
  Verdict verdict = Verdict::kUnknown;
  std::string reason;            // of an unknown verdict
  std::vector<Remedy> remedies;  // of a tight or missing fit, smallest change first
  std::vector<std::string> warnings;

  const Term* Find(std::string_view name) const;
};

Fit ComputeFit(const FitInputs& inputs, const FitOptions& options);
Fit ComputeFit(const Facts& facts, const FitOptions& options);

// The longest context, in steps of 256 and up to what the model claims, whose total stays within options.memory.
// 0 when none does; empty when a term is unknown or no memory is given.
std::optional<uint64_t> MaxContext(const FitInputs& inputs, const FitOptions& options);

// Bytes of the attention caches alone; empty when the shape or the cache type does not allow it.
std::optional<Bytes> CacheBytes(const Shape& shape, const FitOptions& options);
std::optional<Bytes> RecurrentBytes(const Shape& shape, const FitOptions& options);

}  // namespace loco
