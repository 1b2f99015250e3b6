#include "task/extraction_audit.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <memory>

#include "task/scorers.h"

namespace loco {
namespace {

struct Rule {
  const char* name;
  const char* pattern;  // the last match counts, its first group
};

constexpr Rule kRules[] = {
    {"whole answer", R"((?s)\A(.*)\z)"},     {"first line", R"(\A\s*([^\n]+))"},
    {"last line", R"(([^\n]*\S)\s*\z)"},     {"after 'answer'", R"((?i)\banswer\b(?:\s+is)?[^\w\n-]*([^\n]+))"},
    {"bold", R"(\*\*([^*\n]+)\*\*)"},        {"boxed", R"(\\boxed\{([^{}\n]*)\})"},
    {"after '####'", R"(####\s*([^\n]+))"},  {"in a fence", "(?s)```[^\n]*\n(.*?)```"},
    {"in quotes", "[\"“]([^\"“”\n]+)[\"”]"},
};

}  // namespace

std::vector<Reading> OtherReadings(const Task& task, const Item& item, std::string_view answer) {
  const Scorer& scorer = FindScorer(task.scorer);
  std::vector<Reading> readings;
  if (scorer.uses_choices || task.scorer == "instructions" || task.scorer == "code") return readings;
  const Extraction own = ExplainExtraction(task, answer);
  for (const Rule& rule : kRules) {
    const RE2 pattern(rule.pattern, RE2::Quiet);
    const auto text = LastGroup(pattern, 1, answer);
    if (!text || IsBlank(*text) || (own.parsed && *text == own.text)) continue;
    const Marking marking = scorer.mark(item, task.score, {.text = *text});
    readings.push_back({rule.name, *text, marking.outcome});
  }
  return readings;
}

Extraction ExplainExtraction(const Task& task, std::string_view answer) {
  Extraction extraction{.steps = {}, .text = std::string(answer)};
  if (task.score.filters) {
    const FilteredAnswer filtered = task.score.filters->Apply(answer);
    for (const FilterStep& step : filtered.steps) {
      std::string line = FilterName(step.kind);
      if (!step.matched) line += ": found nothing";
      if (step.pattern) line += fmt::format(", pattern {}", *step.pattern + 1);
      extraction.steps.push_back(std::move(line));
    }
    extraction.parsed = filtered.parsed;
    extraction.text = filtered.text;
  }
  if (extraction.parsed && !task.score.extract.empty()) {
    std::string found;
    extraction.parsed = ExtractLast(extraction.text, task.score.extract, &found);
    extraction.text = found;
    extraction.steps.push_back(extraction.parsed ? "extract" : "extract: found nothing");
  }
  return extraction;
}

}  // namespace loco
