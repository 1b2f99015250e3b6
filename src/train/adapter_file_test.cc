#include "train/adapter_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"
#include "engine/llama_model.h"
#include "train/adapter.h"
#include "train/merge.h"
#include "train/model_fixture.h"
#include "train/peft.h"
#include "train/safetensors.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

StoredAdapter RandomAdapter(Network network, const AdapterShape& shape) {
  Adapter adapter = AttachAdapter(network, shape, 3);
  Random random(4);
  StoredAdapter stored{.facts = {.name = "test", .architecture = network.architecture, .base_hash = "h"}};
  for (LoraPair& pair : adapter.pairs) {
    for (float& value : pair.b) value = static_cast<float>(0.1 * (2 * random.Uniform() - 1));
    stored.pairs.push_back({.pair = pair, .rank = adapter.rank, .scale = adapter.scale});
  }
  return stored;
}

// scale · b · a of one pair, row by row.
std::vector<double> Change(const StoredPair& stored) {
  const LoraPair& pair = stored.pair;
  std::vector<double> change(static_cast<size_t>(pair.rows * pair.columns), 0.0);
  for (int64_t row = 0; row < pair.rows; ++row) {
    for (int64_t r = 0; r < stored.rank; ++r) {
      const double b = stored.scale * pair.b[static_cast<size_t>(row * stored.rank + r)];
      for (int64_t k = 0; k < pair.columns; ++k) {
        change[static_cast<size_t>(row * pair.columns + k)] += b * pair.a[static_cast<size_t>(r * pair.columns + k)];
      }
    }
  }
  return change;
}

void CheckSameChange(const StoredAdapter& a, const StoredAdapter& b) {
  REQUIRE(a.pairs.size() == b.pairs.size());
  for (size_t i = 0; i < a.pairs.size(); ++i) {
    CAPTURE(a.pairs[i].pair.name);
    CHECK(a.pairs[i].pair.name == b.pairs[i].pair.name);
    const std::vector<double> left = Change(a.pairs[i]);
    const std::vector<double> right = Change(b.pairs[i]);
    REQUIRE(left.size() == right.size());
    double largest = 0;
    for (size_t k = 0; k < left.size(); ++k) largest = std::max(largest, std::abs(left[k] - right[k]));
    CHECK(largest < 1e-6);
  }
}

Json Config(const Path& folder) { return Json::parse(ReadFile(folder / "adapter_config.json")); }
void SetConfig(const Path& folder, const Json& config) {
  WriteFileAtomically(folder / "adapter_config.json", config.dump());
}

TEST_CASE("an adapter file is read back, also when its pairs differ in rank and scale") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  StoredAdapter adapter = RandomAdapter(model.network(), {.rank = 4, .alpha = 6, .targets = {"attn_q", "ffn_down"}});
  StoredPair& odd = adapter.pairs[1];
  odd.rank = 2;
  odd.pair.a.resize(static_cast<size_t>(2 * odd.pair.columns));
  odd.pair.b.resize(static_cast<size_t>(2 * odd.pair.rows));
  odd.scale = 0.7;
  const Path file = model.folder() / "a.gguf";
  WriteAdapter(file, adapter);
  const StoredAdapter again = ReadAdapter(file);
  CheckSameChange(adapter, again);
  CHECK(again.facts.base_hash == "h");
  CHECK(again.facts.architecture == "qwen3");
  CHECK_THROWS_WITH_AS(ReadAdapter(model.path()), doctest::Contains("not a LoRA adapter"), Error);
  const std::string whole = ReadFile(file);
  WriteFileAtomically(file, whole.substr(0, whole.size() - 5000));
  CHECK_THROWS_WITH_AS(ReadAdapter(file), doctest::Contains("bytes of the adapter are missing"), Error);
}

TEST_CASE("PEFT: what is exported comes back, for every architecture") {
  for (const std::string& architecture : TrainableArchitectures()) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/false);
    const Network network = model.network();
    const StoredAdapter adapter = RandomAdapter(network, {.rank = 4, .alpha = 6});
    const Path folder = model.folder() / "peft";
    ExportPeft(folder, adapter, network, "someone/base");
    const StoredAdapter again = ImportAdapter(folder, network);
    CheckSameChange(adapter, again);
    CHECK(again.facts.name == "peft");
    CHECK(Config(folder)["lora_alpha"] == 6);
    CHECK(Config(folder)["base_model_name_or_path"] == "someone/base");
  }
}

