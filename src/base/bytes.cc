#include "base/bytes.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace loco {

Bytes ParseBytes(std::string_view text) {
  const auto fail = [&]() -> Error {
    return Error(fmt::format("'{}' is not a size", text), "write a number and a unit, for example 8GB, 512MB or 5GiB");
  };
  std::string compact;
  for (const char c : text) {
    if (c != ' ') compact += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  double number = 0;
  const auto [end, error] = std::from_chars(compact.data(), compact.data() + compact.size(), number);
  if (error != std::errc() || !(number >= 0)) throw fail();
  std::string_view unit(end, static_cast<size_t>(compact.data() + compact.size() - end));

  struct Unit {
    std::string_view name;
    double factor;
  };
  static constexpr std::array<Unit, 14> kUnits = {{{"", 1},
                                                   {"b", 1},
                                                   {"k", 1e3},
                                                   {"kb", 1e3},
                                                   {"m", 1e6},
                                                   {"mb", 1e6},
                                                   {"g", 1e9},
                                                   {"gb", 1e9},
                                                   {"t", 1e12},
                                                   {"tb", 1e12},
                                                   {"kib", 1024.0},
                                                   {"mib", 1024.0 * 1024},
                                                   {"gib", 1024.0 * 1024 * 1024},
                                                   {"tib", 1024.0 * 1024 * 1024 * 1024}}};
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    const double value = std::round(number * known.factor);
    if (value > 9e18) throw fail();
    return Bytes{static_cast<uint64_t>(value)};
  }
  throw fail();
}

Bytes ParseMemorySize(std::string_view text) {
  const Bytes bytes = ParseBytes(text);
  const bool bare = text.find_first_not_of("0123456789.+eE ") == std::string_view::npos;
  if (bare && bytes.value > 0 && bytes.value < 1'000'000)
    throw Error(fmt::format("'{}' has no unit: it would be {}", text, FormatBytes(bytes)),
                fmt::format("write {}GB, or the unit that you mean", text));
  return bytes;
}

std::string FormatBytes(Bytes bytes) {
  static constexpr std::array<const char*, 5> kNames = {"B", "kB", "MB", "GB", "TB"};
  if (bytes.value < 1000) return fmt::format("{} B", bytes.value);
  double value = static_cast<double>(bytes.value);
  size_t unit = 0;
  // 999.5 and above would print as "1000": move on to the next unit first.
  while (value >= 999.5 && unit + 1 < kNames.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kNames[unit]);
}

std::string Counted(int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", FormatCount(count), count == 1 ? one : many);
}

std::string FormatCount(int64_t count) {
  std::string digits = std::to_string(count < 0 ? -count : count);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return count < 0 ? "-" + digits : digits;
}

}  // namespace loco
