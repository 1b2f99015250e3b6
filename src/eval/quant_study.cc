#include "eval/quant_study.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace loco {
namespace {

// Pairs of `a` and `b` for each task, or for one of them.
std::vector<PairedStratum> StrataOf(const QuantLevel& a, const QuantLevel& b, std::optional<size_t> only = {}) {
  LOCO_CHECK(a.tasks.size() == b.tasks.size());
  std::vector<PairedStratum> strata;
  for (size_t t = 0; t < a.tasks.size(); ++t) {
    LOCO_CHECK(a.tasks[t].task == b.tasks[t].task);
    if (!only || *only == t) strata.push_back({.counts = CountPairs(a.tasks[t].right, b.tasks[t].right)});
  }
  return strata;
}

std::vector<PairedStratum> SwappedStrata(std::vector<PairedStratum> strata) {
  for (PairedStratum& stratum : strata) stratum.counts = stratum.counts.Swapped();
  return strata;
}

Estimate ScoreOfLevel(std::span<const PairedStratum> strata) {
  std::vector<Stratum> shares;
  for (const PairedStratum& stratum : strata) {
    shares.push_back({.right = stratum.counts.both + stratum.counts.wins, .n = stratum.counts.n()});
  }
  return MacroAverage(shares);
}

LevelComparison CompareLevel(const QuantLevel& level, const QuantLevel& reference, std::optional<size_t> only = {}) {
  const std::vector<PairedStratum> strata = StrataOf(level, reference, only);
  LevelComparison comparison{.score = ScoreOfLevel(strata), .difference = ComparePaired(strata)};
  comparison.right_to_wrong = comparison.difference.losses;
  comparison.wrong_to_right = comparison.difference.wins;
  if (comparison.difference.n > 0) {
    comparison.flips = static_cast<double>(comparison.right_to_wrong + comparison.wrong_to_right) /
                       static_cast<double>(comparison.difference.n);
  }
  const double before = ScoreOfLevel(SwappedStrata(strata)).value;
  if (before > 0) comparison.retention = comparison.score.value / before;
  return comparison;
}

// Whether a − b is surely below −margin, as one of `claims` claims.
bool SurelyLoses(std::span<const PairedStratum> strata, const QuantStudyOptions& options, size_t claims) {
  return UpperBound(strata, 1 - options.alpha / static_cast<double>(claims)) < -options.margin;
}

void JudgeLevels(std::span<const QuantLevel> sorted, const QuantStudyOptions& options, QuantStudy& study) {
  std::vector<double> p_values;
  for (size_t i = 1; i < sorted.size(); ++i) {
    p_values.push_back(NonInferiorityP(StrataOf(sorted[0], sorted[i]), options.margin));
  }
  const std::vector<double> adjusted = Holm(p_values);
  for (size_t i = 1; i < sorted.size(); ++i) {
    LevelResult& result = study.levels[i];
    result.p_not_worse = adjusted[i - 1];
    result.verdict = LevelVerdict::kUndecided;
    if (result.p_not_worse <= options.alpha) {
      result.verdict = LevelVerdict::kNotWorse;
      study.smallest_not_worse = i;
    } else if (SurelyLoses(StrataOf(sorted[i], sorted[0]), options, sorted.size() - 1)) {
      result.verdict = LevelVerdict::kWorse;
    }
  }
}

void FindCliffs(std::span<const QuantLevel> sorted, const QuantStudyOptions& options, QuantStudy& study) {
  const size_t steps = sorted.size() - 1;
  const size_t tasks = study.tasks.size();
  for (size_t i = 0; i < steps; ++i) {
    const std::vector<PairedStratum> all = StrataOf(sorted[i + 1], sorted[i]);
    if (SurelyLoses(all, options, steps)) study.cliffs.push_back({i, i + 1, "", ComparePaired(all)});
    for (size_t t = 0; tasks > 1 && t < tasks; ++t) {
      const std::vector<PairedStratum> one = StrataOf(sorted[i + 1], sorted[i], t);
      if (SurelyLoses(one, options, steps * tasks)) {
        study.cliffs.push_back({i, i + 1, study.tasks[t], ComparePaired(one)});
      }
    }
  }
}

void FindInversions(std::span<const QuantLevel> sorted, const QuantStudyOptions& options, QuantStudy& study) {
  std::vector<LevelStep> steps;
  std::vector<double> p_values;
  for (size_t larger = 0; larger < sorted.size(); ++larger) {
    for (size_t smaller = larger + 1; smaller < sorted.size(); ++smaller) {
      if (sorted[smaller].file.value >= sorted[larger].file.value) continue;  // as large: no inversion
      steps.push_back({larger, smaller, "", ComparePaired(StrataOf(sorted[smaller], sorted[larger]))});
      p_values.push_back(steps.back().difference.p);
    }
  }
  const std::vector<double> adjusted = Holm(p_values);
  for (size_t k = 0; k < steps.size(); ++k) {
    if (adjusted[k] <= options.alpha && steps[k].difference.value > 0) study.inversions.push_back(std::move(steps[k]));
  }
}

const QuantLevel* LevelNamed(const ModelLevels& model, const std::string& name) {
  const auto found =
      std::find_if(model.levels.begin(), model.levels.end(), [&](const QuantLevel& l) { return l.name == name; });
  return found == model.levels.end() ? nullptr : &*found;
}

}  // namespace

