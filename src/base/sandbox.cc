#include "base/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "base/system.h"

namespace loco {
namespace {

// The inner shell writes it to stderr when everything stands and the program is about to begin. Without it, what stderr
// holds is bubblewrap's.
constexpr std::string_view kStarted = "loco: started";

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

// Memory that no process owns, and doors that no namespace closes.
constexpr uint32_t kRefused[] = {
    SYS_shmget,          SYS_semget, SYS_msgget,  SYS_memfd_create, SYS_io_uring_setup, SYS_userfaultfd,
    SYS_perf_event_open, SYS_bpf,    SYS_add_key, SYS_request_key,  SYS_keyctl,
};
constexpr uint32_t kFamilies[] = {AF_UNIX, AF_INET, AF_INET6};

std::vector<sock_filter> SystemCallFilter() {
  constexpr auto kField = [](size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
  };
  constexpr sock_filter kKill BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  constexpr sock_filter kAllow BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  constexpr sock_filter kRefuse BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> filter;
  // Numbers of system calls mean something else in the processor's other modes: 32 bit, and x32 on x86-64.
  filter.push_back(kField(offsetof(seccomp_data, arch)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  filter.push_back(kKill);
  filter.push_back(kField(offsetof(seccomp_data, nr)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
  filter.push_back(kKill);
  for (const uint32_t number : kRefused) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(kRefuse);
  }
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0));
  filter.push_back(kAllow);
  filter.push_back(kField(offsetof(seccomp_data, args)));  // the low half: both architectures are little-endian
  for (const uint32_t family : kFamilies) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 0, 1));
    filter.push_back(kAllow);
  }
  filter.push_back(kRefuse);
  return filter;
}

