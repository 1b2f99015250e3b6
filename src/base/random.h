// A seeded generator whose numbers are the same on every platform and library version, so that a seed in a row is
// enough to repeat what was drawn. (The standard library fixes its engines but not its distributions.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace loco {

// xoshiro256**, seeded through SplitMix64. Source: Blackman and Vigna 2018, https://prng.di.unimi.it.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t Next();
  // Uniform on 0 … bound-1 without modulo bias. bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform on [0, 1) with 53 bits.
  double Uniform();

  template <typename T>
  void Shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[static_cast<std::size_t>(Below(i))]);
  }

 private:
  uint64_t state_[4];
};

}  // namespace loco