TEST_CASE("PEFT: heads rotated by halves become heads rotated by neighbours, and only for those files that have them") {
  // Source of the order: reshape(heads, 2, head / 2).swapaxes(1, 2) in llama.cpp v0.5.0, conversion/llama.py.
  for (const std::string architecture : {"llama", "qwen2"}) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/false);
    const Network network = model.network();
    const StoredAdapter adapter = RandomAdapter(network, {.rank = 1, .alpha = 1, .targets = {"attn_q", "attn_v"}});
    const Path folder = model.folder() / "peft";
    ExportPeft(folder, adapter, network, "b");
    const MappedFile map(folder / "adapter_model.safetensors");
    std::map<std::string, std::vector<float>> tensors;
    for (const Safetensor& tensor : ParseSafetensors(map.bytes(), "x")) tensors[tensor.name] = tensor.Floats();
    const std::string layer = "base_model.model.model.layers.0.self_attn.";
    const auto& theirs = tensors.at(layer + "q_proj.lora_B.weight");
    const auto& ours = adapter.pairs[0].pair.b;
    const int64_t head = network.head;
    for (int64_t row = 0; row < static_cast<int64_t>(theirs.size()); ++row) {
      const int64_t half = row % head / (head / 2);
      const int64_t at = row % (head / 2);
      const int64_t expected = architecture == "llama" ? row / head * head + 2 * at + half : row;
      CHECK(theirs[static_cast<size_t>(row)] == ours[static_cast<size_t>(expected)]);
    }
    CHECK(tensors.at(layer + "v_proj.lora_B.weight") == adapter.pairs[1].pair.b);
  }
}

TEST_CASE("PEFT: rsLoRA, patterns of alpha, and 16-bit numbers") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  const Network network = model.network();
  StoredAdapter adapter = RandomAdapter(network, {.rank = 4, .alpha = 6, .targets = {"attn_q", "ffn_up"}});
  const Path folder = model.folder() / "peft";
  ExportPeft(folder, adapter, network, "b");
  Json config = Config(folder);
  config["use_rslora"] = true;
  config["alpha_pattern"] = {{R"(layers\.1\..*q_proj)", 10}};
  SetConfig(folder, config);
  for (const StoredPair& pair : ImportAdapter(folder, network).pairs) {
    CHECK(pair.scale == doctest::Approx((pair.pair.name == "blk.1.attn_q.weight" ? 10 : 6) / 2.0));
  }
  config["alpha_pattern"] = {{"(", 10}};
  SetConfig(folder, config);
  CHECK_THROWS_WITH_AS(ImportAdapter(folder, network), doctest::Contains("not a regular expression"), Error);

  // The same file in bfloat16: the upper halves of the numbers.
  SetConfig(folder, Json{{"peft_type", "LORA"}, {"lora_alpha", 6}});
  std::string table;
  std::string numbers;
  Json header = Json::object();
  {
    const MappedFile map(folder / "adapter_model.safetensors");
    for (const Safetensor& tensor : ParseSafetensors(map.bytes(), "x")) {
      const size_t begin = numbers.size();
      for (const float value : tensor.Floats()) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        numbers.append(bytes + 2, 2);
      }
      header[tensor.name] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {begin, numbers.size()}}};
    }
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  table.assign(reinterpret_cast<const char*>(&length), sizeof length);
  WriteFileAtomically(folder / "adapter_model.safetensors", table + text + numbers);
  const StoredAdapter rounded = ImportAdapter(folder, network);
  CHECK(rounded.pairs[0].scale == 1.5);
  for (size_t i = 0; i < rounded.pairs[0].pair.a.size(); ++i) {
    CHECK(rounded.pairs[0].pair.a[i] == doctest::Approx(adapter.pairs[0].pair.a[i]).epsilon(0.01));
  }
}

