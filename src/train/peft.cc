#include "train/peft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hostile_text.h"
#include "train/safetensors.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct Part {
  std::string_view gguf;
  std::string_view module;
};
constexpr std::array kParts = {
    Part{"attn_q", "self_attn.q_proj"},      Part{"attn_k", "self_attn.k_proj"}, Part{"attn_v", "self_attn.v_proj"},
    Part{"attn_output", "self_attn.o_proj"}, Part{"ffn_gate", "mlp.gate_proj"},  Part{"ffn_up", "mlp.up_proj"},
    Part{"ffn_down", "mlp.down_proj"},
};
// Phi's fused matrices.
constexpr std::array kFusedParts = {
    Part{"attn_qkv", "self_attn.qkv_proj"},
    Part{"attn_output", "self_attn.o_proj"},
    Part{"ffn_up", "mlp.gate_up_proj"},
    Part{"ffn_down", "mlp.down_proj"},
};

// A layer that may wear a pair.
struct Layer {
  std::string tensor;  // "blk.3.attn_q.weight"
  std::string module;  // "layers.3.self_attn.q_proj"
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t split_heads = 0;  // heads whose halves the file interleaves; 0: none
};

std::span<const Part> PartsOf(const Network& base) {
  if (base.architecture == "phi3") return kFusedParts;
  return kParts;
}

std::vector<Layer> LayersOf(const Network& base) {
  std::vector<Layer> layers;
  std::set<std::string> seen;
  const bool interleaved = !base.ropes.empty() && base.ropes.front().interleaved;
  for (size_t i = 0; i < base.blocks.size(); ++i) {
    const Block& block = base.blocks[i];
    for (const Linear* linear :
         {&block.query, &block.key, &block.value, &block.output, &block.gate, &block.up, &block.down}) {
      if (!seen.insert(linear->name).second) continue;  // a view of a fused matrix
      for (const Part& part : PartsOf(base)) {
        if (linear->name != fmt::format("blk.{}.{}.weight", i, part.gguf)) continue;
        Layer layer{.tensor = linear->name,
                    .module = fmt::format("layers.{}.{}", i, part.module),
                    .rows = linear->whole_rows,
                    .columns = linear->weight.columns};
        if (interleaved && linear == &block.query) layer.split_heads = base.heads;
        if (interleaved && linear == &block.key) layer.split_heads = base.kv_heads;
        layers.push_back(std::move(layer));
      }
    }
  }
  return layers;
}

// Row of the file that holds row `row` of Hugging Face's matrix.
int64_t FileRow(const Layer& layer, int64_t row) {
  if (layer.split_heads == 0) return row;
  const int64_t head = layer.rows / layer.split_heads;
  const int64_t in_head = row % head;
  return row - in_head + (in_head < head / 2 ? 2 * in_head : 2 * (in_head - head / 2) + 1);
}

enum class Direction { kToFile, kFromFile };
std::vector<float> ReorderRows(const Layer& layer, const std::vector<float>& b, int64_t rank, Direction direction) {
  std::vector<float> reordered(b.size());
  for (int64_t row = 0; row < layer.rows; ++row) {
    const int64_t file_row = FileRow(layer, row);
    const int64_t from = direction == Direction::kToFile ? row : file_row;
    const int64_t to = direction == Direction::kToFile ? file_row : row;
    std::copy_n(b.begin() + from * rank, rank, reordered.begin() + to * rank);
  }
  return reordered;
}

std::vector<float> Transposed(const std::vector<float>& matrix, int64_t rows, int64_t columns) {
  std::vector<float> result(matrix.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      result[static_cast<size_t>(column * rows + row)] = matrix[static_cast<size_t>(row * columns + column)];
    }
  }
  return result;
}

class Importer {
 public:
  Importer(const Path& folder, const Network& base) : folder_(folder), base_(base) {
    if (!std::filesystem::is_directory(folder)) {
      throw Error(fmt::format("{}: not a folder", folder.string()),
                  "name the folder that holds adapter_config.json and the safetensors file");
    }
    config_path_ = folder / "adapter_config.json";
    config_ = Json::parse(ReadFile(config_path_), nullptr, false);
    if (!config_.is_object()) {
      throw Error(fmt::format("{}: not a JSON object", config_path_.string()), "save the adapter again");
    }
    is_mlx_ = config_.contains("fine_tune_type") || config_.contains("lora_parameters");
  }

