// Runs another program without a shell, bounded in time and in output.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace loco {

struct SubprocessOptions {
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  size_t output_limit = size_t{1} << 20;  // bytes kept of stdout and stderr together; the rest is read and dropped
  std::map<std::string, std::string> environment;  // added to ours
  std::string input;                               // given on standard input
  std::string stop_when;         // end the program as soon as its output holds this text; empty: never
  bool separate_errors = false;  // stderr comes back in `errors` and not in `output`
  bool end_at_limit = false;     // end the program when it writes more than `output_limit`
  int passed = -1;               // a descriptor that the program sees as number 3; no other above 2 is open in it
  // Asked twenty times a second with the program's process id; false ends the program. Empty: never asked.
  std::function<bool(int pid)> may_go_on;
};

struct SubprocessResult {
  int exit_code = 0;        // 128 + signal when killed
  bool timed_out = false;   // killed by us
  bool stopped = false;     // ended by us because `stop_when` was seen
  bool over_limit = false;  // ended by us because it wrote more than it may
  bool called_off = false;  // ended by us because `may_go_on` said so
  std::string output;       // stdout and stderr as they came, or stdout alone
  std::string errors;       // stderr when it was to be separate
};

// Runs argv[0] (searched in PATH) to its end. Throws Error when it cannot be started.
SubprocessResult RunSubprocess(const std::vector<std::string>& argv, const SubprocessOptions& options);

// The full path of a program in PATH, when there is one.
std::optional<Path> FindProgram(std::string_view name);

}  // namespace loco
