#include "candidate/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

#include "base/hash.h"
#include "base/hostile_text.h"

namespace loco {
namespace {

// general.file_type. Source: enum llama_ftype, include/llama.h of llama.cpp v0.5.0.
struct FileType {
  int64_t number;
  std::string_view name;
};
constexpr std::array kFileTypes = {
    FileType{0, "F32"},      FileType{1, "F16"},     FileType{2, "Q4_0"},    FileType{3, "Q4_1"},
    FileType{7, "Q8_0"},     FileType{8, "Q5_0"},    FileType{9, "Q5_1"},    FileType{10, "Q2_K"},
    FileType{11, "Q3_K_S"},  FileType{12, "Q3_K_M"}, FileType{13, "Q3_K_L"}, FileType{14, "Q4_K_S"},
    FileType{15, "Q4_K_M"},  FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"}, FileType{18, "Q6_K"},
    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},  FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},
    FileType{27, "IQ3_M"},   FileType{28, "IQ2_S"},  FileType{29, "IQ2_M"},  FileType{30, "IQ4_XS"},
    FileType{31, "IQ1_M"},   FileType{32, "BF16"},   FileType{36, "TQ1_0"},  FileType{37, "TQ2_0"},
    FileType{38, "MXFP4"},   FileType{39, "NVFP4"},  FileType{40, "Q1_0"},   FileType{41, "Q2_0"},
};

// Typed access to the keys of one file; an architecture's own keys are asked for without their prefix.
class Keys {
 public:
  explicit Keys(const Gguf& gguf) : gguf_(gguf) {}

  std::string Text(std::string_view key) const {
    const GgufValue* value = gguf_.Find(key);
    if (value == nullptr) return "";
    return std::string(value->AsString().value_or(""));
  }
  std::optional<int64_t> Integer(std::string_view key) const {
    const GgufValue* value = gguf_.Find(key);
    return value == nullptr ? std::nullopt : value->AsInteger();
  }
  std::optional<bool> Flag(std::string_view key) const {
    const GgufValue* value = gguf_.Find(key);
    return value == nullptr ? std::nullopt : value->AsBool();
  }

  void SetPrefix(std::string_view architecture) { prefix_ = std::string(architecture) + "."; }
  std::optional<uint64_t> Size(std::string_view key) const {
    const auto value = Integer(prefix_ + std::string(key));
    if (!value || *value < 0) return std::nullopt;
    return static_cast<uint64_t>(*value);
  }
  std::vector<uint64_t> Sizes(std::string_view key) const {
    const GgufValue* value = gguf_.Find(prefix_ + std::string(key));
    std::vector<uint64_t> sizes;
    // A list a layer is at most as long as the engine's limit of layers; anything longer is not such a list.
    if (value == nullptr || (value->is_array() && value->count > 512)) return sizes;
    const auto integers = value->AsIntegers();
    if (!integers) return sizes;
    for (const int64_t integer : *integers) {
      if (integer < 0) return {};
      sizes.push_back(static_cast<uint64_t>(integer));
    }
    return sizes;
  }

 private:
  const Gguf& gguf_;
  std::string prefix_;
};

void ReadIdentity(const Keys& keys, Facts& facts) {
  facts.kind = keys.Text("general.type");
  if (facts.kind.empty()) facts.kind = "model";
  facts.name = keys.Text("general.name");
  facts.author = keys.Text("general.author");
  if (facts.author.empty()) facts.author = keys.Text("general.organization");
  facts.licence = keys.Text("general.license");
  if (facts.licence.empty()) facts.licence = keys.Text("general.license.name");
  facts.licence_link = keys.Text("general.license.link");
  facts.size_label = keys.Text("general.size_label");
  const int64_t bases = std::clamp<int64_t>(keys.Integer("general.base_model.count").value_or(0), 0, 16);
  for (int64_t i = 0; i < bases; ++i) {
    const std::string prefix = fmt::format("general.base_model.{}.", i);
    facts.base_models.push_back({.name = keys.Text(prefix + "name"),
                                 .organization = keys.Text(prefix + "organization"),
                                 .repository = keys.Text(prefix + "repo_url")});
  }
  facts.split_count = static_cast<uint64_t>(std::max<int64_t>(keys.Integer("split.count").value_or(0), 0));
  facts.split_index = static_cast<uint64_t>(std::max<int64_t>(keys.Integer("split.no").value_or(0), 0));
}

