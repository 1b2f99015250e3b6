#include "train/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>

#include "train/adapter.h"

namespace loco {
namespace {

Adapter OneNumber(float value) {
  Adapter adapter{.rank = 1};
  adapter.pairs.push_back({.name = "w", .rows = 1, .columns = 1, .a = {value}, .b = {0.0F}});
  return adapter;
}

TEST_CASE("AdamW's first steps are those of its definition") {
  Adapter adapter = OneNumber(1.0F);
  AdamW optimizer(adapter, {.weight_decay = 0.1});
  double w = 1;
  double m = 0;
  double v = 0;
  for (int step = 1; step <= 5; ++step) {
    const double g = 0.5 * step - 1;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double corrected_m = m / (1 - std::pow(0.9, step));
    const double corrected_v = v / (1 - std::pow(0.999, step));
    w = w * (1 - 0.01 * 0.1) - 0.01 * corrected_m / (std::sqrt(corrected_v) + 1e-8);
    optimizer.Step(adapter, OneNumber(static_cast<float>(g)), 0.01);
    CHECK(adapter.pairs[0].a[0] == doctest::Approx(w).epsilon(1e-5));
  }
  CHECK(optimizer.steps() == 5);
}

TEST_CASE("the rate rises, falls and ends where the schedule says") {
  const Schedule cosine{.peak = 1, .decay = Decay::kCosine, .steps = 110, .warm_up = 10};
  CHECK(LearningRate(cosine, 0) == doctest::Approx(0.1));
  CHECK(LearningRate(cosine, 9) == doctest::Approx(1));
  CHECK(LearningRate(cosine, 60) == doctest::Approx(0.5));
  CHECK(LearningRate(cosine, 110) == doctest::Approx(0).scale(1));
  const Schedule linear{.peak = 2, .decay = Decay::kLinear, .steps = 100, .floor_share = 0.1};
  CHECK(LearningRate(linear, 50) == doctest::Approx(1.1));
  CHECK(LearningRate({.peak = 3, .decay = Decay::kConstant, .steps = 10}, 7) == 3);
}

TEST_CASE("clipping shortens what is too long and keeps the direction") {
  Adapter gradients = OneNumber(3.0F);
  gradients.pairs[0].b[0] = 4.0F;
  CHECK(ClipNorm(gradients, 10) == doctest::Approx(5));
  CHECK(gradients.pairs[0].a[0] == 3.0F);
  CHECK(ClipNorm(gradients, 1) == doctest::Approx(5));
  CHECK(gradients.pairs[0].a[0] == doctest::Approx(0.6));
  CHECK(gradients.pairs[0].b[0] == doctest::Approx(0.8));
}

}  // namespace
}  // namespace loco
