#include "candidate/recipe.h"

#include <doctest/doctest.h>

#include "candidate/ggml_types.h"

namespace loco {
namespace {

Dims Qwen3_4b() {
  return {.architecture = "qwen3",
          .layers = 36,
          .hidden = 2560,
          .ffn = {9728},
          .heads = {32},
          .kv_heads = {8},
          .key_length = 128,
          .value_length = 128,
          .vocabulary = 151936,
          .tied_embeddings = true};
}

TEST_CASE("the published size of a Q4_K_M model is reached to the byte") {
  const auto weights = DeriveWeights(Qwen3_4b(), "Q4_K_M");
  REQUIRE(weights);
  CHECK(CountParameters(*weights) == 4'022'468'096);
  CHECK(TotalBytes(*weights).value == 2'491'323'904);
  CHECK(TotalBytes(*DeriveWeights(Qwen3_4b(), "Q8_0")).value == 4'274'448'384);
}

TEST_CASE("rows that do not fill blocks of 256 fall back to larger types") {
  Dims gemma = Qwen3_4b();
  gemma.architecture = "gemma3";
  gemma.hidden = 1152;
  gemma.layers = 26;
  const auto weights = DeriveWeights(gemma, "Q4_K_M");
  REQUIRE(weights);
  for (const Weight& weight : *weights) {
    if (weight.name == "token_embd.weight") CHECK(weight.type == kQ8_0);
    if (weight.name == "blk.4.attn_q.weight") CHECK(weight.type == kQ5_0);
    if (weight.name == "blk.0.ffn_down.weight") CHECK(weight.type == kQ6_K);  // 9,728 columns fill them
  }
}

TEST_CASE("a LoRA adapter of rank 16 has the published number of parameters") {
  CHECK(16 * LoraWidth(*DeriveWeights(Qwen3_4b(), "F16")) == 33'030'144);
}

TEST_CASE("embeddings, norms, routers and convolutions are no linear layers") {
  const auto linear = [](const char* name) { return IsLinearLayer({.name = name, .in = 64, .out = 64}); };
  CHECK(linear("blk.0.attn_q.weight"));
  CHECK(linear("blk.11.ffn_down.weight"));
  CHECK(!linear("token_embd.weight"));
  CHECK(!linear("output.weight"));
  CHECK(!linear("blk.0.attn_norm.weight"));
  CHECK(!linear("blk.0.ffn_gate_inp.weight"));
  CHECK(!linear("blk.0.ssm_conv1d.weight"));
  CHECK(!linear("blk.0.attn_q.bias"));
}

TEST_CASE("constant frequency tables are bytes but no parameters") {
  Dims with_table = Qwen3_4b();
  with_table.rotary_constants = 64;
  CHECK(CountParameters(*DeriveWeights(with_table, "F16")) == CountParameters(*DeriveWeights(Qwen3_4b(), "F16")));
  CHECK(TotalBytes(*DeriveWeights(with_table, "F16")).value ==
        TotalBytes(*DeriveWeights(Qwen3_4b(), "F16")).value + 256);
}

TEST_CASE("what is not known is not derived") {
  Dims dims = Qwen3_4b();
  CHECK(!DeriveWeights(dims, "Q3_K_M"));
  dims.architecture = "mamba";
  CHECK(!DeriveWeights(dims, "Q4_K_M"));
  dims = Qwen3_4b();
  dims.experts = 8;
  CHECK(!DeriveWeights(dims, "Q4_K_M"));
  dims = Qwen3_4b();
  dims.vocabulary.reset();
  CHECK(!DeriveWeights(dims, "Q4_K_M"));
  dims = Qwen3_4b();
  dims.ffn = {uint64_t{1} << 60};
  CHECK(!DeriveWeights(dims, "Q4_K_M"));
}

}  // namespace
}  // namespace loco
