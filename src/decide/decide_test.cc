#include "decide/decide.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "decide/compare.h"
#include "decide/decide_fixture.h"

namespace loco {
namespace {

const std::vector<FakeCandidate> kFour = {
    {.id = "xs", .skill = .25, .bytes = 700'000, .tokens_per_second = 900},
    {.id = "s", .skill = .58, .bytes = 1'600'000, .tokens_per_second = 500},
    {.id = "m", .skill = .585, .bytes = 2'900'000, .tokens_per_second = 300},
    {.id = "l", .skill = .59, .bytes = 8'100'000, .tokens_per_second = 120},
};

const CandidateSummary& Find(const Decision& decision, const std::string& id) {
  const auto found = std::find_if(decision.candidates.begin(), decision.candidates.end(),
                                  [&](const CandidateSummary& c) { return c.id == id; });
  REQUIRE(found != decision.candidates.end());
  return *found;
}

RuleVerdict Failing(const std::string& rule, double miss = 1) {
  return {.rule = rule, .outcome = RuleOutcome::kFail, .value = "v", .limit = "l", .would_pass_if = "w", .miss = miss};
}

bool HasUnknown(const Decision& decision, const std::string& what) {
  return std::any_of(decision.unknowns.begin(), decision.unknowns.end(),
                     [&](const UnknownItem& u) { return u.what.find(what) != std::string::npos; });
}

}  // namespace

TEST_CASE("the smallest candidate that is not worse is chosen, with its reasons") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 900));
  REQUIRE(decision.kind == DecisionKind::kChosen);
  CHECK(decision.candidates[*decision.chosen].id == "s");
  CHECK(decision.reason.find("not worse than the best by more than 3 points, and ") == 0);
  CHECK(Find(decision, "s").standing == Standing::kChosen);
  CHECK(Find(decision, "xs").standing == Standing::kOutdone);
  CHECK(Find(decision, "xs").to_best->value < -.2);
  CHECK(!Find(decision, "xs").ties_with_best);
  CHECK(decision.items == 1800);
  CHECK(decision.pairs.size() == 6);
  CHECK(Find(decision, "s").chosen_share > .5);
}

TEST_CASE("the shares of being chosen and of being best each sum to one") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 200));
  double chosen = 0;
  double best = 0;
  for (const CandidateSummary& c : decision.candidates) {
    chosen += c.chosen_share;
    best += c.best_share;
  }
  CHECK(chosen == doctest::Approx(1));
  CHECK(best == doctest::Approx(1));
}

TEST_CASE("trainability is a line of what is not known, never a number") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 100));
  REQUIRE(!decision.unknowns.empty());
  CHECK(decision.unknowns.front().what == "trainability");
  CHECK(decision.unknowns.front().why.find("not measured") == 0);
  const auto step = std::find_if(decision.funnel.begin(), decision.funnel.end(),
                                 [](const FunnelStep& s) { return s.name == "trainability"; });
  REQUIRE(step != decision.funnel.end());
  CHECK(!step->measured);
  CHECK(step->in == step->out);
}

TEST_CASE("a candidate that fails a rule is out, however well it scores") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 900);
  results[1].rules = {Failing("licence")};
  const Decision decision = Decide(policy, results);
  CHECK(decision.candidates[*decision.chosen].id == "m");
  CHECK(Find(decision, "s").standing == Standing::kRejected);
  CHECK(Find(decision, "s").reason == "licence: v (needed: l)");
  CHECK(!Find(decision, "s").score);
  CHECK(decision.funnel.front().in == 4);
  CHECK(decision.funnel.front().out == 3);
  CHECK(decision.funnel.front().note == "out: 1 licence");
}

TEST_CASE("when nobody qualifies, the nearest misses come first and say what would change it") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 10);
  results[0].rules = {Failing("licence"), Failing("memory")};
  results[1].rules = {Failing("memory", .5)};
  results[2].rules = {Failing("memory", .02)};
  results[3].rules = {Failing("licence")};
  const Decision decision = Decide(policy, results);
  CHECK(decision.kind == DecisionKind::kNobodyQualifies);
  CHECK(!decision.chosen);
  REQUIRE(decision.near_misses.size() == 4);
  CHECK(decision.near_misses[0].candidate == 2);
  CHECK(decision.near_misses[1].candidate == 1);
  CHECK(decision.near_misses[2].candidate == 3);
  CHECK(decision.near_misses[3].candidate == 0);
  CHECK(decision.near_misses[0].failed.front().would_pass_if == "w");
}

