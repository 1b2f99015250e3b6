#include "base/system.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "base/file.h"

namespace loco {
namespace {

// "Key:   123 kB" lines of /proc/self/status and /proc/meminfo, in bytes.
std::map<std::string, Bytes> ReadKilobyteLines(const char* path) {
  std::map<std::string, Bytes> values;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream rest(line.substr(colon + 1));
    uint64_t kilobytes = 0;
    if (rest >> kilobytes) values[line.substr(0, colon)] = Bytes{kilobytes * 1024};
  }
  return values;
}

// Parent of each process, from the fourth field of /proc/PID/stat. The second is a name in brackets that the program
// chose: it may hold blanks and brackets.
std::map<int, int> ReadParents() {
  std::map<int, int> parents;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line, '\0');
    std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
    char state = 0;
    int parent = 0;
    if (rest >> state >> parent) parents[std::stoi(name)] = parent;
  }
  return parents;
}

std::optional<uint64_t> ReadNumber(const Path& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

}  // namespace

ProcessMemory ReadProcessMemory() {
  auto lines = ReadKilobyteLines("/proc/self/status");
  return {.resident = lines["VmRSS"],
          .peak_resident = lines["VmHWM"],
          .anonymous = lines["RssAnon"],
          .file_mapped = lines["RssFile"]};
}

Bytes ReadTreeMemory(int root) {
  const std::map<int, int> parents = ReadParents();
  Bytes sum;
  for (const auto& [process, parent] : parents) {
    int ancestor = process;
    // A process that ended meanwhile may have passed its number on: no chain is longer than the list.
    for (size_t step = 0; step < parents.size() && ancestor != root; ++step) {
      const auto next = parents.find(ancestor);
      if (next == parents.end()) break;
      ancestor = next->second;
    }
    if (ancestor != root) continue;
    auto lines = ReadKilobyteLines(("/proc/" + std::to_string(process) + "/status").c_str());
    sum += lines["RssAnon"] + lines["RssShmem"];
  }
  return sum;
}

void ReleaseFreeMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void KeepFreedMemory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the highest that glibc takes
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

bool ResetPeakMemory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

MachineMemory ReadMachineMemory() {
  auto lines = ReadKilobyteLines("/proc/meminfo");
  MachineMemory memory{.total = lines["MemTotal"], .available = lines["MemAvailable"]};
  // A container sees the machine's memory in /proc but is killed at its own limit (cgroup v2, then v1).
  auto limit = ReadNumber("/sys/fs/cgroup/memory.max");
  auto used = ReadNumber("/sys/fs/cgroup/memory.current");
  if (!limit) {
    limit = ReadNumber("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    used = ReadNumber("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  }
  if (limit && *limit < memory.total.value) {
    memory.total = Bytes{*limit};
    memory.available = std::min(memory.available, Bytes{*limit - std::min(*limit, used.value_or(0))});
  }
  return memory;
}

Processor ReadProcessor() {
  Processor processor{.name = "unknown"};
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && (processor.flags.empty() || processor.name == "unknown");) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    if (line.starts_with("model name")) processor.name = line.substr(colon + 2);
    if (line.starts_with("flags") || line.starts_with("Features")) processor.flags = line.substr(colon + 2);
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) processor.cores = std::max(1, CPU_COUNT(&allowed));
  return processor;
}

std::optional<double> ReadPackageEnergy() {
  // intel-rapl:0 is the first package on Intel and, since Linux 5.8, on AMD.
  const auto microjoules = ReadNumber("/sys/class/powercap/intel-rapl:0/energy_uj");
  if (!microjoules) return std::nullopt;
  return static_cast<double>(*microjoules) * 1e-6;
}

std::string OperatingSystemName() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

int TerminalWidth() {
  // What the user asks for wins over what the terminal has; a width that no layout can meet is no wish.
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    const int width = std::atoi(columns);
    if (width >= 20 && width <= 10'000) return width;
  }
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

bool IsTerminal(int descriptor) { return ::isatty(descriptor) == 1; }

}  // namespace loco
