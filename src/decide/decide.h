// The decision: results in, choice and reasons out. A pure function; the same inputs give the same bytes.
//
//   std::vector<CandidateResult> results = …;         // the caller fills these from rows of the store
//   Decision decision = Decide(policy, results, {.machine = "8 cores, 8.0 GB"});
//   if (decision.chosen) decision.candidates[*decision.chosen].name;
//
// In this order: hard rules and evidence (filter.h, evidence.h) → what was measured → bars → the policy's objective,
// criterion by criterion → how stable the choice is when items are drawn anew → what is not known.
//
// How scores are compared. Quality is the macro-average over the suites (weights of the policy), on the items that
// every scored candidate answered. Two candidates *tie* when the paired test over all pairs, adjusted by Holm, cannot
// tell them apart. A candidate is *not worse* when, for every other candidate still in the running, the one-sided bound
// on how much better that one is lies below the policy's margin, adjusted by Holm over the candidates that are asked:
// comparing with all of them, and not with the observed leader, keeps the error rate although the leader was picked
// from the same data. "No significant difference" alone never makes a candidate good enough: with few items everything
// would be.
//
// A candidate that was not measured cannot be chosen and is never guessed at. Where the policy asks for trainability,
// the decision rests on the scores of the tuned finalists and a base score never drops anybody; otherwise trainability
// is a line of `unknowns`, never a number.
//
// It deliberately reads no store and renders nothing; every number keeps the row it came from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "decide/evidence.h"
#include "decide/filter.h"
#include "decide/policy.h"
#include "decide/tuning.h"
#include "stats/interval.h"
#include "stats/paired.h"
#include "store/rows.h"

namespace loco {

// ---- What the caller fills in ---------------------------------------------------------------------------------------

struct ItemOutcome {
  std::string item;  // its id in the task
  Outcome outcome = Outcome::kWrong;
};

struct TaskResult {
  std::string task;  // the name of the task; the same for all candidates, one for each suite of the policy, in order
  RowRef run;
  std::vector<ItemOutcome> items;  // those that were answered, in any order
};

// A measured quantity; [value, value] of one measurement says that the spread is unknown.
struct Measured {
  double value = 0;
  Interval interval;
};

// The practical test. Empty: not measured, or not available on this machine.
struct Practical {
  RowRef row;
  std::string machine;  // fingerprint: speeds of different machines are not compared
  std::optional<Measured> first_token_seconds;
  std::optional<Measured> prompt_speed;      // tokens a second
  std::optional<Measured> generation_speed;  // tokens a second
  std::optional<double> load_seconds;
  std::optional<Bytes> peak_memory;  // resident
  std::optional<Bytes> steady_memory;
  std::optional<Measured> memory_slope;  // bytes a turn
  std::string memory_verdict;  // "flat", "grows"; anything else ("too few turns") is undecided, empty not measured
  int turns = 0;               // of the long conversation
  std::optional<double> joules_per_token;
  std::string runtime_check;  // "llama-server loaded it in 0.8 s", "not run here: …"
};

// The predicted need at the policy's context.
struct MemoryNeed {
  Bytes total;
  Bytes limit;
  uint64_t context = 0;
  std::string verdict;  // "fits", "fits, tight", …
  RowRef row;
};

struct CandidateResult {
  std::string id;            // of the policy
  std::string name;          // to show; hostile when it comes from a file
  std::string quantization;  // of the file that was scored
  RowRef model;              // of that file
  Bytes file_bytes;          // of that file, or what it will have; 0: unknown
  uint64_t parameters = 0;
  std::vector<RuleVerdict> rules;
  std::vector<PruneVerdict> evidence;
  std::optional<MemoryNeed> memory;
  std::vector<TaskResult> shipped;    // scores at the shipped quantization; empty: not scored
  std::vector<TaskResult> reference;  // at the reference precision; empty: not scored
  std::optional<Tuning> tuning;       // step 4; empty: not measured
  std::vector<TaskResult> tuned;      // at the shipped quantization with its adapter; finalists only
  std::optional<Practical> practical;
  std::string not_measured_because;  // "no file here"; shown when there are no scores
};

struct DecideContext {
  std::string machine;  // one line: the hardware it is for, and what it was measured on
};

// ---- What comes out -------------------------------------------------------------------------------------------------

struct TaskScore {
  std::string task;
  double weight = 1;
  RowRef run;
  int64_t items = 0;  // compared; answered ones that others lack are left out
  int64_t right = 0;
  std::map<Outcome, int64_t> unmarked;  // answers that are neither right nor wrong, by what they are
  double run_variance = 0;              // of the share, from the seeds of the tuned model; tuning.h
  Estimate share;                       // Wilson, widened by it