  StoredAdapter Import() {
    if (is_mlx_) {
      CheckMlx();
    } else {
      CheckPeft();
    }
    const Path file = folder_ / (is_mlx_ ? "adapters.safetensors" : "adapter_model.safetensors");
    if (!is_mlx_ && !std::filesystem::exists(file) && std::filesystem::exists(folder_ / "adapter_model.bin")) {
      throw Error(fmt::format("{}: a pickled adapter, which could run code when it is read",
                              (folder_ / "adapter_model.bin").string()),
                  "save it as safetensors: model.save_pretrained(folder, safe_serialization=True)");
    }
    const MappedFile map(file);
    Collect(ParseSafetensors(map.bytes(), file.string()), file);
    std::filesystem::path name = std::filesystem::absolute(folder_).lexically_normal();
    if (!name.has_filename()) name = name.parent_path();
    StoredAdapter adapter{.facts = {.name = name.filename().string(), .architecture = base_.architecture}};
    for (const Layer& layer : LayersOf(base_)) {
      const auto found = halves_.find(layer.module);
      if (found == halves_.end()) continue;
      adapter.pairs.push_back(PairOf(layer, found->second, file));
      halves_.erase(found);
    }
    if (!halves_.empty()) {
      throw Error(fmt::format("{}: this base has no layer '{}'", file.string(), ForTerminal(halves_.begin()->first)),
                  "give the base that the adapter was trained on");
    }
    if (adapter.pairs.empty()) Refuse("has no pair of lora_a and lora_b", "save the adapter again");
    return adapter;
  }

 private:
  struct Halves {
    std::optional<Safetensor> a;
    std::optional<Safetensor> b;
  };

  [[noreturn]] void Refuse(const std::string& what, const std::string& cure) const {
    throw Error(fmt::format("{}: {}", config_path_.string(), what), cure);
  }

  // Whether a key is there and says more than "no".
  bool Says(const char* key) const {
    if (!config_.contains(key)) return false;
    const Json& value = config_[key];
    if (value.is_boolean()) return value.get<bool>();
    return !value.is_null() && !((value.is_array() || value.is_object() || value.is_string()) && value.empty());
  }
  std::string Text(const char* key) const {
    return config_.contains(key) && config_[key].is_string() ? config_[key].get<std::string>() : "";
  }
  double Number(const Json& object, const char* key, double fallback) const {
    if (!object.contains(key) || object[key].is_null()) return fallback;
    if (!object[key].is_number()) Refuse(fmt::format("'{}' is not a number", key), "save the adapter again");
    return object[key].get<double>();
  }

  void CheckMlx() const {
    const std::string type = Text("fine_tune_type");
    if (type == "dora") RefuseDora();
    if (!type.empty() && type != "lora") {
      Refuse(fmt::format("fine_tune_type is '{}', not a LoRA adapter", ForTerminal(type)),
             "train with --fine-tune-type lora");
    }
  }

  [[noreturn]] void RefuseDora() const {
    Refuse("a DoRA adapter: its magnitudes have no place in a GGUF adapter",
           "train with plain LoRA, or merge it in the program that made it and convert the merged model");
  }

  void CheckPeft() const {
    const std::string kind = Text("peft_type");
    if (kind != "LORA") {
      Refuse(fmt::format("peft_type is '{}'; only LORA can be imported", ForTerminal(kind)), "train a LoRA adapter");
    }
    const std::string task = Text("task_type");
    if (!task.empty() && task != "CAUSAL_LM") {
      Refuse(fmt::format("an adapter for {}, not for text generation (CAUSAL_LM)", ForTerminal(task)),
             "train an adapter for CAUSAL_LM; a classification head has no place in a GGUF adapter");
    }
    if (Says("use_dora")) RefuseDora();
    if (Says("modules_to_save")) {
      Refuse(fmt::format("modules_to_save: {} are stored whole, not as pairs",
                         ForTerminal(config_["modules_to_save"].dump())),
             "train without modules_to_save, or merge it in the program that made it");
    }
    for (const char* key : {"fan_in_fan_out", "lora_bias", "layer_replication", "trainable_token_indices",
                            "target_parameters", "alora_invocation_tokens", "arrow_config", "use_qalora"}) {
      if (Says(key)) Refuse(fmt::format("'{}' is set, which a GGUF adapter cannot express", key), "train without it");
    }
    const std::string bias = Text("bias");
    if (!bias.empty() && bias != "none") {
      Refuse(fmt::format("bias is '{}': trained biases have no place in a GGUF adapter", ForTerminal(bias)),
             "train with bias=\"none\"");
    }
    const std::string start = Text("init_lora_weights");
    for (const std::string_view changes_base : {"pissa", "olora", "corda", "loftq"}) {
      if (start.starts_with(changes_base)) {
        Refuse(fmt::format("init_lora_weights is '{}', which changes the base, too", ForTerminal(start)),
               "convert it to plain LoRA when saving: path_initial_model_for_weight_conversion");
      }
    }
  }