TEST_CASE("MLX-LM: both halves are transposed and the scale is the factor itself") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  const Network network = model.network();
  const StoredAdapter adapter = RandomAdapter(network, {.rank = 4, .alpha = 6, .targets = {"attn_v"}});
  const Path folder = model.folder() / "mlx";
  std::vector<std::vector<float>> kept;
  std::vector<FloatTensor> tensors;
  kept.reserve(2 * adapter.pairs.size());
  const auto transposed = [&](const std::vector<float>& from, int64_t rows, int64_t columns) -> std::span<const float> {
    std::vector<float>& to = kept.emplace_back(from.size());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        to[static_cast<size_t>(c * rows + r)] = from[static_cast<size_t>(r * columns + c)];
      }
    }
    return to;
  };
  for (size_t i = 0; i < adapter.pairs.size(); ++i) {
    const LoraPair& pair = adapter.pairs[i].pair;
    const std::string name = fmt::format("model.layers.{}.self_attn.v_proj.", i);
    tensors.push_back({name + "lora_a", {pair.columns, 4}, transposed(pair.a, 4, pair.columns)});
    tensors.push_back({name + "lora_b", {4, pair.rows}, transposed(pair.b, pair.rows, 4)});
  }
  WriteSafetensors(folder / "adapters.safetensors", tensors);
  SetConfig(folder, {{"fine_tune_type", "lora"}, {"lora_parameters", {{"rank", 4}, {"scale", 1.5}}}});
  CheckSameChange(adapter, ImportAdapter(folder, network));
  SetConfig(folder, {{"fine_tune_type", "dora"}});
  CHECK_THROWS_WITH_AS(ImportAdapter(folder, network), doctest::Contains("a DoRA adapter"), Error);
}

TEST_CASE("what a GGUF adapter cannot hold is refused by name") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  const Network network = model.network();
  const Path folder = model.folder() / "peft";
  ExportPeft(folder, RandomAdapter(network, {.rank = 4, .alpha = 6, .targets = {"attn_q"}}), network, "b");
  const Json good = Config(folder);
  const auto refuses = [&](const char* key, const Json& value, const char* message) {
    CAPTURE(key);
    Json config = good;
    config[key] = value;
    SetConfig(folder, config);
    CHECK_THROWS_WITH_AS(ImportAdapter(folder, network), doctest::Contains(message), Error);
  };
  refuses("use_dora", true, "a DoRA adapter");
  refuses("modules_to_save", Json::array({"lm_head"}), "modules_to_save");
  refuses("task_type", "SEQ_CLS", "an adapter for SEQ_CLS");
  refuses("peft_type", "PREFIX_TUNING", "PREFIX_TUNING");
  refuses("bias", "all", "trained biases");
  refuses("init_lora_weights", "pissa_niter_4", "changes the base");
  refuses("fan_in_fan_out", true, "fan_in_fan_out");
  refuses("lora_alpha", 0, "would change nothing");
  refuses("lora_alpha", "many", "not a number");
  SetConfig(folder, good);
  const ModelFixture other("llama", /*full_precision=*/false);
  CHECK_NOTHROW(ImportAdapter(folder, network));
  CHECK_THROWS_WITH_AS(ImportAdapter(folder, ModelFixture("phi3", false).network()), doctest::Contains("no layer"),
                       Error);
  const auto with_tensor = [&](const char* name, const char* message) {
    const std::vector<float> numbers(4, 1.0F);
    WriteSafetensors(folder / "adapter_model.safetensors", {{name, {4}, numbers}});
    CHECK_THROWS_WITH_AS(ImportAdapter(folder, network), doctest::Contains(message), Error);
  };
  with_tensor("base_model.model.model.embed_tokens.lora_embedding_A", "the embedding or the output matrix");
  with_tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight", "a DoRA adapter");
  with_tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "only one half");
  with_tensor("base_model.model.score.weight", "not half of a pair");
  std::filesystem::remove(folder / "adapter_model.safetensors");
  WriteFileAtomically(folder / "adapter_model.bin", "x");
  CHECK_THROWS_WITH_AS(ImportAdapter(folder, network), doctest::Contains("a pickled adapter"), Error);
}