TEST_CASE("when candidates qualify but none was measured, nothing is guessed") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 10);
  for (CandidateResult& r : results) {
    r.shipped.clear();
    r.not_measured_because = "no file here";
  }
  const Decision decision = Decide(policy, results);
  CHECK(decision.kind == DecisionKind::kNothingMeasured);
  CHECK(!decision.chosen);
  CHECK(Find(decision, "m").reason == "no file here");
  CHECK(HasUnknown(decision, "scores"));
}

TEST_CASE("a candidate with an unanswered suite is not measured, and the others are still compared") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 300);
  results[1].shipped[0].items.clear();
  const Decision decision = Decide(policy, results);
  CHECK(Find(decision, "s").standing == Standing::kNotMeasured);
  CHECK(decision.items == 600);
}

TEST_CASE("only items that every candidate answered are compared, and the rest is reported") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 100);
  results[0].shipped[0].items.resize(90);
  const Decision decision = Decide(policy, results);
  CHECK(decision.items == 190);
  CHECK(std::any_of(decision.notes.begin(), decision.notes.end(),
                    [](const std::string& n) { return n.find("10 items are left out") == 0; }));
}

TEST_CASE("the order in which answers come does not matter") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 120);
  const Decision before = Decide(policy, results);
  Random random(4);
  for (CandidateResult& r : results) {
    for (TaskResult& t : r.shipped) random.Shuffle(t.items);
  }
  const Decision after = Decide(policy, results);
  CHECK(before.chosen == after.chosen);
  for (size_t i = 0; i < before.candidates.size(); ++i) {
    CHECK(before.candidates[i].chosen_share == after.candidates[i].chosen_share);
    CHECK(before.candidates[i].score->value == after.candidates[i].score->value);
  }
}

TEST_CASE("a bar must be reached by the confidence limit, not by the estimate") {
  Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 900);
  policy.bars.tokens_per_second = 490;  // s: 500 [475, 525]
  Decision decision = Decide(policy, results);
  CHECK(Find(decision, "s").standing == Standing::kBelowBar);
  CHECK(decision.candidates[*decision.chosen].id == "xs");
  policy.bars.tokens_per_second = 470;
  decision = Decide(policy, results);
  CHECK(decision.candidates[*decision.chosen].id == "s");
}

TEST_CASE("a bar that nobody reaches gives nearest misses") {
  Policy policy = FakePolicy();
  policy.bars.score = .99;
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 100));
  CHECK(decision.kind == DecisionKind::kNobodyQualifies);
  REQUIRE(decision.near_misses.size() == 4);
  CHECK(decision.near_misses.front().failed.front().rule == "score");
}

TEST_CASE("an unmeasured bar rejects, or is kept and listed as unknown") {
  Policy policy = FakePolicy();
  policy.bars.first_token_seconds = 5;
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 900);
  results[1].practical.reset();
  CHECK(Find(Decide(policy, results), "s").standing == Standing::kBelowBar);
  policy.bars.keep_unknown = true;
  const Decision kept = Decide(policy, results);
  CHECK(Find(kept, "s").standing == Standing::kChosen);
  CHECK(HasUnknown(kept, "first_token of s"));
}

TEST_CASE("speeds of different machines are not compared") {
  Policy policy = FakePolicy();
  policy.objective.order = {Criterion::kSpeed};
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 50);
  CHECK(Decide(policy, results).candidates[*Decide(policy, results).chosen].id == "xs");
  results[3].practical->machine = "m2";
  const Decision decision = Decide(policy, results);
  CHECK(!decision.steps.front().applied);
  CHECK(std::any_of(decision.notes.begin(), decision.notes.end(),
                    [](const std::string& n) { return n.find("different machines") != std::string::npos; }));
}