  int64_t Unmarked() const;
};

enum class Standing {
  kRejected,     // a hard rule fails, or is unknown and not kept
  kPruned,       // by external evidence
  kNotMeasured,  // qualifies, but has no scores here
  kHalved,       // tuned, and left behind at a rung
  kBelowBar,     // measured, and a bar of the policy is not reached
  kOutdone,      // in the running, and another one was chosen
  kChosen,
};
const char* StandingName(Standing standing);  // "rejected", …

// One pair of scored candidates; `difference` is first minus second, at the shipped quantization.
struct PairVerdict {
  size_t first = 0;
  size_t second = 0;
  PairedDifference difference;
  double adjusted_p = 1;  // Holm over all pairs
  bool tie = true;        // adjusted_p > alpha
  // Items that would tell the two apart if the difference and the discordance are as measured; 0: told apart already,
  // or there is no difference to find.
  int64_t items_needed = 0;
};

struct CandidateSummary {
  std::string id;
  std::string name;
  std::string quantization;
  RowRef model;
  Bytes file_bytes;
  uint64_t parameters = 0;
  Standing standing = Standing::kNotMeasured;
  std::string reason;  // one line about the standing; may quote files
  std::vector<RuleVerdict> rules;
  std::vector<PruneVerdict> evidence;
  std::vector<RuleVerdict> bars;
  std::optional<MemoryNeed> memory;
  std::optional<Practical> practical;
  std::optional<Tuning> tuning;

  std::vector<TaskScore> scores;
  std::optional<Estimate> score;  // macro-average at the shipped quantization; of the tuned model where there is one
  std::vector<TaskScore> base_scores;
  std::optional<Estimate> base_score;    // untrained; the same as `score` where nothing was tuned
  std::optional<PairedDifference> gain;  // tuned minus base, on the same items
  double headroom_gain = 0;              // gain / (1 - base score)
  std::vector<TaskScore> reference_scores;
  std::optional<Estimate> reference_score;
  std::optional<PairedDifference> quantization_cost;  // shipped minus reference, on their common items

  std::optional<PairedDifference> to_best;  // this minus the best score; empty for the best itself
  double to_best_adjusted_p = 1;
  bool ties_with_best = false;
  double best_is_better_at_most = 1;  // one-sided bound at the policy's alpha, unadjusted, on (any other minus this)
  double not_worse_p = 1;             // unadjusted, against every other candidate in the running
  double best_share = 0;              // of resamples in which it has the best score
  double chosen_share = 0;            // of resamples in which the policy's objective chooses it
  bool on_front = false;              // no other candidate is as good in everything and better in something
  std::string dominated_by;           // id
};

struct FunnelStep {
  std::string name;  // "hard filter"
  int64_t in = 0;
  int64_t out = 0;
  std::string note;
  bool measured = true;
};

// One criterion of the objective at work.
struct CriterionStep {
  std::string criterion;
  bool applied = true;  // false: not measured, see `note`
  std::vector<size_t> kept;
  std::vector<size_t> dropped;
  std::string note;
};

// Something that the decision does not know, why, and what would tell.
struct UnknownItem {
  std::string what;
  std::string why;
  std::string cure;
};

struct NearMiss {
  size_t candidate = 0;
  std::vector<RuleVerdict> failed;  // rules or bars
};

// The choice under another margin: what the answer hangs on.
struct WhatIf {
  double margin = 0;
  size_t chosen = 0;
};

enum class DecisionKind { kChosen, kNobodyQualifies, kNothingMeasured };
const char* DecisionKindName(DecisionKind kind);  // "chosen", "nobody qualifies", "nothing measured"

struct Decision {
  DecisionKind kind = DecisionKind::kNothingMeasured;
  std::string policy;
  std::string description;
  std::string policy_hash;
  std::string machine;
  std::string shipped;
  std::string reference;
  uint64_t context = 0;
  double margin = 0;
  double alpha = 0;
  int resamples = 0;
  uint64_t seed = 0;
  std::vector<std::string> order;  // names of the criteria

  std::vector<FunnelStep> funnel;
  std::vector<CandidateSummary> candidates;  // in the order of the policy
  std::vector<PairVerdict> pairs;            // of scored candidates in the running
  std::optional<size_t> best;                // highest score in the running
  std::optional<size_t> chosen;
  std::string reason;  // why this one, one line
  std::vector<CriterionStep> steps;
  std::vector<WhatIf> what_if;
  std::vector<NearMiss> near_misses;  // nearest first; filled when nothing was chosen
  std::vector<UnknownItem> unknowns;
  std::vector<std::string> notes;  // what a reader must know to read the numbers rightly
  int64_t items = 0;               // compared, over all suites
  bool tuned = false;              // the scores are of tuned candidates
  std::vector<RowRef> rests_on;    // sorted, each once
};

Decision Decide(const Policy& policy, const std::vector<CandidateResult>& results, const DecideContext& context = {});

}  // namespace loco
