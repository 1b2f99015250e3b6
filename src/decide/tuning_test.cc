#include "decide/tuning.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("the better half goes on, rounded up, and never fewer than the finalists that there are") {
  CHECK(KeptAfterRung(9, 2) == 5);
  CHECK(KeptAfterRung(4, 2) == 2);
  CHECK(KeptAfterRung(3, 2) == 2);
  CHECK(KeptAfterRung(2, 2) == 2);
  CHECK(KeptAfterRung(1, 2) == 1);
  CHECK(KeptAfterRung(6, 4) == 4);
  CHECK(KeptAfterRung(0, 2) == 0);
}

}  // namespace
}  // namespace loco
