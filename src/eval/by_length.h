// Effective context: up to which prompt length is a model as good as on short prompts?
//
//   std::vector<LengthItem> items;           // {.prompt_tokens = 812, .right = true, .cluster = "needle-07"}
//   LengthReport report = ComputeByLength(items);
//   report.holds_up_to;                      // 780: at least so far
//   report.fails_from;                       // 3310: by then it surely does not
//   LengthSentence(report);                  // "quality holds up to at least 780 tokens and is lost by 3,310"
//
// Buckets. Prompts are put together by length, in doublings around 100, 200, 400 …: fixed edges, so that two models are
// cut alike, and in the middle between the lengths of the suite tasks/length, so that a tokenizer that needs a third
// more or fewer tokens moves no item to another bucket. A bucket with too few items is joined to the next longer one.
//
// The rule. The reference is the shortest bucket (or as many of them as give 20 items). A longer bucket *holds* when
// the one-sided 95 % lower limit of its share minus the reference's lies above -margin (10 points), and *fails* when
// the upper limit lies below -margin. "Not significantly worse" would be no rule: with few items everything is.
//   - Holds is claimed from short to long and ends at the first bucket that does not hold; fails from long to short. A
//     later bucket is asked only when all before it passed, so each claim as a whole is wrong no more often than one
//     comparison is (5 %, see below), however many buckets there are: no correction is needed, and a lucky long bucket
//     cannot jump over a bad one.
//   - Quality is taken to not rise with length. Then the *shortest* prompt of a bucket is at least as good as the
//     bucket on average, and the *longest* at most as good; so a bucket that holds proves its shortest length, one that
//     fails its longest. The true effective length lies in [holds_up_to, fails_from).
//   - A reference below the floor (upper limit below 20 %) has no quality that could hold. One whose lower limit is not
//     above the margin is too low to tell: a model that had lost everything would pass as "within the margin".
//   - Items with the same cluster in both buckets (the same question at two lengths) are pairs: their correlation
//     narrows the difference, as far as it is positive. Within a bucket all items count as independent.
//
// Measured on 4,000 simulated studies a row, 7 lengths from 100 to 6,400, N items a length; "families" are pairs (the
// test repeats it with fewer studies). In % of studies: wrongly claimed to hold so far, wrongly claimed to be lost by
// then, any claim to hold, any claim to be lost:
//                                                    hold wrong  lost wrong   hold   lost
//   cliff at 300 tokens, .95 to .30, N = 40                  .0          .0     55    100
//   cliff at 1,100, .90 to .10, N = 40                       .0          .1     42    100
//   slope around 1,200, .90 to .20, N = 40                   .1         2.5     27    100
//   the same, N = 150                                        .0         2.2     65    100
//   slope around 1,200, .80 to .15, families, N = 40         .2         1.9     24    100
//   slope around 3,000, .70 to .10, N = 25                   .1          .5     20     94
//   holds everywhere, .95, N = 150                           .0          .0     98      0
//   holds everywhere, .80, families, N = 150                 .0          .0     75      0
//   just lost from 150 on, .90 to .799, N = 40              4.8          .0      5      5
//   the same, .70 to .599, N = 150                          5.5          .0      5      5
//   the same, .90 to .799, families, N = 40                 5.0          .0      5      4
//   just kept from 150 on, .90 to .801, N = 40               .0         4.6      6      5
// The last four are the worst that can be: everything longer lies on the margin. Summed exactly over all outcomes, a
// bucket on the margin passes in 3.2 to 5.9 % (shares .5 to .99, N 25 to 150), Newcombe's interval being approximate.
//
// It deliberately does not smooth or fit a curve: models break off where their training ended, and a fitted logistic
// would place the break where its shape wants it. It knows nothing of rows; answers that were cut off, empty or whose
// prompt did not fit are the caller's to pass as not right.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stats/interval.h"

namespace loco {

struct LengthItem {
  int64_t prompt_tokens = 0;
  bool right = false;
  std::string cluster;  // ties items of different lengths together; empty: this item stands alone
};

struct LengthOptions {
  // Ascending; a bucket holds the lengths from one edge on and below the next. Empty: 100 · 2^(k + ½), for k from 0.
  std::vector<int64_t> edges;
  int64_t min_items = 10;        // of a bucket, or it is joined to its neighbour
  int64_t reference_items = 20;  // the reference takes buckets until it has as many
  double margin = 0.10;          // the drop that still counts as holding, 0 < margin < 1
  double floor = 0.20;           // see above
  double confidence = 0.95;      // of each one-sided claim, and of the intervals of the shares
};

enum class LengthVerdict { kReference, kHolds, kUndecided, kFails };

struct LengthBucket {
  int64_t shortest = 0;  // tokens, of the items in it
  int64_t longest = 0;
  int64_t right = 0;
  int64_t n = 0;
  double share = 0;
  Interval interval;    // Wilson
  Interval difference;  // from the reference; each limit one-sided. {0, 0} for the reference itself
  LengthVerdict verdict = LengthVerdict::kReference;  // of this bucket alone; the report's claims go in order
};

enum class LengthOutcome {
  kNoItems,
  kNoQuality,        // the reference is surely below the floor
  kReferenceTooLow,  // a total loss would not be told from holding
  kNothingLonger,    // all prompts are of the reference's length
  kMeasured,
};

struct LengthReport {
  LengthOutcome outcome = LengthOutcome::kNoItems;
  std::vector<LengthBucket> buckets;  // from short to long
  size_t reference_buckets = 0;       // so many of them, from the front
  int64_t reference_right = 0;
  int64_t reference_n = 0;
  std::optional<int64_t> holds_up_to;  // tokens; none when no bucket beyond the reference holds
  std::optional<int64_t> fails_from;   // tokens; none when the longest bucket does not fail
  // Items in a bucket, and as many in the reference, that show in 4 of 5 studies that an equally good bucket holds. An
  // upper estimate: pairs need fewer.
  int64_t items_needed = 0;
};

LengthReport ComputeByLength(std::span<const LengthItem> items, const LengthOptions& options = {});

// One sentence, without a full stop.
std::string LengthSentence(const LengthReport& report);

}  // namespace loco
