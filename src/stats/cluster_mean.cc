#include "stats/cluster_mean.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace loco {

ClusterMean MeanOfClusters(std::span<const ClusterSum> clusters, const ClusterOptions& options) {
  LOCO_CHECK(options.confidence > 0 && options.confidence < 1 && options.resamples > 0);
  std::vector<ClusterSum> counted;
  ClusterSum total;
  for (const ClusterSum& cluster : clusters) {
    LOCO_CHECK(cluster.weight >= 0);
    if (cluster.weight == 0) continue;
    counted.push_back(cluster);
    total.sum += cluster.sum;
    total.weight += cluster.weight;
  }
  ClusterMean mean{.clusters = static_cast<int64_t>(counted.size())};
  mean.value = counted.empty() ? std::numeric_limits<double>::quiet_NaN() : total.sum / total.weight;
  mean.interval = {mean.value, mean.value};
  if (counted.size() < 2) return mean;

  Random random(options.seed);
  std::vector<double> means;
  means.reserve(static_cast<size_t>(options.resamples));
  for (int r = 0; r < options.resamples; ++r) {
    ClusterSum drawn;
    for (size_t i = 0; i < counted.size(); ++i) {
      const ClusterSum& cluster = counted[static_cast<size_t>(random.Below(counted.size()))];
      drawn.sum += cluster.sum;
      drawn.weight += cluster.weight;
    }
    means.push_back(drawn.sum / drawn.weight);
  }
  std::sort(means.begin(), means.end());
  const double tail = (1 - options.confidence) / 2;
  const auto last = static_cast<double>(means.size() - 1);
  mean.interval = {means[static_cast<size_t>(std::floor(tail * last))],
                   means[static_cast<size_t>(std::ceil((1 - tail) * last))]};
  return mean;
}

}  // namespace loco
