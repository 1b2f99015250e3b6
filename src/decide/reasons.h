// The sentences of a decision: bars, reasons, the funnel, what is unknown, what a reader must know.
//
// Plain text without colour or escaping; names and values in it may come from files and are escaped by whoever shows
// them. Only decide.cc uses it. It deliberately computes no statistic.
#pragma once

#include <string>
#include <vector>

#include "decide/decide.h"

namespace loco {

// The policy's bars on one measured candidate. A bar on a score or a speed must be reached by the confidence limit.
std::vector<RuleVerdict> BarVerdicts(const Bars& bars, const CandidateSummary& candidate);

std::string ReasonOfRejection(const std::vector<RuleVerdict>& verdicts);
std::string ReasonOfPruning(const std::vector<PruneVerdict>& verdicts);
// Need a decision whose choice and steps are made.
std::string ReasonOfChoice(const Decision& decision);
std::string ReasonOfLosing(const Decision& decision, size_t candidate);

std::vector<FunnelStep> MakeFunnel(const Policy& policy, const Decision& decision);
std::vector<UnknownItem> MakeUnknowns(const Policy& policy, const Decision& decision);
std::vector<std::string> MakeNotes(const Decision& decision, int64_t left_out, bool same_machine);

}  // namespace loco
