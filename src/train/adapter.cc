#include "train/adapter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"

namespace loco {
namespace {

// Parts as files name them; a fused matrix is one part.
constexpr std::array<std::string_view, 8> kTargets = {"attn_q",      "attn_k",   "attn_v", "attn_qkv",
                                                      "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

// "attn_q" of "blk.12.attn_q.weight".
std::string PartOf(const std::string& name) {
  const size_t end = name.rfind('.');
  const size_t begin = name.rfind('.', end - 1);
  return name.substr(begin + 1, end - begin - 1);
}

bool IsTarget(const AdapterShape& shape, const Linear& linear) {
  return shape.targets.empty() ||
         std::find(shape.targets.begin(), shape.targets.end(), PartOf(linear.name)) != shape.targets.end();
}

// Calls work(linear) for every linear layer of every block.
template <typename AnyNetwork, typename Work>
void EachLinear(AnyNetwork& network, const Work& work) {
  for (auto& block : network.blocks) {
    for (auto* linear : {&block.query, &block.key, &block.value, &block.output, &block.gate, &block.up, &block.down}) {
      work(*linear);
    }
  }
}

}  // namespace

std::vector<std::string> AdapterTargets() { return {kTargets.begin(), kTargets.end()}; }

Adapter AttachAdapter(Network& network, const AdapterShape& shape, uint64_t seed) {
  LOCO_CHECK(shape.rank >= 1);
  Adapter adapter{.rank = shape.rank};
  const auto rank = static_cast<float>(shape.rank);
  adapter.scale = shape.alpha / (shape.rank_stabilized ? std::sqrt(rank) : rank);
  Random random(seed);
  std::map<std::string, int> pairs;  // of fused matrices, whose views come one after the other
  EachLinear(network, [&](Linear& linear) {
    linear.pair = -1;
    if (!IsTarget(shape, linear)) return;
    const auto [at, is_new] = pairs.emplace(linear.name, static_cast<int>(adapter.pairs.size()));
    linear.pair = at->second;
    if (!is_new) return;
    LoraPair pair{.name = linear.name, .rows = linear.whole_rows, .columns = linear.weight.columns};
    pair.a.resize(static_cast<size_t>(shape.rank * pair.columns));
    pair.b.resize(static_cast<size_t>(pair.rows * shape.rank));
    const double bound = 1 / std::sqrt(static_cast<double>(pair.columns));
    for (float& value : pair.a) value = static_cast<float>((2 * random.Uniform() - 1) * bound);
    adapter.pairs.push_back(std::move(pair));
  });
  if (adapter.pairs.empty()) {
    throw Error(fmt::format("no layer of this base is among the targets {}", fmt::join(shape.targets, ", ")),
                fmt::format("targets are {}", fmt::join(kTargets, ", ")));
  }
  return adapter;
}

int64_t CountParameters(const Network& network, const AdapterShape& shape) {
  int64_t count = 0;
  std::set<std::string> seen;
  EachLinear(network, [&](const Linear& linear) {
    if (IsTarget(shape, linear) && seen.insert(linear.name).second) {
      count += shape.rank * (linear.whole_rows + linear.weight.columns);
    }
  });
  return count;
}

Adapter ZeroLike(const Adapter& adapter) {
  Adapter zero = adapter;
  for (LoraPair& pair : zero.pairs) {
    std::fill(pair.a.begin(), pair.a.end(), 0.0F);
    std::fill(pair.b.begin(), pair.b.end(), 0.0F);
  }
  return zero;
}

int64_t CountParameters(const Adapter& adapter) {
  int64_t count = 0;
  for (const LoraPair& pair : adapter.pairs) count += static_cast<int64_t>(pair.a.size() + pair.b.size());
  return count;
}

}  // namespace loco
