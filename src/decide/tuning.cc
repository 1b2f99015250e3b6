#include "decide/tuning.h"

#include <fmt/format.h>

#include <algorithm>

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
