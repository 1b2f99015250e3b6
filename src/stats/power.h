// What a suite can tell apart, before any model runs.
//
//   MinimumDetectableDifference(31, {.discordance = .3});     // .27: 31 items cannot see less than 27 points
//   ItemsToDetect(.05, {.discordance = .3});                  // 935
//   ItemsToShowNotWorse(.03, {.discordance = .2});            // 1,374
//
// Discordance is the share of items on which exactly one of the two models is right; .2 to .3 until it is measured.
// It deliberately knows nothing of scores: all that matters for a paired comparison is the discordance.
#pragma once

#include <cstdint>
#include <optional>

namespace loco {

struct PowerOptions {
  double discordance = 0.3;
  double power = 0.8;
  double alpha = 0.05;  // two-sided for a difference, one-sided for "not worse"
};

// The probability that McNemar's exact test rejects when the models truly differ by `difference` on `items` items.
double PowerOfMcNemar(int64_t items, double difference, const PowerOptions& options = {});

// The smallest true difference found with the wanted power. Exact up to 2,000 items, beyond by the normal
// approximation. Empty when no difference that the discordance allows is large enough.
std::optional<double> MinimumDetectableDifference(int64_t items, const PowerOptions& options = {});

// Items needed to find a true `difference` > 0, rounded up: (z_{α/2} + z_β)² (ψ - d²) / d². At least 1.
int64_t ItemsToDetect(double difference, const PowerOptions& options = {});

// Items needed to show that an equally good model is not worse by `margin` > 0: (z_α + z_β)² ψ / Δ².
int64_t ItemsToShowNotWorse(double margin, const PowerOptions& options = {});

}  // namespace loco
