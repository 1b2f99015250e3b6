#include "stats/cluster_mean.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace loco {
namespace {

TEST_CASE("the mean of clusters is the ratio of their sums") {
  const std::vector<ClusterSum> texts = {{12.5, 100}, {3.5, 40}};
  const ClusterMean mean = MeanOfClusters(texts);
  CHECK(mean.value == doctest::Approx(16.0 / 140));
  CHECK(mean.clusters == 2);
  // Two clusters: a resample has both, or one of them twice.
  CHECK(mean.interval.low == doctest::Approx(3.5 / 40));
  CHECK(mean.interval.high == doctest::Approx(12.5 / 100));
}

TEST_CASE("clusters without weight change nothing") {
  const std::vector<ClusterSum> with = {{1, 2}, {0, 0}, {3, 4}, {5, 6}};
  const std::vector<ClusterSum> without = {{1, 2}, {3, 4}, {5, 6}};
  const ClusterMean a = MeanOfClusters(with);
  const ClusterMean b = MeanOfClusters(without);
  CHECK(a.value == b.value);
  CHECK(a.interval.low == b.interval.low);
  CHECK(a.clusters == 3);
}

TEST_CASE("nothing is known of no cluster, and the spread is unknown of one") {
  CHECK(std::isnan(MeanOfClusters({}).value));
  const std::vector<ClusterSum> one = {{3, 4}};
  const ClusterMean mean = MeanOfClusters(one);
  CHECK(mean.value == 0.75);
  CHECK(mean.interval.Width() == 0);
  CHECK(mean.clusters == 1);
}

TEST_CASE("a seed gives the same interval, and more confidence a wider one") {
  Random random(3);
  std::vector<ClusterSum> clusters;
  for (int i = 0; i < 30; ++i) clusters.push_back({random.Uniform(), 1 + random.Uniform()});
  const Interval first = MeanOfClusters(clusters).interval;
  CHECK(MeanOfClusters(clusters).interval.low == first.low);
  CHECK(MeanOfClusters(clusters, {.confidence = 0.8}).interval.Width() < first.Width());
}

TEST_CASE("the interval of 40 clusters covers the true mean about as often as it says") {
  // Tokens of a text share its level: an interval over tokens would cover far less.
  Random random(7);
  int covered = 0;
  constexpr int kStudies = 400;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<ClusterSum> clusters;
    for (int i = 0; i < 40; ++i) {
      const double level = random.Uniform();  // mean ½, whatever the length
      const auto tokens = static_cast<double>(20 + random.Below(100));
      clusters.push_back({level * tokens, tokens});
    }
    covered += MeanOfClusters(clusters, {.resamples = 500}).interval.Contains(0.5) ? 1 : 0;
  }
  CHECK(covered > 0.90 * kStudies);
  CHECK(covered < 0.985 * kStudies);
}

}  // namespace
}  // namespace loco
