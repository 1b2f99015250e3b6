#include "decide/decide.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "decide/compare.h"
#include "decide/objective.h"
#include "decide/reasons.h"
#include "decide/record.h"
#include "decide/stability.h"
#include "stats/power.h"

namespace loco {
namespace {

// The margins that are tried to say what the answer hangs on.
constexpr std::array kOtherMargins = {0.01, 0.02, 0.03, 0.05, 0.10, 0.15};

// A measured difference below this is no difference that more items should be spent on.
constexpr double kNoDifference = 0.002;

// One decision in the making: each method fills its part, in the order of Decide().
class Decider {
 public:
  Decider(const Policy& policy, const std::vector<CandidateResult>& results) : policy_(policy), results_(results) {
    for (const PolicySuite& suite : policy.suites) weights_.push_back(suite.weight);
  }

  void Copy(const DecideContext& context) {
    decision_.policy = policy_.name;
    decision_.description = policy_.description;
    decision_.policy_hash = policy_.hash;
    decision_.machine = context.machine;
    decision_.shipped = policy_.shipped;
    decision_.reference = policy_.reference;
    decision_.context = policy_.hardware.context;
    decision_.margin = policy_.objective.margin;
    decision_.alpha = policy_.objective.alpha;
    decision_.resamples = policy_.objective.resamples;
    decision_.seed = policy_.objective.seed;
    for (const Criterion c : policy_.objective.order) decision_.order.emplace_back(CriterionName(c));
    for (const CandidateResult& r : results_) {
      decision_.candidates.push_back({.id = r.id,
                                      .name = r.name,
                                      .quantization = r.quantization,
                                      .model = r.model,
                                      .file_bytes = r.file_bytes,
                                      .parameters = r.parameters,
                                      .rules = r.rules,
                                      .evidence = r.evidence,
                                      .memory = r.memory,
                                      .practical = r.practical,
                                      .tuning = r.tuning});
    }
    decision_.tuned = policy_.trainability.has_value();
  }

  // Rules, then evidence, then whether there are scores: what remains is scored_.
  void Filter() {
    for (size_t i = 0; i < results_.size(); ++i) {
      CandidateSummary& c = decision_.candidates[i];
      if (!Qualifies(c.rules)) {
        c.standing = Standing::kRejected;
        c.reason = ReasonOfRejection(c.rules);
      } else if (!Survives(c.evidence)) {
        c.standing = Standing::kPruned;
        c.reason = ReasonOfPruning(c.evidence);
      } else if (const std::string missing = WhyNotScored(results_[i]); !missing.empty()) {
        c.standing = Standing::kNotMeasured;
        c.reason = missing;
      } else if (const std::string missing_tuning = WhyNotTuned(results_[i]); !missing_tuning.empty()) {
        const bool halved = results_[i].tuning && results_[i].tuning->dropped_after > 0;
        c.standing = halved ? Standing::kHalved : Standing::kNotMeasured;
        c.reason = missing_tuning;
      } else {
        scored_.push_back(i);
      }
    }
  }

  void Score() {
    ScoreBases();
    if (weights_.empty() || scored_.empty()) return;
    std::vector<const std::vector<TaskResult>*> lists;
    for (const size_t i : scored_) lists.push_back(&DecidingResults(results_[i]));
    table_ = MakeScoreTable(weights_, lists);
    const std::vector<double> seed_variance = SeedVariances();
    for (size_t t = 0; t < table_.tasks.size(); ++t) {
      table_.tasks[t].run_variance.assign(scored_.size(), seed_variance[t]);
    }
    const double confidence = 1 - policy_.objective.alpha;
    for (size_t k = 0; k < scored_.size(); ++k) {
      CandidateSummary& c = decision_.candidates[scored_[k]];
      const CandidateResult& result = results_[scored_[k]];
      c.scores = CountOutcomes(weights_, DecidingResults(result), table_, k, confidence);
      c.score = MacroOf(c.scores, confidence);
      if (!decision_.tuned) {
        c.base_scores = c.scores;
        c.base_score = c.score;
      } else {
        ScoreTable both = MakeScoreTable(weights_, {&result.tuned, &result.shipped});
        for (size_t t = 0; t < both.tasks.size(); ++t) both.tasks[t].run_variance = {seed_variance[t], 0};
        c.gain = ComparePaired(PairStrata(both.tasks, 0, 1), PairOptions());
        c.headroom_gain = c.base_score->value < 1 ? c.gain->value / (1 - c.base_score->value) : 0;
      }
      if (result.reference.size() == weights_.size()) ScoreReference(result, c, confidence);
    }
    for (const TaskTable& task : table_.tasks) decision_.items += static_cast<int64_t>(task.items());
  }

