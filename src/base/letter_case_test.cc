#include "base/letter_case.h"

#include <doctest/doctest.h>

namespace loco {
namespace {

TEST_CASE("words are the same whatever the case of their letters, and only then") {
  CHECK(SameWord("Q4_K_M", "q4_k_m"));
  CHECK_FALSE(SameWord("Q4_K_M", "Q4_K_S"));
  CHECK_FALSE(SameWord("Q4_K", "Q4_K_M"));
  // 32 apart like a letter and its capital, but no letters.
  CHECK_FALSE(SameWord("@", "`"));
  CHECK_FALSE(SameWord("[", "{"));
}

TEST_CASE("lower case leaves alone what is no letter from A to Z") {
  CHECK(LowerAscii("AVX512-BF16 [Ä]") == "avx512-bf16 [Ä]");
}

}  // namespace
}  // namespace loco
