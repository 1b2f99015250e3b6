// Runs a program that a model wrote, shut off from everything, or does not run it at all.
//
//   const Sandbox sandbox;                                     // tries it once
//   if (!sandbox.support().works) … sandbox.support().reason   // "bwrap is not installed (Debian package bubblewrap)"
//   const SandboxResult result = sandbox.Run({.argv = {"python3", "-I", "x.py"}, .files = {{"x.py", program}}});
//   if (result.outcome == SandboxOutcome::kExit && result.exit_code == 0) …
//
// The walls are bubblewrap's, and the same on a desktop for an ordinary user and in a container for root (who becomes
// the user "nobody" first, since the kernel exempts root from the limit on processes):
//
//   - its own user, process, network, IPC, host-name and control-group namespaces, and no way to make further ones;
//     no terminal, no descriptor but the three streams, no variable of ours;
//   - of the files, /usr (read-only, without /usr/local) and the usual devices. No /home, /etc, /proc, /sys, /tmp. Only
//     the work folder, which is the current one and is made for this run, and a few MB of /dev/shm can be written;
//   - limits on processes and threads together, and on the address space, the processor time and the file size of
//     each. They are set inside the new user namespace, whose processes Linux counts apart since 5.14: what else the
//     user runs does not matter;
//   - memory of all processes together is looked at twenty times a second, and the program is ended above the limit.
//     Memory that belongs to no process cannot be had beyond the few MB of pipes and sockets that the kernel allows: a
//     filter of system calls refuses memfd_create, System V IPC and rings. It refuses sockets other than local and
//     Internet ones as well, because AF_VSOCK knows no network namespace. If the machine itself runs short, the
//     kernel's first victim is the program, never the caller;
//   - the end: after `wall`, at the end of the first process, and when the calling thread ends (killed or not), every
//     process of the sandbox is killed by the kernel.
//
// The program's files are written inside the sandbox from its standard input; nothing of a run is ever on our disk.
//
// It deliberately does not fall back to running the program bare, does not keep results, does not stop a program from
// reading what /usr holds, and does not promise anything against a fault of the kernel. In a chroot the kernel allows
// no user namespaces: there, nothing is run.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace loco {

struct SandboxLimits {
  std::chrono::milliseconds wall = std::chrono::seconds(10);
  std::chrono::seconds cpu = std::chrono::seconds(10);  // of each process
  Bytes memory = {uint64_t{512} << 20};                 // address space of each process, and all processes together
  int processes = 16;                                   // processes and threads at a time, one of them the sandbox's
  Bytes file = {uint64_t{16} << 20};
  Bytes work_folder = {uint64_t{64} << 20};
  size_t output = size_t{1} << 20;  // stdout and stderr together
};

struct SandboxJob {
  std::vector<std::string> argv;                   // argv[0] is a name in /usr/bin or a path below /usr
  std::map<std::string, std::string> files;        // of the work folder, by plain name
  std::string input;                               // given on standard input
  std::map<std::string, std::string> environment;  // besides PATH, HOME, TMPDIR and LC_ALL
  SandboxLimits limits;
};

enum class SandboxOutcome {
  kExit,     // it ended by itself; see exit_code. A refused allocation is the program's to deal with, so it ends here
  kTimeout,  // over `wall` or `cpu`
  kMemory,   // its processes together used more than `memory`
  kOutputLimit,  // it wrote more than `output`
  kKilled,       // ended by a signal that was not ours: a crash, or the kernel when the machine ran out of memory
  kNotRun,       // there is no sandbox here; see reason
};

// "exit", "timeout", "memory", "output limit", "killed", "not run".
const char* NameOf(SandboxOutcome outcome);

struct SandboxResult {
  SandboxOutcome outcome = SandboxOutcome::kNotRun;
  int exit_code = 0;
  int signal = 0;      // kKilled
  std::string output;  // hostile, as everything that the program wrote
  std::string errors;
  std::string reason;  // kNotRun
  double seconds = 0;  // the sandbox itself included: about 0.04
};

struct SandboxSupport {
  bool works = false;
  std::string reason;  // why not
};

class Sandbox {
 public:
  Sandbox() : support_(Probe()) {}

  // Runs a program that does nothing, with all the walls.
  static SandboxSupport Probe();
  const SandboxSupport& support() const { return support_; }

  // Returns when the program has ended or was ended; what it left behind is gone within milliseconds. Throws nothing
  // that depends on the program.
  SandboxResult Run(const SandboxJob& job) const;

 private:
  SandboxSupport support_;
};

}  // namespace loco
