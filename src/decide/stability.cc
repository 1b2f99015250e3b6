#include "decide/stability.h"

#include <algorithm>

namespace loco {

std::vector<Stability> ResampleChoice(const Objective& objective, const Field& field) {
  std::vector<Stability> shares(field.count());
  if (field.tasks.empty() || objective.resamples == 0) {
    shares[ChooseBy(objective, field).chosen].chosen = 1;
    return shares;
  }
  Resampler resampler(field.tasks, objective.seed);
  for (int r = 0; r < objective.resamples; ++r) {
    Field drawn = field;
    drawn.tasks = resampler.Draw();
    ++shares[ChooseBy(objective, drawn).chosen].chosen;
    const std::vector<double> scores = MacroScores(drawn.tasks);
    const double top = *std::max_element(scores.begin(), scores.end());
    const auto is_top = [top](double s) { return s >= top - 1e-12; };
    const auto winners = static_cast<double>(std::count_if(scores.begin(), scores.end(), is_top));
    for (size_t k = 0; k < scores.size(); ++k) shares[k].best += is_top(scores[k]) ? 1 / winners : 0;
  }
  for (Stability& share : shares) {
    share.chosen /= objective.resamples;
    share.best /= objective.resamples;
  }
  return shares;
}

}  // namespace loco
