#include "base/sandbox.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/file.h"

namespace loco {
namespace {

using namespace std::chrono_literals;

// Why nothing can be tried here; empty when it can.
std::string WhyNot(const Sandbox& sandbox) {
  if (!sandbox.support().works) return sandbox.support().reason;
  if (::access("/usr/bin/python3", X_OK) != 0) return "there is no /usr/bin/python3";
  return "";
}

#define LOCO_NEEDS_SANDBOX(sandbox)          \
  const Sandbox sandbox;                     \
  if (!WhyNot(sandbox).empty()) {            \
    MESSAGE("skipped: " << WhyNot(sandbox)); \
    return;                                  \
  }                                          \
  static_cast<void>(0)

SandboxResult Python(const Sandbox& sandbox, const std::string& program, const SandboxLimits& limits = {}) {
  return sandbox.Run(
      {.argv = {"python3", "-I", "-S", "program.py"}, .files = {{"program.py", program}}, .limits = limits});
}

// Whether any process has this word in its command line.
bool IsRunning(const std::string& word) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    // Whole: arguments end with zero bytes and may hold line breaks.
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(word) != std::string::npos) return true;
  }
  return false;
}

bool Soon(const std::function<bool()>& holds) {
  for (int i = 0; i < 200; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

std::string UniqueWord(const char* name) { return fmt::format("loco-{}-{}", name, ::getpid()); }

}  // namespace

TEST_CASE("a sandboxed program has its files, its input and its own environment, and gives back what it wrote") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult result = sandbox.Run({.argv = {"python3", "a b.py", "--x"},
                                            .files = {{"a b.py",
                                                       "import os, sys\n"
                                                       "print(sys.argv[1:], sys.stdin.read(), os.getcwd())\n"
                                                       "print(sorted(os.environ), sorted(os.listdir()))\n"
                                                       "print(open('-data').read(), file=sys.stderr)\n"
                                                       "sys.exit(3)\n"},
                                                      {"-data", std::string("d\0ta", 4)},
                                                      {"empty", ""}},
                                            .input = "in\nput",
                                            .environment = {{"EXTRA", "1"}}});
  CHECK(result.outcome == SandboxOutcome::kExit);
  CHECK(result.exit_code == 3);
  CHECK(result.output ==
        "['--x'] in\nput /work\n['EXTRA', 'HOME', 'LC_ALL', 'PATH', 'PWD', 'TMPDIR'] ['-data', 'a b.py', 'empty']\n");
  CHECK(result.errors == std::string("d\0ta\n", 5));
  CHECK(result.seconds > 0);
  CHECK(result.seconds < 10);
}

TEST_CASE("a sandboxed program reaches no network, no socket of ours and no host") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const std::string program = fmt::format(R"(
import socket
def attempt(name, action):
    try: action(); print(name, 'reached')
    except OSError as problem: print(name, problem.errno)
attempt('ours', lambda: socket.create_connection(('127.0.0.1', {}), 2))
attempt('outside', lambda: socket.create_connection(('1.1.1.1', 53), 2))
attempt('name', lambda: socket.getaddrinfo('example.org', 80))
attempt('vsock', lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
)",
                                          ntohs(address.sin_port));
  const SandboxResult result = Python(sandbox, program);
  ::close(listener);
  CAPTURE(result.errors);
  // 111 refused: nobody listens in there. 101 no route. -3 no name server. 1 not permitted.
  CHECK(result.output == "ours 111\noutside 101\nname -3\nvsock 1\npacket 1\n");
}

TEST_CASE("a sandboxed program sees no file of the user and nothing about the machine") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const Path secret = std::filesystem::temp_directory_path() / UniqueWord("secret");
  WriteFileAtomically(secret, "secret");
  ::chmod(secret.c_str(), 0644);
  const char* home = std::getenv("HOME");
  std::string paths;
  for (const std::string& path :
       {secret.string(), std::string("/etc/shadow"), std::string("/etc/passwd"),
        std::string(home != nullptr ? home : "/root"), std::string(LOCO_SOURCE_DIR),
        std::string(LOCO_SOURCE_DIR) + "/README.md", std::string("/home"), std::string("/root"), std::string("/tmp"),
        std::string("/proc/self/environ"), std::string("/proc/1"), std::string("/sys"), std::string("/run"),
        std::string("/var"), std::string("/mnt")}) {
    paths += fmt::format("'{}',", path);
  }
  const SandboxResult result = Python(sandbox, fmt::format(R"(
import os
for path in [{}]:
    if os.path.lexists(path): print('sees', path)
print(sorted(os.listdir('/')), os.listdir('/usr/local'), os.getuid(), os.uname().nodename)
for number in range(3, 64):
    try: os.fstat(number); print('has descriptor', number)
    except OSError: pass
try: os.open('/dev/tty', os.O_RDWR); print('has a terminal')
except OSError: pass
)",
                                                           paths));
  std::filesystem::remove(secret);
  CAPTURE(result.errors);
  CHECK(result.output == "['bin', 'dev', 'lib', 'lib64', 'usr', 'work'] [] 1000 sandbox\n");
}

