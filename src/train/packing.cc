#include "train/packing.h"

#include "base/error.h"

namespace loco {

std::vector<std::vector<size_t>> PlanPasses(std::span<const int64_t> lengths, std::span<const size_t> order,
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
