// What the machine says about itself and about this process. The only place that reads /proc and /sys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace loco {

struct ProcessMemory {
  Bytes resident;       // VmRSS now
  Bytes peak_resident;  // VmHWM since start or the last ResetPeakMemory()
  Bytes anonymous;      // RssAnon: heap, repacked weights, KV cache
  Bytes file_mapped;    // RssFile: pages of mapped files, weights among them
};
ProcessMemory ReadProcessMemory();
// Memory that a process and everything it started hold for themselves: heap, stacks and shared memory that is mapped,
// not files. Pages that a fork shares are counted once a process, so it is an upper bound.
Bytes ReadTreeMemory(int root);
// Gives memory that was freed back to the system, so that what one stage used does not count in the next one's peak.
void ReleaseFreeMemory();
// From now on freed memory of up to 32 MB a piece stays with the process until ReleaseFreeMemory(): for work that
// allocates and frees the same large buffers over and over, which would otherwise be fetched from the system, and
// cleared by it, each time. The peak stays the same.
void KeepFreedMemory();
// Sets VmHWM to the present VmRSS. False where the kernel does not allow it.
bool ResetPeakMemory();

struct MachineMemory {
  Bytes total;      // the least of the machine's and the control group's limit
  Bytes available;  // MemAvailable, or what is left below the control group's limit when that is less
};
MachineMemory ReadMachineMemory();

struct Processor {
  std::string name;   // "Intel(R) Xeon(R) Processor", "unknown" when the kernel does not say
  int cores = 1;      // that this process may use
  std::string flags;  // instruction-set flags as the kernel lists them
};
Processor ReadProcessor();

// Energy counter of the whole package in joules since an arbitrary start (Intel and AMD RAPL). Empty where the machine
// has none or does not let us read it.
std::optional<double> ReadPackageEnergy();

std::string OperatingSystemName();  // "Linux 6.1.0 x86_64"

// Columns: $COLUMNS where it says something sensible, else the width of the terminal on standard output, else 100.
int TerminalWidth();
bool IsTerminal(int descriptor);

}  // namespace loco