// A file that lives in memory, read from its beginning.
class MemoryFile {
 public:
  explicit MemoryFile(const void* content, size_t size) : descriptor_(::memfd_create("loco", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ::write(descriptor_, content, size) != static_cast<ssize_t>(size) ||
        ::lseek(descriptor_, 0, SEEK_SET) != 0) {
      throw Error(fmt::format("cannot make a file in memory: {}", std::strerror(errno)));
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

void Append(std::vector<std::string>& argv, std::initializer_list<std::string> words) {
  argv.insert(argv.end(), words);
}

// Everything before the program itself: who runs it, the walls, the files, the limits.
std::vector<std::string> Walls(const SandboxJob& job) {
  const SandboxLimits& limits = job.limits;
  std::vector<std::string> argv;
  if (::geteuid() == 0) {
    Append(argv, {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"});
  }
  Append(argv, {"choom", "-n", "1000", "--", "bwrap"});
  Append(argv, {"--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
                "--unshare-cgroup-try", "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
                "--cap-drop", "ALL", "--seccomp", "3", "--die-with-parent", "--new-session"});
  Append(argv, {"--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/work", "--setenv", "TMPDIR",
                "/work", "--setenv", "LC_ALL", "C.UTF-8"});
  for (const auto& [name, value] : job.environment) Append(argv, {"--setenv", name, value});
  Append(argv, {"--ro-bind", "/usr", "/usr"});
  std::error_code none;
  for (const char* folder : {"/bin", "/lib", "/lib64"}) {  // links into /usr since Debian 12
    if (std::filesystem::is_symlink(folder, none)) {
      Append(argv, {"--symlink", std::string("usr") + folder, folder});
    } else {
      Append(argv, {"--ro-bind-try", folder, folder});
    }
  }
  // People install things of their own there.
  if (std::filesystem::exists("/usr/local", none))
    Append(argv, {"--tmpfs", "/usr/local", "--remount-ro", "/usr/local"});
  Append(argv, {"--dev", "/dev", "--size", "4194304", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"});
  Append(argv, {"--size", std::to_string(limits.work_folder.value), "--tmpfs", "/work", "--chdir", "/work"});
  Append(argv, {"--remount-ro", "/", "--"});

  // No head reads more than it is told to: what is left of stdin is the program's. The limits come last, because the
  // kernel before 5.14 counts all processes of the user, and the shell needs a second one.
  Append(argv, {"sh", "-c",
                fmt::format("set -e; n=$1; shift; while [ $n != 0 ]; do head -c $1 >\"$2\"; shift 2; n=$((n - 1)); "
                            "done; echo '{}' >&2; exec \"$@\"",
                            kStarted),
                "sh", std::to_string(job.files.size())});
  for (const auto& [name, content] : job.files) Append(argv, {std::to_string(content.size()), "./" + name});
  Append(argv, {"prlimit", fmt::format("--as={}", limits.memory.value),
                fmt::format("--cpu={}:{}", limits.cpu.count(), limits.cpu.count() + 1),
                fmt::format("--nproc={}", limits.processes), fmt::format("--fsize={}", limits.file.value),
                "--nofile=64", "--core=0", "--"});
  return argv;
}

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Why the program did not begin, from what bubblewrap or the shell said.
std::string ReasonIn(std::string_view said) {
  const std::string_view line = said.substr(0, said.find('\n'));
  if (Has(said, "Unknown option")) return "bwrap is older than 0.8: " + std::string(line);
  if (Has(said, "namespace") || Has(said, "uid map") || Has(said, "not permitted") || Has(said, "ermission denied")) {
    return fmt::format("user namespaces are not allowed here ({})", line.substr(0, line.find(", likely")));
  }
  return line.empty() ? "the sandbox ended without a word" : std::string(line);
}

// A program that could not be run whatever the sandbox does; empty when there is nothing in the way.
std::string WhatIsMissing(const std::string& program) {
  if (kArchitecture == 0) return "there is no filter of system calls for this kind of processor";
  if (!FindProgram("bwrap")) return "bwrap is not installed (Debian package bubblewrap)";
  for (const char* name : {"setpriv", "choom", "prlimit"}) {
    if (!FindProgram(name)) return fmt::format("{} is not installed (Debian package util-linux)", name);
  }
  const Path path = Path("/usr/bin") / program;
  if (::access(path.c_str(), X_OK) != 0) return fmt::format("{} is not installed", path.string());
  return "";
}

SandboxResult RunBehindWalls(const SandboxJob& job) {
  LOCO_CHECK(!job.argv.empty());
  SandboxResult result;
  result.reason = WhatIsMissing(job.argv[0]);
  if (!result.reason.empty()) return result;

  SubprocessOptions options{.timeout = job.limits.wall, .output_limit = job.limits.output + kStarted.size() + 1};
  options.separate_errors = true;
  options.end_at_limit = true;
  for (const auto& [name, content] : job.files) {
    LOCO_CHECK(!name.empty() && name.find('/') == std::string::npos && name != "." && name != "..");
    options.input += content;
  }
  options.input += job.input;
  options.may_go_on = [&](int pid) { return ReadTreeMemory(pid) <= job.limits.memory; };
  const std::vector<sock_filter> filter = SystemCallFilter();
  const MemoryFile filter_file(filter.data(), filter.size() * sizeof filter[0]);
  options.passed = filter_file.descriptor();
  std::vector<std::string> argv = Walls(job);
  argv.insert(argv.end(), job.argv.begin(), job.argv.end());

  const auto start = std::chrono::steady_clock::now();
  SubprocessResult run = RunSubprocess(argv, options);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool started = run.errors.starts_with(std::string(kStarted) + '\n');
  if (started) run.errors.erase(0, kStarted.size() + 1);
  result.output = std::move(run.output);
  result.errors = std::move(run.errors);
  const int signal = run.exit_code - 128;
  if (run.timed_out || (started && signal == SIGXCPU)) {
    result.outcome = SandboxOutcome::kTimeout;
  } else if (run.over_limit) {
    result.outcome = SandboxOutcome::kOutputLimit;
  } else if (run.called_off) {
    result.outcome = SandboxOutcome::kMemory;
  } else if (!started) {
    result.reason = ReasonIn(result.errors);
  } else if (signal > 0 && signal < NSIG) {
    result.outcome = SandboxOutcome::kKilled;
    result.signal = signal;
  } else {
    result.outcome = SandboxOutcome::kExit;
    result.exit_code = run.exit_code;
  }
  return result;
}

}  // namespace

const char* NameOf(SandboxOutcome outcome) {
  switch (outcome) {
    case SandboxOutcome::kExit:
      return "exit";
    case SandboxOutcome::kTimeout:
      return "timeout";
    case SandboxOutcome::kMemory:
      return "memory";
    case SandboxOutcome::kOutputLimit:
      return "output limit";
    case SandboxOutcome::kKilled:
      return "killed";
    case SandboxOutcome::kNotRun:
      return "not run";
  }
  LOCO_CHECK(false);
}

SandboxSupport Sandbox::Probe() {
  const SandboxResult result = RunBehindWalls({.argv = {"true"}});
  const bool works = result.outcome == SandboxOutcome::kExit && result.exit_code == 0;
  if (works) return {true, ""};
  return {false, result.reason.empty() ? fmt::format("a test program ended with '{}'", NameOf(result.outcome))
                                       : result.reason};
}

SandboxResult Sandbox::Run(const SandboxJob& job) const {
  if (support_.works) return RunBehindWalls(job);
  SandboxResult result;
  result.reason = support_.reason;
  return result;
}

}  // namespace loco
