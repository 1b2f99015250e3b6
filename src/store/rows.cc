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
    case Outcome::kTooLong:
      return "too_long";
    case Outcome::kError:
      return "error";
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
