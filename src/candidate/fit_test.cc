#include "candidate/fit.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "candidate/catalog.h"

namespace loco {
namespace {

const Catalog& ShippedCatalog() {
  static const Catalog catalog = LoadCatalog(Path(LOCO_SOURCE_DIR) / "catalog");
  return catalog;
}
FitInputs Shipped(std::string_view id, std::string_view quantization = "Q4_K_M") {
  return FitInputsOf(ShippedCatalog().Get(id), quantization);
}
uint64_t StateBytes(const Shape& shape, const FitOptions& options) {
  return CacheBytes(shape, options)->value + RecurrentBytes(shape, options)->value;
}

TEST_CASE("caches of every model of the catalog equal the engine's own allocation") {
  int checked = 0;
  for (const CatalogModel& model : ShippedCatalog().models) {
    if (!model.sizes.kv_f16_4096) continue;
    CAPTURE(model.id);
    const Shape shape = ComputeShape(model.dims);
    CHECK(StateBytes(shape, {.context = 4096}) == model.sizes.kv_f16_4096->value);
    CHECK(StateBytes(shape, {.context = 4096, .cache_type = kQ8_0}) == model.sizes.kv_q8_0_4096->value);
    CHECK(StateBytes(shape, {.context = 32768}) == model.sizes.kv_f16_32768->value);
    uint64_t per_token = 0;
    uint64_t full_layers = 0;
    for (const LayerShape& layer : shape.layers) {
      if (layer.cache != Cache::kFull) continue;
      per_token += 2 * (layer.key_width + layer.value_width);
      ++full_layers;
    }
    CHECK(per_token == model.sizes.kv_f16_per_token);
    CHECK(full_layers == model.full_cache_layers);
    ++checked;
  }
  CHECK(checked == 25);
}

TEST_CASE("weights of every derivable model equal the engine's sum over tensors") {
  int derived = 0;
  for (const CatalogModel& model : ShippedCatalog().models) {
    if (!model.sizes.q4_k_m_tensors) continue;
    const auto weights = DeriveWeights(model.dims, "Q4_K_M");
    if (!weights) continue;
    CAPTURE(model.id);
    CHECK(TotalBytes(*weights) == *model.sizes.q4_k_m_tensors);
    CHECK(TotalBytes(*DeriveWeights(model.dims, "Q8_0")) == *model.sizes.q8_0_tensors);
    CHECK(CountParameters(*weights) == model.parameters);
    ++derived;
  }
  CHECK(derived == 25);
}

TEST_CASE("the compute buffer is the engine's or a lower bound of it") {
  int exact = 0;
  for (const CatalogModel& model : ShippedCatalog().models) {
    if (!model.sizes.compute_4096) continue;
    CAPTURE(model.id);
    FitInputs inputs = FitInputsOf(model, "Q4_K_M");
    CHECK(ComputeFit(inputs, {}).Find("compute buffer")->bytes == model.sizes.compute_4096);
    inputs.compute_bytes.reset();
    const double formula = static_cast<double>(ComputeFit(inputs, {}).Find("compute buffer")->bytes->value);
    const double engine = static_cast<double>(model.sizes.compute_4096->value);
    CHECK(formula <= engine * 1.0001);
    CHECK(formula >= engine * 0.84);
    if (formula == engine) ++exact;
  }
  CHECK(exact >= 16);
}

TEST_CASE("LoRA adapters of rank 16 have the published number of parameters") {
  const auto parameters = [](std::string_view id) {
    return ComputeFit(Shipped(id), {.adapter_rank = 16}).Find("LoRA adapter")->bytes->value / 2;
  };
  CHECK(parameters("qwen3-4b") == 33'030'144);
  CHECK(parameters("llama-3.2-3b-instruct") == 24'313'856);
  CHECK(parameters("llama-3.1-8b-instruct") == 41'943'040);
  CHECK(parameters("gemma-3-4b-it") == 29'802'496);
  CHECK(parameters("smollm2-135m-instruct") == 4'884'480);
}

TEST_CASE("expected resident memory is within 2 % of what was measured") {
  // Real decodes with synthetic weights, mapped and repacked, without a tokenizer (measured 2026-11-20).
  const auto deviation = [](std::string_view id, double measured) {
    FitInputs inputs = Shipped(id);
    const Fit fit = ComputeFit(inputs, {.context = 4096});
    const double tokenizer = 380.0 * static_cast<double>(*inputs.dims.vocabulary);
    return (static_cast<double>(fit.expected_resident->value) - tokenizer) / measured - 1;
  };
  CHECK(std::abs(deviation("llama-3.2-3b-instruct", 3'936'051'200)) < 0.02);
  CHECK(std::abs(deviation("qwen3-4b", 4'965'441'536)) < 0.02);
  CHECK(std::abs(deviation("qwen3.5-4b", 4'646'305'792)) < 0.02);
}

TEST_CASE("the repacked copy is there only when the file is mapped as well") {
  const FitInputs inputs = Shipped("qwen3-4b");
  const auto copy = [&](const FitOptions& options) {
    return ComputeFit(inputs, options).Find("repacked copy")->bytes->value;
  };
  CHECK(copy({}) > 1'700'000'000);
  CHECK(copy({}) < 1'800'000'000);
  CHECK(copy({.mmap = false}) == 0);
  CHECK(copy({.repack = false}) == 0);
  CHECK(copy({.repack_rule = RepackRule::kNone}) == 0);
}

TEST_CASE("what is copied depends on type, rows and instruction set") {
  FitInputs inputs = Shipped("qwen3-0.6b");
  const auto copy = [&](uint32_t type, uint64_t in, uint64_t out, RepackRule rule, bool mmap) {
    inputs.weights = {{.name = "blk.0.ffn_up.weight",
                       .type = type,
                       .in = in,
                       .out = out,
                       .bytes = *FindGgmlType(type)->BytesOf(in * out)}};
    return ComputeFit(inputs, {.mmap = mmap, .repack_rule = rule}).Find("repacked copy")->bytes->value;
  };
  CHECK(copy(kQ4_K, 256, 64, RepackRule::kAvx2, true) == 64 * 144);
  CHECK(copy(kQ4_K, 256, 60, RepackRule::kAvx2, true) == 0);  // rows in groups of 8
  CHECK(copy(kQ6_K, 256, 64, RepackRule::kAvx2, true) == 0);
  CHECK(copy(kQ2_K, 256, 64, RepackRule::kAvx2, true) == 0);
  CHECK(copy(kQ2_K, 256, 64, RepackRule::kAvx512, true) == 64 * 84);
  CHECK(copy(kF16, 256, 64, RepackRule::kAvx512, true) == 0);
  CHECK(copy(kF16, 256, 64, RepackRule::kAmx, true) == 64 * 512);
  CHECK(copy(kQ6_K, 256, 64, RepackRule::kAmx, true) == 64 * 210);
  CHECK(copy(kQ4_K, 256, 64, RepackRule::kAmx, true) == 64 * 148);
  CHECK(copy(kQ4_K, 256, 64, RepackRule::kAmx, false) == 64 * 4);  // what the copy is larger than the original
  CHECK(copy(kQ8_0, 256, 64, RepackRule::kAmx, true) == 64 * 8 * 38);
  CHECK(copy(kQ2_K, 256, 64, RepackRule::kAmx, true) == 64 * 84);  // no AMX kernel: as AVX-512
  CHECK(copy(kQ8_0, 256, 64, RepackRule::kInt8Matrix, true) == 64 * 272);
}

TEST_CASE("a tied embedding of a copied type is kept in both layouts") {
  const auto copy = [](const FitOptions& options) {
    return ComputeFit(Shipped("qwen3-0.6b", "F16"), options).Find("repacked copy")->bytes->value;
  };
  const uint64_t embedding = uint64_t{2} * 1024 * 151936;
  CHECK(copy({.mmap = false, .repack_rule = RepackRule::kAmx}) == embedding);
  CHECK(copy({.repack_rule = RepackRule::kAmx}) > embedding);
  CHECK(copy({.repack_rule = RepackRule::kAvx512}) == 0);
}

TEST_CASE("a 4B model at 4,096 tokens fits 8 GB tightly, and the cure is named") {
  const Fit fit = ComputeFit(Shipped("qwen3-4b"), {.memory = Bytes{8'000'000'000}});
  CHECK(fit.verdict == Verdict::kTight);
  REQUIRE(!fit.remedies.empty());
  CHECK(fit.remedies[0].option == "--no-repack");
  CHECK(fit.remedies[0].verdict == Verdict::kFits);
  const Fit eight = ComputeFit(Shipped("qwen3-8b"), {.memory = Bytes{8'000'000'000}});
  CHECK(eight.verdict == Verdict::kDoesNotFit);
  CHECK(ComputeFit(Shipped("qwen3-0.6b"), {.memory = Bytes{8'000'000'000}}).verdict == Verdict::kFits);
}

TEST_CASE("an unknown term makes the verdict unknown, unless the rest already exceeds the memory") {
  const FitInputs falcon = Shipped("falcon-e-3b-instruct");
  const Fit unknown = ComputeFit(falcon, {.memory = Bytes{8'000'000'000}});
  CHECK(unknown.reason.find("weights") == 0);
  CHECK(unknown.verdict == Verdict::kUnknown);
  CHECK(!unknown.reason.empty());
  CHECK(ComputeFit(falcon, {.memory = Bytes{1'000'000'000}}).verdict == Verdict::kDoesNotFit);
  CHECK(!MaxContext(falcon, {.memory = Bytes{8'000'000'000}}));
  CHECK(ComputeFit(Shipped("qwen3-4b"), {}).verdict == Verdict::kUnknown);
}

TEST_CASE("the longest context fits and the next step does not") {
  for (const char* id : {"qwen3-4b", "gemma-3-4b-it", "qwen3.5-4b", "llama-3.2-3b-instruct"}) {
    CAPTURE(id);
    FitOptions options{.memory = Bytes{8'000'000'000}};
    const FitInputs inputs = Shipped(id);
    const uint64_t context = MaxContext(inputs, options).value();
    REQUIRE(context >= 256);
    options.context = context;
    CHECK(ComputeFit(inputs, options).total <= *options.memory);
    options.context = context + 256;
    const bool claimed = context + 256 > inputs.dims.context.value_or(1 << 20);
    CHECK((claimed || ComputeFit(inputs, options).total > *options.memory));
  }
  CHECK(MaxContext(Shipped("phi-4"), {.memory = Bytes{8'000'000'000}}) == 0);
}

TEST_CASE("a sliding window costs its window, not the context") {
  const FitInputs gemma = Shipped("gemma-3-1b-it");
  // 22 sliding layers of 1,024 cells and 4 full ones; a cache that does not know windows would be five times larger.
  CHECK(CacheBytes(gemma.shape, {.context = 32768})->value == 157'286'400);
  CHECK(CacheBytes(gemma.shape, {.context = 256})->value == 26 * 256 * 1024);
}

TEST_CASE("several sequences share one cache or split it, and recurrent state is kept for each") {
  const FitInputs hybrid = Shipped("qwen3.5-4b");
  CHECK(RecurrentBytes(hybrid.shape, {.sequences = 4})->value == 4 * RecurrentBytes(hybrid.shape, {})->value);
  CHECK(RecurrentBytes(hybrid.shape, {})->value == 24 * uint64_t{2'195'456});
  const FitInputs plain = Shipped("qwen3-4b");
  CHECK(CacheBytes(plain.shape, {.context = 8192, .sequences = 4}) ==
        CacheBytes(plain.shape, {.context = 8192, .sequences = 4, .unified_cache = false}));
}

TEST_CASE("a cache type that the heads do not fill is unknown, with the reason") {
  FitInputs inputs = Shipped("qwen3-4b");
  inputs.dims.key_length = 80;
  inputs.shape = ComputeShape(inputs.dims);
  const Fit fit = ComputeFit(inputs, {.cache_type = kQ8_0, .memory = Bytes{64'000'000'000}});
  CHECK(fit.verdict == Verdict::kUnknown);
  CHECK(fit.reason.find("q8_0") != std::string::npos);
}

TEST_CASE("where the tensors are not known, the repacked copy is at most all of them and nothing is expected of it") {
  FitInputs inputs = Shipped("qwen3-4b");
  inputs.weights.clear();
  const Fit fit = ComputeFit(inputs, {.memory = Bytes{16'000'000'000}});
  CHECK(fit.Find("repacked copy")->bytes == inputs.weight_bytes);
  CHECK(fit.Find("repacked copy")->basis == Basis::kAssumed);
  CHECK(!fit.expected_resident);
}

TEST_CASE("a context beyond what the model claims is said") {
  CHECK(!ComputeFit(Shipped("tinyllama-1.1b-chat"), {.context = 4096}).warnings.empty());
  CHECK(ComputeFit(Shipped("tinyllama-1.1b-chat"), {.context = 2048}).warnings.empty());
}

// Any model, any options: what the properties below quantify over.
FitInputs AnyModel() {
  const auto& models = ShippedCatalog().models;
  const auto index = *rc::gen::inRange<size_t>(0, models.size());
  return FitInputsOf(models[index], *rc::gen::element<std::string>("Q4_K_M", "Q8_0", "F16"));
}
FitOptions AnyOptions() {
  return {.context = *rc::gen::inRange<uint64_t>(1, 300'000),
          .cache_type = *rc::gen::element(kF16, kQ8_0, kQ4_0),
          .sequences = *rc::gen::inRange<uint64_t>(1, 9),
          .unified_cache = *rc::gen::arbitrary<bool>(),
          .micro_batch = *rc::gen::inRange<uint64_t>(1, 2048),
          .flash_attention = *rc::gen::arbitrary<bool>(),
          .mmap = *rc::gen::arbitrary<bool>(),
          .repack = *rc::gen::arbitrary<bool>(),
          .repack_rule = *rc::gen::element(RepackRule::kNone, RepackRule::kAvx2, RepackRule::kAvx512, RepackRule::kAmx,
                                           RepackRule::kInt8Matrix),
          .adapter_rank = *rc::gen::inRange<uint64_t>(0, 65),
          .memory = Bytes{*rc::gen::inRange<uint64_t>(1'000'000'000, 64'000'000'000)}};
}
int Rank(Verdict verdict) {
  return verdict == Verdict::kFits ? 2 : verdict == Verdict::kTight ? 1 : verdict == Verdict::kDoesNotFit ? 0 : -1;
}

TEST_CASE("more memory never fits less") {
  CHECK(rc::check([] {
    const FitInputs inputs = AnyModel();
    FitOptions options = AnyOptions();
    const Verdict before = ComputeFit(inputs, options).verdict;
    const auto longest = MaxContext(inputs, options);
    options.memory->value += *rc::gen::inRange<uint64_t>(0, 64'000'000'000);
    const Verdict after = ComputeFit(inputs, options).verdict;
    RC_ASSERT((before == Verdict::kDoesNotFit || Rank(after) >= Rank(before)));
    RC_ASSERT((MaxContext(inputs, options) >= longest));
  }));
}

TEST_CASE("a longer context, a larger batch or a higher rank never needs less") {
  CHECK(rc::check([] {
    const FitInputs inputs = AnyModel();
    const FitOptions options = AnyOptions();
    const Bytes before = ComputeFit(inputs, options).total;
    FitOptions longer = options;
    longer.context += *rc::gen::inRange<uint64_t>(0, 100'000);
    RC_ASSERT((ComputeFit(inputs, longer).total >= before));
    FitOptions larger = options;
    larger.micro_batch += *rc::gen::inRange<uint64_t>(0, 2048);
    RC_ASSERT((ComputeFit(inputs, larger).total >= before));
    FitOptions higher = options;
    higher.adapter_rank += *rc::gen::inRange<uint64_t>(0, 64);
    RC_ASSERT((ComputeFit(inputs, higher).total >= before));
  }));
}

TEST_CASE("a smaller cache type, no repacking or no mapping never needs more") {
  CHECK(rc::check([] {
    const FitInputs inputs = AnyModel();
    FitOptions options = AnyOptions();
    options.cache_type = kF16;
    const Bytes before = ComputeFit(inputs, options).total;
    for (const uint32_t type : {kQ8_0, kQ4_0}) {
      FitOptions smaller = options;
      smaller.cache_type = type;
      RC_ASSERT((ComputeFit(inputs, smaller).total <= before));
    }
    FitOptions plain = options;
    plain.repack = false;
    RC_ASSERT((ComputeFit(inputs, plain).total <= before));
    FitOptions loaded = options;
    loaded.mmap = false;
    RC_ASSERT((ComputeFit(inputs, loaded).total <= before));
  }));
}

TEST_CASE("every remedy helps") {
  CHECK(rc::check([] {
    const FitInputs inputs = AnyModel();
    const FitOptions options = AnyOptions();
    const Fit fit = ComputeFit(inputs, options);
    for (const Remedy& remedy : fit.remedies) {
      RC_ASSERT((remedy.total < fit.total));
      RC_ASSERT((Rank(remedy.verdict) > Rank(fit.verdict)));
    }
  }));
}

}  // namespace
}  // namespace loco
