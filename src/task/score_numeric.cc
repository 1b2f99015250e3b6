// The last number of the answer against the expected number. Thousands separators ("1,234") and a leading currency
// sign are read over; "unparsed" when there is no number.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "task/scorers.h"

namespace loco {
namespace {

constexpr const char* kNumber = R"(-?(?:\d[\d,]*)?\.?\d+)";

std::optional<double> ParseNumber(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

Marking ScoreNumeric(const Item& item, const ScoreSettings& settings, const Response& response) {
  std::string region;
  std::string number;
  if (!ExtractLast(response.text, settings.extract, &region) || !ExtractLast(region, kNumber, &number)) {
    return {Outcome::kUnparsed, ""};
  }
  const auto given = ParseNumber(number);
  const auto expected = ParseNumber(item.answer);
  if (!given || !expected) return {Outcome::kUnparsed, number};
  // A relative slack of a few ulp: 0.1 + 0.2 written with all digits must equal 0.3.
  const double slack = settings.tolerance + 1e-12 * std::max(1.0, std::fabs(*expected));
  return {std::fabs(*given - *expected) <= slack ? Outcome::kRight : Outcome::kWrong, number};
}

}  // namespace loco
