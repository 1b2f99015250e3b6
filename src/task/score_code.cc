// Programs, run on the item's tests in the sandbox; score/code_check.h.
#include <fmt/format.h>

#include "base/error.h"
#include "task/scorers.h"

namespace loco {

Marking ScoreCode(const Item& item, const ScoreSettings& settings, const Response& response) {
  LOCO_CHECK(item.code != nullptr && settings.sandbox != nullptr);
  const CodeResult result = CheckCode(*settings.sandbox, *item.code, response.text, {.limits = settings.limits});
  if (result.verdict == CodeVerdict::kNotRun) return {Outcome::kNotRun, result.detail};
  const bool passed = result.verdict == CodeVerdict::kPassed;
  return {
      passed ? Outcome::kRight : Outcome::kWrong,
      result.detail.empty() ? NameOf(result.verdict) : fmt::format("{}: {}", NameOf(result.verdict), result.detail)};
}

}  // namespace loco
