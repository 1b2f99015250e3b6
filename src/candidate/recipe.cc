#include "candidate/recipe.h"

#include <fmt/format.h>

#include <array>

#include "candidate/ggml_types.h"

namespace loco {
namespace {

// How a family's block differs from the plain one: q, k, v, output, gate, up, down and two norms.
struct Family {
  std::string_view architecture;
  bool head_norms = false;  // a norm over each query and key head
  bool qkv_biases = false;
  bool fused = false;         // q, k, v in one matrix, gate and up in one
  bool post_norms = false;    // a second norm after attention and after the feed-forward part
  bool sub_norms = false;     // BitNet: norms inside, before the output matrices
  bool hybrid = false;        // Qwen3.5: Gated DeltaNet in the recurrent layers, gated queries in the others
  bool layer_inputs = false;  // Gemma 3n: an embedding a layer, AltUp and Laurel beside every block
};
constexpr std::array kFamilies = {
    Family{.architecture = "llama"},
    Family{.architecture = "mistral3"},
    Family{.architecture = "smollm3"},
    Family{.architecture = "qwen2", .qkv_biases = true},
    Family{.architecture = "qwen3", .head_norms = true},
    Family{.architecture = "phi3", .fused = true},
    Family{.architecture = "gemma3", .head_norms = true, .post_norms = true},
    Family{.architecture = "gemma3n", .head_norms = true, .post_norms = true, .layer_inputs = true},
    Family{.architecture = "bitnet", .sub_norms = true},
    Family{.architecture = "qwen35", .head_norms = true, .hybrid = true},
};

const Family* FindFamily(std::string_view architecture) {
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return nullptr;
}

// Widths are bounded by ComputeShape() before they come here; this bounds the rest, so that no product overflows.
constexpr uint64_t kMaxTensorWidth = uint64_t{1} << 24;

// Gemma 3n: numbers of its one published size, which its dimensions do not tell.
constexpr uint64_t kLayerInput = 256;
constexpr uint64_t kAltUp = 4;
constexpr uint64_t kLaurelRank = 64;

class Derivation {
 public:
  Derivation(const Dims& dims, const Family& family, const Shape& shape)
      : dims_(dims), family_(family), shape_(shape) {}

  bool Run() {
    const auto heads = Dims::At(dims_.heads, 0);
    const auto ffn = Dims::At(dims_.ffn, 0);
    const bool complete = dims_.hidden && dims_.vocabulary && heads && *heads != 0 && ffn && dims_.tied_embeddings &&
                          dims_.experts.value_or(0) == 0 && dims_.heads.size() == 1 && dims_.ffn.size() == 1 &&
                          dims_.kv_heads.size() <= 1;
    if (!complete) return false;
    for (const uint64_t width : {*dims_.hidden, *dims_.vocabulary, *heads, *ffn, dims_.key_length.value_or(0),
                                 dims_.value_length.value_or(0), Dims::At(dims_.kv_heads, 0).value_or(0)}) {
      if (width > kMaxTensorWidth) return false;
    }
    hidden_ = *dims_.hidden;
    ffn_ = *ffn;
    key_length_ = dims_.key_length.value_or(hidden_ / *heads);
    query_width_ = *heads * key_length_;
    const uint64_t kv_heads = Dims::At(dims_.kv_heads, 0).value_or(*heads);
    key_width_ = kv_heads * key_length_;
    value_width_ = kv_heads * dims_.value_length.value_or(hidden_ / *heads);
    if (key_width_ > kMaxTensorWidth || value_width_ > kMaxTensorWidth) return false;
    Matrix("token_embd.weight", hidden_, *dims_.vocabulary);
    Vector("output_norm.weight", hidden_);
    if (dims_.rotary_constants > kMaxTensorWidth) return false;
    if (dims_.rotary_constants != 0) Vector("rope_freqs.weight", dims_.rotary_constants);
    if (!*dims_.tied_embeddings) Matrix("output.weight", hidden_, *dims_.vocabulary);
    if (family_.layer_inputs) SharedLayerInputs();
    for (size_t i = 0; i < shape_.layers.size(); ++i) Block(i, shape_.layers[i]);
    return true;
  }
  std::vector<Weight>& weights() { return weights_; }

