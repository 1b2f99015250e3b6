#include "candidate/facts.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "candidate/fit.h"
#include "candidate/gguf_builder.h"

namespace loco {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
Facts FactsOfFile(const std::string& file) { return FactsOf(ParseGguf(AsBytes(file), "test.gguf"), "test.gguf"); }

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}
bool Warns(const Facts& facts, std::string_view part) { return Joined(facts.warnings).find(part) != std::string::npos; }

// A complete little model: 2 layers, hidden 64, 4 heads, 2 KV heads, 100 tokens.
GgufBuilder SmallLlama(bool tied = true) {
  GgufBuilder b;
  b.Text("general.architecture", "llama").Text("general.name", "Small").Text("general.license", "apache-2.0");
  b.Number("general.file_type", 1).Number("llama.block_count", 2).Number("llama.embedding_length", 64);
  b.Number("llama.feed_forward_length", 128).Number("llama.attention.head_count", 4);
  b.Number("llama.attention.head_count_kv", 2).Number("llama.context_length", 512);
  b.Text("tokenizer.ggml.model", "llama").Text("tokenizer.ggml.pre", "default");
  b.Texts("tokenizer.ggml.tokens", std::vector<std::string>(100, "t")).Number("tokenizer.ggml.bos_token_id", 1);
  b.Number("tokenizer.ggml.eos_token_id", 2).Flag("tokenizer.ggml.add_bos_token", true);
  b.Text("tokenizer.chat_template", "{% if messages[0]['role'] == 'system' %}x{% endif %}{{ tools }}");
  b.Tensor("token_embd.weight", {64, 100}, kF16).Tensor("output_norm.weight", {64}, kF32);
  if (!tied) b.Tensor("output.weight", {64, 100}, kF16);
  for (const char* layer : {"blk.0.", "blk.1."}) {
    const std::string prefix = layer;
    b.Tensor(prefix + "attn_q.weight", {64, 64}, kF16).Tensor(prefix + "attn_k.weight", {64, 32}, kF16);
    b.Tensor(prefix + "attn_v.weight", {64, 32}, kF16).Tensor(prefix + "attn_output.weight", {64, 64}, kF16);
    b.Tensor(prefix + "ffn_up.weight", {64, 128}, kF16).Tensor(prefix + "ffn_down.weight", {128, 64}, kF16);
  }
  return b;
}

Path SharedFolder() {
  const char* variable = std::getenv("LOCO_SHARED");
  return variable != nullptr ? Path(variable) : Path(LOCO_SOURCE_DIR) / "../shared";
}

TEST_CASE("a file's facts are what it states and what can be counted in it") {
  const Facts facts = FactsOfFile(SmallLlama().Build());
  CHECK(facts.name == "Small");
  CHECK(facts.licence == "apache-2.0");
  CHECK(facts.architecture == "llama");
  CHECK(facts.engine_knows_architecture);
  CHECK(facts.quantization == "F16");
  CHECK(facts.quantization_basis == "general.file_type");
  const uint64_t per_layer = 64 * (64 + 32 + 32 + 64 + 128) + 128 * 64;
  CHECK(facts.parameters == 64 * 100 + 64 + 2 * per_layer);
  CHECK(facts.tensor_types.size() == 2);
  CHECK(facts.tensor_types[0].type == "f16");
  CHECK(facts.tensor_types[0].tensors == 13);
  CHECK(facts.tensor_bytes.value == 2 * (facts.parameters - 64) + 4 * 64);
  CHECK(facts.dims.tied_embeddings == true);
  CHECK(facts.dims.vocabulary == 100);
  CHECK(facts.dims.context == 512);
  CHECK(facts.tokenizer.add_bos == true);
  CHECK(!facts.tokenizer.add_eos);
  CHECK(facts.warnings.empty());
  CHECK(FactsOfFile(SmallLlama(false).Build()).dims.tied_embeddings == false);
}

TEST_CASE("head length and KV heads follow the engine's defaults, and lists a layer are read") {
  const Shape plain = ComputeShape(FactsOfFile(SmallLlama().Build()).dims);
  REQUIRE(plain.layers.size() == 2);
  CHECK(plain.layers[0].key_width == 2 * 16);

  GgufBuilder b;
  b.Text("general.architecture", "lfm2").Number("lfm2.block_count", 3).Number("lfm2.embedding_length", 64);
  b.Number("lfm2.attention.head_count", 4).Number("lfm2.shortconv.l_cache", 3);
  b.Array<int32_t>("lfm2.attention.head_count_kv", GgufKind::kInt32, {0, 2, 0});
  const Shape hybrid = ComputeShape(FactsOfFile(b.Build()).dims);
  REQUIRE(hybrid.layers.size() == 3);
  CHECK(hybrid.layers[0].cache == Cache::kNone);
  CHECK(hybrid.layers[0].state_values == 64 * 2);
  CHECK(hybrid.layers[1].cache == Cache::kFull);
  CHECK(hybrid.layers[1].state_values == 0);

  GgufBuilder pattern;
  pattern.Text("general.architecture", "gemma3").Number("gemma3.block_count", 3).Number("gemma3.embedding_length", 64);
  pattern.Number("gemma3.attention.head_count", 4).Number("gemma3.attention.sliding_window", 128);
  pattern.Array<uint8_t>("gemma3.attention.sliding_window_pattern", GgufKind::kBool, {1, 0, 1});
  const Shape sliding = ComputeShape(FactsOfFile(pattern.Build()).dims);
  REQUIRE(sliding.layers.size() == 3);
  CHECK(sliding.layers[0].cache == Cache::kSliding);
  CHECK(sliding.layers[1].cache == Cache::kFull);
}