TEST_CASE("a sandboxed program can write its work folder and nothing else") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult result = Python(sandbox, R"(
import os, subprocess
for folder in ['/', '/usr', '/usr/bin', '/usr/local', '/dev', '/dev/pts', '/work', '/dev/shm']:
    try: open(folder + '/x', 'w').close(); print(folder)
    except OSError: pass
for command in ['mount -t tmpfs none /usr', 'mount -o remount,rw /usr', 'unshare -U true', 'unshare -m true']:
    print(subprocess.run(command.split(), stderr=subprocess.DEVNULL).returncode != 0)
)");
  CAPTURE(result.errors);
  CHECK(result.output == "/work\n/dev/shm\nTrue\nTrue\nTrue\nTrue\n");
}

TEST_CASE("what a sandboxed program writes is bounded in size") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxLimits limits{.file = {uint64_t{1} << 20}, .work_folder = {uint64_t{3} << 20}};
  const SandboxResult result = Python(sandbox, R"(
import errno
total = 0
for number in range(10):
    try:
        with open(f'f{number}', 'wb', buffering=0) as file:
            while True: total += file.write(bytes(65536))
    except OSError as problem: print(errno.errorcode[problem.errno], end=' ')
print(total <= 3 << 20)
)",
                                      limits);
  CHECK(result.output == "EFBIG EFBIG ENOSPC ENOSPC ENOSPC ENOSPC ENOSPC ENOSPC ENOSPC ENOSPC True\n");
}

TEST_CASE("a fork bomb stays within the number of processes, threads counted") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult forks = Python(sandbox, R"(
import os, threading, time
def count(start):
    n = 0
    try:
        while n < 5000: start(); n += 1
    except (OSError, RuntimeError): pass
    return n
def fork():
    if os.fork() == 0: time.sleep(60)
print(count(lambda: threading.Thread(target=time.sleep, args=(0.2,)).start()))
time.sleep(0.4)
print(count(fork), flush=True)
os._exit(0)
)");
  CAPTURE(forks.errors);
  CHECK(forks.outcome == SandboxOutcome::kExit);
  CHECK(forks.output == "14\n14\n");  // of 16: the sandbox's own first process and the program are two
  const std::string word = UniqueWord("bomb");
  const SandboxResult bomb =
      sandbox.Run({.argv = {"python3", "-c", "import os\nwhile True:\n try: os.fork()\n except OSError: pass", word},
                   .limits = {.wall = 1s}});
  CHECK(bomb.outcome == SandboxOutcome::kTimeout);
  CHECK(bomb.seconds < 5);
  CHECK(Soon([&] { return !IsRunning(word); }));
}

TEST_CASE("memory is bounded for one process, for all together, and where it belongs to none") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult one = Python(sandbox, "x = bytearray(10 << 30)\n");
  CHECK(one.outcome == SandboxOutcome::kExit);
  CHECK(one.exit_code == 1);
  CHECK(one.errors.ends_with("MemoryError\n"));
  const std::string slow = "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))\n";
  CHECK(Python(sandbox, slow).errors.ends_with("MemoryError\n"));
  const SandboxResult many = Python(sandbox, R"(
import os, time
for _ in range(12):
    if os.fork() == 0: break
x = b'x' * (300 << 20)
time.sleep(60)
)");
  CHECK(many.outcome == SandboxOutcome::kMemory);
  CHECK(many.seconds < 8);
  const SandboxResult ownerless = Python(sandbox, R"(
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
for name, arguments in [('shmget', (0, 1 << 20, 0o1600)), ('memfd_create', (b'x', 0)), ('semget', (0, 9, 0o1600)),
                        ('msgget', (0, 0o1600))]:
    print(name, getattr(libc, name)(*arguments), errno.errorcode[ctypes.get_errno()])
)");
  CAPTURE(ownerless.errors);
  CHECK(ownerless.output == "shmget -1 EPERM\nmemfd_create -1 EPERM\nsemget -1 EPERM\nmsgget -1 EPERM\n");
}

