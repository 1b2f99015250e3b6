#include "report/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/hostile_text.h"
#include "report/words.h"

namespace loco {
namespace {

std::string Md(std::string_view text) { return ForMarkdown(text); }

std::string MdRow(const RowRef& row) { return row.id == 0 ? "" : fmt::format("`{}`", row.Text()); }

std::string Table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::string out = fmt::format("| {} |\n|", fmt::join(header, " | "));
  for (size_t i = 0; i < header.size(); ++i) out += " --- |";
  out += "\n";
  for (const auto& row : rows) out += fmt::format("| {} |\n", fmt::join(row, " | "));
  return out + "\n";
}

std::string MdAnswer(const Decision& decision) {
  if (decision.kind == DecisionKind::kNobodyQualifies) {
    std::string out = "**Nobody meets the policy.** Nearest misses:\n\n";
    std::vector<std::vector<std::string>> rows;
    for (const NearMiss& miss : decision.near_misses) {
      for (const RuleVerdict& v : miss.failed) {
        rows.push_back(
            {Md(decision.candidates[miss.candidate].id), Md(v.rule), Md(v.value), Md(v.limit), Md(v.would_pass_if)});
      }
    }
    return out + Table({"candidate", "rule", "value", "limit", "would pass if"}, rows);
  }
  if (decision.kind == DecisionKind::kNothingMeasured) {
    return "**No decision**: candidates meet the hard rules, but none was measured.\n\n";
  }
  const CandidateSummary& c = decision.candidates[*decision.chosen];
  std::string out = fmt::format("**{}**: {}.\n\n", Md(FullName(c)), Md(decision.reason));
  const auto fact = [&out](std::string_view what, const std::string& text) {
    if (!text.empty()) out += fmt::format("- {}: {}\n", what, text);
  };
  if (c.score) {
    fact(decision.tuned ? "tuned score" : "base score",
         fmt::format("{} {} on {}", PercentWords(c.score->value), PercentInterval(c.score->interval),
                     Counted(decision.items, "item", "items")));
  }
  if (c.gain) {
    fact("gain from LoRA", fmt::format("{} {} over {} untrained; adapter {}; {}", SignedPoints(c.gain->value),
                                       SignedInterval(c.gain->interval), PercentWords(c.base_score->value),
                                       FormatBytes(c.tuning->runs.back().adapter_bytes), TuningWords(*c.tuning)));
  }
  if (c.to_best && decision.best) {
    fact("against the best",
         fmt::format("{} {} to {}, {}; at most {:.1f} points worse than any other candidate with {:.0f} %",
                     SignedPoints(c.to_best->value), SignedInterval(c.to_best->interval),
                     Md(decision.candidates[*decision.best].id), c.ties_with_best ? "a tie" : "told apart",
                     100 * c.best_is_better_at_most, 100 * (1 - decision.alpha)));
  }
  if (c.memory) {
    fact("memory", fmt::format("{} of {} at {} tokens {}", FormatBytes(c.memory->total), FormatBytes(c.memory->limit),
                               FormatCount(static_cast<int64_t>(c.memory->context)), MdRow(c.memory->row)));
  }
  if (c.practical && c.practical->generation_speed) {
    fact("speed", fmt::format("{}; {} {}", SpeedWords(c.practical->generation_speed->value),
                              Md(PracticalWords(*c.practical)), MdRow(c.practical->row)));
  }
  fact("stability", Md(StabilityWords(decision)));
  const std::string margins = MarginWords(decision);
  fact("would change at", Md(margins));
  return out + "\n";
}

std::string Candidates(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const CandidateSummary& c : decision.candidates) {
    rows.push_back(
        {Md(FullName(c)), StandingName(c.standing), Md(c.reason),
         c.score ? fmt::format("{} {}", PercentWords(c.score->value), PercentInterval(c.score->interval)) : "",
         c.file_bytes.value == 0 ? "unknown" : FormatBytes(c.file_bytes),
         c.practical && c.practical->generation_speed ? SpeedWords(c.practical->generation_speed->value) : "",
         c.score ? ShareWords(c.chosen_share) : "", MdRow(c.model)});
  }
  return Table({"candidate", "standing", "why", decision.tuned ? "tuned score, 95 %" : "base score, 95 %", "file",
                "speed", "chosen in", "row"},
               rows);
}

std::string Training(const Decision& decision) {
  CellTable table = TuningTable(decision.candidates);
  for (std::vector<std::string>& row : table.rows) row.front() = Md(row.front());
  return table.rows.empty() ? "" : "## Trainability\n\n" + Table(table.header, table.rows);
}

// "3 cut at the token limit, 1 unparsed", or "none".
std::string UnmarkedWords(const TaskScore& score) {
  std::vector<std::string> parts;
  for (const auto& [outcome, count] : score.unmarked) {
    parts.push_back(fmt::format("{} {}", count, OutcomeWords(outcome)));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string Scores(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const size_t i : ByScore(decision)) {
    for (const TaskScore& s : decision.candidates[i].scores) {
      rows.push_back({Md(decision.candidates[i].id), Md(s.task),
                      fmt::format("{} {}", PercentWords(s.share.value), PercentInterval(s.share.interval)),
                      fmt::format("{} of {}", s.right, s.items), UnmarkedWords(s), MdRow(s.run)});
    }
  }
  return rows.empty()
             ? ""
             : "## Scores by suite\n\n" + Table({"candidate", "suite", "score", "right", "not marked", "row"}, rows);
}

std::string Pairs(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const PairVerdict& pair : decision.pairs) {
    rows.push_back(
        {Md(decision.candidates[pair.first].id), Md(decision.candidates[pair.second].id),
         fmt::format("{} {}", SignedPoints(pair.difference.value), SignedInterval(pair.difference.interval)),
         fmt::format("{} to {}", pair.difference.wins, pair.difference.losses), PWords(pair.adjusted_p),
         pair.tie
             ? (pair.items_needed > 0 ? fmt::format("tie; {} items would tell", FormatCount(pair.items_needed)) : "tie")
             : "told apart"});
  }
  return rows.empty()
             ? ""
             : "## Pairs\n\nFirst minus second in points, on the same items; p adjusted by Holm over all pairs.\n\n" +
                   Table({"first", "second", "difference", "wins", "p", "verdict"}, rows);
}