void ReadDims(Keys& keys, Facts& facts) {
  facts.architecture = keys.Text("general.architecture");
  facts.engine_knows_architecture = EngineKnowsArchitecture(facts.architecture);
  keys.SetPrefix(facts.architecture);
  Dims& dims = facts.dims;
  dims.architecture = facts.architecture;
  dims.layers = keys.Size("block_count");
  dims.hidden = keys.Size("embedding_length");
  dims.ffn = keys.Sizes("feed_forward_length");
  dims.heads = keys.Sizes("attention.head_count");
  dims.kv_heads = keys.Sizes("attention.head_count_kv");
  dims.key_length = keys.Size("attention.key_length");
  dims.value_length = keys.Size("attention.value_length");
  dims.sliding_key_length = keys.Size("attention.key_length_swa");
  dims.sliding_value_length = keys.Size("attention.value_length_swa");
  dims.context = keys.Size("context_length");
  dims.trained_context = keys.Size("rope.scaling.original_context_length");
  dims.sliding_window = keys.Size("attention.sliding_window");
  dims.sliding_pattern = keys.Sizes("attention.sliding_window_pattern");
  dims.full_attention_interval = keys.Size("full_attention_interval");
  dims.recurrent_layers = keys.Sizes("attention.recurrent_layers");
  dims.shared_kv_layers = keys.Size("attention.shared_kv_layers");
  dims.experts = keys.Size("expert_count");
  dims.latent_attention = keys.Size("attention.key_length_mla").value_or(0) != 0;
  dims.recurrent = {.conv_kernel = keys.Size("ssm.conv_kernel").value_or(0),
                    .inner_size = keys.Size("ssm.inner_size").value_or(0),
                    .state_size = keys.Size("ssm.state_size").value_or(0),
                    .group_count = keys.Size("ssm.group_count").value_or(0),
                    .short_conv_cache = keys.Size("shortconv.l_cache").value_or(0),
                    .wkv_head_size = keys.Size("wkv.head_size").value_or(0),
                    .token_shifts = keys.Size("token_shift_count").value_or(0),
                    .kda_head_size = keys.Size("kda.head_dim").value_or(0)};
}

void ReadTokenizer(const Gguf& gguf, const Keys& keys, Facts& facts) {
  TokenizerFacts& tokenizer = facts.tokenizer;
  tokenizer.model = keys.Text("tokenizer.ggml.model");
  tokenizer.pre = keys.Text("tokenizer.ggml.pre");
  if (const GgufValue* tokens = gguf.Find("tokenizer.ggml.tokens"); tokens != nullptr && tokens->is_array()) {
    tokenizer.tokens = tokens->count;
    if (const auto texts = tokens->AsStrings()) {
      std::unordered_set<std::string_view> seen;
      seen.reserve(texts->size());
      for (const std::string_view text : *texts) {
        if (!seen.insert(text).second && tokenizer.repeated.empty()) tokenizer.repeated = std::string(text);
      }
    }
  }
  tokenizer.add_bos = keys.Flag("tokenizer.ggml.add_bos_token");
  tokenizer.add_eos = keys.Flag("tokenizer.ggml.add_eos_token");
  tokenizer.bos = keys.Integer("tokenizer.ggml.bos_token_id");
  tokenizer.eos = keys.Integer("tokenizer.ggml.eos_token_id");
  tokenizer.eot = keys.Integer("tokenizer.ggml.eot_token_id");
  tokenizer.unknown = keys.Integer("tokenizer.ggml.unknown_token_id");
  tokenizer.padding = keys.Integer("tokenizer.ggml.padding_token_id");
  facts.dims.vocabulary = keys.Size("vocab_size");
  // The list of tokens is what the engine counts; the key is only a statement about it.
  if (tokenizer.tokens != 0) facts.dims.vocabulary = tokenizer.tokens;
}