TEST_CASE("a damaged safetensors file is an error, never a crash") {
  const auto parse = [](const std::string& header, const std::string& numbers, uint64_t claimed) {
    std::string file(reinterpret_cast<const char*>(&claimed), sizeof claimed);
    file += header + numbers;
    for (const Safetensor& tensor :
         ParseSafetensors({reinterpret_cast<const std::byte*>(file.data()), file.size()}, "f")) {
      const std::vector<float> numbers_read = tensor.Floats();
      CHECK(numbers_read.size() == 2);
    }
  };
  const std::string good = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK_NOTHROW(parse(good, std::string(8, 'x'), good.size()));
  CHECK_THROWS_AS(parse(good, std::string(7, 'x'), good.size()), Error);
  CHECK_THROWS_AS(parse(good, "", good.size() + 1), Error);
  CHECK_THROWS_AS(parse(good, "", UINT64_MAX), Error);
  CHECK_THROWS_AS(parse("[1]", "", 3), Error);
  for (const std::string entry : {
           R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})",
           R"({"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]})",
           R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})",
           R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})",
           R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})",
           R"({"dtype":"F32","shape":[2],"data_offsets":[0]})",
           R"({"dtype":"X7","shape":[2],"data_offsets":[0,8]})",
           R"({"dtype":"I64","shape":[1],"data_offsets":[0,8]})",
           R"(7)",
       }) {
    CAPTURE(entry);
    const std::string header = "{\"t\":" + entry + "}";
    CHECK_THROWS_AS(parse(header, std::string(8, 'x'), header.size()), Error);
  }
}

TEST_CASE("a merged file computes what base and adapter compute together") {
  for (const std::string architecture : {"llama", "phi3", "gemma3"}) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/true);
    const StoredAdapter adapter = RandomAdapter(model.network(), {.rank = 4, .alpha = 6});
    const Path file = model.folder() / "adapter.gguf";
    const Path merged = model.folder() / "merged.gguf";
    WriteAdapter(file, adapter);
    const MergeReport report = MergeAdapter(model.path(), ReadAdapter(file), merged, {}, {});
    CHECK(report.rounding < 1e-7);  // 32 bits
    CHECK(report.change > 0.01);
    CHECK(report.tensors == static_cast<int64_t>(adapter.pairs.size()));
    CHECK(static_cast<uint64_t>(report.bytes) == std::filesystem::file_size(merged));
    std::vector<Token> tokens;
    for (int i = 0; i < 40; ++i) tokens.push_back(static_cast<Token>(6 + (i * 37) % 500));
    const auto together =
        LoadModel(model.path(), {.threads = 1, .repack = false, .adapter = file})->LogProbabilities(tokens);
    const auto alone = LoadModel(merged, {.threads = 1, .repack = false})->LogProbabilities(tokens);
    REQUIRE(together.size() == alone.size());
    for (size_t i = 0; i < alone.size(); ++i) CHECK(alone[i] == doctest::Approx(together[i]).epsilon(3e-3));
    // Fewer bits cost something, and the report says so.
    CHECK(MergeAdapter(model.path(), adapter, merged, {.type = 12}, {}).rounding > 0.02);  // Q4_K
  }
}

TEST_CASE("an adapter of another base is not merged") {
  const ModelFixture model("llama", /*full_precision=*/false);
  StoredAdapter adapter = RandomAdapter(model.network(), {.rank = 4, .alpha = 6});
  adapter.pairs[0].pair.name = "blk.77.attn_q.weight";
  CHECK_THROWS_WITH_AS(MergeAdapter(model.path(), adapter, model.folder() / "x.gguf", {}, {}),
                       doctest::Contains("it has no weight 'blk.77.attn_q.weight'"), Error);
  adapter.pairs.erase(adapter.pairs.begin());
  adapter.pairs[0].pair.rows /= 2;
  CHECK_THROWS_WITH_AS(MergeAdapter(model.path(), adapter, model.folder() / "x.gguf", {}, {}),
                       doctest::Contains("in the adapter"), Error);
  CHECK(!std::filesystem::exists(model.folder() / "x.gguf"));
}

}  // namespace
}  // namespace loco
