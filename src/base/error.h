// The two ways in which this program stops: an Error that the user can cure, and a LOCO_CHECK that only we can.
//
//   throw Error("models/x.gguf: not a GGUF file (starts with 'PK')", "give a .gguf file; 'loco inspect' reads its
//   header"); LOCO_CHECK(begin <= end);
//
// An expected outcome (a truncated answer, an over-long prompt) is neither: it is data in a row.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace loco {

// The exit codes of the program, the same for every command.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,            // an Error was thrown
  kUsage = 2,             // the command line is wrong
  kNothingQualifies = 3,  // the work was done and nothing meets the bar
  kShardPermanent = 64,   // a distributed shard failed and will fail again
  kShardRetryable = 75,   // a distributed shard failed and may succeed when run again
  kInterrupted = 130,     // stopped by the user; what was done is stored
};

// A command cannot continue. `what` says what is wrong and where; `hint` names the cure.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, std::string hint = "", ExitCode code = ExitCode::kFailed)
      : std::runtime_error(what), hint_(std::move(hint)), code_(code) {}

  const std::string& hint() const { return hint_; }
  ExitCode code() const { return code_; }

 private:
  std::string hint_;
  ExitCode code_;
};

// The user asked to stop (Ctrl-C or SIGTERM). Nothing is lost: rows are committed one by one.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace loco

// Our own invariant. Failing is a bug of ours, never of the input: abort with the place.
#define LOCO_CHECK(condition) ((condition) ? static_cast<void>(0) : ::loco::CheckFailed(#condition, __FILE__, __LINE__))
