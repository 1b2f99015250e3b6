// Error bars for shares of right answers.
//
//   WilsonInterval(25, 31);                       // [.637, .908]: 25 of 31 is not "80.6 %"
//   MacroAverage({{.right = 180, .n = 300, .weight = .5}, {.right = 40, .n = 200, .weight = .5}});
//
// Wilson and not Wald everywhere: Wald has zero width at 0 and at n, and no central-limit argument holds below a few
// hundred items (Bowyer et al. 2025, arXiv 2503.01747).
//
// It deliberately does not compare two models: two overlapping intervals say little about a paired difference
// (see paired.h). It knows nothing of rows, names or percent signs.
#pragma once

#include <cstdint>
#include <span>

namespace loco {

struct Interval {
  double low = 0;
  double high = 0;

  bool Contains(double x) const { return low <= x && x <= high; }
  double Width() const { return high - low; }
};

// The standard normal: quantile of p in (0, 1), and P(Z > z).
double NormalQuantile(double p);
double NormalUpperTail(double z);
// z such that the central `confidence` of the standard normal lies within ±z. 0 < confidence < 1.
double CentralZ(double confidence);

// Wilson's score interval of a share, 0 <= right <= n, contained in [0, 1]. n = 0 gives [0, 1].
// Source: Wilson 1927, J. Am. Stat. Assoc. 22:209.
Interval WilsonInterval(int64_t right, int64_t n, double confidence = 0.95);
// The same at z standard errors; z may be any number >= 0.
Interval WilsonIntervalAtZ(int64_t right, int64_t n, double z);

// The exact interval, whose coverage is at least `confidence` for every true share: wider than Wilson's, for
// guarantees ("at least … with 95 %"). Source: Clopper and Pearson 1934, Biometrika 26:404.
Interval ClopperPearsonInterval(int64_t right, int64_t n, double confidence = 0.95);

// The score of one model on one task, and the task's weight in the average.
struct Stratum {
  int64_t right = 0;
  int64_t n = 0;
  double weight = 1;  // >= 0; only the proportions between weights matter
  // Variance of the share beyond that of the items: of the seeds a model was trained with, say. Adds to theirs.
  double run_variance = 0;
};

struct Estimate {
  double value = 0;
  double standard_error = 0;  // stratified: items are random within tasks, the tasks are fixed
  Interval interval;
  int64_t n = 0;
};

// Weighted mean of the shares of right answers, each task counting by its weight and not by its number of items.
// The interval combines the tasks' Wilson limits by MOVER, which keeps their asymmetry and never collapses at 0 or 1:
//   low = value - √Σ w²(p - low_k)², high likewise.  Source: Zou and Donner 2008, Stat. Med. 27:1693.
// Strata without items, or an empty span, give value 0 and [0, 1]: nothing is known.
Estimate MacroAverage(std::span<const Stratum> strata, double confidence = 0.95);

}  // namespace loco
