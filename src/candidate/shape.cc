#include "candidate/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace loco {
namespace {

// src/llama-arch.cpp of llama.cpp v0.5.0, in alphabetical order.
constexpr std::array<std::string_view, 151> kEngineArchitectures = {
    "afmoe",
    "apertus",
    "arcee",
    "arctic",
    "arwkv7",
    "baichuan",
    "bailingmoe",
    "bailingmoe2",
    "bailingmoe3",
    "bert",
    "bitnet",
    "bloom",
    "chameleon",
    "chatglm",
    "codeshell",
    "cogvlm",
    "cohere2",
    "cohere2moe",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "deepseek2",
    "deepseek2-ocr",
    "deepseek32",
    "deepseek4",
    "dflash",
    "dots1",
    "dots3note",
    "dream",
    "eagle3",
    "ernie4_5",
    "ernie4_5-moe",
    "eurobert",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "falcon-h1",
    "gemma",
    "gemma-embedding",
    "gemma2",
    "gemma3",
    "gemma3n",
    "gemma4",
    "gemma4-assistant",
    "glm-dsa",
    "glm4",
    "glm4moe",
    "gpt-oss",
    "gpt2",
    "gptj",
    "gptneox",
    "granite",
    "granite_swa",
    "granitehybrid",
    "granitemoe",
    "graniteswitch",
    "grok",
    "grovemoe",
    "hrm_text",
    "hunyuan-dense",
    "hunyuan-moe",
    "hunyuan_vl",
    "hy_v3",
    "hy_v4",
    "internlm2",
    "jais",
    "jais2",
    "jamba",
    "jina-bert-v2",
    "jina-bert-v3",
    "kimi-k3",
    "kimi-linear",
    "laguna",
    "lfm2",
    "lfm2moe",
    "llada",
    "llada-moe",
    "llama",
    "llama-embed",
    "llama4",
    "maincoder",
    "mamba",
    "mamba2",
    "maple",
    "mellum",
    "mimo2",
    "minicpm",
    "minicpm3",
    "minimax-01",
    "minimax-m2",
    "minimax-m3",
    "mistral3",
    "mistral4",
    "modern-bert",
    "mpt",
    "muse-glimmer",
    "nanbeige",
    "nemotron",
    "nemotron_h",
    "nemotron_h_moe",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "olmo",
    "olmo2",
    "olmoe",
    "openelm",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "phi2",
    "phi3",
    "phimoe",
    "plamo",
    "plamo2",
    "plamo3",
    "plm",
    "pockettts",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen35",
    "qwen35moe",
    "qwen3moe",
    "qwen3next",
    "qwen3tts",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen4exp",
    "refact",
    "rnd1",
    "rwkv6",
    "rwkv6qwen2",
    "rwkv7",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "spark2_5",
    "stablelm",
    "starcoder",
    "starcoder2",
    "step35",
    "t5",
    "t5encoder",
    "talkie",
    "wavtokenizer-dec",
    "xverse",
};

// Bounds that no model comes near. They keep every later product within 64 bits and a claimed layer count from
// becoming an allocation. The engine's own limit is 512 layers.
constexpr uint64_t kMaxLayers = 512;
constexpr uint64_t kMaxWidth = uint64_t{1} << 20;

// Architectures in which the engine gives some layers a sliding window.
struct SlidingRule {
  std::string_view architecture;
  uint64_t period;          // every n-th layer is full, unless the file says otherwise
  bool full_first;          // the full layer is the first of each group, not the last
  uint64_t default_window;  // where the file does not say
};
constexpr std::array kSlidingRules = {
    SlidingRule{"afmoe", 4, false, 0},        SlidingRule{"cohere2", 4, false, 0},
    SlidingRule{"cohere2moe", 4, true, 0},    SlidingRule{"exaone-moe", 4, false, 128},
    SlidingRule{"exaone4", 4, false, 0},      SlidingRule{"gemma-embedding", 6, false, 0},
    SlidingRule{"gemma2", 2, false, 4096},    SlidingRule{"gemma3", 6, false, 0},
    SlidingRule{"gemma3n", 5, false, 0},      SlidingRule{"gemma4", 0, false, 0},
    SlidingRule{"gpt-oss", 2, false, 0},      SlidingRule{"granite_swa", 0, false, 0},
    SlidingRule{"laguna", 4, true, 0},        SlidingRule{"llama4", 4, false, 8192},
    SlidingRule{"maple", 0, false, 0},        SlidingRule{"mellum", 4, false, 0},
    SlidingRule{"mimo2", 0, false, 0},        SlidingRule{"modern-bert", 3, true, 0},
    SlidingRule{"muse-glimmer", 4, false, 0}, SlidingRule{"olmo2", 4, false, 0},
    SlidingRule{"plamo3", 8, false, 0},       SlidingRule{"smallthinker", 4, true, 0},
};

// Gemma 3n keeps caches in its first 20 layers only; the engine has the number, the file does not.
constexpr uint64_t kGemma3nCacheLayers = 20;

enum class Recurrence {
  kEveryLayer,       // no attention at all
  kBesideAttention,  // every layer has both
  kWithoutKvHeads,   // the layers whose KV head count is 0
  kInterval,         // all but every n-th layer
};
struct RecurrenceRule {
  std::string_view architecture;
  Recurrence recurrence;
};
constexpr std::array kRecurrenceRules = {
    RecurrenceRule{"arwkv7", Recurrence::kEveryLayer},
    RecurrenceRule{"bailingmoe3", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"falcon-h1", Recurrence::kBesideAttention},
    RecurrenceRule{"granitehybrid", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"jamba", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"kimi-k3", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"kimi-linear", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"lfm2", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"lfm2moe", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"mamba", Recurrence::kEveryLayer},
    RecurrenceRule{"mamba2", Recurrence::kEveryLayer},
    RecurrenceRule{"nemotron_h", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"nemotron_h_moe", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"plamo2", Recurrence::kWithoutKvHeads},
    RecurrenceRule{"qwen35", Recurrence::kInterval},
    RecurrenceRule{"qwen35moe", Recurrence::kInterval},
    RecurrenceRule{"qwen3next", Recurrence::kInterval},
    RecurrenceRule{"rwkv6", Recurrence::kEveryLayer},
    RecurrenceRule{"rwkv6qwen2", Recurrence::kEveryLayer},
    RecurrenceRule{"rwkv7", Recurrence::kEveryLayer},
};

// Architectures whose memory none of the rules here describes: caches with compressed or indexed rows, linear
// attention with states of its own. Full attention would be no bound for them.
constexpr std::array<std::string_view, 6> kUncovered = {"bailingmoe3", "deepseek32", "deepseek4",
                                                        "glm-dsa",     "minimax-01", "qwen4exp"};

template <typename Table>
auto FindRule(const Table& table, std::string_view architecture) -> const typename Table::value_type* {
  for (const auto& rule : table) {
    if (rule.architecture == architecture) return &rule;
  }
  return nullptr;
}

// Convolution and state of one recurrent layer, in values. Source: llama_hparams::n_embd_r and n_embd_s.
std::optional<uint64_t> StateValues(const Dims& dims) {
  const RecurrentDims& r = dims.recurrent;
  for (const uint64_t value : {r.conv_kernel, r.inner_size, r.state_size, r.group_count, r.short_conv_cache,
                               r.wkv_head_size, r.token_shifts, r.kda_head_size, dims.hidden.value_or(0)}) {
    if (value > kMaxWidth) return std::nullopt;
  }
  const uint64_t hidden = dims.hidden.value_or(0);
  if (r.wkv_head_size != 0) return hidden * std::max<uint64_t>(r.token_shifts, 1) + hidden * r.wkv_head_size;
  if (r.short_conv_cache != 0) return hidden * (r.short_conv_cache - 1);
  const uint64_t history = r.conv_kernel > 0 ? r.conv_kernel - 1 : 0;
  if (r.kda_head_size != 0) {
    const auto heads = Dims::At(dims.heads, 0);
    if (!heads || *heads > kMaxWidth / r.kda_head_size) return std::nullopt;
    const uint64_t inner = *heads * r.kda_head_size;
    return 3 * (r.conv_kernel > 0 ? history : 3) * inner + r.kda_head_size * inner;
  }
  if (r.inner_size == 0 || r.group_count * r.state_size > kMaxWidth) return std::nullopt;
  return history * (r.inner_size + 2 * r.group_count * r.state_size) + r.state_size * r.inner_size;
}

// Which layers slide. One flag a layer.
std::vector<bool> SlidingLayers(const Dims& dims, const SlidingRule& rule, uint64_t layers) {
  std::vector<bool> sliding(static_cast<size_t>(layers), false);
  const uint64_t period = dims.sliding_pattern.size() == 1 ? dims.sliding_pattern[0] : rule.period;
  for (uint64_t i = 0; i < layers; ++i) {
    bool slides = false;
    if (dims.sliding_pattern.size() > 1) {
      slides = Dims::At(dims.sliding_pattern, i).value_or(0) != 0;
    } else if (period != 0) {
      slides = rule.full_first ? i % period != 0 : i % period < period - 1;
    }
    sliding[static_cast<size_t>(i)] = slides;
  }
  return sliding;
}

bool IsRecurrent(const Dims& dims, const RecurrenceRule& rule, uint64_t layer) {
  if (!dims.recurrent_layers.empty()) return Dims::At(dims.recurrent_layers, layer).value_or(0) != 0;
  switch (rule.recurrence) {
    case Recurrence::kEveryLayer:
    case Recurrence::kBesideAttention:
      return true;
    case Recurrence::kWithoutKvHeads:
      // In Nemotron-H a layer with a feed-forward part has neither attention nor state.
      if (dims.architecture.starts_with("nemotron_h") && Dims::At(dims.ffn, layer).value_or(0) != 0) return false;
      return Dims::At(dims.kv_heads, layer).value_or(1) == 0;
    case Recurrence::kInterval: {
      const uint64_t interval = dims.full_attention_interval.value_or(4);
      return interval == 0 || (layer + 1) % interval != 0;
    }
  }
  return false;
}

// Empty text when the attention of `layer` is described; otherwise what is missing.
std::string FillAttention(const Dims& dims, uint64_t layer, LayerShape& shape) {
  const auto heads = Dims::At(dims.heads, layer);
  const auto kv_heads = dims.kv_heads.empty() ? heads : Dims::At(dims.kv_heads, layer);
  if (!kv_heads) return "the number of KV heads is not stated";
  std::optional<uint64_t> derived;
  if (const auto first = Dims::At(dims.heads, 0); dims.hidden && first && *first != 0) derived = *dims.hidden / *first;
  auto key_length = dims.key_length ? dims.key_length : derived;
  auto value_length = dims.value_length ? dims.value_length : derived;
  if (shape.cache == Cache::kSliding && dims.sliding_key_length) key_length = dims.sliding_key_length;
  if (shape.cache == Cache::kSliding && dims.sliding_value_length) value_length = dims.sliding_value_length;
  if (dims.latent_attention) value_length = 0;
  if (!key_length || !value_length) return "the length of a head is not stated";
  for (const uint64_t length : {*key_length, *value_length}) {
    if (length > kMaxWidth || *kv_heads > kMaxWidth / std::max<uint64_t>(length, 1)) {
      return fmt::format("layer {} claims {} KV heads of length {}", layer, *kv_heads, length);
    }
  }
  shape.key_width = *kv_heads * *key_length;
  shape.value_width = *kv_heads * *value_length;
  shape.key_length = *key_length;
  shape.value_length = *value_length;
  if (*kv_heads == 0) shape.cache = Cache::kNone;
  return "";
}

}  // namespace

