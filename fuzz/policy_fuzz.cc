// Fuzz target of our own TOML files: policies, catalog and evidence. No input may crash or hang, and every mistake that
// is reported lies inside the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "candidate/catalog.h"
#include "candidate/evidence.h"
#include "decide/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loco;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  std::vector<Diagnostic> mistakes = ParsePolicy(text, "fuzz.toml").mistakes;
  Catalog catalog;
  ParseCatalog(text, "fuzz.toml", catalog, mistakes);
  for (const CatalogModel& model : catalog.models) {
    for (const char* quantization : {"F16", "Q8_0", "Q4_K_M"}) (void)ComputeFit(FitInputsOf(model, quantization), {});
  }
  std::vector<Evidence> rows;
  ParseEvidence(text, "fuzz.toml", rows, mistakes);
  for (const Diagnostic& mistake : mistakes) {
    LOCO_CHECK(!mistake.message.empty());
    LOCO_CHECK(mistake.line >= 1 && mistake.line <= lines + 1);
  }
  return 0;
}
