#include "train/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/hostile_text.h"

namespace loco {
namespace {

// How an architecture's block differs from the plain one. Norms and biases are not listed: the file has them or not.
struct Architecture {
  std::string_view name;
  bool interleaved = false;  // rotated pairs are neighbours
  GateKind gate = GateKind::kSilu;
  bool scaled_embedding = false;  // by the square root of the width
  int rope_every = 0;             // every n-th block has no positions (SmolLM3)
  int full_every = 0;        // every n-th block sees everything, the others a window, with a rotation of their own;
                             // the file may state another n
  bool ties_output = false;  // never has an output matrix of its own
};
constexpr std::array kArchitectures = {
    Architecture{.name = "llama", .interleaved = true},
    Architecture{.name = "qwen2"},
    Architecture{.name = "qwen3"},
    Architecture{.name = "smollm3", .interleaved = true, .rope_every = 4},
    Architecture{.name = "gemma3", .gate = GateKind::kGelu, .scaled_embedding = true, .full_every = 6},
    Architecture{.name = "phi3"},
    Architecture{.name = "bitnet", .ties_output = true},
};

class Builder {
 public:
  Builder(const Gguf& gguf, std::span<const std::byte> file, const Path& path) : gguf_(gguf), file_(file), path_(path) {
    for (const GgufTensor& tensor : gguf.tensors) tensors_.emplace(tensor.name, &tensor);
  }

  Network Build() {
    const std::string name = Text("general.architecture");
    const auto* found = std::find_if(kArchitectures.begin(), kArchitectures.end(),
                                     [&](const Architecture& a) { return a.name == name; });
    if (found == kArchitectures.end()) {
      throw Error(fmt::format("{}: the trainer does not know the architecture '{}'", path_.string(), ForTerminal(name)),
                  fmt::format("it knows {}", fmt::join(TrainableArchitectures(), ", ")));
    }
    architecture_ = &*found;
    if (gguf_.missing_bytes() > 0) {
      throw Error(fmt::format("{}: {} bytes of weights are missing", path_.string(), gguf_.missing_bytes()),
                  "fetch the file again");
    }
    ReadShape();
    ReadRopes();
    net_.embedding = MatrixNamed("token_embd.weight", net_.vocabulary, net_.width);
    const bool own_output = !architecture_->ties_output && tensors_.contains("output.weight");
    net_.output = own_output ? MatrixNamed("output.weight", net_.vocabulary, net_.width) : net_.embedding;
    net_.output_norm = VectorNamed("output_norm.weight", net_.width);
    for (int64_t i = 0; i < blocks_; ++i) net_.blocks.push_back(ReadBlock(i));
    return std::move(net_);
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(fmt::format("{}: {}", path_.string(), what), "the trainer does not cover this; use another base");
  }

  std::string Text(std::string_view key) const {
    const GgufValue* value = gguf_.Find(key);
    return value == nullptr ? "" : std::string(value->AsString().value_or(""));
  }
  std::optional<double> Number(const std::string& key) const {
    const GgufValue* value = gguf_.Find(fmt::format("{}.{}", architecture_->name, key));
    return value == nullptr ? std::nullopt : value->AsNumber();
  }
  int64_t Size(const std::string& key) const {
    const auto number = Number(key);
    if (!number || *number < 1 || *number > 1e9) {
      Refuse(fmt::format("'{}.{}' is missing or out of range", architecture_->name, key));
    }
    return static_cast<int64_t>(*number);
  }

