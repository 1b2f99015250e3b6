// What the tests of this module share.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/gemm.h"

namespace loco {

// Uniform on [-1, 1).
inline std::vector<float> Noise(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(2 * random.Uniform() - 1);
  return values;
}

// Runs body(tolerance) with every kernel that this processor has, the best one again at the end. The tolerance is of a
// product's relative error. Returns how many kernels there were.
template <typename Body>
int WithEveryKernel(Body body) {
  int count = 0;
  for (const KernelKind kind : kKernelKinds) {
    if (!IsSupported(kind)) continue;
    UseKernel(kind);
    CAPTURE(std::string(KernelName(kind)));
    // bf16 has 8 bits: two rounded factors err by 2.4e-3 on average, whatever the length of the sum.
    body(IsBf16(kind) ? 3e-3 : 1e-5);
    ++count;
  }
  UseKernel(BestKernel());
  return count;
}

}  // namespace loco
