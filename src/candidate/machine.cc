#include "candidate/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <string_view>

#include "base/hash.h"
#include "base/system.h"

namespace loco {

std::string SimdFlags(const std::string& flags) {
  // x86 names and prefixes first, then ARM's. ggml picks its kernels by these.
  static constexpr std::array<std::string_view, 22> kNames = {
      "sse4_2",   "avx",      "avx2",     "fma",     "f16c",    "bmi2",    "avx_vnni", "avx_vnni_int8",
      "amx_tile", "amx_int8", "amx_bf16", "asimd",   "asimdhp", "asimddp", "fphp",     "bf16",
      "i8mm",     "sve",      "sve2",     "svei8mm", "sme",     "sme2"};
  std::istringstream words(flags);
  std::set<std::string> seen;
  std::string kept;
  for (std::string word; words >> word;) {
    const bool wanted = word.starts_with("avx512") || std::find(kNames.begin(), kNames.end(), word) != kNames.end();
    if (!wanted || !seen.insert(word).second) continue;
    if (!kept.empty()) kept += ' ';
    kept += word;
  }
  return kept;
}

Machine ReadMachine() {
  const MachineMemory memory = ReadMachineMemory();
  const Processor processor = ReadProcessor();
  return {.memory = memory.total,
          .available = memory.available,
          .cores = processor.cores,
          .processor = processor.name,
          .simd = SimdFlags(processor.flags),
          .system = OperatingSystemName()};
}

Machine DescribedMachine(Bytes memory) {
  return {.described = true, .memory = memory, .available = memory, .processor = "unknown", .system = "unknown"};
}

std::string HardwareFingerprint(const Machine& machine) {
  // Firmware and kernel hold back a changing share of the memory: a step of 256 MiB hides that, not a new module.
  constexpr uint64_t kStep = uint64_t{256} << 20;
  const std::string memory = std::to_string((machine.memory.value + kStep / 2) / kStep);
  return HashOfParts({machine.processor, std::to_string(machine.cores), machine.simd, memory}).substr(0, 16);
}

}  // namespace loco
