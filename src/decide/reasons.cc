#include "decide/reasons.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "stats/power.h"

namespace loco {
namespace {

// "3 points", "0.5 points", "1 point"; of a share.
std::string Points(double share) {
  const std::string number = fmt::format("{:.3g}", 100 * share);
  return number + (number == "1" ? " point" : " points");
}

// From a thousand on the decimals are noise.
std::string Figure(double value) {
  return value >= 1000 ? FormatCount(std::llround(value)) : fmt::format("{:.4g}", value);
}

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

RuleVerdict Judge(std::string rule, bool pass, std::string value, std::string limit, double miss, RowRef row) {
  RuleVerdict verdict{.rule = std::move(rule),
                      .outcome = pass ? RuleOutcome::kPass : RuleOutcome::kFail,
                      .value = std::move(value),
                      .limit = std::move(limit),
                      .source = "measured here",
                      .miss = pass ? 0 : miss,
                      .row = std::move(row)};
  if (!pass) verdict.would_pass_if = fmt::format("the bar were moved to what was measured: {}", verdict.value);
  return verdict;
}

RuleVerdict Unmeasured(std::string rule, std::string limit, bool keep, std::string cure) {
  return {.rule = std::move(rule),
          .outcome = RuleOutcome::kUnknown,
          .kept = keep,
          .value = "not measured",
          .limit = std::move(limit),
          .would_pass_if = std::move(cure),
          .miss = 1};
}

constexpr const char* kBench = "it is measured: loco bench";

void AddPracticalBars(const Bars& bars, const CandidateSummary& c, std::vector<RuleVerdict>& verdicts) {
  const Practical none;
  const Practical& practical = c.practical ? *c.practical : none;
  const RowRef& row = practical.row;
  if (bars.tokens_per_second) {
    const std::string limit = fmt::format("at least {} tok/s", Figure(*bars.tokens_per_second));
    if (const auto& m = practical.generation_speed) {
      verdicts.push_back(Judge("speed", m->interval.low >= *bars.tokens_per_second,
                               fmt::format("{} tok/s (lower limit {})", Figure(m->value), Figure(m->interval.low)),
                               limit, 1 - m->interval.low / *bars.tokens_per_second, row));
    } else {
      verdicts.push_back(Unmeasured("speed", limit, bars.keep_unknown, kBench));
    }
  }
  if (bars.first_token_seconds) {
    const std::string limit = fmt::format("at most {:.3g} s", *bars.first_token_seconds);
    if (const auto& m = practical.first_token_seconds) {
      verdicts.push_back(Judge("first_token", m->interval.high <= *bars.first_token_seconds,
                               fmt::format("{:.3g} s (upper limit {:.3g} s)", m->value, m->interval.high), limit,
                               m->interval.high / *bars.first_token_seconds - 1, row));
    } else {
      verdicts.push_back(Unmeasured("first_token", limit, bars.keep_unknown, kBench));
    }
  }
  if (bars.peak_memory) {
    const std::string limit = fmt::format("at most {}", FormatBytes(*bars.peak_memory));
    if (const auto& peak = practical.peak_memory) {
      const double over =
          static_cast<double>(peak->value) / static_cast<double>(std::max<uint64_t>(1, bars.peak_memory->value)) - 1;
      verdicts.push_back(Judge("peak_memory", *peak <= *bars.peak_memory, FormatBytes(*peak), limit, over, row));
    } else {
      verdicts.push_back(Unmeasured("peak_memory", limit, bars.keep_unknown, kBench));
    }
  }
  if (bars.memory_stable) {
    if (practical.memory_verdict == "flat" || practical.memory_verdict == "grows") {
      verdicts.push_back(
          Judge("memory_stable", practical.memory_verdict == "flat", practical.memory_verdict, "flat", 1, row));
    } else {
      verdicts.push_back(Unmeasured("memory_stable", "flat", bars.keep_unknown, kBench));
    }
  }
}

// "smollm2, qwen3 and 3 more"
std::string NamesOf(const std::vector<std::string>& names) {
  constexpr size_t kShown = 4;
  if (names.size() <= kShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kShown, ", "), names.size() - kShown);
}

// Names of the candidates in the running for which `missing` holds.
template <typename Missing>
std::vector<std::string> InRunning(const Decision& decision, Missing missing) {
  std::vector<std::string> names;
  for (const CandidateSummary& c : decision.candidates) {
    const bool running = c.standing == Standing::kChosen || c.standing == Standing::kOutdone;
    if (running && missing(c)) names.push_back(c.id);
  }
  return names;
}

std::string FilterNote(const Decision& decision) {
  std::map<std::string, int> out;  // by the first rule that each candidate did not pass
  for (const CandidateSummary& c : decision.candidates) {
    for (const RuleVerdict& v : c.rules) {
      if (v.outcome == RuleOutcome::kPass || v.kept) continue;
      ++out[v.outcome == RuleOutcome::kUnknown ? "unknown " + v.rule : v.rule];
      break;
    }
  }
  if (out.empty()) return "nobody is out";
  std::vector<std::string> parts;
  for (const auto& [rule, count] : out) parts.push_back(fmt::format("{} {}", count, rule));
  return fmt::format("out: {}", fmt::join(parts, ", "));
}

std::string EvidenceNote(const Policy& policy, const Decision& decision, int64_t pruned) {
  if (policy.evidence.empty()) return "the policy prunes by no published figure";
  std::map<std::string, int> precisions;
  for (const CandidateSummary& c : decision.candidates) {
    for (const PruneVerdict& v : c.evidence) {
      if (v.known) ++precisions[v.precision.empty() ? "unknown precision" : v.precision];
    }
  }
  std::vector<std::string> words;
  for (const auto& [precision, count] : precisions) words.push_back(precision);
  const std::string measured =
      words.empty() ? "no figure is known" : fmt::format("figures are {}", fmt::join(words, ", "));
  return fmt::format("{}; {}", pruned == 0 ? "nothing pruned" : Counted(pruned, "pruned", "pruned"), measured);
}

std::string TrainabilityNote(const Policy& policy) {
  if (!policy.trainability) return "not measured: the policy has no [trainability]; nobody is dropped for it";
  const TrainabilityRules& rules = *policy.trainability;
  return fmt::format("{} examples, {} for the last {}", fmt::join(rules.rungs, " → "),
                     Counted(rules.seeds, "seed", "seeds"), rules.finalists);
}

}  // namespace

