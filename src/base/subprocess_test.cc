#include "base/subprocess.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "base/error.h"

namespace loco {

using namespace std::chrono_literals;

TEST_CASE("output and exit code come back, with no shell in between") {
  const SubprocessResult result = RunSubprocess({"printf", "%s", "$HOME; `id`"}, {});
  CHECK(result.exit_code == 0);
  CHECK_FALSE(result.timed_out);
  CHECK(result.output == "$HOME; `id`");
  CHECK(RunSubprocess({"sh", "-c", "exit 7"}, {}).exit_code == 7);
}

TEST_CASE("both streams are kept") {
  CHECK(RunSubprocess({"sh", "-c", "echo out; echo err >&2"}, {}).output == "out\nerr\n");
}

TEST_CASE("input larger than a pipe comes through, and a program that reads none of it does no harm") {
  const std::string input(1 << 20, 'x');
  const SubprocessResult copied =
      RunSubprocess({"cat"}, {.output_limit = size_t{2} << 20, .environment = {}, .input = input});
  CHECK(copied.output == input);
  CHECK(RunSubprocess({"true"}, {.environment = {}, .input = input}).exit_code == 0);
}

TEST_CASE("the environment is ours plus what was given") {
  SubprocessOptions options;
  options.environment = {{"LOCO_TEST_VALUE", "a b"}, {"HOME", "/nowhere"}};
  CHECK(RunSubprocess({"sh", "-c", "echo \"$LOCO_TEST_VALUE $HOME ${PATH:+path}\""}, options).output ==
        "a b /nowhere path\n");
}

TEST_CASE("a program that takes too long is ended, together with what it started") {
  const auto started = std::chrono::steady_clock::now();
  SubprocessOptions options;
  options.timeout = 300ms;
  const SubprocessResult result = RunSubprocess({"sh", "-c", "echo begun; sleep 30 & sleep 30"}, options);
  CHECK(result.timed_out);
  CHECK(result.exit_code == 128 + 9);
  CHECK(result.output == "begun\n");
  CHECK(std::chrono::steady_clock::now() - started < 10s);
}

TEST_CASE("output above the limit is dropped and the program still ends") {
  SubprocessOptions options;
  options.output_limit = 1000;
  const SubprocessResult result = RunSubprocess({"sh", "-c", "head -c 3000000 /dev/zero; exit 3"}, options);
  CHECK(result.output.size() == 1000);
  CHECK(result.exit_code == 3);
}

TEST_CASE("the streams come apart when asked for, within one limit") {
  SubprocessOptions options;
  options.separate_errors = true;
  const SubprocessResult result = RunSubprocess({"sh", "-c", "echo out; echo err >&2"}, options);
  CHECK(result.output == "out\n");
  CHECK(result.errors == "err\n");
  options.output_limit = 5;
  const SubprocessResult limited = RunSubprocess({"sh", "-c", "printf abc; printf defg >&2"}, options);
  CHECK(limited.output.size() + limited.errors.size() == 5);
  CHECK_FALSE(limited.over_limit);
}

TEST_CASE("a program that writes too much is ended when that was asked for") {
  SubprocessOptions options;
  options.output_limit = 1000;
  options.end_at_limit = true;
  const SubprocessResult result = RunSubprocess({"sh", "-c", "while :; do echo y; done"}, options);
  CHECK(result.over_limit);
  CHECK(result.output.size() == 1000);
  CHECK(result.exit_code == 128 + 9);
  options.output_limit = 2;
  CHECK_FALSE(RunSubprocess({"echo", "y"}, options).over_limit);  // exactly the limit
}

TEST_CASE("a program that closes its output is neither waited for without end nor ended early") {
  SubprocessOptions options;
  options.timeout = 300ms;
  const auto started = std::chrono::steady_clock::now();
  CHECK(RunSubprocess({"sh", "-c", "exec >&- 2>&-; sleep 30"}, options).timed_out);
  CHECK(std::chrono::steady_clock::now() - started < 10s);
  options.timeout = 30s;
  const SubprocessResult result = RunSubprocess({"sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 5"}, options);
  CHECK(result.exit_code == 5);
  CHECK_FALSE(result.timed_out);
}

TEST_CASE("a program is ended as soon as it may not go on") {
  SubprocessOptions options;
  int asked = 0;
  options.may_go_on = [&](int pid) { return pid > 0 && ++asked < 3; };
  const auto started = std::chrono::steady_clock::now();
  const SubprocessResult result = RunSubprocess({"sleep", "30"}, options);
  CHECK(result.called_off);
  CHECK_FALSE(result.timed_out);
  CHECK(asked == 3);
  CHECK(std::chrono::steady_clock::now() - started >= 100ms);
  CHECK(std::chrono::steady_clock::now() - started < 10s);
}

TEST_CASE("a program has no descriptor of ours but the one that is passed to it") {
  const int open_here = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  REQUIRE(open_here > 2);
  const char* list = "for n in 3 4 5 6 7 8 9; do { true <&$n; } 2>/dev/null && echo $n; done; true";
  CHECK(RunSubprocess({"sh", "-c", list}, {}).output.empty());
  SubprocessOptions options;
  options.passed = open_here;
  CHECK(RunSubprocess({"sh", "-c", list}, options).output == "3\n");
  ::close(open_here);
}

TEST_CASE("a program that is killed gives 128 plus the signal") {
  CHECK(RunSubprocess({"sh", "-c", "kill -TERM $$"}, {}).exit_code == 128 + 15);
}

TEST_CASE("a program that is not there is an error with a cure") {
  try {
    RunSubprocess({"loco-no-such-program"}, {});
    FAIL("it was started");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "cannot start 'loco-no-such-program': No such file or directory");
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("programs are found in PATH") {
  const auto shell = FindProgram("sh");
  REQUIRE(shell.has_value());
  CHECK(shell->filename() == "sh");
  CHECK_FALSE(FindProgram("loco-no-such-program").has_value());
}

}  // namespace loco
