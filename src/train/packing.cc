#include "train/packing.h"

#include <optional>
#include <queue>
#include <utility>

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

// Each sample into the emptiest of `count` passes; nothing when one does not fit.
std::optional<std::vector<std::vector<size_t>>> SpreadEvenly(std::span<const int64_t> lengths,
                                                             std::span<const size_t> order, int64_t capacity,
                                                             size_t count) {
  std::vector<std::vector<size_t>> passes(count);
  std::priority_queue<std::pair<int64_t, size_t>> rooms;  // the most room first, then the last pass
  for (size_t i = 0; i < count; ++i) rooms.emplace(capacity, i);
  for (const size_t sample : order) {
    const auto [room, pass] = rooms.top();
    if (room < lengths[sample] && !passes[pass].empty()) return std::nullopt;
    rooms.pop();
    passes[pass].push_back(sample);
    rooms.emplace(room - lengths[sample], pass);
  }
  return passes;
}

}  // namespace

std::vector<std::vector<size_t>> PlanPasses(std::span<const int64_t> lengths, std::span<const size_t> order,
                                            int64_t capacity) {
  auto passes = FirstFit(lengths, order, capacity);
  auto even = SpreadEvenly(lengths, order, capacity, passes.size());
  return even ? std::move(*even) : std::move(passes);
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