  void Collect(std::vector<Safetensor> tensors, const Path& file) {
    static const RE2 kName(
        R"((?:.*\.)?(layers\.\d+\.(?:self_attn|mlp)\.\w+)\.lora_([aAbB])(?:\.default)?(?:\.weight)?)");
    for (Safetensor& tensor : tensors) {
      std::string module;
      std::string half;
      if (!RE2::FullMatch(tensor.name, kName, &module, &half)) RefuseTensor(tensor.name, file);
      Halves& halves = halves_[module];
      auto& slot = half == "a" || half == "A" ? halves.a : halves.b;
      if (slot) {
        throw Error(fmt::format("{}: '{}' stands twice", file.string(), ForTerminal(tensor.name)), "save it again");
      }
      slot = std::move(tensor);
    }
  }

  [[noreturn]] void RefuseTensor(const std::string& name, const Path& file) const {
    if (name.find("lora_magnitude_vector") != std::string::npos || name.ends_with(".m")) RefuseDora();
    const std::string shown = ForTerminal(name);
    if (name.find("embed") != std::string::npos || name.find("lm_head") != std::string::npos) {
      throw Error(fmt::format("{}: '{}' adapts the embedding or the output matrix", file.string(), shown),
                  "train the adapter on the linear layers of the blocks only");
    }
    throw Error(fmt::format("{}: '{}' is not half of a pair on a linear layer", file.string(), shown),
                "train the adapter on the linear layers of the blocks only");
  }

  StoredPair PairOf(const Layer& layer, const Halves& halves, const Path& file) const {
    if (!halves.a || !halves.b) {
      throw Error(fmt::format("{}: {} has only one half of its pair", file.string(), layer.module), "save it again");
    }
    std::vector<int64_t> a_shape = halves.a->shape;
    std::vector<int64_t> b_shape = halves.b->shape;
    // MLX-LM keeps both halves transposed.
    if (is_mlx_) {
      std::reverse(a_shape.begin(), a_shape.end());
      std::reverse(b_shape.begin(), b_shape.end());
    }
    const int64_t rank = a_shape.empty() ? 0 : a_shape.front();
    if (a_shape != std::vector<int64_t>{rank, layer.columns} || b_shape != std::vector<int64_t>{layer.rows, rank}) {
      throw Error(fmt::format("{}: the pair of {} is [{}] and [{}]; this base's layer has {} inputs and {} outputs",
                              file.string(), layer.module, fmt::join(halves.a->shape, ", "),
                              fmt::join(halves.b->shape, ", "), layer.columns, layer.rows),
                  "give the base that the adapter was trained on");
    }
    StoredPair stored{.pair = {.name = layer.tensor, .rows = layer.rows, .columns = layer.columns}, .rank = rank};
    stored.scale = ScaleOf(layer, rank);  // not above: g++ 12 frees the name twice when an initializer throws
    stored.pair.a = halves.a->Floats();
    stored.pair.b = halves.b->Floats();
    if (is_mlx_) {
      stored.pair.a = Transposed(stored.pair.a, layer.columns, rank);
      stored.pair.b = Transposed(stored.pair.b, rank, layer.rows);
    }
    stored.pair.b = ReorderRows(layer, stored.pair.b, rank, Direction::kToFile);
    return stored;
  }

