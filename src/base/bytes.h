// Sizes in bytes, as a type, so that no function takes "a double of memory".
//
//   Bytes ram = ParseBytes("8GB");       // 8,000,000,000: decimal, as file listings and disk makers count
//   FormatBytes(Bytes{2491323904});      // "2.49 GB"
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace loco {

struct Bytes {
  uint64_t value = 0;

  auto operator<=>(const Bytes&) const = default;
  Bytes& operator+=(Bytes other) {
    value += other.value;
    return *this;
  }
};
inline Bytes operator+(Bytes a, Bytes b) { return Bytes{a.value + b.value}; }

// "512", "400 kB", "8GB", "5GiB" (units of 1000 and, with an i, of 1024; case and blanks ignored).
// Throws Error on anything else.
Bytes ParseBytes(std::string_view text);

// The same for an amount of memory, where "8" is a forgotten unit: a bare number from 1 to 999,999 is refused too.
Bytes ParseMemorySize(std::string_view text);

// Three significant digits in decimal units: "912 B", "3.40 MB", "2.49 GB", "12.4 GB".
std::string FormatBytes(Bytes bytes);

// Thousands separators: 1240 -> "1,240".
std::string FormatCount(int64_t count);
// "1 thread", "2,400 threads".
std::string Counted(int64_t count, std::string_view one, std::string_view many);

}  // namespace loco
