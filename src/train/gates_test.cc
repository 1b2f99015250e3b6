// The exactness gates of the trainer: what it computes is what llama.cpp computes, and its gradients are slopes. Every
// architecture is a small model of that architecture's shape with random weights.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "engine/llama_model.h"
#include "engine/quantize.h"
#include "net/gemm.h"
#include "net/pass.h"
#include "train/adapter.h"
#include "train/adapter_file.h"
#include "train/architecture.h"
#include "train/model_fixture.h"

namespace loco {
namespace {

struct UseOnly {
  explicit UseOnly(KernelKind kind) { UseKernel(kind); }
  ~UseOnly() { UseKernel(BestKernel()); }
  UseOnly(const UseOnly&) = delete;
  UseOnly& operator=(const UseOnly&) = delete;
};

KernelKind Best32BitKernel() { return IsSupported(KernelKind::kAvx2) ? KernelKind::kAvx2 : KernelKind::kPortable; }

std::vector<Token> RandomTokens(int count, uint64_t seed) {
  Random random(seed);
  std::vector<Token> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<Token>(6 + random.Below(kVocabulary - 6)));
  return tokens;
}

// Samples one after the other, every token but a sample's last with the next one as target.
TokenBatch Pack(const std::vector<std::vector<Token>>& samples) {
  TokenBatch batch;
  for (const std::vector<Token>& sample : samples) {
    const auto first = static_cast<int32_t>(batch.tokens.size());
    for (size_t i = 0; i < sample.size(); ++i) {
      batch.tokens.push_back(sample[i]);
      batch.positions.push_back(static_cast<int32_t>(i));
      batch.first.push_back(first);
      batch.targets.push_back(i + 1 < sample.size() ? sample[i + 1] : -1);
      batch.weights.push_back(1);
    }
  }
  return batch;
}

double LargestDifference(const std::vector<float>& losses, const std::vector<double>& log_probabilities) {
  REQUIRE(losses.size() == log_probabilities.size());
  double largest = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(losses[i]) + log_probabilities[i]));
  }
  return largest;
}

// The thread sanitizer slows these tests down forty times, and the order of memory accesses, which it watches, depends
// on neither type nor direction: there, the proofs by numbers take one type and few directions.
#ifdef __SANITIZE_THREAD__
constexpr bool kLooksForRaces = true;
#else
constexpr bool kLooksForRaces = false;
#endif

void Randomize(Adapter& adapter, uint64_t seed) {
  Random random(seed);
  for (LoraPair& pair : adapter.pairs) {
    for (float& value : pair.b) value = static_cast<float>(0.1 * (2 * random.Uniform() - 1));
  }
}

TEST_CASE("gate 1: every architecture gives llama.cpp's probabilities, token by token") {
  for (const std::string& architecture : TrainableArchitectures()) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/true);
    const std::vector<Token> tokens = RandomTokens(70, 1);
    const std::vector<double> expected =
        LoadModel(model.path(), {.threads = 2, .repack = false})->LogProbabilities(tokens);
    const Network network = model.network();
    Threads threads(2);
    for (const KernelKind kind : kKernelKinds) {
      // Portable code is held to the others in net/, and takes long.
      if (!IsSupported(kind) || (kind == KernelKind::kPortable && IsSupported(KernelKind::kAvx2))) continue;
      const UseOnly only(kind);
      Pass pass(network, threads, {.loss_rows = 19});
      const PassResult result = pass.Run(Pack({tokens}), nullptr, nullptr);
      CAPTURE(std::string(KernelName(kind)));
      const double difference = LargestDifference(result.token_loss, expected);
      MESSAGE(architecture << ", " << std::string(KernelName(kind)) << ": largest difference of log p " << difference);
      CHECK(difference < (IsBf16(kind) ? 0.1 : 2e-3));
    }
  }
}

