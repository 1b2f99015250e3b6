// LoRA adapters: putting one on a network.
//
//   Adapter adapter = AttachAdapter(network, {.rank = 16, .alpha = 32}, seed);   // b is zero: nothing changes yet
//
// train/adapter_file.h keeps it in a file.
#pragma once

#include <string>
#include <vector>

#include "net/network.h"

namespace loco {

struct AdapterShape {
  int64_t rank = 16;
  float alpha = 32;
  bool rank_stabilized = false;  // rsLoRA: scale by alpha / √rank
  // Parts of a block that get a pair: "attn_q", "ffn_down", …; empty: all linear layers.
  std::vector<std::string> targets;
};

// The names that `targets` may use.
std::vector<std::string> AdapterTargets();

// Parameters of the adapter that AttachAdapter() would make.
int64_t CountParameters(const Network& network, const AdapterShape& shape);
// Puts a pair on every target of the network and returns them: a is uniform on ±1/√inputs, b is zero. Throws Error when
// no layer of the network is a target.
Adapter AttachAdapter(Network& network, const AdapterShape& shape, uint64_t seed);
// The same shape, all zero: what gradients and the optimizer's moments are kept in.
Adapter ZeroLike(const Adapter& adapter);
int64_t CountParameters(const Adapter& adapter);

}  // namespace loco
