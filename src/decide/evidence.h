// External evidence prunes by a threshold that the policy states, and never decides.
//
//   std::vector<PruneVerdict> verdicts = ApplyEvidence(policy, figures_of_this_model);
//   verdicts[0].value;       // "4.44 [2.84, 6.04]", with precision, source and date beside it
//   Survives(verdicts);
//
// A figure that is missing prunes nobody: that a model was not in somebody's study says nothing about it. A figure
// whose published interval reaches the threshold does not prune either: the study itself could not tell.
//
// It deliberately ranks nothing, averages nothing and converts no units: figures are used as published.
#pragma once

#include <string>
#include <vector>

#include "candidate/evidence.h"
#include "decide/policy.h"
#include "store/rows.h"

namespace loco {

// A published figure with the row that stores it.
struct Figure {
  Evidence evidence;
  RowRef row;
};

struct PruneVerdict {
  std::string figure;  // as the policy names it
  bool known = false;  // a figure of that name with a value exists
  bool pruned = false;
  bool undecided = false;  // beyond the threshold, but the published interval is not
  std::string value;       // "4.44 [2.84, 6.04]"
  std::string limit;       // "at most 9"
  std::string precision;   // of the weights that were measured: "16-bit", "unknown"
  std::string source;
  std::string date;
  RowRef row;
};

// `figures` are those of one candidate; rules without a matching figure give a verdict with known = false.
std::vector<PruneVerdict> ApplyEvidence(const Policy& policy, const std::vector<Figure>& figures);

bool Survives(const std::vector<PruneVerdict>& verdicts);

}  // namespace loco