 private:
  void Matrix(std::string name, uint64_t in, uint64_t out) {
    weights_.push_back({.name = std::move(name), .type = kF16, .in = in, .out = out});
  }
  void Vector(std::string name, uint64_t width) {
    weights_.push_back({.name = std::move(name), .type = kF32, .in = width});
  }

  void Block(size_t i, const LayerShape& layer) {
    const auto name = [i](std::string_view part) { return fmt::format("blk.{}.{}", i, part); };
    Vector(name("attn_norm.weight"), hidden_);
    if (layer.state_values != 0) {
      DeltaNet(name);
    } else {
      Attention(name);
    }
    if (family_.post_norms) Vector(name("post_attention_norm.weight"), hidden_);
    Vector(name(family_.hybrid ? "post_attention_norm.weight" : "ffn_norm.weight"), hidden_);
    if (family_.fused) {
      Matrix(name("ffn_up.weight"), hidden_, 2 * ffn_);
    } else {
      Matrix(name("ffn_gate.weight"), hidden_, ffn_);
      Matrix(name("ffn_up.weight"), hidden_, ffn_);
    }
    if (family_.sub_norms) Vector(name("ffn_sub_norm.weight"), ffn_);
    Matrix(name("ffn_down.weight"), ffn_, hidden_);
    if (family_.post_norms) Vector(name("post_ffw_norm.weight"), hidden_);
    if (family_.layer_inputs) LayerInputs(name);
  }

  void SharedLayerInputs() {
    const uint64_t all_layers = kLayerInput * shape_.layers.size();
    Matrix("per_layer_token_embd.weight", all_layers, *dims_.vocabulary);
    Matrix("per_layer_model_proj.weight", hidden_, all_layers);
    Vector("per_layer_proj_norm.weight", kLayerInput);
    for (const char* part : {"altup_proj.weight", "altup_unembd_proj.weight"}) {
      weights_.push_back({.name = part, .type = kF16, .in = hidden_, .out = hidden_, .experts = kAltUp - 1});
    }
  }
  template <typename Name>
  void LayerInputs(const Name& name) {
    Matrix(name("inp_gate.weight"), hidden_, kLayerInput);
    Matrix(name("proj.weight"), kLayerInput, hidden_);
    Vector(name("post_norm.weight"), hidden_);
    Matrix(name("altup_correct_coef.weight"), kAltUp, kAltUp);
    Vector(name("altup_correct_scale.weight"), hidden_);
    Matrix(name("altup_predict_coef.weight"), kAltUp, kAltUp * kAltUp);
    Matrix(name("altup_router.weight"), hidden_, kAltUp);
    Vector(name("altup_router_norm.weight"), hidden_);
    Matrix(name("laurel_l.weight"), hidden_, kLaurelRank);
    Matrix(name("laurel_r.weight"), kLaurelRank, hidden_);
    Vector(name("laurel_post_norm.weight"), hidden_);
  }

  template <typename Name>
  void Attention(const Name& name) {
    if (family_.fused) {
      Matrix(name("attn_qkv.weight"), hidden_, query_width_ + key_width_ + value_width_);
    } else {
      Matrix(name("attn_q.weight"), hidden_, family_.hybrid ? 2 * query_width_ : query_width_);
      Matrix(name("attn_k.weight"), hidden_, key_width_);
      Matrix(name("attn_v.weight"), hidden_, value_width_);
    }
    if (family_.qkv_biases) {
      Vector(name("attn_q.bias"), query_width_);
      Vector(name("attn_k.bias"), key_width_);
      Vector(name("attn_v.bias"), value_width_);
    }
    if (family_.head_norms) {
      Vector(name("attn_q_norm.weight"), key_length_);
      Vector(name("attn_k_norm.weight"), key_length_);
    }
    if (family_.sub_norms) Vector(name("attn_sub_norm.weight"), hidden_);
    Matrix(name("attn_output.weight"), query_width_, hidden_);
  }

  template <typename Name>
  void DeltaNet(const Name& name) {
    const RecurrentDims& r = dims_.recurrent;
    const uint64_t value_heads = r.state_size == 0 ? 0 : r.inner_size / r.state_size;
    const uint64_t convolved = 2 * r.group_count * r.state_size + r.inner_size;
    Matrix(name("attn_qkv.weight"), hidden_, convolved);
    Matrix(name("attn_gate.weight"), hidden_, r.inner_size);
    weights_.push_back({.name = name("ssm_conv1d.weight"), .type = kF32, .in = r.conv_kernel, .out = convolved});
    Vector(name("ssm_dt.bias"), value_heads);
    Vector(name("ssm_a"), value_heads);
    Matrix(name("ssm_beta.weight"), hidden_, value_heads);
    Matrix(name("ssm_alpha.weight"), hidden_, value_heads);
    Vector(name("ssm_norm.weight"), r.state_size);
    Matrix(name("ssm_out.weight"), r.inner_size, hidden_);
  }

