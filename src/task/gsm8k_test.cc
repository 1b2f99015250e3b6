// The numeric scorer against published verdicts: GSM8K's problems, each answered by four models.
#include "score/shared_data.h"
#include "task/scorers.h"

namespace loco {
namespace {

// What stands after "A:", on that line.
constexpr const char* kAfterA = R"(A:\s*([^\n]*))";

std::string AnswerOf(const std::string& solution) {
  std::string answer;
  CHECK(ExtractLast(solution, kAfterA, &answer));
  return answer;
}

TEST_CASE("the numeric scorer gives every published verdict of GSM8K's example solutions") {
  const auto folder = SharedData("gsm8k");
  if (!folder) return;
  const ScoreSettings settings{.extract = kAfterA};
  size_t problems = 0;
  size_t agree = 0;
  size_t right = 0;
  size_t unparsed = 0;
  size_t verdicts = 0;
  for (const auto& row : ReadRows(*folder / "example_model_solutions.jsonl")) {
    ++problems;
    const Item item{.answer = AnswerOf(row["ground_truth"].get<std::string>())};
    for (const char* model : {"6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"}) {
      const auto solution = row[model]["solution"].get<std::string>();
      CAPTURE(model);
      CAPTURE(solution);
      const Marking marking = ScoreNumeric(item, settings, {.text = solution});
      const bool correct = row[model]["is_correct"].get<bool>();
      CHECK((marking.outcome == Outcome::kRight) == correct);
      ++verdicts;
      agree += (marking.outcome == Outcome::kRight) == correct ? 1 : 0;
      right += correct ? 1 : 0;
      unparsed += marking.outcome == Outcome::kUnparsed ? 1 : 0;
    }
  }
  MESSAGE(agree << " of " << verdicts << " verdicts of " << problems << " problems agree; " << right << " right, "
                << unparsed << " unparsed");
  CHECK(problems == 660);
  CHECK(agree == 2640);
}

TEST_CASE("a verdict of GSM8K does not hold for the next problem's answer") {
  const auto folder = SharedData("gsm8k");
  if (!folder) return;
  const ScoreSettings settings{.extract = kAfterA};
  std::string before;
  size_t wrong = 0;
  size_t compared = 0;
  for (const auto& row : ReadRows(*folder / "example_model_solutions.jsonl")) {
    const auto truth = row["ground_truth"].get<std::string>();
    const std::string answer = AnswerOf(truth);
    CHECK(ScoreNumeric({.answer = answer}, settings, {.text = truth}).outcome == Outcome::kRight);
    if (!before.empty() && before != answer) {
      ++compared;
      wrong += ScoreNumeric({.answer = before}, settings, {.text = truth}).outcome == Outcome::kWrong ? 1 : 0;
    }
    before = answer;
  }
  CHECK(compared > 600);
  CHECK(wrong == compared);
}

}  // namespace
}  // namespace loco