  void ReadShape() {
    net_.architecture = architecture_->name;
    if (Number("expert_count").value_or(0) > 0) Refuse("a mixture of experts");
    blocks_ = Size("block_count");
    net_.width = Size("embedding_length");
    net_.heads = Size("attention.head_count");
    net_.kv_heads = Number("attention.head_count_kv") ? Size("attention.head_count_kv") : net_.heads;
    net_.head = Number("attention.key_length") ? Size("attention.key_length") : net_.width / net_.heads;
    const int64_t values = Number("attention.value_length") ? Size("attention.value_length") : net_.head;
    if (values != net_.head) Refuse("keys and values of different lengths");
    if (net_.heads % net_.kv_heads != 0 || net_.head % 2 != 0) Refuse("heads that cannot be shared or halved");
    net_.ffn = Size("feed_forward_length");
    const auto embedding = tensors_.find("token_embd.weight");
    if (embedding == tensors_.end()) Refuse("it has no token_embd.weight");
    net_.vocabulary = static_cast<int64_t>(embedding->second->dimensions[1]);
    const auto epsilon = Number("attention.layer_norm_rms_epsilon");
    if (!epsilon) Refuse("the epsilon of its norms is not stated");
    net_.epsilon = static_cast<float>(*epsilon);
    net_.gate = architecture_->gate;
    if (architecture_->scaled_embedding) net_.embedding_scale = std::sqrt(static_cast<float>(net_.width));
    net_.attention_scale = 1 / std::sqrt(static_cast<float>(net_.head));
    if (const auto scale = Number("attention.scale"); scale && *scale > 0 && net_.architecture != "gemma3") {
      net_.attention_scale = static_cast<float>(*scale);
    }
    // Gemma 3 27B alone scales by the width of a head of the stream.
    if (net_.architecture == "gemma3" && blocks_ == 62) {
      const int64_t part = net_.width / net_.heads;
      net_.attention_scale = 1 / std::sqrt(static_cast<float>(part));
    }
    if (Number("final_logit_softcapping").value_or(0) > 0 || Number("attn_logit_softcapping").value_or(0) > 0) {
      Refuse("capped logits");
    }
    window_ = static_cast<int64_t>(Number("attention.sliding_window").value_or(0));
    full_every_ = static_cast<int64_t>(Number("attention.sliding_window_pattern").value_or(architecture_->full_every));
  }

  Rope MakeRope(double base, double scale) const {
    const int64_t rotated = Number("rope.dimension_count") ? Size("rope.dimension_count") : net_.head;
    if (rotated % 2 != 0 || rotated > net_.head) Refuse("a rotation that does not fit the head");
    Rope rope{.interleaved = architecture_->interleaved, .rotated = rotated};
    for (int64_t i = 0; i < rotated / 2; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rotated);
      rope.frequencies.push_back(static_cast<float>(scale * std::pow(base, exponent)));
    }
    return rope;
  }

  // ropes[0] is the model's; ropes[1], where blocks with a window have one of their own, theirs.
  void ReadRopes() {
    const std::string kind = Text(fmt::format("{}.rope.scaling.type", architecture_->name));
    if (kind == "yarn") Refuse("positions scaled by YaRN");
    const double base = Number("rope.freq_base").value_or(10000);
    const double factor = Number("rope.scaling.factor").value_or(1);
    const bool linear = kind.empty() || kind == "linear";
    Rope rope = MakeRope(base, linear && factor > 0 ? 1 / factor : 1);
    for (const char* name : {"rope_freqs.weight", "rope_factors_short.weight"}) {
      if (!tensors_.contains(name)) continue;
      const std::vector<float> factors = VectorNamed(name, static_cast<int64_t>(rope.frequencies.size()));
      for (size_t i = 0; i < factors.size(); ++i) rope.frequencies[i] /= factors[i];
    }
    rope.magnitude = static_cast<float>(Number("rope.scaling.attn_factor").value_or(1));
    net_.ropes.push_back(std::move(rope));
    if (architecture_->full_every > 0 && window_ > 0) {
      // The engine's default for the blocks with a window, unless the file says otherwise.
      net_.ropes.push_back(MakeRope(Number("rope.freq_base_swa").value_or(10000), 1));
    }
  }

  const GgufTensor* FindTensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : found->second;
  }

  Matrix MatrixOf(const GgufTensor& tensor, int64_t rows, int64_t columns) const {
    const bool fits = tensor.dimension_count <= 2 && static_cast<int64_t>(tensor.dimensions[0]) == columns &&
                      static_cast<int64_t>(tensor.dimensions[1]) == rows;
    if (!fits) {
      Refuse(fmt::format("{} is {} × {}, expected {} × {}", ForTerminal(tensor.name), tensor.dimensions[0],
                         tensor.dimensions[1], columns, rows));
    }
    if (!CanDequantize(tensor.type->id)) {
      Refuse(fmt::format("{} is of the type {}", ForTerminal(tensor.name), tensor.type->name));
    }
    return {.data = file_.data() + gguf_.data_offset + tensor.offset,
            .type = tensor.type->id,
            .rows = rows,
            .columns = columns};
  }
  Matrix MatrixNamed(const std::string& name, int64_t rows, int64_t columns) const {
    const GgufTensor* tensor = FindTensor(name);
    if (tensor == nullptr) Refuse(fmt::format("it has no {}", name));
    return MatrixOf(*tensor, rows, columns);
  }
  std::vector<float> VectorNamed(const std::string& name, int64_t count) const {
    const Matrix matrix = MatrixNamed(name, 1, count);
    std::vector<float> values(static_cast<size_t>(count));
    Dequantize(matrix, 0, 0, count, values.data());
    return values;
  }
  std::vector<float> OptionalVector(const std::string& name, int64_t count) const {
    return FindTensor(name) == nullptr ? std::vector<float>{} : VectorNamed(name, count);
  }

