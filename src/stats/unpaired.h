// The difference of two shares that were taken on different items: long prompts and short ones, say.
//
//   DifferenceIntervalAtZ({.right = 56, .n = 70}, {.right = 48, .n = 80}, 1.96);   // .20: [.052, .334]
//
// Newcombe's method 10: the Wilson limits of both shares, combined by squaring and adding. It stays within [-1, 1],
// has a width also at 0 and at n, and covers close to nominally from about 20 items on.
// Source: Newcombe 1998, Stat. Med. 17:873.
//
// It deliberately is not for two models on the same items: pairing says much more there (see paired.h). Where only part
// of the items belong together, `correlation` takes what that part says.
#pragma once

#include <cstdint>

#include "stats/interval.h"

namespace loco {

struct Share {
  int64_t right = 0;
  int64_t n = 0;  // 0 <= right <= n

  double value() const { return n == 0 ? 0 : static_cast<double>(right) / static_cast<double>(n); }
};

// Limits of the share of a minus that of b, at z >= 0 standard errors. Without items in one of them: [-1, 1].
// `correlation`, -1 to 1, is that of the two *shares*: 0 for different items, phi for the same items in both, and
// phi · m / √(n_a n_b) when m items belong together in pairs.
Interval DifferenceIntervalAtZ(Share a, Share b, double z, double correlation = 0);

}  // namespace loco
