#include "task/scorers.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>

#include "base/error.h"
#include "score/refusal.h"

namespace loco {
namespace {

constexpr std::array<Scorer, 11> kScorers = {{
    {"exact", 1, false, nullptr, ScoreExact},
    {"numeric", 1, false, nullptr, ScoreNumeric},
    {"choice", 1, true, nullptr, ScoreChoice},
    {"qa", 1, false, "F1", ScoreQaAnswer},
    {"rouge", 1, false, "ROUGE-L", ScoreRouge},
    {"label", 1, false, nullptr, ScoreLabel},
    {"bbh", 1, false, nullptr, ScoreBbh},
    {"json", 1, false, nullptr, ScoreJsonAnswer},
    {"assert", 1, false, "asserted", ScoreAssertions},
    {"code", 1, false, nullptr, ScoreCode},
    {"instructions", 1, false, "followed", ScoreInstructions},
}};

Marking MarkText(const Task& task, const Item& item, const Response& response) {
  const Scorer& scorer = FindScorer(task.scorer);
  if (!task.score.filters) return scorer.mark(item, task.score, response);
  Response filtered = response;
  const FilteredAnswer answer = task.score.filters->Apply(response.text);
  if (!answer.parsed) return {Outcome::kUnparsed, ""};
  filtered.text = answer.text;
  return scorer.mark(item, task.score, filtered);
}

}  // namespace

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

const Scorer& FindScorer(const std::string& name) {
  for (const Scorer& scorer : kScorers) {
    if (name == scorer.name) return scorer;
  }
  LOCO_CHECK(false);  // LoadTask refuses unknown names
}

std::vector<std::string> ScorerNames() {
  std::vector<std::string> names;
  for (const Scorer& scorer : kScorers) names.emplace_back(scorer.name);
  return names;
}

std::string ScorerId(const Scorer& scorer) { return fmt::format("{}/{}", scorer.name, scorer.version); }

Marking MarkResponse(const Task& task, const Item& item, const Response& response) {
  switch (response.finish) {
    case Finish::kTooLong:
      return {Outcome::kTooLong, ""};
    case Finish::kRefused:
      return {Outcome::kRefused, ""};
    case Finish::kTimeout:
      return {Outcome::kTimedOut, ""};
    case Finish::kError:
      return {Outcome::kError, ""};
    case Finish::kLength:
    case Finish::kStop:
      // Saying nothing is an answer where a task asks questions that have none, but not after thinking about one.
      if (IsBlank(response.text)) {
        if (!IsBlank(response.thinking)) return {Outcome::kThinkingOnly, ""};
        if (response.finish == Finish::kLength) return {Outcome::kTruncated, ""};
        if (task.scorer != "qa" || !item.references.empty()) return {Outcome::kEmpty, ""};
      }
      if (response.finish == Finish::kLength) return {Outcome::kTruncated, ""};
      break;
    case Finish::kChoice:
      break;
  }
  const Marking marking = MarkText(task, item, response);
  // A refusal that is right (one was asked for) is right; any other is not a wrong answer but none.
  const bool none = marking.outcome == Outcome::kWrong || marking.outcome == Outcome::kUnparsed;
  if (none && response.finish == Finish::kStop && IsRefusal(response.text))
    return {Outcome::kRefused, marking.extracted};
  return marking;
}

bool ExtractLast(const std::string& text, const std::string& pattern, std::string* found) {
  if (pattern.empty()) {
    *found = text;
    return true;
  }
  const RE2 expression(pattern, RE2::Quiet);
  LOCO_CHECK(expression.ok());
  const int groups = expression.NumberOfCapturingGroups() > 0 ? 2 : 1;
  re2::StringPiece match[2];
  bool any = false;
  for (size_t begin = 0; begin <= text.size();) {
    if (!expression.Match(text, begin, text.size(), RE2::UNANCHORED, match, groups)) break;
    *found = std::string(match[groups - 1]);
    any = true;
    const auto end = static_cast<size_t>(match[0].data() - text.data()) + match[0].size();
    begin = match[0].empty() ? end + 1 : end;
  }
  return any;
}

}  // namespace loco