  // Rows `from` … of the matrix `part` of a block, with its bias and scale.
  Linear ReadLinear(const std::string& part, int64_t whole, int64_t from, int64_t rows, int64_t columns) const {
    Linear linear{.name = part + ".weight",
                  .weight = MatrixNamed(part + ".weight", whole, columns),
                  .pair_row = from,
                  .whole_rows = whole};
    linear.weight.data += from * linear.weight.row_bytes();
    linear.weight.rows = rows;
    if (const auto bias = OptionalVector(part + ".bias", whole); !bias.empty()) {
      linear.bias.assign(bias.begin() + from, bias.begin() + from + rows);
    }
    if (const auto scale = OptionalVector(part + ".scale", 1); !scale.empty()) linear.scale = scale[0];
    return linear;
  }

  Block ReadBlock(int64_t i) const {
    const auto name = [i](std::string_view part) { return fmt::format("blk.{}.{}", i, part); };
    const int64_t queries = net_.heads * net_.head;
    const int64_t keys = net_.kv_heads * net_.head;
    Block block;
    block.attention_norm = VectorNamed(name("attn_norm.weight"), net_.width);
    block.query_norm = OptionalVector(name("attn_q_norm.weight"), net_.head);
    block.key_norm = OptionalVector(name("attn_k_norm.weight"), net_.head);
    block.attention_sub_norm = OptionalVector(name("attn_sub_norm.weight"), queries);
    block.attention_post_norm = OptionalVector(name("post_attention_norm.weight"), net_.width);
    block.ffn_norm = VectorNamed(name("ffn_norm.weight"), net_.width);
    block.ffn_sub_norm = OptionalVector(name("ffn_sub_norm.weight"), net_.ffn);
    block.ffn_post_norm = OptionalVector(name("post_ffw_norm.weight"), net_.width);
    if (FindTensor(name("attn_qkv.weight")) != nullptr) {
      const int64_t whole = queries + 2 * keys;
      block.query = ReadLinear(name("attn_qkv"), whole, 0, queries, net_.width);
      block.key = ReadLinear(name("attn_qkv"), whole, queries, keys, net_.width);
      block.value = ReadLinear(name("attn_qkv"), whole, queries + keys, keys, net_.width);
    } else {
      block.query = ReadLinear(name("attn_q"), queries, 0, queries, net_.width);
      block.key = ReadLinear(name("attn_k"), keys, 0, keys, net_.width);
      block.value = ReadLinear(name("attn_v"), keys, 0, keys, net_.width);
    }
    block.output = ReadLinear(name("attn_output"), net_.width, 0, net_.width, queries);
    if (FindTensor(name("ffn_gate.weight")) != nullptr) {
      block.gate = ReadLinear(name("ffn_gate"), net_.ffn, 0, net_.ffn, net_.width);
      block.up = ReadLinear(name("ffn_up"), net_.ffn, 0, net_.ffn, net_.width);
    } else {  // gate above up in one matrix
      block.gate = ReadLinear(name("ffn_up"), 2 * net_.ffn, 0, net_.ffn, net_.width);
      block.up = ReadLinear(name("ffn_up"), 2 * net_.ffn, net_.ffn, net_.ffn, net_.width);
    }
    block.down = ReadLinear(name("ffn_down"), net_.width, 0, net_.width, net_.ffn);
    const bool full = architecture_->full_every == 0 || window_ == 0 || (i + 1) % full_every_ == 0;
    block.window = full ? 0 : window_;
    block.rope = full ? 0 : 1;
    if (architecture_->rope_every > 0 && (i + 1) % architecture_->rope_every == 0) block.rope = -1;
    return block;
  }

  const Gguf& gguf_;
  std::span<const std::byte> file_;
  const Path& path_;
  const Architecture* architecture_ = nullptr;
  std::map<std::string_view, const GgufTensor*, std::less<>> tensors_;
  Network net_;
  int64_t blocks_ = 0;
  int64_t window_ = 0;
  int64_t full_every_ = 0;
};

}  // namespace

std::vector<std::string> TrainableArchitectures() {
  std::vector<std::string> names;
  for (const Architecture& architecture : kArchitectures) names.emplace_back(architecture.name);
  return names;
}

Network BuildNetwork(const Gguf& gguf, std::span<const std::byte> file, const Path& path) {
  return Builder(gguf, file, path).Build();
}

}  // namespace loco