TEST_CASE("gate 2: a quantized base means to us what it means to llama.cpp, up to its rounding of activations") {
  for (const char* type : {"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "TQ2_0"}) {
    CAPTURE(type);
    ModelFixture model("qwen3", /*full_precision=*/true);
    model.Requantize(type);
    const std::vector<Token> tokens = RandomTokens(120, 2);
    const std::vector<double> expected =
        LoadModel(model.path(), {.threads = 2, .repack = false})->LogProbabilities(tokens);
    const Network network = model.network();
    Threads threads(2);
    const UseOnly only(Best32BitKernel());
    Pass pass(network, threads, {});
    const PassResult result = pass.Run(Pack({tokens}), nullptr, nullptr);
    double sum = 0;
    for (const double value : expected) sum -= value;
    const auto count = static_cast<double>(expected.size());
    // The engine rounds activations to 8 bits for quantized products, so single tokens differ; the mean must not.
    MESSAGE(std::string(type) << ": " << result.loss / count << " ours, " << sum / count << " llama.cpp");
    CHECK(result.loss / count == doctest::Approx(sum / count).epsilon(0.005));
    CHECK(LargestDifference(result.token_loss, expected) < 0.5);
  }
}

TEST_CASE("gate 2: quantized weights are the numbers that they stand for") {
  // llama.cpp computes with the same weights as 32-bit floats: nothing is left to differ but the order of sums.
  const auto check = [](const std::string& architecture, const std::string& type) {
    CAPTURE(architecture);
    CAPTURE(type);
    ModelFixture model(architecture, /*full_precision=*/true);
    model.Requantize(type);
    const Path floats = model.folder() / "floats.gguf";
    ExpandToFloats(model.path(), floats, 2);
    const std::vector<Token> tokens = RandomTokens(70, 2);
    const std::vector<double> expected = LoadModel(floats, {.threads = 2, .repack = false})->LogProbabilities(tokens);
    const Network network = model.network();
    Threads threads(2);
    const UseOnly only(Best32BitKernel());
    Pass pass(network, threads, {});
    const double difference = LargestDifference(pass.Run(Pack({tokens}), nullptr, nullptr).token_loss, expected);
    MESSAGE(architecture << ", " << type << ": largest difference of log p " << difference);
    CHECK(difference < 2e-3);
  };
  if (kLooksForRaces) {
    check("qwen3", "Q4_K_M");
    return;
  }
  for (const std::string& type : QuantizationNames()) check("qwen3", type);
  for (const std::string& architecture : TrainableArchitectures()) {
    for (const char* type : {"Q8_0", "Q4_K_M"}) check(architecture, type);
  }
}

TEST_CASE("gate 3: the gradients of a whole model are slopes, in every architecture") {
  for (const std::string& architecture : TrainableArchitectures()) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/true);
    Network network = model.network();
    Adapter adapter = AttachAdapter(network, {.rank = 4, .alpha = 8}, 3);
    Randomize(adapter, 4);
    Threads threads(2);
    const UseOnly only(Best32BitKernel());
    const TokenBatch batch = Pack({RandomTokens(40, 5), RandomTokens(25, 6)});
    for (const float dropout : {0.0F, 0.3F}) {
      Pass pass(network, threads, {.stored_blocks = 1, .loss_rows = 16, .dropout = dropout, .dropout_seed = 7});
      Adapter gradients = ZeroLike(adapter);
      pass.Run(batch, &adapter, &gradients);
      double error = 0;
      double norm = 0;
      Random random(8);
      for (int i = 0; i < (kLooksForRaces ? 4 : 24); ++i) {
        const auto at = static_cast<size_t>(random.Below(adapter.pairs.size()));
        LoraPair& pair = adapter.pairs[at];
        std::vector<float>& values = i % 2 == 0 ? pair.a : pair.b;
        const std::vector<float>& slopes = i % 2 == 0 ? gradients.pairs[at].a : gradients.pairs[at].b;
        // Along a random direction of the whole half: single numbers move the loss by less than its rounding.
        std::vector<float> direction(values.size());
        double along = 0;
        for (size_t k = 0; k < values.size(); ++k) {
          direction[k] = static_cast<float>(2 * random.Uniform() - 1);
          along += static_cast<double>(direction[k]) * slopes[k];
        }
        const std::vector<float> kept = values;
        constexpr float kStep = 2e-3F;
        const auto loss_at = [&](float step) {
          for (size_t k = 0; k < values.size(); ++k) values[k] = kept[k] + step * direction[k];
          return pass.Run(batch, &adapter, nullptr).loss;
        };
        const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * static_cast<double>(kStep));
        values = kept;
        error += (slope - along) * (slope - along);
        norm += slope * slope;
      }
      MESSAGE(architecture << ", dropout " << dropout << ": relative error of slopes " << std::sqrt(error / norm));
      CHECK(std::sqrt(error / norm) < 0.02);
    }
  }
}