  double ScaleOf(const Layer& layer, int64_t rank) const {
    double scale = 0;
    if (is_mlx_) {
      const Json parameters = config_.value("lora_parameters", Json::object());
      scale = Number(parameters, "scale", 20.0);  // MLX-LM's default
    } else {
      double alpha = Number(config_, "lora_alpha", 8.0);  // PEFT's default
      if (config_.contains("alpha_pattern") && config_["alpha_pattern"].is_object()) {
        for (const auto& [pattern, value] : config_["alpha_pattern"].items()) {
          if (!Matches(pattern, layer.module)) continue;
          alpha = Number(config_["alpha_pattern"], pattern.c_str(), alpha);
          break;
        }
      }
      const auto r = static_cast<double>(rank);
      scale = alpha / (Says("use_rslora") ? std::sqrt(r) : r);
    }
    if (!(scale > 0) || !std::isfinite(scale)) {
      Refuse(fmt::format("the scale of {} is {}: the adapter would change nothing", layer.module, scale),
             "save the adapter with its lora_alpha");
    }
    return scale;
  }

  // PEFT's rule: the pattern is a regular expression for the end of a module's name, from a dot on.
  bool Matches(const std::string& pattern, const std::string& module) const {
    const RE2 expression("(.*\\.)?(" + pattern + ")", RE2::Quiet);
    if (!expression.ok()) {
      Refuse(fmt::format("'{}' in alpha_pattern is not a regular expression", ForTerminal(pattern)), "correct it");
    }
    return RE2::FullMatch("base_model.model.model." + module, expression);
  }

  Path folder_;
  const Network& base_;
  Path config_path_;
  Json config_;
  bool is_mlx_ = false;
  std::map<std::string, Halves> halves_;
};

// 32 rather than 32.0 where it is whole, as everybody writes it.
Json NumberOf(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e9) return static_cast<int64_t>(value);
  return value;
}

}  // namespace

StoredAdapter ImportAdapter(const Path& folder, const Network& base) { return Importer(folder, base).Import(); }

void ExportPeft(const Path& folder, const StoredAdapter& adapter, const Network& base, const std::string& base_name) {
  std::map<std::string, Layer> layers;
  for (Layer& layer : LayersOf(base)) layers.emplace(layer.tensor, std::move(layer));
  const StoredPair& first = adapter.pairs.front();
  const double first_alpha = first.scale * static_cast<double>(first.rank);
  std::vector<std::vector<float>> reordered;
  std::vector<FloatTensor> tensors;
  reordered.reserve(adapter.pairs.size());
  std::set<std::string> targets;
  Json ranks = Json::object();
  Json alphas = Json::object();
  for (const StoredPair& stored : adapter.pairs) {
    const LoraPair& pair = stored.pair;
    const auto found = layers.find(pair.name);
    if (found == layers.end() || found->second.rows != pair.rows || found->second.columns != pair.columns) {
      throw Error(fmt::format("the adapter does not fit this base: {} is {} × {} there", ForTerminal(pair.name),
                              pair.rows, pair.columns),
                  "give the base that the adapter was trained on");
    }
    const Layer& layer = found->second;
    reordered.push_back(ReorderRows(layer, pair.b, stored.rank, Direction::kFromFile));
    const std::string prefix = "base_model.model.model." + layer.module;
    tensors.push_back({prefix + ".lora_A.weight", {stored.rank, pair.columns}, pair.a});
    tensors.push_back({prefix + ".lora_B.weight", {pair.rows, stored.rank}, reordered.back()});
    targets.insert(layer.module.substr(layer.module.rfind('.') + 1));
    // Patterns are regular expressions: the dots of a name match themselves.
    const double alpha = stored.scale * static_cast<double>(stored.rank);
    if (stored.rank != first.rank) ranks["model." + layer.module] = stored.rank;
    if (alpha != first_alpha) alphas["model." + layer.module] = NumberOf(alpha);
  }
  const Json config = {{"peft_type", "LORA"},       {"task_type", "CAUSAL_LM"}, {"base_model_name_or_path", base_name},
                       {"inference_mode", true},    {"r", first.rank},          {"lora_alpha", NumberOf(first_alpha)},
                       {"lora_dropout", 0.0},       {"bias", "none"},           {"fan_in_fan_out", false},
                       {"use_dora", false},         {"use_rslora", false},      {"modules_to_save", nullptr},
                       {"target_modules", targets}, {"rank_pattern", ranks},    {"alpha_pattern", alphas}};
  WriteSafetensors(folder / "adapter_model.safetensors", tensors);
  WriteFileAtomically(folder / "adapter_config.json", config.dump(2) + "\n");
}

}  // namespace loco
