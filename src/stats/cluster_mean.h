// A mean over things that come in clusters: over the tokens of several texts, say.
//
//   std::vector<ClusterSum> texts = {{.sum = 12.5, .weight = 100}, {.sum = 3.5, .weight = 40}};
//   ClusterMean mean = MeanOfClusters(texts);     // 16 / 140, with a bootstrap interval over the texts
//
// The mean is the ratio of the sums, so that a long text counts more than a short one. Whole clusters are drawn with
// replacement, not their parts: the tokens of a text are not independent of each other, and an interval over tokens
// would be far too narrow. Limits of a monotone function of the mean, such as exp() for perplexity, are the function of
// the limits.
//
// It deliberately does not correct for few clusters: percentile intervals of fewer than about ten are too narrow, and
// the reader must be told how many there were.
#pragma once

#include <cstdint>
#include <span>

#include "stats/interval.h"

namespace loco {

struct ClusterSum {
  double sum = 0;
  double weight = 0;  // >= 0; of tokens their number
};

struct ClusterMean {
  double value = 0;      // Σ sum / Σ weight; NaN when the weights are all 0
  Interval interval;     // percentile bootstrap; [value, value] of a single cluster says that the spread is unknown
  int64_t clusters = 0;  // with a weight above 0
};

struct ClusterOptions {
  double confidence = 0.95;
  int resamples = 2000;
  uint64_t seed = 1;
};

// Deterministic for a seed. Clusters of weight 0 are left out.
ClusterMean MeanOfClusters(std::span<const ClusterSum> clusters, const ClusterOptions& options = {});

}  // namespace loco
