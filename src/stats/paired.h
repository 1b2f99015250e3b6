// Two models on the same items: what their answers, item by item, say about the difference.
//
//   PairedCounts counts = CountPairs(a, b);            // 0/1 vectors in the same order
//   McNemarExact(counts.wins, counts.losses);          // 10-2: .039
//   PairedDifference d = ComparePaired(strata);        // macro-average over tasks, interval, p
//   NonInferiorityP(strata, .03);                      // is a better than b by less than 3 points? Small p: yes.
//   Holm(p_values);                                    // several questions of one data set
//
// Pairing removes what both models have in common, the difficulty of the items: 25 v 21 of 31 looks like 13 points
// and can never be significant, whatever the pairing (p >= .125).
//
// It deliberately does not decide: a p above alpha is "cannot be told apart", and "not worse" needs a margin, because
// without one few items would make every model "not significantly worse".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/interval.h"

namespace loco {

// Items by who was right, of models a and b.
struct PairedCounts {
  int64_t both = 0;
  int64_t wins = 0;    // only a
  int64_t losses = 0;  // only b
  int64_t neither = 0;

  int64_t n() const { return both + wins + losses + neither; }
  PairedCounts Swapped() const { return {both, losses, wins, neither}; }
};

// `a` and `b` hold 1 for right and 0 for not right, item by item in the same order and of the same length.
PairedCounts CountPairs(std::span<const uint8_t> a, std::span<const uint8_t> b);

// Two-sided exact p of "wins and losses are equally likely": min(1, 2 P(Bin(wins + losses, ½) <= min)).
// Source: McNemar 1947, Psychometrika 12:153, exact form.
double McNemarExact(int64_t wins, int64_t losses);

// Limits of the difference of two paired shares (a minus b) at z standard errors, in [-1, 1]. Newcombe's method 10
// (square-and-add of Wilson limits with the pairs' correlation): close to nominal coverage also with few items, and of
// positive width when the models agree everywhere. n = 0 gives [-1, 1].
// Source: Newcombe 1998, Stat. Med. 17:2635.
Interval PairedIntervalAtZ(const PairedCounts& counts, double z);

// One task of a comparison.
struct PairedStratum {
  PairedCounts counts;
  double weight = 1;  // >= 0; only proportions matter
  // Variance of the difference beyond that of the items: of the seeds that the models were trained with, say. It adds
  // to theirs in every interval and bound, and each p is the one of a z-score that is smaller by that much.
  double run_variance = 0;
};

struct PairedOptions {
  double confidence = 0.95;
  int resamples = 20'000;  // sign flips; used only where no exact p exists
  uint64_t seed = 1;
};

struct PairedDifference {
  double value = 0;           // weighted mean of the tasks' differences, a minus b
  double standard_error = 0;  // √Σ w² s²/n with s² the variance of the item differences
  Interval interval;          // Newcombe's limits of the tasks, combined by MOVER
  double p = 1;               // two-sided; exact McNemar where each item weighs the same, else sign flips
  int64_t n = 0;              // pairs
  int64_t wins = 0;
  int64_t losses = 0;
};

// The p of several tasks flips the sign of each discordant item's difference. That tests that the models are
// interchangeable on every item, and is conservative for equal macro-averages, because Σd² >= Σ(d - mean)².
PairedDifference ComparePaired(std::span<const PairedStratum> strata, const PairedOptions& options = {});

// The one-sided upper limit of (a minus b): it is below the returned value with `confidence`.
double UpperBound(std::span<const PairedStratum> strata, double confidence = 0.95);

// One-sided p of the hypothesis "a minus b >= margin", by inverting UpperBound: p <= .05 exactly when the 95 % bound
// lies below the margin. margin > 0.
double NonInferiorityP(std::span<const PairedStratum> strata, double margin);

// Holm's step-down adjustment, in the order given: reject where the adjusted p <= alpha, and the chance of any false
// rejection is at most alpha. Source: Holm 1979, Scand. J. Stat. 6:65.
std::vector<double> Holm(std::span<const double> p_values);

}  // namespace loco
