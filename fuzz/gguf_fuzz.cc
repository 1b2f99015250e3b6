// Fuzz target of the GGUF reader and of everything that is computed from its result: no input may crash, hang, or
// allocate out of proportion to its size.
//
//   cmake --preset fuzz && cmake --build build/fuzz && build/fuzz/fuzz/gguf_fuzz fuzz/corpus/gguf -max_total_time=60
//
// The seeds in fuzz/corpus/gguf come from gguf_seeds.cc. Every crash that is found becomes a test in
// src/candidate/gguf_test.cc or facts_test.cc.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "candidate/facts.h"
#include "candidate/fit.h"
#include "candidate/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loco;
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    const Gguf gguf = ParseGguf(file, "fuzz.gguf");
    uint64_t sum = gguf.missing_bytes();
    for (const auto& [key, value] : gguf.values) {
      sum += key.size() + value.AsString().value_or("").size();
      sum += static_cast<uint64_t>(value.AsNumber().has_value()) + static_cast<uint64_t>(value.AsBool().has_value());
      if (const auto integers = value.AsIntegers()) sum += integers->size();
      if (const auto strings = value.AsStrings()) {
        for (const auto text : *strings) sum += text.size();
      }
    }
    const Facts facts = FactsOf(gguf, "fuzz.gguf");
    const FitOptions options{.context = 1 + sum % 100'000,
                             .cache_type = sum % 2 == 0 ? kF16 : kQ8_0,
                             .adapter_rank = 16,
                             .memory = Bytes{8'000'000'000}};
    const FitInputs inputs = FitInputsOf(facts);
    const Fit fit = ComputeFit(inputs, options);
    LOCO_CHECK(fit.terms.size() >= 6);
    (void)MaxContext(inputs, options);
  } catch (const Error& error) {
    LOCO_CHECK(!error.hint().empty());
  }
  return 0;
}
