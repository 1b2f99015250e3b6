#include "report/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/hostile_text.h"
#include "report/layout.h"
#include "report/words.h"

namespace loco {
namespace {

constexpr size_t kLabel = 19;   // column where the value of a labelled line begins
constexpr size_t kDetail = 42;  // column where what stands beside the value begins
constexpr size_t kIndent = 3;
constexpr size_t kLongestName = 44;  // of a candidate, in tables and headings

std::string Safe(std::string_view text) { return ForTerminal(text); }
std::string SafeName(std::string_view name) { return Shorten(ForTerminal(name), kLongestName); }

class Painter {
 public:
  explicit Painter(const Style& style) : style_(style) {}

  std::string Bold(std::string_view text) const { return Paint("1", text); }
  std::string Dim(std::string_view text) const { return Paint("2", text); }
  std::string Green(std::string_view text) const { return Paint("32;1", text); }
  std::string Yellow(std::string_view text) const { return Paint("33", text); }

  // "   base score      62.1 % [59.8, 64.3]    best: …": the detail is wrapped under itself, or stands below the value
  // where the terminal is narrow.
  std::string Line(std::string_view label, std::string_view value, std::string_view detail) const {
    const std::string head = "   " + Dim(PadRight(label, kLabel - 3));
    if (narrow() && !detail.empty())
      return head + fmt::format("{}\n{:{}}", value, "", kLabel) + Wrap(detail, style_.width, kLabel, kLabel) + "\n";
    const size_t begin = std::max(kDetail, kLabel + DisplayWidth(value) + 2);
    return head + PadRight(value, begin - kLabel) + Wrap(detail, style_.width, kDetail, begin) + "\n";
  }
  std::string Line(std::string_view label, std::string_view text) const {
    return "   " + Dim(PadRight(label, kLabel - 3)) + Wrap(text, style_.width, kLabel, kLabel) + "\n";
  }
  size_t width() const { return style_.width; }
  bool narrow() const { return style_.width < kDetail + 28; }

