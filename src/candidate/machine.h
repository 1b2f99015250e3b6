// The machine that a fit or a measurement speaks about: this one, or one that the user describes.
//
//   Machine here = ReadMachine();
//   Machine laptop = DescribedMachine(ParseBytes("8GB"));
//   row.hardware = HardwareFingerprint(here);   // speeds of different fingerprints are never averaged
//
// It deliberately measures nothing (bandwidth, GEMM rate: `loco bench`) and knows no GPU yet: this version runs on the
// processor, and says so.
#pragma once

#include <string>

#include "base/bytes.h"

namespace loco {

struct Machine {
  bool described = false;  // by the user: nothing but the memory is known
  Bytes memory;            // that a process may use, control groups included
  Bytes available;         // now; equal to `memory` when described
  int cores = 0;
  std::string processor;
  std::string simd;    // the instruction sets that matter to inference, in the kernel's words
  std::string system;  // operating system and architecture
};

Machine ReadMachine();
Machine DescribedMachine(Bytes memory);

// 16 hexadecimal digits over what stays the same between reboots and updates: processor, cores, instruction sets,
// memory size. Not the kernel version and not what happens to be free.
std::string HardwareFingerprint(const Machine& machine);

// The kernel's flags reduced to those that choose a code path in the engine, in the kernel's order.
std::string SimdFlags(const std::string& flags);

}  // namespace loco