TEST_CASE("a claimed number of layers or heads is no allocation and no overflow") {
  GgufBuilder b;
  b.Text("general.architecture", "llama").Scalar<uint64_t>("llama.block_count", GgufKind::kUint64, uint64_t{1} << 60);
  b.Number("llama.embedding_length", 64).Number("llama.attention.head_count", 4);
  const Shape layers = ComputeShape(FactsOfFile(b.Build()).dims);
  CHECK(layers.layers.empty());
  CHECK(layers.missing.find("limit of 512") != std::string::npos);

  GgufBuilder heads;
  heads.Text("general.architecture", "llama").Number("llama.block_count", 2).Number("llama.embedding_length", 64);
  heads.Scalar<int64_t>("llama.attention.head_count", GgufKind::kInt64, INT64_MAX);
  heads.Scalar<int64_t>("llama.attention.key_length", GgufKind::kInt64, INT64_MAX);
  const Facts facts = FactsOfFile(heads.Build());
  CHECK(ComputeShape(facts.dims).layers.empty());
  CHECK(ComputeFit(facts, {.memory = Bytes{8'000'000'000}}).verdict == Verdict::kUnknown);

  GgufBuilder negative;
  negative.Text("general.architecture", "llama").Scalar<int32_t>("llama.block_count", GgufKind::kInt32, -5);
  CHECK(!FactsOfFile(negative.Build()).dims.layers);
}

TEST_CASE("what is missing or odd is a warning, not an error") {
  const std::string file = SmallLlama().Build();
  CHECK(Warns(FactsOfFile(file.substr(0, file.size() - 1000)), "1.00 kB smaller than its tensors need"));
  CHECK(Warns(FactsOfFile(GgufBuilder().Text("general.architecture", "frobnicate").Build()), "unknown to the engine"));
  CHECK(Warns(FactsOfFile(GgufBuilder().Number("x", 1).Build()), "architecture is not stated"));
  CHECK(Warns(FactsOfFile(GgufBuilder().Text("general.architecture", "llama").Build()), "vocabulary only"));
  GgufBuilder bare;
  bare.Text("general.architecture", "llama").Tensor("token_embd.weight", {64, 4}, kF32);
  const Facts facts = FactsOfFile(bare.Build());
  CHECK(Warns(facts, "no chat template"));
  CHECK(Warns(facts, "licence is not stated"));
  CHECK(Warns(facts, "context length is not stated"));
  GgufBuilder stretched = SmallLlama();
  stretched.Number("llama.rope.scaling.original_context_length", 128).Number("llama.vocab_size", 99);
  CHECK(Warns(FactsOfFile(stretched.Build()), "context 512 is stretched: trained at 128"));
  CHECK(Warns(FactsOfFile(stretched.Build()), "100 tokens where 99 are stated"));
  GgufBuilder split = SmallLlama();
  split.Scalar<uint16_t>("split.no", GgufKind::kUint16, 1).Scalar<uint16_t>("split.count", GgufKind::kUint16, 3);
  CHECK(Warns(FactsOfFile(split.Build()), "part 2 of 3"));
}

TEST_CASE("a fit says when the file is incomplete, unknown to the engine or no model") {
  const std::string file = SmallLlama().Build();
  const FitOptions options{.context = 256, .memory = Bytes{8'000'000'000}};
  CHECK(ComputeFit(FactsOfFile(file), options).warnings.empty());
  const Fit cut = ComputeFit(FactsOfFile(file.substr(0, file.size() - 1000)), options);
  REQUIRE(cut.warnings.size() == 1);
  CHECK(cut.warnings[0].find("1.00 kB of its tensors") != std::string::npos);
  GgufBuilder adapter;
  adapter.Text("general.architecture", "llama").Text("general.type", "adapter").Tensor("a", {64, 16}, kF32);
  const Fit fit = ComputeFit(FactsOfFile(adapter.Build()), options);
  CHECK(fit.verdict == Verdict::kUnknown);
  CHECK(fit.reason.find("adapter") != std::string::npos);
}

TEST_CASE("a quantization that the bytes contradict is named after the bytes") {
  GgufBuilder b;
  b.Text("general.architecture", "llama")
      .Number("general.file_type", 0)
      .Tensor("a", {256, 64}, kQ8_0)
      .Tensor("b", {64}, kF32);
  const Facts facts = FactsOfFile(b.Build());
  CHECK(facts.quantization == "Q8_0");
  CHECK(facts.quantization_basis == "most bytes are of this type");
  GgufBuilder honest;
  honest.Text("general.architecture", "llama").Number("general.file_type", 0).Tensor("a", {256, 64}, kF32);
  CHECK(FactsOfFile(honest.Build()).quantization == "F32");
  GgufBuilder named;
  named.Text("general.architecture", "llama").Number("general.file_type", 15).Tensor("a", {256, 64}, kQ4_K);
  CHECK(FactsOfFile(named.Build()).quantization == "Q4_K_M");
}

TEST_CASE("lineage and licence come with the file") {
  GgufBuilder b = SmallLlama();
  b.Text("general.author", "somebody").Number("general.base_model.count", 2);
  b.Text("general.base_model.0.name", "Base").Text("general.base_model.0.repo_url", "https://example.org/base");
  const Facts facts = FactsOfFile(b.Build());
  CHECK(facts.author == "somebody");
  REQUIRE(facts.base_models.size() == 2);
  CHECK(facts.base_models[0].name == "Base");
  CHECK(facts.base_models[1].name.empty());
}

TEST_CASE("a template is read for what it supports, with the reason") {
  const TemplateFacts none = InspectTemplate("");
  CHECK(none.system_role == Support::kUnknown);
  CHECK(none.tools == Support::kUnknown);
  const TemplateFacts gemma =
      InspectTemplate("{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}");
  CHECK(gemma.system_role == Support::kNo);
  const TemplateFacts plain =
      InspectTemplate("{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}{% endfor %}");
  CHECK(plain.system_role == Support::kUnknown);
  CHECK(plain.tools == Support::kNo);
  CHECK(plain.thinking == Support::kNo);
}

TEST_CASE("the shared chat templates are read as their models document them") {
  const Path folder = SharedFolder() / "data/chat_templates";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no shared data at ", folder.string());
    return;
  }
  const auto inspect = [&](const char* name) { return InspectTemplate(ReadFile(folder / name)); };
  const TemplateFacts qwen3 = inspect("Qwen-Qwen3-0.6B.jinja");
  CHECK(qwen3.system_role == Support::kYes);
  CHECK(qwen3.tools == Support::kYes);
  CHECK(qwen3.thinking == Support::kYes);
  const TemplateFacts qwen25 = inspect("Qwen-Qwen2.5-7B-Instruct.jinja");
  CHECK(qwen25.tools == Support::kYes);
  CHECK(qwen25.thinking == Support::kNo);
  CHECK(inspect("google-gemma-2-2b-it.jinja").system_role == Support::kNo);
  CHECK(inspect("google-gemma-2-2b-it.jinja").tools == Support::kNo);
  CHECK(inspect("meta-llama-Llama-3.2-3B-Instruct.jinja").tools == Support::kYes);
  CHECK(inspect("HuggingFaceTB-SmolLM3-3B.jinja").thinking == Support::kYes);
  CHECK(inspect("microsoft-Phi-3.5-mini-instruct.jinja").system_role == Support::kYes);
}

TEST_CASE("stories260K is read to the last parameter") {
  const Path path = SharedFolder() / "data/models/stories260K/stories260K.gguf";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no shared data at ", path.string());
    return;
  }
  const Facts facts = ReadFacts(path);
  CHECK(facts.architecture == "llama");
  CHECK(facts.dims.layers == 5);
  CHECK(facts.dims.hidden == 64);
  CHECK(facts.dims.vocabulary == 512);
  CHECK(facts.dims.context == 512);
  CHECK(facts.quantization == "F32");
  CHECK(facts.missing.value == 0);
  CHECK(HashModelFile(path).size() == 64);
  const Fit fit = ComputeFit(facts, {.context = 512, .memory = Bytes{1'600'000'000}});
  CHECK(fit.Find("KV cache")->basis == Basis::kExact);
  CHECK(fit.Find("KV cache")->bytes->value == 5 * 512 * 2 * 4 * 8 * 2);
}

TEST_CASE("what is no readable file is one Error with a cure") {
  const auto refusal = [](const Path& path) -> std::string {
    try {
      ReadFacts(path);
    } catch (const Error& error) {
      CHECK(!error.hint().empty());
      return error.what();
    }
    return "";
  };
  CHECK(refusal("/nonexistent/model.gguf").find("No such file") != std::string::npos);
  CHECK(refusal(std::filesystem::temp_directory_path()).find("folder") == std::string::npos);
  CHECK(!refusal(std::filesystem::temp_directory_path()).empty());
}

}  // namespace
}  // namespace loco