TEST_CASE("a candidate that another one makes superfluous is off the front, with a name") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults({{.id = "good", .skill = .7, .bytes = 10, .tokens_per_second = 10},
                                                      {.id = "bad", .skill = .3, .bytes = 20, .tokens_per_second = 5},
                                                      {.id = "fast", .skill = .4, .bytes = 5, .tokens_per_second = 50}},
                                                     policy, 400);
  const Decision decision = Decide(policy, results);
  CHECK(Find(decision, "good").on_front);
  CHECK(Find(decision, "fast").on_front);
  CHECK(!Find(decision, "bad").on_front);
  CHECK(!Find(decision, "bad").dominated_by.empty());
}

TEST_CASE("the cost of quantization is paired per candidate") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 400));
  const CandidateSummary& s = Find(decision, "s");
  REQUIRE(s.quantization_cost);
  CHECK(s.quantization_cost->n == 800);
  CHECK(s.quantization_cost->value < 0);
  CHECK(s.quantization_cost->value == doctest::Approx(s.score->value - s.reference_score->value));
}

TEST_CASE("ties are called ties, with the number of items that would decide them") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 60));
  int ties = 0;
  for (const PairVerdict& pair : decision.pairs) {
    CHECK(pair.tie == (pair.adjusted_p > policy.objective.alpha));
    CHECK((pair.items_needed > 0 ? pair.tie : true));
    ties += pair.tie ? 1 : 0;
  }
  CHECK(ties >= 2);
}

TEST_CASE("a single candidate is chosen for what it is: the only one left") {
  const Policy policy = FakePolicy();
  const Decision decision = Decide(policy, FakeResults({kFour[2]}, policy, 50));
  CHECK(decision.reason == "the only candidate left in the running");
  CHECK(decision.candidates[*decision.chosen].chosen_share == 1);
  CHECK(decision.pairs.empty());
}

TEST_CASE("no candidates at all give no decision") {
  const Decision decision = Decide(FakePolicy(), {});
  CHECK(decision.kind == DecisionKind::kNobodyQualifies);
  CHECK(decision.near_misses.empty());
}

TEST_CASE("a policy without suites decides by what is left") {
  const Policy policy = FakePolicy(0);
  const Decision decision = Decide(policy, FakeResults(kFour, policy, 0));
  CHECK(decision.candidates[*decision.chosen].id == "xs");
  CHECK(decision.steps.front().note == "passed over: the policy names no suites");
}

TEST_CASE("the decision lists every row it rests on, once, in order") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 20);
  results[0].rules = {Failing("licence")};
  results[0].rules.front().row = {"verdict", 77};
  const Decision decision = Decide(policy, results);
  const auto has = [&](const RowRef& row) {
    return std::count(decision.rests_on.begin(), decision.rests_on.end(), row) == 1;
  };
  CHECK(has({"verdict", 77}));
  CHECK(has({"model", 2}));
  CHECK(has({"fit", 3}));
  CHECK(has({"measurement", 4}));
  CHECK(has({"run", 201}));
  CHECK(has({"run", 251}));
  CHECK(!has({"run", 101}));  // of the rejected one: its scores were not used
}

TEST_CASE("weights of suites move the score, not the number of items") {
  Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 50);
  results[0].shipped[0] = FakeTask("t0", 2.0, 50, 1, 1);   // all right
  results[0].shipped[1] = FakeTask("t1", -1.0, 50, 2, 1);  // none right
  CHECK(Find(Decide(policy, results), "xs").score->value == doctest::Approx(.5));
  policy.suites[0].weight = 3;
  CHECK(Find(Decide(policy, results), "xs").score->value == doctest::Approx(.75));
}

TEST_CASE("hopeless answers are counted apart and reported") {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults(kFour, policy, 50);
  for (ItemOutcome& item : results[3].shipped[0].items) item.outcome = Outcome::kTruncated;
  const Decision decision = Decide(policy, results);
  CHECK(Find(decision, "l").scores.front().unmarked.at(Outcome::kTruncated) == 50);
  CHECK(Find(decision, "l").scores.front().right == 0);
  CHECK(std::any_of(decision.notes.begin(), decision.notes.end(), [](const std::string& n) {
    return n.find("l on t0: 50 of 50 answers could not be marked (50 cut at the token limit") == 0;
  }));
}

}  // namespace loco
