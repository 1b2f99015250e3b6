#include "score/last_number.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

namespace loco {
namespace {

TEST_CASE("the last number is found as it stands in the text") {
  CHECK(LastNumberText("5 + 37, so it is $1,042.") == "1,042");
  CHECK(LastNumberText("from 7 to -3.50 degrees") == "-3.50");
  CHECK(LastNumberText("about .5") == ".5");
  CHECK(LastNumberText("1, 2, 3,") == "3");
  CHECK(LastNumberText("10-20") == "-20");
  CHECK(LastNumberText("none").empty());
  CHECK(LastNumberText("").empty());
  CHECK(LastNumberText(std::string_view("\xff\0 9 \xc3", 6)) == "9");
}

TEST_CASE("numbers are parsed without their commas; nothing else is a number") {
  CHECK(ParseNumber("1,234,567") == 1234567);
  CHECK(ParseNumber("-.25") == -0.25);
  for (const char* text : {"", ",", "-", "1.2.3", "12a", "nan", "inf", "0x10", " 1"}) CHECK(!ParseNumber(text));
  CHECK(!ParseNumber(std::string(400, '9')));  // beyond a double
}

TEST_CASE("near means within the tolerance, and rounding in the last place is forgiven") {
  CHECK(IsNear(0.1 + 0.2, 0.3, 0));
  CHECK(!IsNear(0.3001, 0.3, 0));
  CHECK(IsNear(9.5, 10, 0.5));
  CHECK(!IsNear(9.4, 10, 0.5));
}

TEST_CASE("every whole number is read back from between other words") {
  CHECK(rc::check("whole numbers", [](int32_t number, const std::string& before) {
    const std::string text = before + fmt::format(" gives {} points", number);
    RC_ASSERT(ParseNumber(std::string(LastNumberText(text))) == number);
  }));
}

}  // namespace
}  // namespace loco
