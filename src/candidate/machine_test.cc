#include "candidate/machine.h"

#include <doctest/doctest.h>

#include "candidate/fit.h"

namespace loco {
namespace {

TEST_CASE("this machine says what it has") {
  const Machine machine = ReadMachine();
  CHECK(machine.memory.value > 0);
  CHECK(machine.available <= machine.memory);
  CHECK(machine.cores >= 1);
  CHECK(!machine.described);
}

TEST_CASE("a fingerprint survives a reboot and an update, and tells machines apart") {
  Machine machine{
      .memory = Bytes{8'200'000'000}, .available = Bytes{6'000'000'000}, .cores = 8, .processor = "P", .simd = "avx2"};
  const std::string fingerprint = HardwareFingerprint(machine);
  CHECK(fingerprint.size() == 16);
  machine.available = Bytes{1};
  machine.system = "Linux 99";
  machine.memory.value += 20'000'000;  // a kernel that reserves a little less
  CHECK(HardwareFingerprint(machine) == fingerprint);
  machine.simd = "avx2 avx512f";
  CHECK(HardwareFingerprint(machine) != fingerprint);
  machine.simd = "avx2";
  machine.memory.value *= 2;
  CHECK(HardwareFingerprint(machine) != fingerprint);
}

TEST_CASE("only the instruction sets that choose a code path are kept, once each") {
  CHECK(SimdFlags("fpu vme avx avx2 fma ibrs avx512f avx512_bf16 avx2 ssbd") == "avx avx2 fma avx512f avx512_bf16");
  CHECK(SimdFlags("").empty());
}

TEST_CASE("repacking follows the instruction sets") {
  CHECK(RepackRuleOf({.simd = "avx avx2"}) == RepackRule::kAvx2);
  CHECK(RepackRuleOf({.simd = "avx avx2 avx512f"}) == RepackRule::kAvx512);
  CHECK(RepackRuleOf({.simd = "avx2 avx512f amx_tile amx_int8"}) == RepackRule::kAmx);
  CHECK(RepackRuleOf({.simd = "asimd asimddp i8mm"}) == RepackRule::kInt8Matrix);
  CHECK(RepackRuleOf({.simd = "asimd asimddp"}) == RepackRule::kDotProduct);
  CHECK(RepackRuleOf({.simd = "sse4_2"}) == RepackRule::kNone);
  CHECK(RepackRuleOf(DescribedMachine(Bytes{8'000'000'000})) == RepackRule::kAvx2);
}

}  // namespace
}  // namespace loco
