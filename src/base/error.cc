#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace loco {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "loco: internal error: %s:%d: %s does not hold. Please report this line.\n", file, line,
               condition);
  std::abort();
}

}  // namespace loco