  // Drops who is below a bar; the rest is running_.
  void ApplyBars() {
    for (size_t k = 0; k < scored_.size(); ++k) {
      CandidateSummary& c = decision_.candidates[scored_[k]];
      c.bars = BarVerdicts(policy_.bars, c);
      if (Qualifies(c.bars)) {
        running_.push_back(scored_[k]);
        columns_.push_back(k);
      } else {
        c.standing = Standing::kBelowBar;
        c.reason = ReasonOfRejection(c.bars);
      }
    }
    for (const TaskTable& task : table_.tasks) {
      TaskTable part{.weight = task.weight};
      for (const size_t k : columns_) {
        part.right.push_back(task.right[k]);
        part.run_variance.push_back(task.run_variance[k]);
      }
      if (!running_.empty()) tasks_.push_back(std::move(part));
    }
  }

  void Compare() {
    if (tasks_.empty()) return;
    const std::vector<double> scores = MacroScores(tasks_);
    std::vector<size_t> everyone(running_.size());
    std::iota(everyone.begin(), everyone.end(), size_t{0});
    decision_.best = running_[LeaderOf(MakeField(tasks_), scores, everyone)];
    ComparePairs();
    const double confidence = 1 - policy_.objective.alpha;
    const std::vector<double> p =
        NotWorseP(tasks_, everyone, policy_.objective.margin, policy_.objective.alpha, /*exact=*/true);
    for (size_t k = 0; k < running_.size(); ++k) {
      CandidateSummary& c = decision_.candidates[running_[k]];
      c.not_worse_p = p[k];
      c.best_is_better_at_most = -1;
      for (size_t other = 0; other < running_.size(); ++other) {
        if (other == k) continue;
        c.best_is_better_at_most =
            std::max(c.best_is_better_at_most, UpperBound(PairStrata(tasks_, other, k), confidence));
      }
      if (running_.size() == 1) c.best_is_better_at_most = 0;
    }
    FillComparisonWithBest();
  }

  void Choose() {
    if (running_.empty()) {
      const auto measured = [](const CandidateSummary& c) { return c.standing == Standing::kNotMeasured; };
      const bool unmeasured = std::any_of(decision_.candidates.begin(), decision_.candidates.end(), measured);
      decision_.kind = unmeasured ? DecisionKind::kNothingMeasured : DecisionKind::kNobodyQualifies;
      decision_.near_misses = NearMisses(decision_.candidates);
      return;
    }
    decision_.kind = DecisionKind::kChosen;
    const Field field = MakeField(tasks_);
    const Choice choice = ChooseBy(policy_.objective, field);
    decision_.chosen = running_[choice.chosen];
    for (const ChoiceStep& step : choice.steps) {
      decision_.steps.push_back({.criterion = std::string(CriterionName(step.criterion)),
                                 .applied = step.applied,
                                 .kept = Running(step.kept),
                                 .dropped = Running(step.dropped),
                                 .note = step.note});
    }
    FillFront(field);
    FillStability(field);
    for (const double margin : kOtherMargins) {
      Objective other = policy_.objective;
      other.margin = margin;
      decision_.what_if.push_back({margin, running_[ChooseBy(other, field).chosen]});
    }
    for (const size_t i : running_) {
      CandidateSummary& c = decision_.candidates[i];
      c.standing = i == *decision_.chosen ? Standing::kChosen : Standing::kOutdone;
      if (c.standing == Standing::kOutdone) c.reason = ReasonOfLosing(decision_, i);
    }
    decision_.reason = ReasonOfChoice(decision_);
    decision_.candidates[*decision_.chosen].reason = decision_.reason;
  }

  Decision Finish() {
    decision_.funnel = MakeFunnel(policy_, decision_);
    decision_.unknowns = MakeUnknowns(policy_, decision_);
    decision_.notes = MakeNotes(decision_, table_.left_out, same_machine_);
    decision_.rests_on = RowsOf(decision_.candidates);
    return std::move(decision_);
  }

 private:
  const std::vector<TaskResult>& DecidingResults(const CandidateResult& result) const {
    return decision_.tuned ? result.tuned : result.shipped;
  }

  // Of each task, what training again with other seeds would change; zeros where nothing was tuned.
  std::vector<double> SeedVariances() const {
    std::vector<const Tuning*> finalists;
    for (const size_t i : scored_) {
      if (decision_.tuned) finalists.push_back(&*results_[i].tuning);
    }
    std::vector<double> variances;
    for (const TaskResult& task : DecidingResults(results_[scored_.front()])) {
      variances.push_back(SeedVariance(finalists, task.task));
    }
    return variances;
  }