std::vector<RuleVerdict> BarVerdicts(const Bars& bars, const CandidateSummary& candidate) {
  std::vector<RuleVerdict> verdicts;
  if (bars.score) {
    const std::string limit = fmt::format("at least {}", Percent(*bars.score));
    if (candidate.score) {
      const double low = candidate.score->interval.low;
      verdicts.push_back(Judge("score", low >= *bars.score,
                               fmt::format("{} (lower limit {})", Percent(candidate.score->value), Percent(low)), limit,
                               1 - low / std::max(1e-9, *bars.score),
                               candidate.scores.empty() ? RowRef{} : candidate.scores.front().run));
    } else {
      verdicts.push_back(Unmeasured("score", limit, bars.keep_unknown, "it is measured: loco eval"));
    }
  }
  AddPracticalBars(bars, candidate, verdicts);
  return verdicts;
}

std::string ReasonOfRejection(const std::vector<RuleVerdict>& verdicts) {
  std::vector<std::string> reasons;
  for (const RuleVerdict& v : verdicts) {
    if (v.outcome == RuleOutcome::kPass || v.kept) continue;
    if (v.outcome == RuleOutcome::kUnknown) {
      reasons.push_back(fmt::format("{} unknown", v.rule));
    } else {
      const std::string needed = v.limit.empty() ? "" : fmt::format(" (needed: {})", v.limit);
      reasons.push_back(fmt::format("{}: {}{}", v.rule, v.value, needed));
    }
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

std::string ReasonOfPruning(const std::vector<PruneVerdict>& verdicts) {
  for (const PruneVerdict& v : verdicts) {
    if (v.pruned) return fmt::format("{}: {} (needed: {}; {}, {})", v.figure, v.value, v.limit, v.precision, v.source);
  }
  return "";
}

std::string ReasonOfChoice(const Decision& decision) {
  const CandidateSummary& chosen = decision.candidates[*decision.chosen];
  const std::vector<std::string> running = InRunning(decision, [](const CandidateSummary&) { return true; });
  if (running.size() <= 1) return "the only candidate left in the running";
  if (!decision.best) return "first by the policy's criteria; no suite was scored";
  const CandidateSummary& best = decision.candidates[*decision.best];
  if (*decision.chosen != *decision.best) {
    const double ratio = static_cast<double>(best.file_bytes.value) /
                         static_cast<double>(std::max<uint64_t>(1, chosen.file_bytes.value));
    const std::string size = ratio >= 1.05 ? fmt::format(", and {:.1f} times smaller", ratio) : "";
    return fmt::format("not worse than the best by more than {}{}", Points(decision.margin), size);
  }
  const auto ties = InRunning(decision, [](const CandidateSummary& c) { return c.ties_with_best; });
  if (ties.empty())
    return fmt::format("the best score, told apart from every other on {}", Counted(decision.items, "item", "items"));
  return fmt::format("the best score; a tie with {}, but nobody smaller is shown to be within {}", NamesOf(ties),
                     Points(decision.margin));
}

std::string ReasonOfLosing(const Decision& decision, size_t candidate) {
  const CandidateSummary& c = decision.candidates[candidate];
  for (const CriterionStep& step : decision.steps) {
    if (std::find(step.dropped.begin(), step.dropped.end(), candidate) == step.dropped.end()) continue;
    if (step.criterion == CriterionName(Criterion::kBaseScore) ||
        step.criterion == CriterionName(Criterion::kTunedScore)) {
      if (c.to_best && !c.ties_with_best) {
        return fmt::format("{:.1f} points below the best, told apart", -100 * c.to_best->value);
      }
      return fmt::format("ties with the best, but could be {:.1f} points worse than another; the margin is {:.3g}",
                         100 * c.best_is_better_at_most, 100 * decision.margin);
    }
    const bool best = decision.best && candidate == *decision.best;
    if (step.criterion == CriterionName(Criterion::kSize)) {
      return best ? "the best score, but not the smallest" : "good enough, but not the smallest";
    }
    return fmt::format("not among the best by {}", step.criterion);
  }
  return "equal by every criterion, and not smaller";
}

std::vector<FunnelStep> MakeFunnel(const Policy& policy, const Decision& decision) {
  const auto count = [&](auto predicate) {
    return static_cast<int64_t>(std::count_if(decision.candidates.begin(), decision.candidates.end(), predicate));
  };
  const auto all = static_cast<int64_t>(decision.candidates.size());
  const int64_t qualified = all - count([](const auto& c) { return c.standing == Standing::kRejected; });
  const int64_t kept = qualified - count([](const auto& c) { return c.standing == Standing::kPruned; });
  const auto unscored = [](const auto& c) { return c.standing == Standing::kNotMeasured && !c.base_score; };
  const int64_t scored = kept - count(unscored);
  const int64_t tuned =
      scored - count([&](const auto& c) {
        return c.standing == Standing::kHalved || (c.standing == Standing::kNotMeasured && !unscored(c));
      });
  const int64_t running = tuned - count([](const auto& c) { return c.standing == Standing::kBelowBar; });
  const int64_t practical = count([](const auto& c) {
    const bool left = c.standing != Standing::kRejected && c.standing != Standing::kPruned &&
                      c.standing != Standing::kNotMeasured && c.standing != Standing::kHalved;
    return left && c.practical.has_value();
  });

  std::vector<FunnelStep> funnel;
  funnel.push_back({.name = "hard filter", .in = all, .out = qualified, .note = FilterNote(decision)});
  funnel.push_back(
      {.name = "evidence", .in = qualified, .out = kept, .note = EvidenceNote(policy, decision, qualified - kept)});
  std::string note =
      policy.suites.empty()
          ? "the policy names no suites"
          : fmt::format("{} on {} at {}", Counted(decision.items, "item each", "items each"),
                        Counted(static_cast<int64_t>(policy.suites.size()), "suite", "suites"), policy.shipped);
  if (kept == 0) note = "nobody is left";
  if (scored < kept)
    note = fmt::format("{} not measured", FormatCount(kept - scored)) + (scored > 0 ? "; " + note : "");
  funnel.push_back({.name = "base scores", .in = kept, .out = scored, .note = note, .measured = scored > 0});
  funnel.push_back({.name = "trainability",
                    .in = scored,
                    .out = tuned,
                    .note = TrainabilityNote(policy),
                    .measured = policy.trainability && scored > 0});
  note = tuned == 0       ? "nobody is left"
         : practical == 0 ? "not measured"
                          : fmt::format("{} measured on this machine", FormatCount(practical));
  if (running < tuned) note += fmt::format("; {} below a bar", FormatCount(tuned - running));
  funnel.push_back({.name = "practical", .in = tuned, .out = running, .note = note, .measured = practical > 0});
  return funnel;
}

std::vector<UnknownItem> MakeUnknowns(const Policy& policy, const Decision& decision) {
  std::vector<UnknownItem> unknowns;
  if (!decision.tuned) {
    unknowns.push_back({"trainability", "not measured; a base score predicts the rank after tuning poorly",
                        "give the policy a [trainability] with your training data"});
  }
  const auto add = [&](const std::string& what, const std::string& why, const std::vector<std::string>& names,
                       const std::string& cure) {
    if (names.empty()) return;
    // A gap that everyone has needs no list of names.
    const bool everyone = names == InRunning(decision, [](const CandidateSummary&) { return true; });
    unknowns.push_back({what, everyone ? why : fmt::format("{}: {}", why, NamesOf(names)), cure});
  };
  for (const CandidateSummary& c : decision.candidates) {
    for (const auto* list : {&c.rules, &c.bars}) {
      for (const RuleVerdict& v : *list) {
        if (v.kept)
          unknowns.push_back({fmt::format("{} of {}", v.rule, c.id), "unknown, kept by the policy", v.would_pass_if});
      }
    }
  }
  std::map<std::string, std::vector<std::string>> waiting;
  std::set<std::string> without_file;
  for (const CandidateSummary& c : decision.candidates) {
    if (c.standing != Standing::kNotMeasured) continue;
    waiting[c.reason].push_back(c.id);
    if (c.model.id == 0) without_file.insert(c.reason);
  }
  for (const auto& [why, names] : waiting) {
    add("scores", why, names, without_file.contains(why) ? "give the policy a `file` for each" : "see the reason");
  }
  for (const EvidenceRule& rule : policy.evidence) {
    const auto lacks = [&rule](const CandidateSummary& c) {
      return std::any_of(c.evidence.begin(), c.evidence.end(),
                         [&](const PruneVerdict& v) { return v.figure == rule.figure && !v.known; });
    };
    add(fmt::format("figure '{}'", rule.figure), "not published, as far as we know", InRunning(decision, lacks),
        "add a dated row to catalog/evidence");
  }
  if (!policy.suites.empty()) {
    add(fmt::format("cost of {} against {}", policy.shipped, policy.reference), "not scored at the reference precision",
        InRunning(decision, [](const CandidateSummary& c) { return !c.quantization_cost; }), "give the F16 file");
  }
  const auto practical = [&](auto missing) {
    return InRunning(decision, [&](const CandidateSummary& c) { return !c.practical || missing(*c.practical); });
  };
  add("speed", "not measured", practical([](const Practical& p) { return !p.generation_speed; }), "loco bench");
  add("memory over a conversation", "not measured, or undecided",
      practical([](const Practical& p) { return p.memory_verdict != "flat" && p.memory_verdict != "grows"; }),
      "loco bench with more turns");
  add("energy", "the machine does not report it, or it was not measured",
      practical([](const Practical& p) { return !p.joules_per_token; }), "a machine with RAPL counters");
  add("target runtime", "not run here", practical([](const Practical& p) {
        return p.runtime_check.empty() || p.runtime_check.starts_with("not run here");
      }),
      "install llama-server or Ollama");
  return unknowns;
}

std::vector<std::string> MakeNotes(const Decision& decision, int64_t left_out, bool same_machine) {
  std::vector<std::string> notes;
  const std::vector<std::string> running = InRunning(decision, [](const CandidateSummary&) { return true; });
  if (decision.best && running.size() > 1) {
    notes.push_back(
        fmt::format("The best of {} was picked on these very items: expect its score to be a little lower on "
                    "new ones.",
                    running.size()));
  }
  if (decision.best && running.size() > 1 && decision.items > 0) {
    const auto difference = MinimumDetectableDifference(decision.items);
    notes.push_back(
        difference ? fmt::format("{} tell two candidates apart that differ by {} or more (with 80 % power, when they "
                                 "disagree on 30 % of the items).",
                                 Counted(decision.items, "item", "items"), Points(*difference))
                   : fmt::format("{} cannot tell any two candidates apart.", Counted(decision.items, "item", "items")));
  }
  if (decision.best && !decision.tuned) {
    notes.emplace_back("Scores are of the untrained candidates. They do not say which one tunes best.");
  }
  if (decision.best && decision.tuned) {
    notes.emplace_back(
        "Tuned scores are of the seed in the middle. Intervals and tests take in what other seeds would give (the "
        "spread "
        "of the finalists' seeds); the stability of the choice draws items anew, not seeds.");
  }
  if (decision.chosen) {
    const auto& memory = decision.candidates[*decision.chosen].memory;
    if (memory && memory->verdict == VerdictName(Verdict::kDoesNotFit)) {
      notes.push_back(fmt::format("It needs {} of {}: the policy has no memory rule that would refuse it.",
                                  FormatBytes(memory->total), FormatBytes(memory->limit)));
    }
  }
  if (left_out > 0) {
    notes.push_back(fmt::format("{} left out, because not every candidate has an answer.",
                                Counted(left_out, "item is", "items are")));
  }
  for (const CandidateSummary& c : decision.candidates) {
    for (const TaskScore& score : c.scores) {
      const int64_t lost = score.Unmarked();
      if (lost * 10 < score.items || lost == 0) continue;
      std::vector<std::string> kinds;
      for (const auto& [outcome, count] : score.unmarked) {
        kinds.push_back(fmt::format("{} {}", FormatCount(count), OutcomeWords(outcome)));
      }
      notes.push_back(fmt::format("{} on {}: {} of {} answers could not be marked ({}); none counts as right.", c.id,
                                  score.task, FormatCount(lost), FormatCount(score.items), fmt::join(kinds, ", ")));
    }
  }
  if (!same_machine) {
    notes.emplace_back("Speeds were measured on different machines and are not compared.");
  }
  return notes;
}

}  // namespace loco
