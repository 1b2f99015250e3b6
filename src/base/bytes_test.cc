#include "base/bytes.h"

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"

namespace loco {

TEST_CASE("sizes are read in decimal and binary units, whatever the case and the blanks") {
  CHECK(ParseBytes("0").value == 0);
  CHECK(ParseBytes("512").value == 512);
  CHECK(ParseBytes("512 B").value == 512);
  CHECK(ParseBytes("400 kB").value == 400'000);
  CHECK(ParseBytes("8GB").value == 8'000'000'000);
  CHECK(ParseBytes("8g").value == 8'000'000'000);
  CHECK(ParseBytes(" 8 Gb ").value == 8'000'000'000);
  CHECK(ParseBytes("5GiB").value == 5'368'709'120);
  CHECK(ParseBytes("1.5 MiB").value == 1'572'864);
  CHECK(ParseBytes("2TB").value == 2'000'000'000'000);
  CHECK(ParseBytes("1e3").value == 1000);
}

TEST_CASE("what is not a size is refused with a cure") {
  for (const char* text :
       {"", " ", "GB", "-1", "-8GB", "8XB", "8 GB free", "nan", "inf", "1e30", "10000000TB", "8,5GB", "0x10"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ParseBytes(text), Error);
  }
  try {
    ParseBytes("much");
    FAIL("'much' was taken as a size");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "'much' is not a size");
    CHECK(error.hint().find("8GB") != std::string::npos);
    CHECK(error.code() == ExitCode::kFailed);
  }
}

TEST_CASE("an amount of memory needs a unit, unless it is a plausible number of bytes") {
  CHECK(ParseMemorySize("8GB").value == 8'000'000'000);
  CHECK(ParseMemorySize("8 B").value == 8);
  CHECK(ParseMemorySize("8000000000").value == 8'000'000'000);
  CHECK(ParseMemorySize("0").value == 0);
  for (const char* text : {"8", "1.5", "16 ", "999999", "8e3"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(ParseMemorySize(text), doctest::Contains("no unit"), Error);
  }
  try {
    ParseMemorySize("8");
  } catch (const Error& error) {
    CHECK(error.hint().starts_with("write 8GB"));
  }
}

TEST_CASE("sizes are written with three digits and never as 1000 of a unit") {
  CHECK(FormatBytes(Bytes{0}) == "0 B");
  CHECK(FormatBytes(Bytes{912}) == "912 B");
  CHECK(FormatBytes(Bytes{1000}) == "1.00 kB");
  CHECK(FormatBytes(Bytes{3'400'000}) == "3.40 MB");
  CHECK(FormatBytes(Bytes{2'491'323'904}) == "2.49 GB");
  CHECK(FormatBytes(Bytes{9'994'999'999}) == "9.99 GB");
  CHECK(FormatBytes(Bytes{9'999'000'000}) == "10.0 GB");
  CHECK(FormatBytes(Bytes{12'400'000'000}) == "12.4 GB");
  CHECK(FormatBytes(Bytes{99'960'000'000}) == "100 GB");
  CHECK(FormatBytes(Bytes{999'499'999}) == "999 MB");
  CHECK(FormatBytes(Bytes{999'500'000}) == "1.00 GB");
  CHECK(FormatBytes(Bytes{999'999}) == "1.00 MB");
  // The largest unit is TB; more of them are still terabytes.
  CHECK(FormatBytes(Bytes{1'234'000'000'000'000}) == "1234 TB");
}

TEST_CASE("a written size reads back to within its three digits") {
  for (uint64_t value = 1; value < 1'000'000'000'000'000; value = value * 7 + 3) {
    CAPTURE(value);
    const auto again = static_cast<double>(ParseBytes(FormatBytes(Bytes{value})).value);
    CHECK(again == doctest::Approx(static_cast<double>(value)).epsilon(0.0051));
  }
}

TEST_CASE("counts get thousands separators") {
  CHECK(FormatCount(0) == "0");
  CHECK(FormatCount(999) == "999");
  CHECK(FormatCount(1240) == "1,240");
  CHECK(FormatCount(-1240) == "-1,240");
  CHECK(FormatCount(-100) == "-100");
  CHECK(FormatCount(1'234'567'890) == "1,234,567,890");
}

TEST_CASE("sizes add and compare") {
  Bytes sum = Bytes{2} + Bytes{3};
  sum += Bytes{4};
  CHECK(sum == Bytes{9});
  CHECK(Bytes{1} < Bytes{2});
}

}  // namespace loco