TEST_CASE("endless output ends the program and is kept up to the limit") {
  LOCO_NEEDS_SANDBOX(sandbox);
  for (const char* stream : {"stdout", "stderr"}) {
    const SandboxResult result = Python(
        sandbox, fmt::format("import sys\nwhile True: sys.{}.write('x' * 10000)\n", stream), {.output = 100'000});
    CHECK(result.outcome == SandboxOutcome::kOutputLimit);
    CHECK(result.output.size() + result.errors.size() == 100'000);
    CHECK(result.seconds < 5);
  }
}

TEST_CASE("whatever a program ignores or closes, it ends when its time is over") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const std::string deaf =
      "import os, signal\n"
      "for n in range(1, 65):\n"
      "    try: signal.signal(n, signal.SIG_IGN)\n"
      "    except (OSError, ValueError): pass\n"
      "os.setpgid(0, 0)\n";
  for (const std::string& program :
       {std::string("while True: pass\n"), deaf + "while True: pass\n", std::string("import time; time.sleep(60)\n"),
        deaf + "os.close(0); os.close(1); os.close(2)\nwhile True: pass\n"}) {
    const SandboxResult result = Python(sandbox, program, {.wall = 300ms});
    CHECK(result.outcome == SandboxOutcome::kTimeout);
    CHECK(result.seconds >= 0.3);
    CHECK(result.seconds < 3);
  }
  const SandboxResult cpu = Python(sandbox, "while True: pass\n", {.wall = 30s, .cpu = 1s});
  CHECK(cpu.outcome == SandboxOutcome::kTimeout);
  CHECK(cpu.seconds < 10);
}

TEST_CASE("nothing survives the end of a sandboxed program") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const std::string daemon = R"(
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for n in range(3): os.close(n)
        while True: time.sleep(1)
    os._exit(0)
time.sleep(0.3)
)";
  const std::string word = UniqueWord("daemon");
  CHECK(sandbox.Run({.argv = {"python3", "-c", daemon, word}}).outcome == SandboxOutcome::kExit);
  CHECK(Soon([&] { return !IsRunning(word); }));
  const SandboxResult late =
      sandbox.Run({.argv = {"python3", "-c", daemon + "time.sleep(60)\n", word}, .limits = {.wall = 800ms}});
  CHECK(late.outcome == SandboxOutcome::kTimeout);
  CHECK(Soon([&] { return !IsRunning(word); }));
}

TEST_CASE("a sandboxed program can kill itself alone") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult result = Python(sandbox, R"(
import os, signal
for target in [os.getppid(), 1, -1]:
    try: os.kill(target, signal.SIGKILL)
    except OSError: pass
print('still here')
)");
  CHECK(result.outcome == SandboxOutcome::kExit);
  CHECK(result.output == "still here\n");
  const SandboxResult crash = Python(sandbox, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n");
  CHECK(crash.outcome == SandboxOutcome::kKilled);
  CHECK(crash.signal == SIGSEGV);
}

TEST_CASE("when the caller is killed, the sandboxed program dies with it") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const std::string word = UniqueWord("orphan");
  const pid_t caller = ::fork();
  if (caller == 0) {
    sandbox.Run({.argv = {"python3", "-c", "import time; time.sleep(600)", word}, .limits = {.wall = 600s}});
    ::_exit(0);
  }
  CHECK(Soon([&] { return IsRunning(word); }));
  std::this_thread::sleep_for(200ms);
  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  CHECK(Soon([&] { return !IsRunning(word); }));
}

TEST_CASE("a program cannot pass itself off as not run") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const SandboxResult result =
      Python(sandbox, "import sys\nsys.stderr.write('bwrap: no namespaces\\nloco: started\\n')\nsys.exit(1)\n");
  CHECK(result.outcome == SandboxOutcome::kExit);
  CHECK(result.errors == "bwrap: no namespaces\nloco: started\n");
}

TEST_CASE("what cannot be run is not run, and says why") {
  const Sandbox sandbox;
  if (sandbox.support().works) {
    const SandboxResult missing = sandbox.Run({.argv = {"loco-no-such-program"}});
    CHECK(missing.outcome == SandboxOutcome::kNotRun);
    CHECK(missing.reason == "/usr/bin/loco-no-such-program is not installed");
    const SandboxResult large = sandbox.Run({.argv = {"true"},
                                             .files = {{"x", std::string(9 << 20, 'x')}},
                                             .limits = {.work_folder = {uint64_t{4} << 20}}});
    CHECK(large.outcome == SandboxOutcome::kNotRun);
    CHECK(large.reason.find("No space left") != std::string::npos);
  }
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const Sandbox none;
  const SandboxResult result = none.Run({.argv = {"true"}});
  ::setenv("PATH", path.c_str(), 1);
  CHECK_FALSE(none.support().works);
  CHECK(result.outcome == SandboxOutcome::kNotRun);
  CHECK(result.reason == "bwrap is not installed (Debian package bubblewrap)");
  CHECK(std::string(NameOf(result.outcome)) == "not run");
}

TEST_CASE("where user namespaces are forbidden, nothing is run") {
  LOCO_NEEDS_SANDBOX(sandbox);
  // In a user namespace of our own we are the administrator who forbids further ones.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(2);
    std::ofstream("/proc/sys/user/max_user_namespaces") << "0" << std::flush;
    const Sandbox forbidden;
    const bool said = forbidden.support().reason.starts_with("user namespaces are not allowed here (bwrap: ");
    const SandboxResult result = forbidden.Run({.argv = {"true"}});
    ::_exit(!forbidden.support().works && said && result.outcome == SandboxOutcome::kNotRun ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace loco
