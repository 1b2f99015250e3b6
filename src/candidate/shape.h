// What an architecture keeps in memory for each layer: the step from a model's published dimensions (of a file or of
// the catalog) to its caches.
//
//   Dims dims{.architecture = "gemma3", .layers = 26, .hidden = 1152, .heads = {4}, .kv_heads = {1},
//             .key_length = 256, .value_length = 256, .sliding_window = 512};
//   Shape shape = ComputeShape(dims);
//   shape.layers[5].cache;        // Cache::kFull: every sixth layer; the others slide
//   shape.layers[5].key_width;    // 256 values a token
//
// The rules are those of llama.cpp v0.5.0 (src/models/*.cpp, src/llama-hparams.cpp), because that is what allocates:
// an architecture that this engine runs with full attention is full here, whatever its paper says (Phi, Mistral).
// An architecture without a rule counts as full attention everywhere, an upper bound, and `rule_known` says so.
//
// It deliberately does not build a graph and knows nothing of weights; see recipe.h for those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

// State that replaces a cache in recurrent layers (Mamba, Gated DeltaNet, RWKV, short convolutions). 0 = not used.
struct RecurrentDims {
  uint64_t conv_kernel = 0;
  uint64_t inner_size = 0;
  uint64_t state_size = 0;
  uint64_t group_count = 0;
  uint64_t short_conv_cache = 0;  // LFM2
  uint64_t wkv_head_size = 0;     // RWKV
  uint64_t token_shifts = 0;      // RWKV
  uint64_t kda_head_size = 0;     // Kimi
};

// Published dimensions. Empty = not stated. Lists hold one value for all layers or one value a layer.
struct Dims {
  std::string architecture;
  std::optional<uint64_t> layers;
  std::optional<uint64_t> hidden;
  std::vector<uint64_t> ffn;
  std::vector<uint64_t> heads;
  std::vector<uint64_t> kv_heads;      // 0 for a layer without attention
  std::optional<uint64_t> key_length;  // of one head; hidden / heads when not stated
  std::optional<uint64_t> value_length;
  std::optional<uint64_t> sliding_key_length;  // where sliding layers have other heads (Gemma 4)
  std::optional<uint64_t> sliding_value_length;
  std::optional<uint64_t> vocabulary;
  std::optional<uint64_t> context;                  // longest the model claims
  std::optional<uint64_t> trained_context;          // before it was stretched by RoPE scaling, when stated
  std::optional<uint64_t> sliding_window;           // tokens
  std::vector<uint64_t> sliding_pattern;            // one value: every n-th layer is full; one a layer: 1 = slides
  std::optional<uint64_t> full_attention_interval;  // hybrids: every n-th layer is attention
  std::vector<uint64_t> recurrent_layers;           // one a layer: 1 = recurrent
  std::optional<uint64_t> shared_kv_layers;         // the last n layers use the cache of earlier ones
  RecurrentDims recurrent;
  std::optional<uint64_t> experts;
  std::optional<bool> tied_embeddings;
  uint64_t rotary_constants = 0;  // 32-bit values of frequency tables stored beside the weights
  bool latent_attention = false;  // MLA: one compressed row instead of keys and values

  // The value for layer `i` of a list; empty when not stated or when the list is too short.
  static std::optional<uint64_t> At(const std::vector<uint64_t>& list, uint64_t i) {
    if (list.size() == 1) return list[0];
    return i < list.size() ? std::optional<uint64_t>(list[i]) : std::nullopt;
  }
};

enum class Cache {
  kFull,     // one cell for every token of the context
  kSliding,  // cells for the window only
  kNone,     // no attention, or the cache of another layer
};

struct LayerShape {
  Cache cache = Cache::kFull;
  uint64_t key_width = 0;  // cached values a token: KV heads × length
  uint64_t value_width = 0;
  uint64_t key_length = 0;  // of one head: quantized caches need it to fill whole blocks
  uint64_t value_length = 0;
  uint64_t state_values = 0;  // 32-bit values a sequence, whatever its length
};

struct Shape {
  std::vector<LayerShape> layers;  // empty: not derivable, `missing` says why
  uint64_t sliding_window = 0;
  bool rule_known = false;  // the engine has this architecture and this table covers it
  std::string missing;      // "the number of KV heads is not stated"
};

Shape ComputeShape(const Dims& dims);

// Whether llama.cpp v0.5.0 has an architecture of this name (general.architecture).
bool EngineKnowsArchitecture(std::string_view architecture);

}  // namespace loco