bool EngineKnowsArchitecture(std::string_view architecture) {
  return std::binary_search(kEngineArchitectures.begin(), kEngineArchitectures.end(), architecture);
}

Shape ComputeShape(const Dims& dims) {
  Shape shape;
  const bool uncovered = std::find(kUncovered.begin(), kUncovered.end(), dims.architecture) != kUncovered.end();
  shape.rule_known = EngineKnowsArchitecture(dims.architecture) && !uncovered;
  if (!dims.layers) {
    shape.missing = "the number of layers is not stated";
    return shape;
  }
  if (*dims.layers > kMaxLayers) {
    shape.missing = fmt::format("{} layers are more than the engine's limit of {}", *dims.layers, kMaxLayers);
    return shape;
  }
  if (uncovered) {
    shape.missing = fmt::format("the cache of architecture '{}' is not covered yet", dims.architecture);
    return shape;
  }
  const uint64_t layers = *dims.layers;
  const SlidingRule* sliding_rule = FindRule(kSlidingRules, dims.architecture);
  const RecurrenceRule* recurrence_rule = FindRule(kRecurrenceRules, dims.architecture);
  std::vector<bool> slides(static_cast<size_t>(layers), false);
  if (sliding_rule != nullptr) {
    shape.sliding_window = dims.sliding_window.value_or(sliding_rule->default_window);
    if (shape.sliding_window != 0) slides = SlidingLayers(dims, *sliding_rule, layers);
  }
  uint64_t cache_layers = layers - std::min(layers, dims.shared_kv_layers.value_or(0));
  if (dims.architecture == "gemma3n") cache_layers = std::min(layers, kGemma3nCacheLayers);

  std::vector<LayerShape> result;
  for (uint64_t i = 0; i < layers; ++i) {
    LayerShape layer;
    const bool recurrent = recurrence_rule != nullptr && IsRecurrent(dims, *recurrence_rule, i);
    if (recurrent) {
      const auto state = StateValues(dims);
      if (!state) {
        shape.missing = "the size of the recurrent state is not stated";
        return shape;
      }
      layer.state_values = *state;
    }
    const bool attends = !recurrent || recurrence_rule->recurrence == Recurrence::kBesideAttention;
    layer.cache = !attends || i >= cache_layers    ? Cache::kNone
                  : slides[static_cast<size_t>(i)] ? Cache::kSliding
                                                   : Cache::kFull;
    if (layer.cache != Cache::kNone) {
      shape.missing = FillAttention(dims, i, layer);
      if (!shape.missing.empty()) return shape;
    }
    result.push_back(layer);
  }
  shape.layers = std::move(result);
  return shape;
}

}  // namespace loco
