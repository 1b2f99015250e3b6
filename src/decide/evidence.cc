#include "decide/evidence.h"

#include <fmt/format.h>

#include <algorithm>

namespace loco {
namespace {

std::string LimitOf(const EvidenceRule& rule) {
  if (rule.min && rule.max) return fmt::format("between {} and {}", *rule.min, *rule.max);
  return rule.min ? fmt::format("at least {}", *rule.min) : fmt::format("at most {}", *rule.max);
}

std::string ValueOf(const Evidence& evidence) {
  std::string value = fmt::format("{}{}{}", *evidence.value, evidence.unit.empty() ? "" : " ", evidence.unit);
  if (evidence.low && evidence.high) value += fmt::format(" [{}, {}]", *evidence.low, *evidence.high);
  return value;
}

PruneVerdict Apply(const EvidenceRule& rule, const Figure& figure) {
  const Evidence& e = figure.evidence;
  PruneVerdict verdict{.figure = rule.figure,
                       .known = true,
                       .value = ValueOf(e),
                       .limit = LimitOf(rule),
                       .precision = e.precision,
                       .source = e.source,
                       .date = e.date,
                       .row = figure.row};
  const double low = e.low.value_or(*e.value);
  const double high = e.high.value_or(*e.value);
  const bool beyond = (rule.min && *e.value < *rule.min) || (rule.max && *e.value > *rule.max);
  const bool surely = (rule.min && high < *rule.min) || (rule.max && low > *rule.max);
  verdict.pruned = beyond && surely;
  verdict.undecided = beyond && !surely;
  return verdict;
}

}  // namespace

std::vector<PruneVerdict> ApplyEvidence(const Policy& policy, const std::vector<Figure>& figures) {
  std::vector<PruneVerdict> verdicts;
  for (const EvidenceRule& rule : policy.evidence) {
    bool known = false;
    for (const Figure& figure : figures) {
      if (figure.evidence.what != rule.figure || !figure.evidence.value) continue;
      known = true;
      verdicts.push_back(Apply(rule, figure));  // each study speaks for itself
    }
    if (!known) verdicts.push_back({.figure = rule.figure, .limit = LimitOf(rule)});
  }
  return verdicts;
}

bool Survives(const std::vector<PruneVerdict>& verdicts) {
  return std::none_of(verdicts.begin(), verdicts.end(), [](const PruneVerdict& v) { return v.pruned; });
}

}  // namespace loco