std::string Quantization(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const size_t i : ByScore(decision)) {
    const CandidateSummary& c = decision.candidates[i];
    if (!c.quantization_cost) continue;
    rows.push_back(
        {Md(c.id), PercentWords(c.score->value), PercentWords(c.reference_score->value),
         fmt::format("{} {}", SignedPoints(c.quantization_cost->value), SignedInterval(c.quantization_cost->interval)),
         PWords(c.quantization_cost->p)});
  }
  if (rows.empty() || decision.shipped == decision.reference) return "";
  return "## What the quantization costs\n\n" +
         Table({"candidate", Md(decision.shipped), Md(decision.reference), "difference", "p"}, rows);
}

std::string Rules(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const CandidateSummary& c : decision.candidates) {
    for (const auto* list : {&c.rules, &c.bars}) {
      for (const RuleVerdict& v : *list) {
        const std::string outcome = v.kept ? "unknown, kept" : RuleOutcomeName(v.outcome);
        rows.push_back({Md(c.id), Md(v.rule), outcome, Md(v.value), Md(v.limit), Md(v.margin),
                        Md(v.date.empty() ? v.source : v.source + ", " + v.date), Md(v.would_pass_if), MdRow(v.row)});
      }
    }
  }
  return rows.empty()
             ? ""
             : "## Hard rules\n\n" +
                   Table({"candidate", "rule", "outcome", "value", "limit", "margin", "source", "would pass if", "row"},
                         rows);
}

std::string Figures(const Decision& decision) {
  std::vector<std::vector<std::string>> rows;
  for (const CandidateSummary& c : decision.candidates) {
    for (const PruneVerdict& v : c.evidence) {
      const char* outcome = !v.known      ? "not published"
                            : v.pruned    ? "pruned"
                            : v.undecided ? "undecided, stays"
                                          : "stays";
      rows.push_back({Md(c.id), Md(v.figure), outcome, Md(v.value), Md(v.limit), Md(v.precision),
                      Md(v.date.empty() ? v.source : v.source + ", " + v.date), MdRow(v.row)});
    }
  }
  return rows.empty()
             ? ""
             : "## Published figures\n\nThey prune by the policy's thresholds and decide nothing.\n\n" +
                   Table({"candidate", "figure", "outcome", "value", "limit", "precision", "source", "row"}, rows);
}

}  // namespace

std::string DecisionMarkdown(const Decision& decision, const RecordHead& head) {
  std::string out = fmt::format("# Base model for policy {}\n\n", Md(decision.policy));
  if (!decision.description.empty()) out += fmt::format("Question: {}.\n\n", Md(decision.description));
  out += fmt::format("{}{}{}\n\n", head.date, head.decision.empty() ? "" : fmt::format(" · `{}`", head.decision),
                     decision.machine.empty() ? "" : " · " + Md(decision.machine));
  out += "## Decision\n\n" + MdAnswer(decision);
  out += "## How it was reached\n\n";
  for (const FunnelStep& step : decision.funnel) {
    out += step.measured ? fmt::format("1. {}: {} → {}; {}\n", step.name, step.in, step.out, Md(step.note))
                         : fmt::format("1. {}: {}\n", step.name, Md(step.note));
  }
  out += "\n";
  for (const CriterionStep& step : decision.steps) {
    out += fmt::format(
        "- criterion {}: {}{}\n", Md(step.criterion), Md(step.note),
        step.applied ? fmt::format(" ({} of {} stay)", step.kept.size(), step.kept.size() + step.dropped.size()) : "");
  }
  out += "\n## Candidates\n\n" + Candidates(decision) + Training(decision) + Scores(decision) + Pairs(decision) +
         Quantization(decision) + Rules(decision) + Figures(decision);
  out += "## What is not known\n\n";
  for (const UnknownItem& u : decision.unknowns) {
    out += fmt::format("- **{}**: {}. Cure: {}.\n", Md(u.what), Md(u.why), Md(u.cure));
  }
  out += "\n## How to read the numbers\n\n";
  for (const std::string& note : decision.notes) out += fmt::format("- {}\n", Md(note));
  out += fmt::format(
      "- Brackets are {:.0f} % intervals: Wilson for shares, Newcombe for paired differences. “Not worse” means "
      "that the one-sided bound lies below {:.3g} points, adjusted by Holm; stability is over {} draws of the "
      "items (seed {}).\n",
      100 * (1 - decision.alpha), 100 * decision.margin, FormatCount(decision.resamples), decision.seed);
  std::vector<std::string> rows;
  for (const RowRef& row : decision.rests_on) rows.push_back(MdRow(row));
  out += fmt::format("\n## Rows\n\nThis record rests on {} of the store (`loco show ROW`): {}\n\nPolicy hash `{}`.{}\n",
                     Counted(static_cast<int64_t>(rows.size()), "row", "rows"), fmt::join(rows, " "),
                     decision.policy_hash, head.program.empty() ? "" : " Made by " + Md(head.program) + ".");
  return out;
}

}  // namespace loco
