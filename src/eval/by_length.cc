#include "eval/by_length.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/bytes.h"
#include "base/error.h"
#include "stats/unpaired.h"

namespace loco {
namespace {

constexpr double kShortestNominal = 100;
constexpr double kPlanningPower = 0.8;

struct LengthGroup {
  LengthBucket bucket;
  std::vector<const LengthItem*> items;
};

// How many edges are at or below `tokens`.
size_t LengthBucketOf(int64_t tokens, const std::vector<int64_t>& edges) {
  if (!edges.empty()) {
    return static_cast<size_t>(std::upper_bound(edges.begin(), edges.end(), tokens) - edges.begin());
  }
  const double doublings = std::log2(std::max(1.0, static_cast<double>(tokens)) / kShortestNominal);
  return static_cast<size_t>(std::max(0.0, std::floor(doublings + 0.5)));
}

void AppendItem(LengthGroup& group, const LengthItem& item) {
  LengthBucket& bucket = group.bucket;
  const bool first = group.items.empty();
  bucket.shortest = first ? item.prompt_tokens : std::min(bucket.shortest, item.prompt_tokens);
  bucket.longest = first ? item.prompt_tokens : std::max(bucket.longest, item.prompt_tokens);
  bucket.right += item.right ? 1 : 0;
  ++bucket.n;
  group.items.push_back(&item);
}

void JoinGroup(LengthGroup& group, const LengthGroup& other) {
  for (const LengthItem* item : other.items) AppendItem(group, *item);
}

// From short to long, none with fewer than min_items unless there are no more items at all.
std::vector<LengthGroup> MakeLengthGroups(std::span<const LengthItem> items, const LengthOptions& options) {
  std::map<size_t, LengthGroup> by_edge;
  for (const LengthItem& item : items) AppendItem(by_edge[LengthBucketOf(item.prompt_tokens, options.edges)], item);
  std::vector<LengthGroup> groups;
  LengthGroup open;
  for (const auto& [edge, group] : by_edge) {
    JoinGroup(open, group);
    if (open.bucket.n < options.min_items) continue;
    groups.push_back(std::move(open));
    open = {};
  }
  if (!open.items.empty()) {
    if (groups.empty()) groups.emplace_back();
    JoinGroup(groups.back(), open);
  }
  return groups;
}

// The cluster's only item; null where it has several, which are no pair of anything.
using ClusterItems = std::map<std::string_view, const LengthItem*>;

ClusterItems SingleItems(const std::vector<const LengthItem*>& items) {
  ClusterItems single;
  for (const LengthItem* item : items) {
    if (item->cluster.empty()) continue;
    const auto [place, is_new] = single.emplace(item->cluster, item);
    if (!is_new) place->second = nullptr;
  }
  return single;
}

// Of the two shares, from the items that are pairs; at least 0. Phi is shrunk by Newcombe's continuity correction, and
// a negative one is not used: it would rest on few pairs, and the question of a length does not get easier where its
// twin gets harder.
double CorrelationOfShares(const LengthGroup& a, const LengthGroup& b) {
  const ClusterItems of_a = SingleItems(a.items);
  const ClusterItems of_b = SingleItems(b.items);
  double both = 0;
  double only_a = 0;
  double only_b = 0;
  double neither = 0;
  for (const auto& [cluster, item] : of_a) {
    const auto twin = of_b.find(cluster);
    if (item == nullptr || twin == of_b.end() || twin->second == nullptr) continue;
    (item->right ? (twin->second->right ? both : only_a) : (twin->second->right ? only_b : neither)) += 1;
  }
  const double pairs = both + only_a + only_b + neither;
  const double product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither);
  const double determinant = both * neither - only_a * only_b - pairs / 2;
  if (product == 0 || determinant <= 0) return 0;
  const double sizes = static_cast<double>(a.bucket.n) * static_cast<double>(b.bucket.n);
  return std::min(1.0, determinant / std::sqrt(product) * pairs / std::sqrt(sizes));
}

// (z_α + z_β)² · 2 p (1 - p) / margin², with a p that is never 0 or 1.
int64_t ItemsNeededFor(Share reference, const LengthOptions& options) {
  const double p = static_cast<double>(reference.right + 1) / static_cast<double>(reference.n + 2);
  const double z = NormalQuantile(options.confidence) + NormalQuantile(kPlanningPower);
  return static_cast<int64_t>(std::ceil(z * z * 2 * p * (1 - p) / (options.margin * options.margin)));
}

void JudgeGroup(LengthGroup& group, const LengthGroup& reference, const LengthOptions& options) {
  LengthBucket& bucket = group.bucket;
  bucket.difference = DifferenceIntervalAtZ({bucket.right, bucket.n}, {reference.bucket.right, reference.bucket.n},
                                            NormalQuantile(options.confidence), CorrelationOfShares(group, reference));
  bucket.verdict = bucket.difference.low > -options.margin    ? LengthVerdict::kHolds
                   : bucket.difference.high < -options.margin ? LengthVerdict::kFails
                                                              : LengthVerdict::kUndecided;
}

LengthOutcome LengthOutcomeOf(Share reference, bool has_longer, const LengthOptions& options) {
  const Interval interval = WilsonInterval(reference.right, reference.n, options.confidence);
  if (interval.high < options.floor) return LengthOutcome::kNoQuality;
  if (interval.low <= options.margin) return LengthOutcome::kReferenceTooLow;
  return has_longer ? LengthOutcome::kMeasured : LengthOutcome::kNothingLonger;
}

void ClaimInOrder(LengthReport& report) {
  const auto begin = report.buckets.begin() + static_cast<std::ptrdiff_t>(report.reference_buckets);
  for (auto bucket = begin; bucket != report.buckets.end() && bucket->verdict == LengthVerdict::kHolds; ++bucket) {
    report.holds_up_to = bucket->shortest;
  }
  for (auto bucket = report.buckets.end(); bucket != begin && (--bucket)->verdict == LengthVerdict::kFails;) {
    report.fails_from = bucket->longest;
  }
}

}  // namespace

