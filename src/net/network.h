// A transformer as data: what every supported architecture has in common, filled from a file by train/architecture.h.
//
// One block is  x + post(O · sub(attend(rope(norm(Q·n(x))), …)))  followed by  h + post(D · sub(act(G·n(h)) · U·n(h))),
// where every norm but the two n, every bias and the rotation may be absent. Fused matrices of a file (Phi's q, k, v)
// appear here as views of their rows.
//
// Weights are views into the file's memory map; norms and biases, which are small, are our own 32-bit copies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/ops.h"
#include "net/weights.h"

namespace loco {

struct Linear {
  std::string name;  // of the file's tensor: "blk.0.attn_q.weight"
  Matrix weight;
  std::vector<float> bias;  // empty: none
  float scale = 1;          // of the product (BitNet)
  // The adapter on this layer, an index into Adapter::pairs; -1: none. A view of a fused matrix shares the pair of the
  // whole one and uses its rows from `pair_row` on.
  int pair = -1;
  int64_t pair_row = 0;
  int64_t whole_rows = 0;  // of the file's tensor
};

struct Block {
  std::vector<float> attention_norm;
  std::vector<float> query_norm;  // of each head; empty: none, as for those below
  std::vector<float> key_norm;
  std::vector<float> attention_sub_norm;   // before the output matrix
  std::vector<float> attention_post_norm;  // after it
  std::vector<float> ffn_norm;
  std::vector<float> ffn_sub_norm;
  std::vector<float> ffn_post_norm;
  Linear query;
  Linear key;
  Linear value;
  Linear output;
  Linear gate;
  Linear up;
  Linear down;
  int rope = 0;        // an index into Network::ropes; -1: no positions in this block
  int64_t window = 0;  // tokens that a token sees, itself included; 0: all before it
};

struct Network {
  std::string architecture;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head = 0;  // numbers of a head, of keys and values alike
  int64_t ffn = 0;
  int64_t vocabulary = 0;
  float epsilon = 1e-5F;
  float embedding_scale = 1;
  float attention_scale = 1;
  GateKind gate = GateKind::kSilu;
  std::vector<Rope> ropes;
  std::vector<Block> blocks;
  Matrix embedding;
  Matrix output;  // the embedding again where they are tied
  std::vector<float> output_norm;
};

// One LoRA pair: the layer's output gains scale · (x · aᵀ) · bᵀ.
struct LoraPair {
  std::string name;      // of the weight it sits on: "blk.0.attn_q.weight"
  int64_t rows = 0;      // outputs of the layer
  int64_t columns = 0;   // inputs
  std::vector<float> a;  // rank × columns
  std::vector<float> b;  // rows × rank
};

struct Adapter {
  int64_t rank = 0;
  float scale = 1;  // alpha / rank, or alpha / √rank with rsLoRA
  std::vector<LoraPair> pairs;
};

}  // namespace loco
