#include "cli/scores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace loco {

namespace {

std::string ShareText(const Estimate& share) {
  return fmt::format("{:.1f}  [{:.1f}, {:.1f}]", 100 * share.value, 100 * share.interval.low,
                     100 * share.interval.high);
}

}  // namespace

std::string RunSubject(const Store& store, const RunRow& run) {
  const std::string model = store.FindModel(run.model_id)->name;
  return run.adapter_id > 0 ? fmt::format("{} + adapter-{}", model, run.adapter_id) : model;
}

std::string ShareText(int64_t right, int64_t n) {
  if (n == 0) return "no answers";
  return ShareText(
      Estimate{.value = static_cast<double>(right) / static_cast<double>(n), .interval = WilsonInterval(right, n)});
}

std::string ShareText(const RunScore& score) { return score.answered == 0 ? "no answers" : ShareText(score.share); }

std::string OutcomesText(const RunScore& score) {
  std::vector<std::string> parts;
  for (const Outcome outcome : kOutcomes) {
    std::string name = OutcomeName(outcome);
    std::replace(name.begin(), name.end(), '_', ' ');
    if (outcome != Outcome::kRight && score.Count(outcome) > 0)
      parts.push_back(fmt::format("{} {}", score.Count(outcome), name));
  }
  return parts.empty() ? "all right" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace loco
