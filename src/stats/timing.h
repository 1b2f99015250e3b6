// Times, speeds and memory over a run: medians, ratios of interleaved pairs, slopes.
//
//   MedianInterval(tokens_per_second);            // median and bootstrap interval
//   PairedRatio(ours, theirs);                    // median of ours[i] / theirs[i], measured in turn
//   Slope slope = LeastSquaresSlope(turns, resident_bytes);   // does memory grow?
//
// Medians and not means: one page fault or one busy neighbour moves a mean as far as it likes. All random numbers come
// from the given seed.
//
// It deliberately does not reject outliers, and does not pool timings of different machines.
#pragma once

#include <cstdint>
#include <span>

#include "stats/interval.h"

namespace loco {

struct TimingOptions {
  double confidence = 0.95;
  int resamples = 2000;
  uint64_t seed = 1;
};

// The middle value; the mean of the middle two for an even number. NaN for none.
double Median(std::span<const double> values);

struct MedianEstimate {
  double median = 0;
  Interval interval;  // percentile bootstrap; [median, median] of a single value says that the spread is unknown
  int64_t n = 0;
};
MedianEstimate MedianInterval(std::span<const double> values, const TimingOptions& options = {});

// The median of a[i] / b[i] over pairs that were measured next to each other in time, so that what the machine did
// meanwhile cancels. Same length, b[i] > 0.
MedianEstimate PairedRatio(std::span<const double> a, std::span<const double> b, const TimingOptions& options = {});

struct Slope {
  double value = 0;  // units of y for one unit of x
  double intercept = 0;
  double standard_error = 0;
  Interval interval;  // Student's t with n - 2 degrees of freedom; infinite below 3 points
  int64_t n = 0;
};
// Ordinary least squares. Same length; x not all equal when there are two points or more. The interval assumes
// independent residuals, which a memory curve that grows in steps violates: read it with the range of y.
Slope LeastSquaresSlope(std::span<const double> x, std::span<const double> y, double confidence = 0.95);

}  // namespace loco