  // Untrained scores of everybody who has them, also of those who left later.
  void ScoreBases() {
    if (!decision_.tuned) return;
    const double confidence = 1 - policy_.objective.alpha;
    for (size_t i = 0; i < results_.size(); ++i) {
      if (results_[i].shipped.size() != weights_.size() || weights_.empty()) continue;
      CandidateSummary& c = decision_.candidates[i];
      const ScoreTable own = MakeScoreTable(weights_, {&results_[i].shipped});
      c.base_scores = CountOutcomes(weights_, results_[i].shipped, own, 0, confidence);
      c.base_score = MacroOf(c.base_scores, confidence);
    }
  }

  // Empty: tuned to the end, or the policy does not ask for it.
  std::string WhyNotTuned(const CandidateResult& result) const {
    if (!policy_.trainability) return "";
    if (!result.tuning) return "trainability was not measured";
    if (!result.tuning->not_trained_because.empty()) return result.tuning->not_trained_because;
    if (result.tuning->dropped_after > 0) return result.tuning->dropped_because;
    return result.tuned.size() == weights_.size() ? "" : "the tuned model was not scored";
  }

  // Empty: there are scores, or the policy wants none.
  std::string WhyNotScored(const CandidateResult& result) const {
    if (weights_.empty()) return "";
    const auto has_no_items = [](const TaskResult& task) { return task.items.empty(); };
    if (result.shipped.size() != weights_.size() ||
        std::any_of(result.shipped.begin(), result.shipped.end(), has_no_items)) {
      return result.not_measured_because.empty() ? "no scores" : result.not_measured_because;
    }
    for (const TaskResult& task : result.shipped) {
      for (const auto& [item, outcome] : task.items) {
        if (outcome == Outcome::kRight || outcome == Outcome::kWrong) return "";
      }
    }
    return "none of its answers could be read: all were cut off, empty, refused, too long or unparsed";
  }

  void ScoreReference(const CandidateResult& result, CandidateSummary& c, double confidence) {
    const ScoreTable both = MakeScoreTable(weights_, {&result.shipped, &result.reference});
    c.reference_scores = CountOutcomes(weights_, result.reference, both, 1, confidence);
    c.reference_score = MacroOf(c.reference_scores, confidence);
    c.quantization_cost = ComparePaired(PairStrata(both.tasks, 0, 1), PairOptions());
  }

  PairedOptions PairOptions() const {
    return {.confidence = 1 - policy_.objective.alpha, .seed = policy_.objective.seed};
  }

  void ComparePairs() {
    std::vector<double> p_values;
    for (size_t a = 0; a < running_.size(); ++a) {
      for (size_t b = a + 1; b < running_.size(); ++b) {
        PairVerdict pair{.first = running_[a], .second = running_[b]};
        pair.difference = ComparePaired(PairStrata(tasks_, a, b), PairOptions());
        p_values.push_back(pair.difference.p);
        decision_.pairs.push_back(pair);
      }
    }
    const std::vector<double> adjusted = Holm(p_values);
    for (size_t i = 0; i < adjusted.size(); ++i) {
      PairVerdict& pair = decision_.pairs[i];
      pair.adjusted_p = adjusted[i];
      pair.tie = adjusted[i] > policy_.objective.alpha;
      const double d = std::abs(pair.difference.value);
      const double discordance = static_cast<double>(pair.difference.wins + pair.difference.losses) /
                                 static_cast<double>(std::max<int64_t>(1, pair.difference.n));
      if (pair.tie && d >= kNoDifference && discordance > d * d) {
        pair.items_needed = ItemsToDetect(d, {.discordance = discordance, .alpha = policy_.objective.alpha});
      }
    }
  }

  void FillComparisonWithBest() {
    for (const PairVerdict& pair : decision_.pairs) {
      if (pair.first != *decision_.best && pair.second != *decision_.best) continue;
      const bool best_first = pair.first == *decision_.best;
      CandidateSummary& c = decision_.candidates[best_first ? pair.second : pair.first];
      PairedDifference d = pair.difference;
      if (best_first) {
        d.value = 0 - d.value;  // not -d.value: a difference of 0 stays +0
        d.interval = {-d.interval.high, -d.interval.low};
        std::swap(d.wins, d.losses);
      }
      c.to_best = d;
      c.to_best_adjusted_p = pair.adjusted_p;
      c.ties_with_best = pair.tie;
    }
  }

  Field MakeField(std::span<const TaskTable> tasks) {
    Field field{.tasks = tasks, .tuned = decision_.tuned};
    std::set<std::string> machines;
    for (const size_t i : running_) {
      if (const auto& practical = decision_.candidates[i].practical) machines.insert(practical->machine);
    }
    same_machine_ = machines.size() <= 1;
    for (const size_t i : running_) {
      const CandidateSummary& c = decision_.candidates[i];
      field.size.push_back(c.file_bytes);
      field.gain.push_back(c.gain ? std::optional<double>(c.gain->value) : std::nullopt);
      field.memory.push_back(c.memory ? std::optional<Bytes>(c.memory->total) : std::nullopt);
      const Practical none;
      const Practical& practical = c.practical && same_machine_ ? *c.practical : none;
      const auto value = [](const std::optional<Measured>& m) {
        return m ? std::optional<double>(m->value) : std::nullopt;
      };
      field.first_token.push_back(value(practical.first_token_seconds));
      field.speed.push_back(value(practical.generation_speed));
    }
    return field;
  }

