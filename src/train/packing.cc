#include "train/packing.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace loco {
namespace {

std::vector<std::vector<size_t>> FirstFit(std::span<const int64_t> lengths, std::span<const size_t> order,
                                          int64_t capacity) {
  constexpr size_t kOpen = 8;  // passes that may still be filled
  struct Open {
    size_t pass;
    int64_t room;
  };
  std::vector<std::vector<size_t>> passes;
  std::vector<Open> open;
  for (const size_t sample : order) {
    const int64_t length = lengths[sample];
    size_t at = 0;
    while (at < open.size() && open[at].room < length) ++at;
    if (at == open.size()) {
      if (open.size() == kOpen) open.erase(open.begin());
      passes.emplace_back();
      open.push_back({passes.size() - 1, capacity});
      at = open.size() - 1;
    }
    passes[open[at].pass].push_back(sample);
    open[at].room -= length;
    if (open[at].room <= 1) open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return passes;
}

// Moves samples from the fullest passes into those that hold less than three quarters of the mean.
void FillRemnants(std::span<const int64_t> lengths, std::vector<std::vector<size_t>>& passes) {
  std::vector<int64_t> filled;
  for (const auto& pass : passes) {
    filled.push_back(0);
    for (const size_t sample : pass) filled.back() += lengths[sample];
  }
  const int64_t enough =
      3 * std::accumulate(filled.begin(), filled.end(), int64_t{0}) / (4 * static_cast<int64_t>(passes.size()));
  for (size_t least = 0; least < passes.size(); ++least) {
    while (filled[least] < enough) {
      const auto most = static_cast<size_t>(std::max_element(filled.begin(), filled.end()) - filled.begin());
      // The longest sample that does not turn the two around.
      size_t best = passes[most].size();
      for (size_t i = 0; i < passes[most].size(); ++i) {
        const int64_t length = lengths[passes[most][i]];
        if (2 * length > filled[most] - filled[least]) continue;
        if (best == passes[most].size() || length > lengths[passes[most][best]]) best = i;
      }
      if (best == passes[most].size()) break;
      const size_t sample = passes[most][best];
      passes[most].erase(passes[most].begin() + static_cast<std::ptrdiff_t>(best));
      passes[least].push_back(sample);
      filled[most] -= lengths[sample];
      filled[least] += lengths[sample];
    }
  }
}

}  // namespace

std::vector<std::vector<size_t>> PlanPasses(std::span<const int64_t> lengths, std::span<const size_t> order,
                                            int64_t capacity) {
  auto passes = FirstFit(lengths, order, capacity);
  if (!passes.empty()) FillRemnants(lengths, passes);
  return passes;
}

TokenBatch PackSamples(const std::vector<const Sample*>& samples) {
  TokenBatch batch;
  for (const Sample* sample : samples) {
    LOCO_CHECK(sample->tokens.size() == sample->learned.size());
    const auto first = static_cast<int32_t>(batch.tokens.size());
    for (size_t i = 0; i < sample->tokens.size(); ++i) {
      const bool learned = i + 1 < sample->tokens.size() && sample->learned[i + 1] != 0;
      batch.tokens.push_back(sample->tokens[i]);
      batch.positions.push_back(static_cast<int32_t>(i));
      batch.first.push_back(first);
      batch.targets.push_back(learned ? sample->tokens[i + 1] : -1);
      batch.weights.push_back(1);
    }
  }
  return batch;
}

}  // namespace loco
