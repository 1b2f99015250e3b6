// make_shape CATALOG_ID OUT.gguf: see candidate/random_model.h.
#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "candidate/catalog.h"
#include "candidate/random_model.h"

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: make_shape CATALOG_ID OUT.gguf\n", stderr);
    return 2;
  }
  try {
    const loco::Catalog catalog = loco::LoadCatalog(loco::Path(LOCO_SOURCE_DIR) / "catalog");
    loco::WriteRandomModel(catalog.Get(arguments[1]).dims, arguments[1], arguments[2], {});
  } catch (const loco::Error& error) {
    fmt::print(stderr, "error: {}\n  cure: {}\n", error.what(), error.hint());
    return 1;
  }
  return 0;
}