void ReadTensors(const Gguf& gguf, Facts& facts) {
  std::map<std::string_view, TensorTypeSum> sums;
  bool has_output = false;
  for (const GgufTensor& tensor : gguf.tensors) {
    const std::string name(tensor.name);
    has_output = has_output || name == "output.weight";
    facts.weights.push_back({.name = name,
                             .type = tensor.type->id,
                             .in = tensor.dimensions[0],
                             .out = tensor.dimensions[1],
                             .experts = tensor.dimensions[2] * tensor.dimensions[3],
                             .bytes = tensor.bytes});
    TensorTypeSum& sum = sums[tensor.type->name];
    sum.type = tensor.type->name;
    sum.tensors += 1;
    sum.elements += tensor.elements;
    sum.bytes += Bytes{tensor.bytes};
  }
  for (auto& [type, sum] : sums) facts.tensor_types.push_back(sum);
  std::stable_sort(facts.tensor_types.begin(), facts.tensor_types.end(),
                   [](const TensorTypeSum& a, const TensorTypeSum& b) { return a.bytes > b.bytes; });
  facts.tensor_bytes = TotalBytes(facts.weights);
  facts.parameters = CountParameters(facts.weights);
  facts.vocabulary_only = gguf.tensors.empty();
  facts.missing = Bytes{gguf.missing_bytes()};
  if (!facts.vocabulary_only && facts.split_count <= 1) facts.dims.tied_embeddings = !has_output;
}

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

void NameQuantization(const Keys& keys, Facts& facts) {
  facts.quantization = "unknown";
  if (facts.vocabulary_only) return;
  const auto number = keys.Integer("general.file_type");
  for (const FileType& type : kFileTypes) {
    if (number == type.number) {
      facts.quantization = type.name;
      facts.quantization_basis = "general.file_type";
    }
  }
  if (facts.quantization != "unknown" && facts.quantization != "F32") return;
  // Number 0 is also what a careless writer leaves behind: believe it only when the bytes agree.
  const std::string largest = UpperCase(facts.tensor_types.front().type);
  if (largest == facts.quantization) return;
  facts.quantization = largest;
  facts.quantization_basis = "most bytes are of this type";
}

void Warn(const Gguf& gguf, Facts& facts) {
  const auto warn = [&](std::string text) { facts.warnings.push_back(std::move(text)); };
  if (facts.missing.value != 0) {
    warn(fmt::format("the file is {} smaller than its tensors need: the download is incomplete",
                     FormatBytes(facts.missing)));
  }
  if (facts.architecture.empty()) {
    warn("the architecture is not stated: the engine cannot load the file");
  } else if (!facts.engine_knows_architecture) {
    warn(fmt::format("architecture '{}' is unknown to the engine (llama.cpp v0.5.0)",
                     Shorten(ForTerminal(facts.architecture), 40)));
  }
  if (facts.split_count > 1) {
    warn(fmt::format("part {} of {}: sizes and counts cover this part only", facts.split_index + 1, facts.split_count));
  }
  if (facts.kind != "model") return;  // an adapter or projector has neither template nor licence of its own
  if (facts.vocabulary_only) {
    warn("vocabulary only: there are no weights in this file");
    return;
  }
  if (facts.tokenizer.tokens == 0) warn("no tokens in the file: the engine cannot tokenize with it");
  if (facts.chat_template.text.empty()) warn("no chat template: prompts must be plain text");
  if (facts.licence.empty()) warn("the licence is not stated in the file");
  if (!facts.dims.context) warn("the context length is not stated");
  if (facts.dims.context && facts.dims.trained_context && *facts.dims.trained_context < *facts.dims.context) {
    warn(fmt::format("context {} is stretched: trained at {}", FormatCount(static_cast<int64_t>(*facts.dims.context)),
                     FormatCount(static_cast<int64_t>(*facts.dims.trained_context))));
  }
  for (const auto& [label, id] : {std::pair("bos", facts.tokenizer.bos), std::pair("eos", facts.tokenizer.eos)}) {
    const bool outside = id && (*id < 0 || static_cast<uint64_t>(*id) >= facts.tokenizer.tokens);
    if (outside && facts.tokenizer.tokens != 0) warn(fmt::format("{} token {} is not in the vocabulary", label, *id));
  }
  const GgufValue* stated = gguf.Find(facts.architecture + ".vocab_size");
  if (stated != nullptr && stated->AsInteger() && facts.tokenizer.tokens != 0 &&
      *stated->AsInteger() != static_cast<int64_t>(facts.tokenizer.tokens)) {
    warn(fmt::format("the vocabulary has {} tokens where {} are stated", facts.tokenizer.tokens, *stated->AsInteger()));
  }
}

