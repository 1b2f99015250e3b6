// make_shape CATALOG_ID OUT.gguf [QUANTIZATION]: see candidate/random_model.h.
#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "candidate/catalog.h"
#include "candidate/random_model.h"
#include "net/weights.h"

int main(int count, char** arguments) {
  if (count != 3 && count != 4) {
    std::fputs("usage: make_shape CATALOG_ID OUT.gguf [QUANTIZATION]\n", stderr);
    return 2;
  }
  try {
    const loco::Catalog catalog = loco::LoadCatalog(loco::Path(LOCO_SOURCE_DIR) / "catalog");
    loco::RandomModelOptions options{.quantize = loco::Quantize};
    if (count == 4) options.quantization = arguments[3];
    loco::WriteRandomModel(catalog.Get(arguments[1]).dims, arguments[1], arguments[2], options);
  } catch (const loco::Error& error) {
    fmt::print(stderr, "error: {}\n  cure: {}\n", error.what(), error.hint());
    return 1;
  }
  return 0;
}
