#include "score/last_number.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace loco {

std::string_view LastNumberText(std::string_view text) {
  static const RE2 kNumber(R"(-?(?:\d[\d,]*)?\.?\d+)");
  const re2::StringPiece piece(text.data(), text.size());
  re2::StringPiece match;
  std::string_view last;
  for (size_t begin = 0; kNumber.Match(piece, begin, piece.size(), RE2::UNANCHORED, &match, 1);) {
    const auto at = static_cast<size_t>(match.data() - piece.data());
    last = text.substr(at, match.size());
    begin = at + match.size();
  }
  return last;
}

std::optional<double> ParseNumber(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool IsNear(double given, double expected, double tolerance) {
  return std::fabs(given - expected) <= tolerance + 1e-12 * std::max(1.0, std::fabs(expected));
}

}  // namespace loco