  const Dims& dims_;
  const Family& family_;
  const Shape& shape_;
  uint64_t hidden_ = 0;
  uint64_t ffn_ = 0;
  uint64_t key_length_ = 0;
  uint64_t query_width_ = 0;
  uint64_t key_width_ = 0;
  uint64_t value_width_ = 0;
  std::vector<Weight> weights_;
};

// The layers that Q4_K_M gives more bits: the first and last eighth, and every third between.
bool UsesMoreBits(size_t layer, size_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

// Small helpers that the quantizer leaves alone.
bool StaysF16(std::string_view name) {
  return name.find("altup") != std::string_view::npos || name.find("laurel") != std::string_view::npos ||
         name == "per_layer_model_proj.weight";
}

uint32_t Q4KmType(const Weight& weight, bool tied, size_t layer, size_t layers) {
  const std::string_view name = weight.name;
  if (name == "output.weight" || (tied && name.ends_with("token_embd.weight")))
    return weight.in % 256 == 0 ? kQ6_K : kQ8_0;
  const bool sensitive =
      name.ends_with("attn_v.weight") || name.ends_with("attn_qkv.weight") || name.ends_with("ffn_down.weight");
  uint32_t type = sensitive && UsesMoreBits(layer, layers) ? kQ6_K : kQ4_K;
  // Rows that do not fill blocks of 256 fall back to the next larger type with blocks of 32.
  if (weight.in % 256 != 0) type = type == kQ6_K ? kQ8_0 : kQ5_0;
  return type;
}

}  // namespace

std::optional<std::vector<Weight>> DeriveWeights(const Dims& dims, std::string_view quantization) {
  const Family* family = FindFamily(dims.architecture);
  const bool known = quantization == "Q4_K_M" || quantization == "Q8_0" || quantization == "F16";
  if (family == nullptr || !known) return std::nullopt;
  const Shape shape = ComputeShape(dims);
  if (shape.layers.empty()) return std::nullopt;
  Derivation derivation(dims, *family, shape);
  if (!derivation.Run()) return std::nullopt;

  std::vector<Weight> weights = std::move(derivation.weights());
  for (Weight& weight : weights) {
    if (weight.type == kF16 && quantization != "F16" && !StaysF16(weight.name)) {
      size_t layer = 0;
      if (weight.name.starts_with("blk.")) layer = static_cast<size_t>(std::stoul(weight.name.substr(4)));
      weight.type =
          quantization == "Q8_0" ? kQ8_0 : Q4KmType(weight, *dims.tied_embeddings, layer, shape.layers.size());
      if (weight.in % FindGgmlType(weight.type)->block != 0) weight.type = kF16;
    }
    const auto bytes = FindGgmlType(weight.type)->BytesOf(weight.elements());
    if (!bytes) return std::nullopt;
    weight.bytes = *bytes;
  }
  return weights;
}

Bytes TotalBytes(const std::vector<Weight>& weights) {
  Bytes total;
  for (const Weight& weight : weights) total += Bytes{weight.bytes};
  return total;
}

uint64_t CountParameters(const std::vector<Weight>& weights) {
  uint64_t count = 0;
  for (const Weight& weight : weights) {
    if (weight.name.find("rope_freqs") == std::string::npos && weight.name.find("rope_factors") == std::string::npos) {
      count += weight.elements();
    }
  }
  return count;
}

bool IsLinearLayer(const Weight& weight) {
  const std::string_view name = weight.name;
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return name.starts_with("blk.") && name.ends_with(".weight") && weight.out > 1 && !has("norm") && !has("conv") &&
         !has("ffn_gate_inp") && !has("altup") && !has("laurel");
}

uint64_t LoraWidth(const std::vector<Weight>& weights) {
  uint64_t width = 0;
  for (const Weight& weight : weights) {
    if (IsLinearLayer(weight)) width += (weight.in + weight.out) * weight.experts;
  }
  return width;
}

}  // namespace loco