  // a makes b superfluous: as good in size, memory and speed, better in something, and on quality at least equal, with
  // confidence that it is not worse by the margin.
  bool Dominates(const Field& field, size_t a, size_t b) const {
    bool better = false;
    const auto at_least = [&better](double x, double y) {  // more is better
      better = better || x > y;
      return x >= y;
    };
    if (field.size[a].value == 0 || field.size[b].value == 0) return false;
    if (!at_least(-static_cast<double>(field.size[a].value), -static_cast<double>(field.size[b].value))) return false;
    if (field.memory[a] && field.memory[b] &&
        !at_least(-static_cast<double>(field.memory[a]->value), -static_cast<double>(field.memory[b]->value))) {
      return false;
    }
    if (field.speed[a] && field.speed[b] && !at_least(*field.speed[a], *field.speed[b])) return false;
    if (tasks_.empty()) return better;
    const std::vector<PairedStratum> strata = PairStrata(tasks_, a, b);
    const PairedDifference& d = Difference(a, b);
    const bool surely_better = d.value > 0 && Adjusted(a, b) <= policy_.objective.alpha;
    if (surely_better) return true;
    return better && d.value >= 0 &&
           NonInferiorityP(PairStrata(tasks_, b, a), policy_.objective.margin) <= policy_.objective.alpha;
  }

  const PairVerdict& PairOf(size_t a, size_t b) const {
    for (const PairVerdict& pair : decision_.pairs) {
      const bool same = (pair.first == running_[a] && pair.second == running_[b]) ||
                        (pair.first == running_[b] && pair.second == running_[a]);
      if (same) return pair;
    }
    return decision_.pairs.front();
  }
  PairedDifference Difference(size_t a, size_t b) const {
    PairedDifference d = PairOf(a, b).difference;
    if (PairOf(a, b).first != running_[a]) d.value = -d.value;
    return d;
  }
  double Adjusted(size_t a, size_t b) const { return PairOf(a, b).adjusted_p; }

  void FillFront(const Field& field) {
    for (size_t b = 0; b < running_.size(); ++b) {
      CandidateSummary& c = decision_.candidates[running_[b]];
      c.on_front = true;
      for (size_t a = 0; a < running_.size() && c.on_front; ++a) {
        if (a == b || !Dominates(field, a, b)) continue;
        c.on_front = false;
        c.dominated_by = decision_.candidates[running_[a]].id;
      }
    }
  }

  void FillStability(const Field& field) {
    const std::vector<Stability> shares = ResampleChoice(policy_.objective, field);
    for (size_t k = 0; k < running_.size(); ++k) {
      CandidateSummary& c = decision_.candidates[running_[k]];
      c.chosen_share = shares[k].chosen;
      c.best_share = shares[k].best;
    }
  }

  std::vector<size_t> Running(const std::vector<size_t>& indices) const {
    std::vector<size_t> out;
    for (const size_t k : indices) out.push_back(running_[k]);
    return out;
  }

  const Policy& policy_;
  const std::vector<CandidateResult>& results_;
  std::vector<double> weights_;
  Decision decision_;
  ScoreTable table_;              // of the scored candidates
  std::vector<size_t> scored_;    // indices of candidates
  std::vector<size_t> running_;   // those that also reach the bars
  std::vector<size_t> columns_;   // their columns in table_
  std::vector<TaskTable> tasks_;  // table_ reduced to them
  bool same_machine_ = true;
};

}  // namespace

const char* StandingName(Standing standing) {
  switch (standing) {
    case Standing::kRejected:
      return "rejected";
    case Standing::kPruned:
      return "pruned";
    case Standing::kNotMeasured:
      return "not measured";
    case Standing::kHalved:
      return "left behind in training";
    case Standing::kBelowBar:
      return "below the bar";
    case Standing::kOutdone:
      return "outdone";
    case Standing::kChosen:
      return "chosen";
  }
  return "";
}

const char* DecisionKindName(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::kChosen:
      return "chosen";
    case DecisionKind::kNobodyQualifies:
      return "nobody qualifies";
    case DecisionKind::kNothingMeasured:
      return "nothing measured";
  }
  return "";
}

Decision Decide(const Policy& policy, const std::vector<CandidateResult>& results, const DecideContext& context) {
  Decider decider(policy, results);
  decider.Copy(context);
  decider.Filter();
  decider.Score();
  decider.ApplyBars();
  decider.Compare();
  decider.Choose();
  return decider.Finish();
}

}  // namespace loco
