#include "decide/record.h"

#include <algorithm>
#include <set>
#include <utility>

namespace loco {
namespace {

std::vector<RuleVerdict> Failures(const CandidateSummary& candidate) {
  std::vector<RuleVerdict> failed;
  for (const auto* list : {&candidate.rules, &candidate.bars}) {
    for (const RuleVerdict& v : *list) {
      if (v.outcome != RuleOutcome::kPass && !v.kept) failed.push_back(v);
    }
  }
  return failed;
}

double Distance(const NearMiss& miss) {
  double sum = 0;
  for (const RuleVerdict& v : miss.failed) sum += v.miss;
  return sum;
}

}  // namespace

std::vector<NearMiss> NearMisses(const std::vector<CandidateSummary>& candidates) {
  std::vector<NearMiss> misses;
  for (size_t i = 0; i < candidates.size(); ++i) {
    NearMiss miss{.candidate = i, .failed = Failures(candidates[i])};
    if (!miss.failed.empty()) misses.push_back(std::move(miss));
  }
  std::stable_sort(misses.begin(), misses.end(), [](const NearMiss& a, const NearMiss& b) {
    if (a.failed.size() != b.failed.size()) return a.failed.size() < b.failed.size();
    return Distance(a) < Distance(b);
  });
  return misses;
}

std::vector<RowRef> RowsOf(const std::vector<CandidateSummary>& candidates) {
  std::set<std::pair<std::string, RowId>> rows;
  const auto add = [&rows](const RowRef& row) {
    if (row.id != 0) rows.emplace(row.kind, row.id);
  };
  for (const CandidateSummary& c : candidates) {
    add(c.model);
    for (const RuleVerdict& v : c.rules) add(v.row);
    for (const PruneVerdict& v : c.evidence) add(v.row);
    for (const TaskScore& s : c.scores) add(s.run);
    for (const TaskScore& s : c.base_scores) add(s.run);
    for (const TaskScore& s : c.reference_scores) add(s.run);
    if (c.tuning) {
      for (const TuningRun& run : c.tuning->runs) add(run.adapter);
    }
    if (c.memory) add(c.memory->row);
    if (c.practical) add(c.practical->row);
  }
  std::vector<RowRef> sorted;
  for (const auto& [kind, id] : rows) sorted.push_back({kind, id});
  return sorted;
}

}  // namespace loco