LengthReport ComputeByLength(std::span<const LengthItem> items, const LengthOptions& options) {
  LOCO_CHECK(0 < options.margin && options.margin < 1 && options.min_items >= 1 && options.reference_items >= 1);
  LOCO_CHECK(std::is_sorted(options.edges.begin(), options.edges.end()));
  LengthReport report;
  if (items.empty()) return report;

  std::vector<LengthGroup> groups = MakeLengthGroups(items, options);
  LengthGroup reference;
  while (report.reference_buckets < groups.size() && reference.bucket.n < options.reference_items) {
    JoinGroup(reference, groups[report.reference_buckets++]);
  }
  report.reference_right = reference.bucket.right;
  report.reference_n = reference.bucket.n;
  for (size_t k = 0; k < groups.size(); ++k) {
    LengthBucket& bucket = groups[k].bucket;
    bucket.share = Share{bucket.right, bucket.n}.value();
    bucket.interval = WilsonInterval(bucket.right, bucket.n, options.confidence);
    if (k >= report.reference_buckets) JudgeGroup(groups[k], reference, options);
    report.buckets.push_back(bucket);
  }
  const Share share{report.reference_right, report.reference_n};
  report.items_needed = ItemsNeededFor(share, options);
  report.outcome = LengthOutcomeOf(share, report.buckets.size() > report.reference_buckets, options);
  if (report.outcome == LengthOutcome::kMeasured) ClaimInOrder(report);
  return report;
}

std::string LengthSentence(const LengthReport& report) {
  const auto of_reference = [&report] {
    return fmt::format("{} of {} right up to {} tokens", FormatCount(report.reference_right),
                       FormatCount(report.reference_n),
                       FormatCount(report.buckets[report.reference_buckets - 1].longest));
  };
  switch (report.outcome) {
    case LengthOutcome::kNoItems:
      return "no items";
    case LengthOutcome::kNoQuality:
      return fmt::format("no quality to hold: {}", of_reference());
    case LengthOutcome::kReferenceTooLow:
      return fmt::format("too few right answers to short prompts to see a loss: {}", of_reference());
    case LengthOutcome::kNothingLonger:
      return fmt::format("no longer prompts to compare with: {}", of_reference());
    case LengthOutcome::kMeasured:
      break;
  }
  const int64_t longest = report.buckets.back().longest;
  if (report.holds_up_to && report.fails_from) {
    return fmt::format("quality holds up to at least {} tokens and is lost by {}", FormatCount(*report.holds_up_to),
                       FormatCount(*report.fails_from));
  }
  if (report.holds_up_to && report.buckets.back().verdict == LengthVerdict::kHolds &&
      *report.holds_up_to == report.buckets.back().shortest) {
    return fmt::format("quality holds up to at least {} tokens, the longest that were asked",
                       FormatCount(*report.holds_up_to));
  }
  if (report.fails_from) {
    return fmt::format("quality is lost by {} tokens; not decided from {} tokens on", FormatCount(*report.fails_from),
                       FormatCount(report.buckets.front().shortest));
  }
  int64_t n = 0;
  for (const LengthBucket& bucket : report.buckets) n += bucket.n;
  return fmt::format("{}not decided between {} and {} tokens with {} items; about {} of each length would do",
                     report.holds_up_to
                         ? fmt::format("quality holds up to at least {} tokens; ", FormatCount(*report.holds_up_to))
                         : "",
                     FormatCount(report.holds_up_to.value_or(report.buckets.front().shortest)), FormatCount(longest),
                     FormatCount(n), FormatCount(report.items_needed));
}

}  // namespace loco
