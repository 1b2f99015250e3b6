#include "decide/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <numbers>
#include <numeric>

namespace loco {
namespace {

std::string Reason(const RungStanding& dropped, const RungStanding& last, RungMeasure measure, int64_t examples) {
  if (measure == RungMeasure::kBits) {
    return fmt::format("{:.3f} bits a byte after {} examples; the last that went on has {:.3f}", dropped.bits,
                       FormatCount(examples), last.bits);
  }
  return fmt::format("{:.1f} % over all suites after {} examples; the last that went on has {:.1f} %",
                     100 * dropped.score, FormatCount(examples), 100 * last.score);
}

}  // namespace

double SeedVariance(const std::vector<const Tuning*>& finalists, const std::string& task) {
  double squares = 0;
  int64_t freedom = 0;
  int64_t seeds = 0;
  for (const Tuning* tuning : finalists) {
    std::vector<double> scores;  // of the last rung
    for (const TuningRun& run : tuning->runs) {
      if (run.task == task && run.score && run.examples == tuning->runs.back().examples) scores.push_back(*run.score);
    }
    const auto count = static_cast<double>(scores.size());
    const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / std::max(1.0, count);
    for (const double score : scores) squares += (score - mean) * (score - mean);
    freedom += std::max<int64_t>(0, static_cast<int64_t>(scores.size()) - 1);
    seeds = std::max(seeds, static_cast<int64_t>(scores.size()));
  }
  if (freedom == 0) return 0;
  return std::numbers::pi / 2 * squares / static_cast<double>(freedom) / static_cast<double>(seeds);
}

Rung HalveAfterRung(std::vector<RungStanding> standings, RungMeasure measure, int64_t keep, int64_t examples) {
  std::stable_sort(standings.begin(), standings.end(), [&](const RungStanding& a, const RungStanding& b) {
    return measure == RungMeasure::kBits ? a.bits < b.bits : a.score > b.score;
  });
  Rung rung;
  const auto kept = std::min(standings.size(), static_cast<size_t>(std::max<int64_t>(keep, 1)));
  for (size_t i = 0; i < standings.size(); ++i) {
    if (i < kept) {
      rung.kept.push_back(standings[i].candidate);
    } else {
      rung.dropped.push_back({standings[i].candidate, Reason(standings[i], standings[kept - 1], measure, examples)});
    }
  }
  std::sort(rung.kept.begin(), rung.kept.end());
  return rung;
}

}  // namespace loco
