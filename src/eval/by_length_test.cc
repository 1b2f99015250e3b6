#include "eval/by_length.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/random.h"

namespace loco {
namespace {

constexpr std::array<int64_t, 7> kNominalLengths = {100, 200, 400, 800, 1600, 3200, 6400};

// `n` items of one length, `right` of them right.
void AddLengthItems(std::vector<LengthItem>& items, int64_t tokens, int right, int n) {
  for (int i = 0; i < n; ++i) items.push_back({.prompt_tokens = tokens, .right = i < right, .cluster = ""});
}

std::vector<LengthItem> LengthItemsOf(const std::vector<std::array<int, 3>>& rows) {
  std::vector<LengthItem> items;
  for (const auto& [tokens, right, n] : rows) AddLengthItems(items, tokens, right, n);
  return items;
}

// A model whose share of right answers falls from `top` to `bottom` around `middle` tokens.
struct SimulatedModel {
  const char* name;
  double top;
  double bottom;
  double middle;
  double width;          // in e-folds of length: .05 is a cliff
  double family_spread;  // how much the families of questions differ in difficulty, half range
  int items_of_length;

  double ShareAt(double tokens) const {
    return bottom + (top - bottom) / (1 + std::exp((std::log(tokens) - std::log(middle)) / width));
  }
};

struct SimulatedClaims {
  int studies = 0;
  int held_wrongly = 0;    // held_up_to lies beyond the true effective length
  int failed_wrongly = 0;  // fails_from lies at or before it
  int held = 0;
  int failed = 0;
};

// Questions are as many families as a length has items; each is asked once at every length, with prompts up to 8 %
// shorter or longer than nominal.
SimulatedClaims SimulateLengths(const SimulatedModel& model, int studies, uint64_t seed) {
  Random random(seed);
  SimulatedClaims claims{.studies = studies};
  for (int study = 0; study < studies; ++study) {
    std::vector<LengthItem> items;
    double reference = 0;
    std::vector<double> ease;
    std::vector<std::string> names;
    for (int f = 0; f < model.items_of_length; ++f) {
      ease.push_back((2 * random.Uniform() - 1) * model.family_spread);
      names.push_back(model.family_spread > 0 ? std::to_string(f) : "");
    }
    for (const int64_t nominal : kNominalLengths) {
      for (size_t f = 0; f < ease.size(); ++f) {
        const double tokens = std::round(static_cast<double>(nominal) * (.92 + .16 * random.Uniform()));
        const double share = model.ShareAt(tokens);
        if (nominal == kNominalLengths.front()) reference += share / static_cast<double>(ease.size());
        items.push_back({static_cast<int64_t>(tokens), random.Uniform() < share + ease[f], names[f]});
      }
    }
    const LengthReport report = ComputeByLength(items);
    const auto is_within = [&](int64_t tokens) { return model.ShareAt(static_cast<double>(tokens)) >= reference - .1; };
    claims.held += report.holds_up_to ? 1 : 0;
    claims.failed += report.fails_from ? 1 : 0;
    claims.held_wrongly += report.holds_up_to && !is_within(*report.holds_up_to) ? 1 : 0;
    claims.failed_wrongly += report.fails_from && is_within(*report.fails_from) ? 1 : 0;
  }
  return claims;
}

// The last two are the hardest for a claim: all longer buckets lie just beyond, or just within, the margin.
constexpr SimulatedModel kSimulatedModels[] = {
    {"cliff at 300, .95 to .30, 40 a length", .95, .30, 300, .05, 0, 40},
    {"cliff at 1,100, .90 to .10, 40 a length", .90, .10, 1100, .05, 0, 40},
    {"slope around 1,200, .90 to .20, 40", .90, .20, 1200, .60, 0, 40},
    {"slope around 1,200, .90 to .20, 150", .90, .20, 1200, .60, 0, 150},
    {"slope around 1,200, .80 to .15, families, 40", .80, .15, 1200, .60, .15, 40},
    {"slope around 3,000, .70 to .10, 25 a length", .70, .10, 3000, .40, 0, 25},
    {"holds everywhere, .95, 150 a length", .95, .95, 1000, .60, 0, 150},
    {"holds everywhere, .80, families, 150", .80, .80, 1000, .60, .20, 150},
    {"just lost from 150 on, .90 to .799, 40", .90, .799, 150, .02, 0, 40},
    {"just lost from 150 on, .70 to .599, 150", .70, .599, 150, .02, 0, 150},
    {"just lost, .90 to .799, families, 40", .90, .799, 150, .02, .10, 40},
    {"just kept, .90 to .801, 40 a length", .90, .801, 150, .02, 0, 40},
};

}  // namespace

TEST_CASE("prompts fall into doublings around 100, 200, 400") {
  const LengthReport report = ComputeByLength(
      LengthItemsOf({{100, 20, 20}, {141, 20, 20}, {142, 18, 20}, {282, 19, 20}, {283, 9, 20}, {390, 9, 20}}));
  REQUIRE(report.buckets.size() == 3);
  CHECK(report.buckets[0].shortest == 100);
  CHECK(report.buckets[0].longest == 141);
  CHECK(report.buckets[1].n == 40);
  CHECK(report.buckets[1].right == 37);
  CHECK(report.buckets[1].share == doctest::Approx(.925));
  CHECK(report.buckets[1].interval.low == doctest::Approx(WilsonInterval(37, 40).low));
  CHECK(report.buckets[2].shortest == 283);
}

TEST_CASE("given edges are kept") {
  const LengthReport report = ComputeByLength(
      LengthItemsOf({{10, 20, 20}, {499, 20, 20}, {500, 20, 20}, {9000, 20, 20}}), {.edges = {500, 1000}});
  REQUIRE(report.buckets.size() == 3);
  CHECK(report.buckets[0].longest == 499);
  CHECK(report.buckets[1].shortest == 500);
  CHECK(report.buckets[2].shortest == 9000);
}

TEST_CASE("a small bucket joins the next longer one, the last its shorter neighbour") {
  const LengthReport report =
      ComputeByLength(LengthItemsOf({{100, 4, 4}, {200, 5, 8}, {400, 9, 12}, {800, 1, 3}, {1600, 1, 3}}));
  REQUIRE(report.buckets.size() == 2);
  CHECK(report.buckets[0].n == 12);
  CHECK(report.buckets[0].longest == 200);
  CHECK(report.buckets[1].n == 18);
  CHECK(report.buckets[1].longest == 1600);
}

TEST_CASE("the reference takes buckets until it has twenty items") {
  const LengthReport report = ComputeByLength(LengthItemsOf({{100, 11, 12}, {200, 11, 12}, {400, 24, 24}}));
  CHECK(report.reference_buckets == 2);
  CHECK(report.reference_n == 24);
  CHECK(report.buckets[1].verdict == LengthVerdict::kReference);
}

TEST_CASE("a cliff is placed between the last length that holds and the first that does not") {
  const LengthReport report = ComputeByLength(LengthItemsOf(
      {{95, 60, 60}, {190, 60, 60}, {380, 59, 60}, {760, 52, 60}, {1500, 12, 60}, {1650, 10, 60}, {3100, 3, 60}}));
  CHECK(report.outcome == LengthOutcome::kMeasured);
  CHECK(report.holds_up_to == 380);
  CHECK(report.fails_from == 1650);
  CHECK(report.buckets[3].verdict == LengthVerdict::kUndecided);
  CHECK(LengthSentence(report) == "quality holds up to at least 380 tokens and is lost by 1,650");
}

TEST_CASE("quality that holds everywhere is claimed up to the longest that was asked, not beyond") {
  const LengthReport report =
      ComputeByLength(LengthItemsOf({{100, 98, 100}, {1600, 97, 100}, {6200, 97, 100}, {6600, 97, 100}}));
  CHECK(report.holds_up_to == 6200);
  CHECK(!report.fails_from);
  CHECK(LengthSentence(report) == "quality holds up to at least 6,200 tokens, the longest that were asked");
}

TEST_CASE("few items decide nothing, and the report says how many would") {
  const LengthReport report = ComputeByLength(LengthItemsOf({{100, 18, 20}, {400, 18, 20}, {1600, 17, 20}}));
  CHECK(!report.holds_up_to);
  CHECK(!report.fails_from);
  CHECK(report.items_needed == 146);
  CHECK(LengthSentence(report) ==
        "not decided between 100 and 1,600 tokens with 60 items; about 146 of each length would do");
}

TEST_CASE("a lucky long bucket does not jump over one that is undecided") {
  const LengthReport report = ComputeByLength(LengthItemsOf({{100, 57, 60}, {400, 51, 60}, {1600, 60, 60}}));
  CHECK(report.buckets[1].verdict == LengthVerdict::kUndecided);
  CHECK(report.buckets[2].verdict == LengthVerdict::kHolds);
  CHECK(!report.holds_up_to);
}

TEST_CASE("a bad bucket in the middle is not called the end while the longest is as good as the shortest") {
  const LengthReport report = ComputeByLength(LengthItemsOf({{100, 57, 60}, {400, 10, 60}, {1600, 60, 60}}));
  CHECK(report.buckets[1].verdict == LengthVerdict::kFails);
  CHECK(!report.holds_up_to);
  CHECK(!report.fails_from);
}

TEST_CASE("a loss by the longest length alone leaves the beginning open") {
  const LengthReport report = ComputeByLength(LengthItemsOf({{100, 18, 20}, {400, 17, 20}, {1600, 1, 20}}));
  CHECK(LengthSentence(report) == "quality is lost by 1,600 tokens; not decided from 100 tokens on");
}

TEST_CASE("a model that cannot answer short prompts has no quality to hold, or too little to see it lost") {
  const LengthReport none = ComputeByLength(LengthItemsOf({{100, 1, 60}, {400, 0, 60}}));
  CHECK(none.outcome == LengthOutcome::kNoQuality);
  CHECK(!none.holds_up_to);
  CHECK(LengthSentence(none) == "no quality to hold: 1 of 60 right up to 100 tokens");
  const LengthReport low = ComputeByLength(LengthItemsOf({{100, 5, 25}, {400, 5, 25}}));
  CHECK(low.outcome == LengthOutcome::kReferenceTooLow);
  CHECK(LengthSentence(low) == "too few right answers to short prompts to see a loss: 5 of 25 right up to 100 tokens");
}

TEST_CASE("no items and no longer items are said") {
  CHECK(LengthSentence(ComputeByLength({})) == "no items");
  const LengthReport only_short = ComputeByLength(LengthItemsOf({{100, 5, 5}, {3000, 1, 1}}));
  CHECK(only_short.outcome == LengthOutcome::kNothingLonger);
  CHECK(LengthSentence(only_short) == "no longer prompts to compare with: 6 of 6 right up to 3,000 tokens");
}

TEST_CASE("the same questions at two lengths decide what different questions do not") {
  std::vector<LengthItem> alone;
  AddLengthItems(alone, 100, 32, 40);
  AddLengthItems(alone, 400, 32, 40);
  std::vector<LengthItem> paired = alone;
  for (size_t i = 0; i < paired.size(); ++i) paired[i].cluster = std::to_string(i % 40);
  CHECK(ComputeByLength(alone).buckets[1].verdict == LengthVerdict::kUndecided);
  CHECK(ComputeByLength(paired).buckets[1].verdict == LengthVerdict::kHolds);
}

TEST_CASE("a cluster with several items in a bucket makes no pairs") {
  std::vector<LengthItem> items;
  AddLengthItems(items, 100, 32, 40);
  AddLengthItems(items, 400, 32, 40);
  const double low = ComputeByLength(items).buckets[1].difference.low;
  for (LengthItem& item : items) item.cluster = "one";
  CHECK(ComputeByLength(items).buckets[1].difference.low == low);
}

TEST_CASE("what is claimed lies in order, whatever was answered") {
  CHECK(rc::check("claims in order", [] {
    std::vector<LengthItem> items;
    const int n = *rc::gen::inRange(0, 400);
    Random random(*rc::gen::arbitrary<uint64_t>());
    for (int i = 0; i < n; ++i) {
      items.push_back(
          {static_cast<int64_t>(random.Below(9000)), random.Uniform() < .7, std::to_string(random.Below(60))});
    }
    const LengthReport report = ComputeByLength(items);
    int64_t seen = 0;
    int64_t before = -1;
    for (const LengthBucket& bucket : report.buckets) {
      RC_ASSERT(bucket.n >= std::min<int64_t>(10, n));
      RC_ASSERT(before < bucket.shortest && bucket.shortest <= bucket.longest);
      RC_ASSERT(bucket.interval.Contains(bucket.share));
      before = bucket.longest;
      seen += bucket.n;
    }
    RC_ASSERT(seen == n);
    if (report.holds_up_to && report.fails_from) {
      RC_ASSERT(*report.holds_up_to < *report.fails_from);
    }
    RC_ASSERT(!LengthSentence(report).empty());
  }));
}

TEST_CASE("on simulated models a claim is wrong in about 5 % of studies at most, and usual cliffs are found") {
  // LOCO_LENGTH_STUDIES=4000 prints the table of by_length.h.
  const char* wanted = std::getenv("LOCO_LENGTH_STUDIES");
  const int studies = wanted == nullptr ? 300 : std::max(1, std::atoi(wanted));
  uint64_t seed = 40;
  for (const SimulatedModel& model : kSimulatedModels) {
    const SimulatedClaims claims = SimulateLengths(model, studies, ++seed);
    const auto percent = [studies](int count) { return 100.0 * count / studies; };
    if (wanted != nullptr) {
      std::printf("//   %-46s %5.1f %5.1f %8.0f %5.0f\n", model.name, percent(claims.held_wrongly),
                  percent(claims.failed_wrongly), percent(claims.held), percent(claims.failed));
    }
    // 5 % and three standard errors of the simulation.
    const double most = 5 + 300 * std::sqrt(.05 * .95 / studies);
    CHECK(percent(claims.held_wrongly) <= most);
    CHECK(percent(claims.failed_wrongly) <= most);
    if (model.top - model.bottom > .6) CHECK(percent(claims.failed) > 95);
  }
}

}  // namespace loco
