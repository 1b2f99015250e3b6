// Runs another program without a shell, bounded in time and in output.
#pragma once

#include <chrono>
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
  std::string stop_when;  // end the program as soon as its output holds this text; empty: never
};

struct SubprocessResult {
  int exit_code = 0;       // 128 + signal when killed
  bool timed_out = false;  // killed by us
  bool stopped = false;    // ended by us because `stop_when` was seen
  std::string output;      // stdout and stderr as they came
};

// Runs argv[0] (searched in PATH) to its end. Throws Error when it cannot be started.
SubprocessResult RunSubprocess(const std::vector<std::string>& argv, const SubprocessOptions& options);

// The full path of a program in PATH, when there is one.
std::optional<Path> FindProgram(std::string_view name);

}  // namespace loco
