// What a finished decision says of itself: the rows that it rests on, and who came near when nobody qualifies.
//
//   decision.rests_on = RowsOf(decision.candidates);
//
// Only decide.cc uses it. Sentences are in reasons.h.
#pragma once

#include <vector>

#include "decide/decide.h"

namespace loco {

// Everybody who failed a rule or a bar, the nearest first: fewest failures, then the smallest sum of what they miss.
std::vector<NearMiss> NearMisses(const std::vector<CandidateSummary>& candidates);

// Every row named by a candidate, each once, by kind and number.
std::vector<RowRef> RowsOf(const std::vector<CandidateSummary>& candidates);

}  // namespace loco