// The first of `words` that `text` contains.
std::optional<std::string_view> FirstOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text.find(word) != std::string_view::npos) return word;
  }
  return std::nullopt;
}

}  // namespace

TemplateFacts InspectTemplate(std::string text) {
  TemplateFacts facts;
  facts.text = std::move(text);
  if (facts.text.empty()) return facts;
  if (FirstOf(facts.text,
              {"System role not supported", "system role is not supported", "System role is not supported"})) {
    facts.system_role = Support::kNo;
    facts.system_role_basis = "the template raises an error for it";
  } else if (const auto word = FirstOf(facts.text, {"'system'", "\"system\"", "system_message", "<|system|>"})) {
    facts.system_role = Support::kYes;
    facts.system_role_basis = fmt::format("the template mentions {}", *word);
  } else if (const auto role = FirstOf(facts.text, {"message['role']", "message.role", "message[\"role\"]"})) {
    facts.system_role = Support::kUnknown;
    facts.system_role_basis = fmt::format("no rule of its own; roles are written as they come ({})", *role);
  } else {
    facts.system_role = Support::kNo;
    facts.system_role_basis = "the template never mentions it";
  }
  if (const auto word = FirstOf(facts.text, {"tools", "tool_calls", "functions"})) {
    facts.tools = Support::kYes;
    facts.tools_basis = fmt::format("the template mentions {}", *word);
  } else {
    facts.tools = Support::kNo;
    facts.tools_basis = "the template never mentions tools";
  }
  if (const auto word = FirstOf(facts.text, {"enable_thinking", "<think>", "reasoning_content", "thinking"})) {
    facts.thinking = Support::kYes;
    facts.thinking_basis = fmt::format("the template mentions {}", *word);
  } else {
    facts.thinking = Support::kNo;
    facts.thinking_basis = "the template never mentions thinking";
  }
  return facts;
}

Facts FactsOf(const Gguf& gguf, const Path& path) {
  Facts facts;
  facts.path = path;
  facts.file_size = Bytes{gguf.file_bytes};
  facts.gguf_version = gguf.version;
  Keys keys(gguf);
  ReadIdentity(keys, facts);
  ReadDims(keys, facts);
  ReadTokenizer(gguf, keys, facts);
  ReadTensors(gguf, facts);
  NameQuantization(keys, facts);
  facts.chat_template = InspectTemplate(keys.Text("tokenizer.chat_template"));
  Warn(gguf, facts);
  return facts;
}

Facts ReadFacts(const Path& path) {
  const MappedFile file(path);
  return FactsOf(ParseGguf(file.bytes(), path.string()), path);
}

std::string HashModelFile(const Path& path) { return Sha256OfFile(path); }

}  // namespace loco
