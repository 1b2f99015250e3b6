// How often the choice would be the same: the whole objective, applied to items that are drawn anew.
//
//   std::vector<Stability> shares = ResampleChoice(policy.objective, field);
//   shares[k].chosen;      // share of draws in which the objective chose candidate k
//
// It redraws items, not the seeds of tuned models: their spread is in the intervals (tuning.h). Only decide.cc uses it.
#pragma once

#include <vector>

#include "decide/objective.h"

namespace loco {

struct Stability {
  double chosen = 0;
  double best = 0;  // of draws with the highest score; equal ones share it
};

// One element a candidate of the field. Without scores nothing random enters the choice: 1 for who is chosen.
std::vector<Stability> ResampleChoice(const Objective& objective, const Field& field);

}  // namespace loco