 private:
  std::string Paint(const char* code, std::string_view text) const {
    return style_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  Style style_;
};

std::string Heading(const Decision& decision, const Painter& paint) {
  const std::string machine = decision.machine.empty() ? "" : " · " + Safe(decision.machine);
  return Wrap(
             fmt::format("LocoLLM · policy {} · {}{}", Safe(decision.policy),
                         Counted(static_cast<int64_t>(decision.candidates.size()), "candidate", "candidates"), machine),
             paint.width(), 0) +
         "\n\n";
}

std::string ScoreWords(const CandidateSummary& c) {
  return fmt::format("{} {}", PercentWords(c.score->value), PercentInterval(c.score->interval));
}

std::string BestWords(const Decision& decision) {
  const CandidateSummary& chosen = decision.candidates[*decision.chosen];
  const std::string items = Counted(decision.items, "item", "items");
  if (*decision.chosen == *decision.best) {
    if (decision.pairs.empty()) return fmt::format("on {}", items);
    return fmt::format("the best of {}, on {}", ByScore(decision).size(), items);
  }
  const CandidateSummary& best = decision.candidates[*decision.best];
  return fmt::format(
      "best: {} {} {}, {} on {}", SafeName(best.id), PercentWords(best.score->value),
      PercentInterval(best.score->interval),
      chosen.ties_with_best ? "a tie" : fmt::format("told apart ({})", PWords(chosen.to_best_adjusted_p)), items);
}

std::string AnswerText(const Decision& decision, const Painter& paint) {
  const CandidateSummary& c = decision.candidates[*decision.chosen];
  const std::string head = "→ " + SafeName(FullName(c));
  const size_t begin = std::max(kDetail, DisplayWidth(head) + 2);
  std::string out = paint.Green(head);
  out += paint.narrow() ? "\n   " + Wrap(Safe(decision.reason), paint.width(), kIndent, kIndent) + "\n"
                        : std::string(begin - DisplayWidth(head), ' ') +
                              Wrap(Safe(decision.reason), paint.width(), kDetail, begin) + "\n";
  if (c.score) {
    out += paint.Line(decision.tuned ? "tuned score" : "base score", ScoreWords(c), BestWords(decision));
    if (*decision.chosen != *decision.best) {
      out += paint.Line("to the best",
                        fmt::format("{} {}", SignedPoints(c.to_best->value), SignedInterval(c.to_best->interval)),
                        fmt::format("at most {:.1f} points worse than any other, with {:.0f} %",
                                    100 * c.best_is_better_at_most, 100 * (1 - decision.alpha)));
    }
  }
  if (c.gain) {
    out += paint.Line("gain from LoRA",
                      fmt::format("{} {}", SignedPoints(c.gain->value), SignedInterval(c.gain->interval)),
                      fmt::format("from {} untrained; {} of what was missing", PercentWords(c.base_score->value),
                                  PercentWords(c.headroom_gain)));
    out += paint.Line("adapter", FormatBytes(c.tuning->runs.back().adapter_bytes), TuningWords(*c.tuning));
  }
  if (c.quantization_cost && decision.shipped != decision.reference) {
    out += paint.Line(
        "cost of " + Safe(decision.shipped).substr(0, 8),
        fmt::format("{} {}", SignedPoints(c.quantization_cost->value), SignedInterval(c.quantization_cost->interval)),
        fmt::format("against {}, paired on {}", Safe(decision.reference),
                    Counted(c.quantization_cost->n, "item", "items")));
  }
  if (c.memory) {
    out += paint.Line("memory", fmt::format("{} of {}", FormatBytes(c.memory->total), FormatBytes(c.memory->limit)),
                      fmt::format("at {} tokens, operating system and runtime included",
                                  FormatCount(static_cast<int64_t>(c.memory->context))));
  }
  if (c.practical && c.practical->generation_speed) {
    const Measured& speed = *c.practical->generation_speed;
    out += paint.Line("speed", fmt::format("{} {}", SpeedWords(speed.value), SpeedInterval(speed.interval)),
                      Safe(PracticalWords(*c.practical)));
  }
  out += paint.Line("stability", Safe(StabilityWords(decision)));
  const std::string margins = MarginWords(decision);
  if (!margins.empty()) out += paint.Line("would change", Safe(margins));
  return out;
}

std::string UnknownText(const Decision& decision, const Painter& paint) {
  std::string out;
  for (const UnknownItem& unknown : decision.unknowns) {
    out += paint.Line(out.empty() ? "unknown" : "",
                      Safe(fmt::format("{}: {}. Cure: {}", unknown.what, unknown.why, unknown.cure)));
  }
  return out;
}

// What one row of the table of scores says about how the candidate stands.
std::string StandingWords(const Decision& decision, size_t i) {
  const CandidateSummary& c = decision.candidates[i];
  if (c.standing == Standing::kBelowBar) return Safe(c.reason);
  const bool best = decision.best && i == *decision.best;
  if (c.standing == Standing::kChosen) return best ? "chosen, best score" : "chosen";
  if (best) return "best score";
  return c.ties_with_best ? "ties with the best" : "outdone";
}

std::string ScoresText(const Decision& decision, const Painter& paint) {
  const std::vector<size_t> order = ByScore(decision);
  if (order.empty()) return "";
  struct Column {
    std::string header;
    bool number;
    int importance;  // the least important go first where the terminal is narrow
    std::vector<std::string> cells;
  };
  std::vector<Column> columns = {{"", false, 9, {}},     {"candidate", false, 9, {}}, {"score", true, 9, {}},
                                 {"95 %", false, 3, {}}, {"to best", true, 5, {}},    {"size", true, 4, {}},
                                 {"speed", true, 2, {}}, {"chosen in", true, 6, {}},  {"standing", false, 9, {}}};
  if (decision.tuned) columns[2].header = "tuned";
  columns[3].header = fmt::format("{:.0f} %", 100 * (1 - decision.alpha));
  for (const size_t i : order) {
    const CandidateSummary& c = decision.candidates[i];
    const bool running = c.standing == Standing::kChosen || c.standing == Standing::kOutdone;
    const std::vector<std::string> cells = {
        c.standing == Standing::kChosen ? "→" : " ",
        Shorten(Safe(c.id), 26),
        fmt::format("{:.1f}", 100 * c.score->value),
        PercentInterval(c.score->interval),
        c.to_best ? SignedPoints(c.to_best->value) : "",
        c.file_bytes.value == 0 ? "unknown" : FormatBytes(c.file_bytes),
        c.practical && c.practical->generation_speed ? SpeedWords(c.practical->generation_speed->value) : "–",
        running ? ShareWords(c.chosen_share) : "",
        Shorten(StandingWords(decision, i), 40)};
    for (size_t k = 0; k < columns.size(); ++k) columns[k].cells.push_back(cells[k]);
  }
  const auto render = [&] {
    TextTable table;
    std::vector<size_t> numbers;
    for (size_t r = 0; r <= order.size(); ++r) {
      std::vector<std::string> row;
      for (const Column& column : columns) row.push_back(r == 0 ? column.header : column.cells[r - 1]);
      table.AddRow(std::move(row));
    }
    for (size_t k = 0; k < columns.size(); ++k) {
      if (columns[k].number) numbers.push_back(k);
    }
    return std::pair(table.NaturalWidth(kIndent), table.Render(kIndent, paint.width(), numbers));
  };
  auto [width, text] = render();
  while (width > paint.width() && columns.size() > 4) {
    columns.erase(std::min_element(columns.begin(), columns.end(),
                                   [](const Column& a, const Column& b) { return a.importance < b.importance; }));
    std::tie(width, text) = render();
  }
  return "\n" + text;
}

std::string TuningText(const Decision& decision, const Painter& paint) {
  CellTable cells = TuningTable(decision.candidates);
  if (cells.rows.empty()) return "";
  const auto drop = [&](size_t column) {
    for (auto& row : cells.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
    cells.header.erase(cells.header.begin() + static_cast<std::ptrdiff_t>(column));
    std::erase(cells.numbers, column);
    for (size_t& number : cells.numbers) number -= number > column ? 1 : 0;
  };
  // A line is short: the sizes of adapters stand in the record, one task needs no column, and what is said above the
  // table need not be in its header.
  drop(static_cast<size_t>(std::find(cells.header.begin(), cells.header.end(), "adapter") - cells.header.begin()));
  std::replace(cells.header.begin(), cells.header.end(), std::string("bits/byte"), std::string("before"));
  std::replace(cells.header.begin(), cells.header.end(), std::string("trained"), std::string("after"));
  const std::string task = cells.rows.front()[1];
  const bool one_task =
      std::all_of(cells.rows.begin(), cells.rows.end(), [&](const auto& row) { return row[1] == task; });
  if (one_task) drop(1);
  const std::string title = fmt::format("   {}bits a byte of held-out answers before and after training; scores in %\n",
                                        one_task ? Safe(task) + ": " : "");
  TextTable table;
  table.AddRow(cells.header);
  for (std::vector<std::string>& row : cells.rows) {
    row.front() = Shorten(Safe(row.front()), 26);
    table.AddRow(std::move(row));
  }
  return "\n" + title + table.Render(kIndent, paint.width(), cells.numbers);
}

// What would let a candidate through that a hard rule keeps out.
std::string CureWords(const CandidateSummary& c) {
  std::vector<std::string> cures;
  for (const RuleVerdict& v : c.rules) {
    if (v.outcome != RuleOutcome::kPass && !v.kept && !v.would_pass_if.empty()) cures.push_back(v.would_pass_if);
  }
  return cures.empty() ? "" : fmt::format("would pass if: {}", fmt::join(cures, "; and "));
}

std::string OutText(const Decision& decision, const Painter& paint) {
  std::string out;
  for (const CandidateSummary& c : decision.candidates) {
    if (c.standing != Standing::kRejected && c.standing != Standing::kPruned) continue;
    if (out.empty()) out = "\n   " + paint.Bold("out") + "\n";
    constexpr size_t kName = 28;
    const size_t column = paint.narrow() ? 2 * kIndent : kName + 5;
    const std::string margin(column, ' ');
    out += "   " + (paint.narrow() ? SafeName(c.id) + "\n" + margin : PadRight(Shorten(Safe(c.id), kName), kName + 2)) +
           Wrap(Safe(c.reason), paint.width(), column, column) + "\n";
    const std::string cure = Safe(CureWords(c));
    if (!cure.empty()) out += margin + Wrap(cure, paint.width(), column, column) + "\n";
  }
  return out;
}

std::string MissesText(const Decision& decision, const Painter& paint) {
  std::string out =
      paint.Yellow("→ nobody meets the policy.") + (decision.near_misses.empty() ? "\n" : " Nearest misses:\n");
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < std::min(kShown, decision.near_misses.size()); ++i) {
    const NearMiss& miss = decision.near_misses[i];
    out += "   " + paint.Bold(SafeName(decision.candidates[miss.candidate].id)) + "\n";
    for (const RuleVerdict& v : miss.failed) {
      const std::string what = v.outcome == RuleOutcome::kUnknown
                                   ? fmt::format("{}: {}", v.rule, v.value)
                                   : fmt::format("{}: {} (needed: {})", v.rule, v.value, v.limit);
      out += "      " + Wrap(Safe(what), paint.width(), 9, 6) + "\n";
      out += "      " + Wrap("would pass if: " + Safe(v.would_pass_if), paint.width(), 9, 6) + "\n";
    }
  }
  if (decision.near_misses.size() > kShown) {
    out += fmt::format("   and {} more in the record\n", decision.near_misses.size() - kShown);
  }
  return out;
}

std::string UnmeasuredText(const Decision& decision, const Painter& paint) {
  std::vector<const CandidateSummary*> waiting;
  for (const CandidateSummary& c : decision.candidates) {
    if (c.standing == Standing::kNotMeasured) waiting.push_back(&c);
  }
  std::string out =
      paint.Yellow(Wrap(fmt::format("→ no decision: {} of {} candidates meet the hard rules, and none was measured.",
                                    waiting.size(), decision.candidates.size()),
                        paint.width(), 2)) +
      "\n";
  TextTable table;
  table.AddRow({"candidate", "memory", "size"});
  std::map<std::string, std::vector<std::string>> reasons;
  for (const CandidateSummary* c : waiting) {
    table.AddRow({SafeName(c->id), c->memory ? FormatBytes(c->memory->total) : "unknown",
                  c->file_bytes.value == 0 ? "unknown" : FormatBytes(c->file_bytes)});
    reasons[c->reason].push_back(SafeName(c->id));
  }
  out += table.Render(3, paint.width(), {1, 2});
  for (const auto& [reason, names] : reasons) {
    const std::string who = reasons.size() == 1 ? "" : fmt::format("{}: ", fmt::join(names, ", "));
    out +=
        "   " + Wrap(fmt::format("not measured: {}{}", who, Safe(reason)), paint.width(), 2 * kIndent, kIndent) + "\n";
  }
  return out;
}

}  // namespace

std::string FunnelText(const Decision& decision, const Style& style) {
  const Painter paint(style);
  std::string out;
  for (size_t i = 0; i < decision.funnel.size(); ++i) {
    const FunnelStep& step = decision.funnel[i];
    const std::string arrow = step.measured ? fmt::format("{:>3} → {}", step.in, step.out) : "  –";
    const std::string head = fmt::format("{} {} {}", i + 1, PadRight(step.name, 13), PadRight(arrow, 10));
    const size_t indent = DisplayWidth(head) + 1;
    const std::string note = Wrap(Safe(step.note), style.width, indent, indent);
    out += fmt::format("{} {}\n", head, step.measured ? note : paint.Dim(note));
  }
  return out;
}

std::string FilterText(const Decision& decision, const Style& style) {
  const Painter paint(style);
  std::string out;
  for (const CandidateSummary& c : decision.candidates) {
    out += paint.Bold(SafeName(c.id)) + "  " + StandingName(c.standing) + "\n";
    TextTable table;
    if (c.rules.empty()) out += "   the policy has no hard rules\n";
    table.AddRow({"", "rule", "value", "limit", "margin", "source"});
    for (const RuleVerdict& v : c.rules) {
      const std::string mark = v.outcome == RuleOutcome::kPass ? "✓" : v.outcome == RuleOutcome::kFail ? "✗" : "?";
      table.AddRow({mark, v.rule, Shorten(Safe(v.value), 40), Shorten(Safe(v.limit), 30),
                    v.kept ? "kept by the policy" : Safe(v.margin),
                    Safe(v.date.empty() ? v.source : fmt::format("{}, {}", v.source, v.date))});
    }
    if (!c.rules.empty()) out += table.Render(3, style.width, {});
    for (const RuleVerdict& v : c.rules) {
      if (v.outcome == RuleOutcome::kPass) continue;
      const std::string what = fmt::format("{}: {}; would pass if: {}", v.rule, Safe(v.value), Safe(v.would_pass_if));
      out += "   " + Wrap(what, style.width, 6, 3) + "\n";
    }
  }
  return out;
}

std::string DecisionText(const Decision& decision, const Style& style, const DecisionLinks& links) {
  const Painter paint(style);
  std::string out = Heading(decision, paint) + FunnelText(decision, style) + "\n";
  switch (decision.kind) {
    case DecisionKind::kChosen:
      out += AnswerText(decision, paint) + UnknownText(decision, paint) + ScoresText(decision, paint) +
             TuningText(decision, paint) + OutText(decision, paint);
      break;
    case DecisionKind::kNobodyQualifies:
      out += MissesText(decision, paint) + ScoresText(decision, paint);
      break;
    case DecisionKind::kNothingMeasured:
      out += UnmeasuredText(decision, paint) + OutText(decision, paint);
      break;
  }
  if (!decision.notes.empty()) out += "\n";
  for (const std::string& note : decision.notes) out += "   " + Wrap(Safe(note), style.width, 3, 3) + "\n";
  if (links.files.empty() && links.decision.empty()) return out;
  out += "\n";
  if (!links.files.empty())
    out += "record  " + Wrap(fmt::format("{}", fmt::join(links.files, " · ")), style.width, 8, 8) + "\n";
  if (!links.decision.empty()) out += fmt::format("every number: loco show {}\n", links.decision);
  return out;
}

}  // namespace loco
