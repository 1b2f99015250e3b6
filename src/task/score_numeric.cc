// The last number of the answer against the expected number. Thousands separators ("1,234") and a leading currency
// sign are read over; "unparsed" when there is no number.
#include "score/last_number.h"
#include "task/scorers.h"

namespace loco {

Marking ScoreNumeric(const Item& item, const ScoreSettings& settings, const Response& response) {
  std::string region;
  if (!ExtractLast(response.text, settings.extract, &region)) return {Outcome::kUnparsed, ""};
  const std::string number(LastNumberText(region));
  if (number.empty()) return {Outcome::kUnparsed, ""};
  const auto given = ParseNumber(number);
  const auto expected = ParseNumber(item.answer);
  if (!given || !expected) return {Outcome::kUnparsed, number};
  return {IsNear(*given, *expected, settings.tolerance) ? Outcome::kRight : Outcome::kWrong, number};
}

}  // namespace loco
