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
            const Pipe& output, const Pipe& errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, options.separate_errors ? errors.write_end : output.write_end,
                                   STDERR_FILENO);
  if (options.passed >= 0) posix_spawn_file_actions_adddup2(&actions, options.passed, STDERR_FILENO + 1);
  // What this program has open (model files, the store) is not another program's business.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + (options.passed >= 0 ? 2 : 1));
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

// Reads what there is. Closes the pipe when nobody can write to it any more.
void Receive(Pipe& pipe, const SubprocessOptions& options, std::string& text, SubprocessResult& result) {
  char buffer[1 << 14];
  const ssize_t received = ::read(pipe.read_end, buffer, sizeof buffer);
  if (received == 0) pipe.CloseRead();
  if (received <= 0) return;
  const size_t room = options.output_limit - (result.output.size() + result.errors.size());
  text.append(buffer, std::min(static_cast<size_t>(received), room));
  if (static_cast<size_t>(received) > room && options.end_at_limit) result.over_limit = true;
}

// Writes what fits of the input, and closes the pipe after the last of it.
void Send(Pipe& pipe, const std::string& input, size_t& written) {
  const ssize_t sent = ::write(pipe.write_end, input.data() + written, input.size() - written);
  if (sent > 0) written += static_cast<size_t>(sent);
  if ((sent < 0 && errno != EAGAIN && errno != EINTR) || written == input.size()) pipe.CloseWrite();
}

bool HasEnded(pid_t pid, int options, int& status) {
  pid_t ended = 0;
  while ((ended = ::waitpid(pid, &status, options)) < 0 && errno == EINTR) {
  }
  return ended != 0;
}

}  // namespace

SubprocessResult RunSubprocess(const std::vector<std::string>& argv, const SubprocessOptions& options) {
  LOCO_CHECK(!argv.empty());
  constexpr Milliseconds kAskEvery(50);
  Pipe input;
  Pipe output;
  Pipe errors;
  const pid_t pid = Start(argv, options, input, output, errors);
  input.CloseRead();
  output.CloseWrite();
  errors.CloseWrite();
  ::signal(SIGPIPE, SIG_IGN);  // a program that does not read its input is not our end
  ::fcntl(input.write_end, F_SETFL, O_NONBLOCK);

  SubprocessResult result;
  int status = 0;
  size_t written = 0;
  const auto start = std::chrono::steady_clock::now();
  auto next_question = start + kAskEvery;
  if (options.input.empty()) input.CloseWrite();
  if (!options.separate_errors) errors.CloseRead();
  for (;;) {
    const bool open = output.read_end >= 0 || errors.read_end >= 0;
    // A program may close its output and go on: its end is asked for, never waited for.
    if (!open && HasEnded(pid, WNOHANG, status)) break;
    const auto now = std::chrono::steady_clock::now();
    const auto left = std::chrono::duration_cast<Milliseconds>(start + options.timeout - now);
    result.timed_out = left.count() <= 0;
    if (options.may_go_on && now >= next_question) {
      next_question = now + kAskEvery;
      result.called_off = !options.may_go_on(pid);
    }
    if (result.timed_out || result.called_off || result.over_limit || result.stopped) {
      ::kill(-pid, SIGKILL);
      HasEnded(pid, 0, status);
      break;
    }
    Milliseconds wait = std::min(left, Milliseconds(open ? 1000 : 1));
    if (options.may_go_on) wait = std::min(wait, kAskEvery);
    pollfd watched[3] = {{output.read_end, POLLIN, 0}, {errors.read_end, POLLIN, 0}, {input.write_end, POLLOUT, 0}};
    if (::poll(watched, 3, static_cast<int>(wait.count())) < 0) continue;  // descriptors below 0 are passed over
    if ((watched[2].revents & (POLLOUT | POLLERR)) != 0) Send(input, options.input, written);
    if ((watched[0].revents & (POLLIN | POLLHUP)) != 0) Receive(output, options, result.output, result);
    if ((watched[1].revents & (POLLIN | POLLHUP)) != 0) Receive(errors, options, result.errors, result);
    result.stopped = !options.stop_when.empty() && result.output.find(options.stop_when) != std::string::npos;
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