const char* LevelVerdictName(LevelVerdict verdict) {
  switch (verdict) {
    case LevelVerdict::kReference:
      return "reference";
    case LevelVerdict::kNotWorse:
      return "not worse";
    case LevelVerdict::kUndecided:
      return "undecided";
    case LevelVerdict::kWorse:
      return "worse";
  }
  LOCO_CHECK(false);
}

QuantStudy StudyLevels(std::span<const QuantLevel> levels, const QuantStudyOptions& options) {
  LOCO_CHECK(!levels.empty());
  LOCO_CHECK(options.margin > 0 && options.margin < 1 && options.alpha > 0 && options.alpha < 1);
  std::vector<QuantLevel> sorted(levels.begin(), levels.end());
  std::stable_sort(sorted.begin() + 1, sorted.end(),
                   [](const QuantLevel& a, const QuantLevel& b) { return a.file.value > b.file.value; });
  QuantStudy study;
  for (const TaskOutcomes& task : sorted[0].tasks) {
    study.tasks.push_back(task.task);
    study.items += static_cast<int64_t>(task.right.size());
  }
  LOCO_CHECK(study.items > 0);
  for (const QuantLevel& level : sorted) {
    LevelResult result{.name = level.name, .file = level.file, .all = CompareLevel(level, sorted[0])};
    for (size_t t = 0; t < study.tasks.size(); ++t) result.tasks.push_back(CompareLevel(level, sorted[0], t));
    study.levels.push_back(std::move(result));
  }
  if (sorted.size() == 1) return study;
  JudgeLevels(sorted, options, study);
  FindCliffs(sorted, options, study);
  FindInversions(sorted, options, study);
  return study;
}

std::vector<RankFlip> FindRankFlips(std::span<const ModelLevels> models, const QuantStudyOptions& options) {
  struct Candidate {
    RankFlip flip;
    size_t p_reference;  // places among the p values
    size_t p_level;
  };
  std::vector<Candidate> candidates;
  std::vector<double> p_values;
  for (size_t a = 0; a < models.size(); ++a) {
    for (size_t b = a + 1; b < models.size(); ++b) {
      const ModelLevels* better = &models[a];
      const ModelLevels* worse = &models[b];
      PairedDifference at_reference = ComparePaired(StrataOf(better->levels.at(0), worse->levels.at(0)));
      if (at_reference.value < 0) {
        std::swap(better, worse);
        at_reference = ComparePaired(StrataOf(better->levels[0], worse->levels[0]));
      }
      const size_t p_reference = p_values.size();
      p_values.push_back(at_reference.p);
      for (size_t i = 1; i < better->levels.size(); ++i) {
        const QuantLevel* other = LevelNamed(*worse, better->levels[i].name);
        if (other == nullptr) continue;
        const PairedDifference at_level = ComparePaired(StrataOf(better->levels[i], *other));
        p_values.push_back(at_level.p);
        if (at_reference.value > 0 && at_level.value < 0) {
          candidates.push_back({{better->name, worse->name, better->levels[i].name, at_reference, at_level},
                                p_reference,
                                p_values.size() - 1});
        }
      }
    }
  }
  const std::vector<double> adjusted = Holm(p_values);
  std::vector<RankFlip> flips;
  for (Candidate& candidate : candidates) {
    candidate.flip.sure =
        adjusted[candidate.p_reference] <= options.alpha && adjusted[candidate.p_level] <= options.alpha;
    flips.push_back(std::move(candidate.flip));
  }
  return flips;
}

std::vector<std::vector<uint8_t>> OnSharedItems(std::span<const RunScore> runs) {
  std::vector<std::vector<uint8_t>> shared(runs.size());
  if (runs.empty()) return shared;
  std::vector<std::map<std::string, int>> right(runs.size());
  for (size_t r = 0; r < runs.size(); ++r) {
    for (size_t i = 0; i < runs[r].ids.size(); ++i) right[r][runs[r].ids[i]] = runs[r].right[i];
  }
  for (const std::string& id : runs[0].ids) {
    const auto answered = [&](const std::map<std::string, int>& run) { return run.contains(id); };
    if (!std::all_of(right.begin(), right.end(), answered)) continue;
    for (size_t r = 0; r < runs.size(); ++r) shared[r].push_back(right[r][id] != 0 ? 1 : 0);
  }
  return shared;
}

}  // namespace loco
