#include "report/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/hostile_text.h"
#include "report/report_css.h"
#include "report/svg.h"
#include "report/words.h"

namespace loco {
namespace {

std::string H(std::string_view text) { return ForHtml(text); }

std::string Row(const RowRef& row) {
  return row.id == 0 ? "" : fmt::format("<span class=\"row\">{}</span>", H(row.Text()));
}

// Base64 of a SHA-256 given as hexadecimal digits: how a content-security policy names a style sheet.
std::string Base64OfHex(std::string_view hex) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto nibble = [](char c) { return static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 6) {  // three bytes, four digits
    uint32_t bits = 0;
    const size_t bytes = std::min<size_t>(6, hex.size() - i) / 2;
    for (size_t k = 0; k < 6; ++k) bits = bits << 4 | (i + k < hex.size() ? nibble(hex[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= bytes ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string Head(const Decision& decision) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; base-uri "
      "'none'; "
      "form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>LocoLLM: "
      "{}</title>\n<style>{}</style>\n</head>\n<body>\n",
      Base64OfHex(Sha256Hex(kReportCss)), H(decision.policy), kReportCss);
}

class Section {
 public:
  Section(std::string& out, std::string_view title) : out_(out) {
    out_ += fmt::format("<section>\n<h2>{}</h2>\n", title);
  }
  ~Section() { out_ += "</section>\n"; }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

 private:
  std::string& out_;
};

// Cells are HTML already. `numbers` lists the columns set to the right.
class HtmlTable {
 public:
  HtmlTable(std::vector<std::string> header, std::vector<size_t> numbers) : numbers_(std::move(numbers)) {
    out_ = "<div class=\"scroll\"><table>\n<thead><tr>";
    for (size_t i = 0; i < header.size(); ++i) out_ += fmt::format("<th scope=\"col\"{}>{}</th>", Class(i), header[i]);
    out_ += "</tr></thead>\n<tbody>\n";
  }
  void Add(const std::vector<std::string>& cells, bool chosen = false) {
    out_ += chosen ? "<tr class=\"chosen\">" : "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) {
      out_ += i == 0 ? fmt::format("<th scope=\"row\">{}</th>", cells[i])
                     : fmt::format("<td{}>{}</td>", Class(i), cells[i]);
    }
    out_ += "</tr>\n";
    ++rows_;
  }
  bool empty() const { return rows_ == 0; }
  std::string Finish() const { return out_ + "</tbody></table></div>\n"; }

 private:
  const char* Class(size_t column) const {
    return std::find(numbers_.begin(), numbers_.end(), column) != numbers_.end() ? " class=\"number\"" : "";
  }
  std::vector<size_t> numbers_;
  std::string out_;
  int rows_ = 0;
};

std::string Fact(std::string_view term, const std::string& value, const std::string& detail) {
  return fmt::format("<div><dt>{}</dt><dd>{}{}</dd></div>\n", term, value,
                     detail.empty() ? "" : fmt::format("<small>{}</small>", detail));
}

std::string Facts(const Decision& decision, const CandidateSummary& c) {
  std::string out = "<dl class=\"facts\">\n";
  if (c.score) {
    out += Fact(decision.tuned ? "tuned score" : "base score, untrained",
                fmt::format("{} {}", PercentWords(c.score->value), PercentInterval(c.score->interval)),
                fmt::format("{} at {}", Counted(decision.items, "item", "items"), H(decision.shipped)));
  }
  if (c.gain) {
    out += Fact("gain from LoRA", fmt::format("{} {}", SignedPoints(c.gain->value), SignedInterval(c.gain->interval)),
                fmt::format("from {} untrained; {}", PercentWords(c.base_score->value), H(TuningWords(*c.tuning))));
  }
  if (c.to_best) {
    const CandidateSummary& best = decision.candidates[*decision.best];
    out += Fact(fmt::format("to the best, {}", H(best.id)),
                fmt::format("{} {}", SignedPoints(c.to_best->value), SignedInterval(c.to_best->interval)),
                fmt::format("{}; at most {:.1f} points worse than any other with {:.0f} %",
                            c.ties_with_best ? "a tie" : "told apart", 100 * c.best_is_better_at_most,
                            100 * (1 - decision.alpha)));
  }
  if (c.quantization_cost && decision.shipped != decision.reference) {
    out += Fact(
        fmt::format("{} against {}", H(decision.shipped), H(decision.reference)),
        fmt::format("{} {}", SignedPoints(c.quantization_cost->value), SignedInterval(c.quantization_cost->interval)),
        "points, the same items");
  }
  if (c.memory) {
    out += Fact("memory", fmt::format("{} of {}", FormatBytes(c.memory->total), FormatBytes(c.memory->limit)),
                fmt::format("at {} tokens, operating system and runtime included",
                            FormatCount(static_cast<int64_t>(c.memory->context))));
  }
  if (c.practical && c.practical->generation_speed) {
    const Measured& speed = *c.practical->generation_speed;
    out += Fact("speed on this machine", fmt::format("{} {}", SpeedWords(speed.value), SpeedInterval(speed.interval)),
                H(PracticalWords(*c.practical)));
  }
  std::string stability = StabilityWords(decision);
  std::string others;
  if (const size_t cut = stability.find("; "); cut != std::string::npos) {
    others = stability.substr(cut + 2) + ". ";
    stability.resize(cut);
  }
  const std::string margins = MarginWords(decision);
  out += Fact("stability", H(stability), H(others + (margins.empty() ? "" : "Would change at " + margins)));
  return out + "</dl>\n";
}

std::string Answer(const Decision& decision) {
  if (decision.kind == DecisionKind::kChosen) {
    const CandidateSummary& c = decision.candidates[*decision.chosen];
    return fmt::format("<div class=\"answer\">\n<p class=\"name\">{}</p>\n<p class=\"reason\">{}</p>\n{}</div>\n",
                       H(FullName(c)), H(decision.reason), Facts(decision, c));
  }
  std::string out = "<div class=\"answer none\">\n";
  if (decision.kind == DecisionKind::kNothingMeasured) {
    out +=
        "<p class=\"name\">No decision</p>\n<p class=\"reason\">Candidates meet the hard rules, but none was "
        "measured.</p>\n<ul>\n";
    for (const CandidateSummary& c : decision.candidates) {
      if (c.standing == Standing::kNotMeasured) out += fmt::format("<li><b>{}</b>: {}</li>\n", H(c.id), H(c.reason));
    }
  } else {
    out +=
        "<p class=\"name\">Nobody meets the policy</p>\n<p class=\"reason\">Nearest misses, and what would change "
        "them:</p>\n<ul>\n";
    for (const NearMiss& miss : decision.near_misses) {
      for (const RuleVerdict& v : miss.failed) {
        out +=
            fmt::format("<li><b>{}</b>: {}: {}{} · would pass if: {}</li>\n", H(decision.candidates[miss.candidate].id),
                        H(v.rule), H(v.value), v.limit.empty() ? "" : H(", limit " + v.limit), H(v.would_pass_if));
      }
    }
  }
  return out + "</ul>\n</div>\n";
}

std::string Funnel(const Decision& decision) {
  std::string out = "<ol class=\"funnel\">\n";
  for (size_t i = 0; i < decision.funnel.size(); ++i) {
    const FunnelStep& step = decision.funnel[i];
    out += fmt::format("<li{}><b>{} {}</b><span class=\"count\">{}</span><span class=\"note\">{}</span></li>\n",
                       step.measured ? "" : " class=\"unmeasured\"", i + 1, H(step.name),
                       step.measured ? fmt::format("{} → {}", step.in, step.out) : "–", H(step.note));
  }
  return out + "</ol>\n";
}

ForestRow RowOf(const Decision& decision, size_t i, double value, const Interval& interval, std::string text) {
  return {.label = decision.candidates[i].id,
          .value = 100 * value,
          .interval = {100 * interval.low, 100 * interval.high},
          .text = std::move(text),
          .chosen = decision.chosen && i == *decision.chosen};
}

void AddScores(const Decision& decision, std::string& out) {
  const std::vector<size_t> order = ByScore(decision);
  if (order.empty()) return;
  const Section section(out, decision.tuned ? "Scores after tuning" : "Base scores");
  out += fmt::format(
      "<p class=\"soft\">Macro-average of the suites at {}, {}, with {:.0f} % intervals. Overlapping intervals "
      "are no "
      "test: the next picture compares pairs.</p>\n",
      H(decision.shipped), Counted(decision.items, "item", "items"), 100 * (1 - decision.alpha));
  ForestPlot plot{.title = decision.tuned ? "tuned scores with intervals" : "base scores with intervals",
                  .unit = "%",
                  .rows = {},
                  .guides = {}};
  for (const size_t i : order) {
    const Estimate& e = *decision.candidates[i].score;
    plot.rows.push_back(RowOf(decision, i, e.value, e.interval,
                              fmt::format("{} {}", PercentWords(e.value), PercentInterval(e.interval))));
  }
  out += Render(plot);
}

// One picture a tuned suite: how fast each candidate learned it, on the most examples that it was given; of finalists
// every seed.
std::string LearningCurves(const Decision& decision) {
  std::map<std::string, CurvePlot> plots;  // of tasks
  for (size_t i = 0; i < decision.candidates.size(); ++i) {
    const CandidateSummary& c = decision.candidates[i];
    if (!c.tuning || c.tuning->runs.empty()) continue;
    const int64_t examples = c.tuning->runs.back().examples;
    std::set<std::string> labelled;
    for (const TuningRun& run : c.tuning->runs) {
      if (run.examples != examples || !run.score) continue;  // without a score: another learning rate was better
      CurvePlot& plot = plots[run.task];
      plot.title = "bits a byte of the held-out answers of " + run.task + " while candidates are trained";
      plot.x_unit = "tokens trained on";
      plot.y_unit = "bits a byte, held out: " + run.task;
      PlotCurve curve{.label = labelled.insert(run.task).second ? c.id : "",
                      .points = {},
                      .chosen = decision.chosen && i == *decision.chosen,
                      .dashed = c.tuning->dropped_after > 0};
      for (const auto& [tokens, bits] : run.curve) curve.points.emplace_back(static_cast<double>(tokens), bits);
      plot.curves.push_back(std::move(curve));
    }
  }
  std::string out;
  for (const auto& [task, plot] : plots) out += Render(plot);
  return out;
}

void AddTraining(const Decision& decision, std::string& out) {
  const CellTable cells = TuningTable(decision.candidates);
  if (cells.rows.empty()) return;
  const Section section(out, "Trainability");
  out +=
      "<p class=\"soft\">Every training run of every candidate on the same examples: bits a byte of held-out answers "
      "before and after, the score of the tuned model, its gain in points. Curves: each candidate at its best learning "
      "rate; dashed, who left.</p>\n";
  out += LearningCurves(decision);
  HtmlTable table(cells.header, {cells.numbers.begin(), cells.numbers.end()});
  for (std::vector<std::string> row : cells.rows) {
    for (std::string& cell : row) cell = H(cell);
    row.back() = fmt::format("<span class=\"row\">{}</span>", row.back());
    table.Add(row);
  }
  out += table.Finish();
}

void AddDifferences(const Decision& decision, std::string& out) {
  ForestPlot plot{.title = "paired differences to the best score", .unit = "", .rows = {}, .guides = {}};
  for (const size_t i : ByScore(decision)) {
    const CandidateSummary& c = decision.candidates[i];
    if (!c.to_best) continue;
    plot.rows.push_back(
        RowOf(decision, i, c.to_best->value, c.to_best->interval,
              fmt::format("{} {}", SignedPoints(c.to_best->value), c.ties_with_best ? "tie" : "told apart")));
  }
  if (plot.rows.empty()) return;
  plot.guides.push_back({0, decision.candidates[*decision.best].id, true});
  plot.guides.push_back({-100 * decision.margin, "margin", false});
  const Section section(out, "Differences to the best, item by item");
  out += fmt::format(
      "<p class=\"soft\">Points, on the same items, two-sided intervals. Tie: the paired test over all pairs, adjusted "
      "by "
      "Holm, does not tell the two apart. Not worse: the one-sided bound against every other candidate lies within "
      "{:.3g} "
      "points.</p>\n",
      100 * decision.margin);
  out += Render(plot);
}

void AddCandidates(const Decision& decision, std::string& out) {
  const Section section(out, "Candidates");
  HtmlTable table(
      {"candidate", "standing", "score", "file", "memory", "speed", "first token", "best in", "chosen in", "why"},
      {2, 3, 4, 5, 6, 7, 8});
  for (const CandidateSummary& c : decision.candidates) {
    const bool running = c.standing == Standing::kChosen || c.standing == Standing::kOutdone;
    const Practical none;
    const Practical& p = c.practical ? *c.practical : none;
    table.Add(
        {H(FullName(c)) + "<br>" + Row(c.model), H(StandingName(c.standing)),
         c.score ? PercentWords(c.score->value) : "–", c.file_bytes.value == 0 ? "unknown" : FormatBytes(c.file_bytes),
         c.memory ? FormatBytes(c.memory->total) : "unknown",
         p.generation_speed ? SpeedWords(p.generation_speed->value) : "–",
         p.first_token_seconds ? SecondsWords(p.first_token_seconds->value) : "–",
         running ? ShareWords(c.best_share) : "–", running ? ShareWords(c.chosen_share) : "–",
         H(c.reason) + (running && !c.on_front && !c.dominated_by.empty()
                            ? "<br><small>off the front: " + H(c.dominated_by) + " is as good in everything</small>"
                            : "")},
        c.standing == Standing::kChosen);
  }
  out += table.Finish();
  out +=
      "<p class=\"soft\">Best in, chosen in: share of draws of the items in which a candidate has the best score, and "
      "in which the "
      "policy chooses it.</p>\n";
}

void AddSuites(const Decision& decision, std::string& out) {
  const std::vector<size_t> order = ByScore(decision);
  if (order.empty()) return;
  const Section section(out, "Scores by suite");
  std::vector<std::string> header{"candidate"};
  std::vector<size_t> numbers;
  for (const TaskScore& s : decision.candidates[order.front()].scores) {
    header.push_back(H(s.task));
    numbers.push_back(numbers.size() + 1);
  }
  HtmlTable table(header, numbers);
  for (const size_t i : order) {
    const CandidateSummary& c = decision.candidates[i];
    std::vector<std::string> cells{H(c.id)};
    for (const TaskScore& s : c.scores) {
      const int64_t lost = s.Unmarked();
      cells.push_back(fmt::format(
          "{}<br><small>{}</small><br>{}{}", PercentWords(s.share.value), PercentInterval(s.share.interval), Row(s.run),
          lost == 0 ? "" : fmt::format("<br><small class=\"unknown\">{} not marked</small>", lost)));
    }
    table.Add(cells, c.standing == Standing::kChosen);
  }
  out += table.Finish();
}

void AddQuantization(const Decision& decision, std::string& out) {
  ForestPlot plot{.title = "cost of the quantization", .unit = "", .rows = {}, .guides = {}};
  for (const size_t i : ByScore(decision)) {
    const auto& cost = decision.candidates[i].quantization_cost;
    if (!cost) continue;
    plot.rows.push_back(RowOf(decision, i, cost->value, cost->interval,
                              fmt::format("{} {}", SignedPoints(cost->value), SignedInterval(cost->interval))));
  }
  if (plot.rows.empty() || decision.shipped == decision.reference) return;
  plot.guides.push_back({0, decision.reference, true});
  const Section section(out, "What the quantization costs");
  out += fmt::format("<p class=\"soft\">{} minus {} in points, on the same items.</p>\n", H(decision.shipped),
                     H(decision.reference));
  out += Render(plot);
}

std::string Mark(const RuleVerdict& v) {
  if (v.outcome == RuleOutcome::kPass) return "<span class=\"pass\">✓ pass</span>";
  if (v.outcome == RuleOutcome::kFail) return "<span class=\"fail\">✗ fail</span>";
  return v.kept ? "<span class=\"unknown\">? unknown, kept</span>" : "<span class=\"unknown\">? unknown</span>";
}

void AddRules(const Decision& decision, std::string& out) {
  HtmlTable table({"candidate", "rule", "", "value", "limit", "margin", "source", "would pass if"}, {});
  for (const CandidateSummary& c : decision.candidates) {
    for (const auto* list : {&c.rules, &c.bars}) {
      for (const RuleVerdict& v : *list) {
        table.Add({H(c.id), H(v.rule), Mark(v), H(v.value), H(v.limit), H(v.margin),
                   H(v.source) + (v.date.empty() ? "" : "<br><small>" + H(v.date) + "</small>") +
                       (v.row.id == 0 ? "" : "<br>" + Row(v.row)),
                   H(v.would_pass_if)});
      }
    }
  }
  if (table.empty()) return;
  const Section section(out, "Hard rules");
  out += table.Finish();
}

void AddEvidence(const Decision& decision, std::string& out) {
  HtmlTable table({"candidate", "figure", "", "value", "limit", "precision", "source"}, {});
  for (const CandidateSummary& c : decision.candidates) {
    for (const PruneVerdict& v : c.evidence) {
      const char* outcome = !v.known      ? "not published"
                            : v.pruned    ? "pruned"
                            : v.undecided ? "undecided, stays"
                                          : "stays";
      table.Add({H(c.id), H(v.figure), outcome, H(v.value), H(v.limit), H(v.precision),
                 H(v.source) + (v.date.empty() ? "" : "<br><small>" + H(v.date) + "</small>")});
    }
  }
  if (table.empty()) return;
  const Section section(out, "Published figures");
  out += "<p class=\"soft\">They prune by the policy's thresholds, and decide nothing.</p>\n" + table.Finish();
}

void AddDoubts(const Decision& decision, std::string& out) {
  {
    const Section section(out, "What is not known");
    out += "<ul>\n";
    for (const UnknownItem& u : decision.unknowns) {
      out += fmt::format("<li><b>{}</b>: {}. <span class=\"soft\">Cure: {}.</span></li>\n", H(u.what), H(u.why),
                         H(u.cure));
    }
    out += "</ul>\n";
  }
  const Section section(out, "How to read the numbers");
  out += "<ul>\n";
  for (const std::string& note : decision.notes) out += fmt::format("<li>{}</li>\n", H(note));
  out += fmt::format(
      "<li>Brackets are {:.0f} % intervals: Wilson for shares, Newcombe for paired differences, combined over suites. "
      "Stability is over {} draws of the items, seed {}.</li>\n",
      100 * (1 - decision.alpha), FormatCount(decision.resamples), decision.seed);
  for (const CriterionStep& step : decision.steps) {
    out += fmt::format(
        "<li>Criterion {}: {}{}.</li>\n", H(step.criterion), H(step.note),
        step.applied ? fmt::format("; {} of {} stay", step.kept.size(), step.kept.size() + step.dropped.size()) : "");
  }
  out += "</ul>\n";
}

void AddSamples(const std::vector<AnswerSample>& samples, std::string& out) {
  if (samples.empty()) return;
  const Section section(out, "Raw answers");
  out +=
      "<p class=\"soft\">A few of the stored answers, as the models wrote them; control characters are made "
      "visible.</p>\n";
  for (const AnswerSample& s : samples) {
    const bool right = s.outcome == Outcome::kRight;
    out += fmt::format("<details><summary><span class=\"{}\">{} {}</span> {} · {} · {} {}</summary>\n",
                       right ? "pass" : "fail", right ? "✓" : "✗", H(OutcomeName(s.outcome)), H(s.candidate), H(s.task),
                       H(s.item), Row(s.row));
    out += fmt::format("<p class=\"soft\">asked</p><pre>{}</pre><p class=\"soft\">answered</p><pre>{}</pre>",
                       H(s.prompt), H(s.answer));
    out += fmt::format("<p class=\"soft\">expected</p><pre>{}</pre>", H(s.expected));
    if (s.extracted != s.answer)
      out += fmt::format("<p class=\"soft\">read by the scorer</p><pre>{}</pre>", H(s.extracted));
    out += "</details>\n";
  }
}

void AddFooter(const Decision& decision, const ReportContent& content, std::string& out) {
  out += "<footer>\n<details><summary>";
  out += fmt::format(
      "This page rests on {} of the store; <span class=\"row\">loco show ROW</span> shows each</summary>\n<p>",
      Counted(static_cast<int64_t>(decision.rests_on.size()), "row", "rows"));
  for (const RowRef& row : decision.rests_on) out += Row(row) + " ";
  out += fmt::format("</p></details>\n<p>Policy hash <span class=\"row\">{}</span><br>{}</p>\n</footer>\n",
                     H(decision.policy_hash), H(content.program));
}

}  // namespace

std::string DecisionHtml(const Decision& decision, const ReportContent& content) {
  std::string out = Head(decision);
  out += fmt::format("<header>\n<h1>LocoLLM · policy {}</h1>\n<p>{}</p>\n<p>{}</p>\n</header>\n<main>\n",
                     H(decision.policy), H(decision.description),
                     H(fmt::format("{}{}{}{}{}", content.date, content.decision.empty() ? "" : " · ", content.decision,
                                   decision.machine.empty() ? "" : " · ", decision.machine)));
  out += Answer(decision) + Funnel(decision);
  AddScores(decision, out);
  AddDifferences(decision, out);
  AddTraining(decision, out);
  AddCandidates(decision, out);
  AddSuites(decision, out);
  AddQuantization(decision, out);
  AddRules(decision, out);
  AddEvidence(decision, out);
  AddDoubts(decision, out);
  AddSamples(content.samples, out);
  out += "</main>\n";
  AddFooter(decision, content, out);
  return out + "</body>\n</html>\n";
}

}  // namespace loco