TEST_CASE("what a pass stores changes its memory, never a bit of its result") {
  for (const KernelKind kind : {KernelKind::kAvx512Bf16, KernelKind::kAmx, Best32BitKernel()}) {
    if (!IsSupported(kind)) continue;
    const UseOnly only(kind);
    const std::string architecture = IsBf16(kind) ? "gemma3" : "qwen3";
    const ModelFixture model(architecture, /*full_precision=*/false);
    Network network = model.network();
    Adapter adapter = AttachAdapter(network, {.rank = 4, .alpha = 8}, 3);
    Randomize(adapter, 4);
    const TokenBatch batch = Pack({RandomTokens(40, 5), RandomTokens(25, 6)});
    std::vector<Adapter> results;
    for (const int64_t stored : {0, 2, 100}) {
      for (const int count : {1, 3}) {
        Threads threads(count);
        Pass pass(network, threads, {.stored_blocks = stored, .loss_rows = 16, .dropout = 0.1F, .dropout_seed = 9});
        results.push_back(ZeroLike(adapter));
        pass.Run(batch, &adapter, &results.back());
      }
    }
    for (const Adapter& result : results) {
      for (size_t p = 0; p < result.pairs.size(); ++p) {
        CHECK(result.pairs[p].a == results[0].pairs[p].a);
        CHECK(result.pairs[p].b == results[0].pairs[p].b);
      }
    }
  }
}

TEST_CASE("samples that are packed together do not see each other") {
  const ModelFixture model("llama", /*full_precision=*/true);
  const Network network = model.network();
  Threads threads(2);
  const UseOnly only(Best32BitKernel());
  Pass pass(network, threads, {});
  const auto a = RandomTokens(33, 1);
  const auto b = RandomTokens(70, 2);
  const PassResult together = pass.Run(Pack({a, b}), nullptr, nullptr);
  const PassResult alone = pass.Run(Pack({b}), nullptr, nullptr);
  for (size_t i = 0; i < alone.token_loss.size(); ++i) {
    CHECK(together.token_loss[a.size() - 1 + i] == doctest::Approx(alone.token_loss[i]).epsilon(1e-5));
  }
}

TEST_CASE("gate 4: llama.cpp, with the adapter's file, gives our probabilities") {
  for (const std::string& architecture : TrainableArchitectures()) {
    CAPTURE(architecture);
    const ModelFixture model(architecture, /*full_precision=*/true);
    Network network = model.network();
    Adapter adapter = AttachAdapter(network, {.rank = 4, .alpha = 6}, 3);
    Randomize(adapter, 4);
    const Path file = model.folder() / "adapter.gguf";
    WriteAdapter(file, adapter, {.name = "test", .architecture = network.architecture, .base_hash = "h"});
    const std::vector<Token> tokens = RandomTokens(60, 5);
    const std::vector<double> base = LoadModel(model.path(), {.threads = 2, .repack = false})->LogProbabilities(tokens);
    const std::vector<double> expected =
        LoadModel(model.path(), {.threads = 2, .repack = false, .adapter = file})->LogProbabilities(tokens);
    Threads threads(2);
    const UseOnly only(Best32BitKernel());
    Pass pass(network, threads, {});
    const PassResult result = pass.Run(Pack({tokens}), &adapter, nullptr);
    CHECK(LargestDifference(result.token_loss, expected) < 3e-3);
    CHECK(LargestDifference(result.token_loss, base) > 0.05);  // the adapter does something
  }
}

TEST_CASE("engine and trainer take turns on a thread's matrix unit") {
  // The engine configures it once for each thread, for its own tiles; a pass in between must leave that as it was.
  ModelFixture model("llama", /*full_precision=*/true);
  model.Requantize("Q8_0");
  const std::vector<Token> tokens = RandomTokens(70, 8);
  const std::unique_ptr<LanguageModel> engine = LoadModel(model.path(), {.threads = 1, .repack = true});
  const std::vector<double> before = engine->LogProbabilities(tokens);
  const Network network = model.network();
  Threads threads(1);
  const PassResult first = Pass(network, threads, {}).Run(Pack({tokens}), nullptr, nullptr);
  CHECK(engine->LogProbabilities(tokens) == before);
  CHECK(Pass(network, threads, {}).Run(Pack({tokens}), nullptr, nullptr).token_loss == first.token_loss);
}

TEST_CASE("what the trainer does not cover is refused by name") {
  const ModelFixture model("llama", /*full_precision=*/false);
  std::string content = ReadFile(model.path());
  const size_t at = content.find("llama");
  content.replace(at, 5, "gpt_x");
  const Gguf gguf = ParseGguf({reinterpret_cast<const std::byte*>(content.data()), content.size()}, "x.gguf");
  CHECK_THROWS_WITH_AS(
      BuildNetwork(gguf, {reinterpret_cast<const std::byte*>(content.data()), content.size()}, "x.gguf"),
      doctest::Contains("the trainer does not know the architecture 'gpt_x'"), Error);
}

}  // namespace
}  // namespace loco
