// The number that an answer ends with: what scorers compare when they are told "42" and read "so it is $42.".
//
//   LastNumberText("5 + 37, so it is $1,042.") == "1,042";   // as it stands there; empty when there is none
//   ParseNumber("1,042") == 1042;                            // nothing for what is no number or beyond a double
//   IsNear(0.1 + 0.2, 0.3, 0);                               // true
//
// A minus sign right before the digits belongs to the number; commas within it are read over wherever they stand. It
// deliberately knows neither decimal commas, exponents, fractions, nor numbers in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace loco {

// A part of `text`, which may be any bytes.
std::string_view LastNumberText(std::string_view text);

std::optional<double> ParseNumber(std::string text);

// At most `tolerance` apart, or a few units in the last place: 0.1 + 0.2 written with all digits must equal 0.3.
bool IsNear(double given, double expected, double tolerance);

}  // namespace loco
