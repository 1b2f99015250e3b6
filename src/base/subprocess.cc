#include "base/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace loco {
namespace {

using Milliseconds = std::chrono::milliseconds;

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void CloseRead() {
    if (read_end >= 0) ::close(read_end);
    read_end = -1;
  }
  void CloseWrite() {
    if (write_end >= 0) ::close(write_end);
    write_end = -1;
  }
};

std::vector<std::string> MergedEnvironment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    if (!extra.contains(std::string(line.substr(0, line.find('='))))) merged.emplace_back(line);
  }
  for (const auto& [name, value] : extra) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t Start(const std::vector<std::string>& argv, const SubprocessOptions& options, const Pipe& input,
            const Pipe& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, so that a time-out also ends what the program started.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const std::vector<std::string> environment = MergedEnvironment(options.environment);
  pid_t pid = 0;
  const int code =
      ::posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, Pointers(argv).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    throw Error(fmt::format("cannot start '{}': {}", argv[0], std::strerror(code)),
                "check that the program is installed and in PATH");
  }
  return pid;
}

}  // namespace

SubprocessResult RunSubprocess(const std::vector<std::string>& argv, const SubprocessOptions& options) {
  LOCO_CHECK(!argv.empty());
  Pipe input;
  Pipe output;
  const pid_t pid = Start(argv, options, input, output);
  input.CloseRead();
  output.CloseWrite();
  ::signal(SIGPIPE, SIG_IGN);  // a program that does not read its input is not our end
  ::fcntl(input.write_end, F_SETFL, O_NONBLOCK);

  SubprocessResult result;
  size_t written = 0;
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  if (options.input.empty()) input.CloseWrite();
  for (bool open = true; open;) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      result.timed_out = true;
      ::kill(-pid, SIGKILL);
      break;
    }
    pollfd watched[2] = {{output.read_end, POLLIN, 0}, {input.write_end, POLLOUT, 0}};
    const nfds_t count = input.write_end >= 0 ? 2 : 1;
    if (::poll(watched, count, static_cast<int>(std::min<int64_t>(left.count(), 1000))) < 0 && errno != EINTR) break;
    if (count == 2 && (watched[1].revents & (POLLOUT | POLLERR)) != 0) {
      const ssize_t sent = ::write(input.write_end, options.input.data() + written, options.input.size() - written);
      if (sent > 0) written += static_cast<size_t>(sent);
      if ((sent < 0 && errno != EAGAIN && errno != EINTR) || written == options.input.size()) input.CloseWrite();
    }
    if ((watched[0].revents & (POLLIN | POLLHUP)) != 0) {
      char buffer[1 << 14];
      const ssize_t received = ::read(output.read_end, buffer, sizeof buffer);
      if (received == 0) open = false;
      if (received > 0 && result.output.size() < options.output_limit) {
        result.output.append(buffer,
                             std::min(static_cast<size_t>(received), options.output_limit - result.output.size()));
      }
      if (!options.stop_when.empty() && result.output.find(options.stop_when) != std::string::npos) {
        result.stopped = true;
        ::kill(-pid, SIGKILL);
        break;
      }
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::optional<Path> FindProgram(std::string_view name) {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const Path candidate = Path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return std::nullopt;
}

}  // namespace loco
