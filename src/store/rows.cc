#include "store/rows.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/error.h"

namespace loco {

const char* FinishName(Finish finish) {
  switch (finish) {
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kTooLong:
      return "too_long";
    case Finish::kChoice:
      return "choice";
    case Finish::kRefused:
      return "refused";
    case Finish::kTimeout:
      return "timeout";
    case Finish::kError:
      return "error";
  }
  LOCO_CHECK(false);
}

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRight:
      return "right";
    case Outcome::kWrong:
      return "wrong";
    case Outcome::kUnparsed:
      return "unparsed";
    case Outcome::kTruncated:
      return "truncated";
    case Outcome::kEmpty:
      return "empty";
    case Outcome::kThinkingOnly:
      return "thinking_only";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kTooLong:
      return "too_long";
    case Outcome::kTimedOut:
      return "timed_out";
    case Outcome::kError:
      return "error";
    case Outcome::kNotRun:
      return "not_run";
  }
  LOCO_CHECK(false);
}

const char* OutcomeWords(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTruncated:
      return "cut at the token limit";
    case Outcome::kThinkingOnly:
      return "thought without an answer";
    case Outcome::kTooLong:
      return "too long a prompt";
    case Outcome::kTimedOut:
      return "timed out";
    case Outcome::kError:
      return "engine errors";
    case Outcome::kNotRun:
      return "not run";
    case Outcome::kRight:
    case Outcome::kWrong:
    case Outcome::kUnparsed:
    case Outcome::kEmpty:
    case Outcome::kRefused:
      return OutcomeName(outcome);
  }
  LOCO_CHECK(false);
}

RowRef ParseRowRef(const std::string& text) {
  static constexpr std::array<const char*, 11> kKinds = {
      "model", "machine", "task", "run", "answer", "measurement", "fit", "evidence", "verdict", "decision", "adapter"};
  const size_t dash = text.rfind('-');
  if (dash != std::string::npos) {
    RowRef ref{.kind = text.substr(0, dash)};
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + dash + 1, end, ref.id);
    if (error == std::errc() && rest == end && ref.id > 0) {
      for (const char* kind : kKinds) {
        if (ref.kind == kind) return ref;
      }
    }
  }
  throw Error(fmt::format("'{}' does not name a row", text),
              fmt::format("write KIND-NUMBER, for example run-12; the kinds are {}", fmt::join(kKinds, ", ")),
              ExitCode::kUsage);
}

}  // namespace loco
