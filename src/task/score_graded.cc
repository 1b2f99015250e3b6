// Scorers that are settings and a row around modules of their own: extractive answers, texts, labels,
// instructions, assertions, BIG-Bench Hard.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "score/qa_match.h"
#include "score/rouge.h"
#include "task/scorers.h"

namespace loco {

Marking ScoreQaAnswer(const Item& item, const ScoreSettings& settings, const Response& response) {
  const QaScore score = ScoreQa(item.references, response.text, {.no_answer = settings.no_answer});
  return {score.exact ? Outcome::kRight : Outcome::kWrong, NormalizeQaAnswer(response.text), score.f1};
}

Marking ScoreRouge(const Item& item, const ScoreSettings& settings, const Response& response) {
  const double f = BestRougeL(item.references, response.text).f;
  return {f >= settings.pass ? Outcome::kRight : Outcome::kWrong, response.text, f};
}

Marking ScoreLabel(const Item& item, const ScoreSettings& settings, const Response& response) {
  LOCO_CHECK(settings.labels != nullptr);
  const LabelReading reading = settings.labels->Read(response.text);
  if (!reading.label) return {Outcome::kUnparsed, ""};
  const std::string& read = settings.labels->name(*reading.label);
  return {read == item.answer ? Outcome::kRight : Outcome::kWrong, read};
}

Marking ScoreInstructions(const Item& item, const ScoreSettings& settings, const Response& response) {
  size_t followed = 0;
  std::string missed;  // their ids
  for (const Instruction& instruction : item.instructions) {
    const bool follows =
        settings.loose ? FollowsLoosely(instruction, response.text) : Follows(instruction, response.text);
    if (follows) {
      ++followed;
    } else {
      missed += (missed.empty() ? "" : " ") + instruction.id;
    }
  }
  const size_t count = item.instructions.size();
  LOCO_CHECK(count > 0);
  return {followed == count ? Outcome::kRight : Outcome::kWrong, missed.empty() ? "all" : "not " + missed,
          static_cast<double>(followed) / static_cast<double>(count)};
}

Marking ScoreAssertions(const Item& item, const ScoreSettings& /*settings*/, const Response& response) {
  const AssertionResult result = CheckAssertions(item.assertions, response.text);
  return {result.holds ? Outcome::kRight : Outcome::kWrong,
          result.holds ? "all" : fmt::format("not: {}", fmt::join(result.failed, "; ")), result.share};
}

Marking ScoreBbh(const Item& item, const ScoreSettings& settings, const Response& response) {
  return MarkBbh(response.text, item.answer, settings.reading);
}

}  // namespace loco
