// The decision as JSON, complete, for other programs and for the `record` column of a decision row.
//
//   std::string json = DecisionJson(decision);       // pretty, two blanks a level
//
// Keys stand in a fixed order and numbers have as many digits as they need to read back the same, so that equal
// decisions are equal bytes. Shares are fractions (0.414), sizes bytes, times seconds, rows "run-12" (null: none).
// What was not measured is null, never 0. The layout is that of decide/decide.h:
//
//   format            "loco-decision/1"
//   kind              "chosen", "nobody qualifies", "nothing measured"
//   chosen, best      id of the candidate or null;  reason: why this one
//   policy            {name, description, hash}
//   machine, shipped, reference, context, margin, alpha, order, resamples, seed
//   funnel            [{name, in, out, measured, note}]
//   candidates        [{id, name, quantization, model, file_bytes, parameters, standing, reason, rules, evidence, bars,
//                       memory, practical, tuning, score, scores, base_score, base_scores, gain, headroom_gain,
//                       reference_score, reference_scores, quantization_cost, to_best, to_best_adjusted_p,
//                       ties_with_best, best_is_better_at_most, not_worse_p, best_share, chosen_share, on_front,
//                       dominated_by}]
//   pairs             [{first, second, difference, standard_error, interval, p, adjusted_p, tie, wins, losses, n,
//                       items_needed}]
//   steps, what_if, near_misses, unknowns, notes, items, tuned, rests_on
//
// Text is as it was read, hostile: JSON escapes control characters, but whoever shows it must escape it again. Bytes
// that are no UTF-8 become U+FFFD. It deliberately holds no rendering and no time of day.
#pragma once

#include <string>

#include "decide/decide.h"

namespace loco {

std::string DecisionJson(const Decision& decision);

// Training runs of several candidates, as `loco trainability --json` prints them.
std::string TuningJson(const std::vector<CandidateSummary>& candidates);

}  // namespace loco
