#include "base/system.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace loco {

TEST_CASE("memory of this process is consistent and grows with what it touches") {
  const ProcessMemory before = ReadProcessMemory();
  CHECK(before.resident.value > 0);
  CHECK(before.peak_resident >= before.resident);
  constexpr size_t kSize = size_t{64} << 20;
  std::vector<char> block(kSize, 1);
  const ProcessMemory after = ReadProcessMemory();
  CHECK(block[kSize / 2] == 1);
  // The kernel counts in batches of some pages per thread: allow a megabyte.
  CHECK(after.anonymous.value + (1 << 20) >= before.anonymous.value + kSize);
  CHECK(after.peak_resident.value + (1 << 20) >= before.resident.value + kSize);
}

TEST_CASE("the memory of a tree is that of its processes, and of no other") {
  constexpr size_t kSize = size_t{64} << 20;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      const std::vector<char> block(kSize, 1);
      if (::write(ready[1], block.data(), 1) != 1) ::_exit(1);
      ::sleep(60);
      ::_exit(0);
    }
    ::signal(SIGTERM, [](int) {});
    ::sleep(60);
    ::kill(grandchild, SIGKILL);
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const Bytes tree = ReadTreeMemory(child);
  CHECK(tree.value >= kSize);
  CHECK(ReadTreeMemory(::getpid()) >= tree);
  ::kill(child, SIGTERM);
  ::waitpid(child, nullptr, 0);
  CHECK(ReadTreeMemory(child).value == 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("the machine's memory is known and what is available is part of it") {
  const MachineMemory memory = ReadMachineMemory();
  CHECK(memory.total.value > 0);
  CHECK(memory.available <= memory.total);
}

TEST_CASE("processor and system have names") {
  const Processor processor = ReadProcessor();
  CHECK(processor.cores >= 1);
  CHECK_FALSE(processor.name.empty());
  CHECK(OperatingSystemName().starts_with("Linux "));
  CHECK(TerminalWidth() > 0);
}

TEST_CASE("energy is a number or unknown, never negative") {
  const auto joules = ReadPackageEnergy();
  if (joules) CHECK(*joules >= 0);
}

}  // namespace loco
