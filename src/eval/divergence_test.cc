#include "eval/divergence.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "engine/fake_model.h"
#include "engine/llama_model.h"
#include "engine/quantize.h"

namespace loco {
namespace {

constexpr size_t kFakeVocabulary = 258;

FakeModel Silent() {
  return FakeModel([](const std::string&) { return ""; });
}

// The byte after the last one has `logit`, all others 0.
FakeModel Successor(float logit) {
  FakeModel model = Silent();
  model.logits = [logit](std::span<const Token> tokens) {
    std::vector<float> logits(kFakeVocabulary);
    logits[static_cast<size_t>(tokens.back() + 1)] = logit;
    return logits;
  };
  return model;
}

std::vector<TextWindow> WindowsOf(const LanguageModel& model, const std::vector<std::string>& texts,
                                  const WindowOptions& options = {}) {
  std::vector<TextTokens> tokens;
  for (const std::string& text : texts) tokens.push_back(PlainText(model, text));
  return CutIntoWindows(model, tokens, options);
}

TEST_CASE("KL of small distributions is what the definition says") {
  // p = (2/3, 1/3), q = (1/3, 2/3): 2/3 ln 2 - 1/3 ln 2.
  const std::vector<float> p = {std::log(2.0F), 0};
  const std::vector<float> q = {0, std::log(2.0F)};
  CHECK(KlDivergence(p, q) == doctest::Approx(std::log(2.0) / 3));
  CHECK(KlDivergence(p, p) == 0);
  // A constant added to all logits changes nothing, also a huge one.
  const std::vector<float> shifted = {4096 + std::log(2.0F), 4096};
  CHECK(KlDivergence(shifted, q) == doctest::Approx(std::log(2.0) / 3).epsilon(1e-3));
  CHECK(std::abs(KlDivergence(p, shifted)) < 1e-6);
  // What the reference thinks impossible adds nothing; finite logits give a finite divergence, however far apart.
  CHECK(KlDivergence(std::vector<float>{0, -1e30F}, std::vector<float>{0, 0}) == doctest::Approx(std::log(2.0)));
  CHECK(KlDivergence(std::vector<float>{0, 0}, std::vector<float>{0, -2000}) == doctest::Approx(1000 - std::log(2.0)));
}

TEST_CASE("KL is never negative, and small ones keep their digits") {
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> p(50);
    std::vector<float> q(50);
    for (size_t k = 0; k < p.size(); ++k) {
      p[k] = static_cast<float>(20 * random.Uniform() - 10);
      q[k] = p[k] + static_cast<float>(0.001 * (random.Uniform() - 0.5));
    }
    const double kl = KlDivergence(p, q);
    CHECK(kl >= 0);
    // To second order it is half the variance of the difference under p.
    double total = 0, mean = 0, square = 0;
    for (const float logit : p) total += std::exp(static_cast<double>(logit));
    for (size_t k = 0; k < p.size(); ++k) {
      const double weight = std::exp(static_cast<double>(p[k])) / total;
      const double d = static_cast<double>(q[k]) - static_cast<double>(p[k]);
      mean += weight * d;
      square += weight * d * d;
    }
    CHECK(kl == doctest::Approx((square - mean * mean) / 2).epsilon(0.01));
  }
}

TEST_CASE("windows predict every token but the first of a text once") {
  const FakeModel model = Silent();
  for (const int overlap : {0, 1, 3}) {
    for (size_t length = 0; length < 30; ++length) {
      CAPTURE(overlap);
      CAPTURE(length);
      const std::string text = std::string("abcdefghijklmnopqrstuvwxyz0123").substr(0, length);
      const auto windows = WindowsOf(model, {text, "xy"}, {.tokens = 7, .overlap = overlap});
      std::string predicted;
      size_t bytes = 0;
      for (const TextWindow& window : windows) {
        CHECK(window.tokens.size() <= 7);
        CHECK(window.first >= 1);
        REQUIRE(window.first < window.tokens.size());
        if (window.cluster == 1) continue;
        if (!predicted.empty()) CHECK(window.first == static_cast<size_t>(std::max(1, overlap)));
        predicted += model.Detokenize(std::span(window.tokens).subspan(window.first), true);
        bytes += window.bytes;
      }
      CHECK(predicted == (length > 1 ? text.substr(1) : ""));
      CHECK(bytes == predicted.size());
      CHECK(windows.back().cluster == 1);
    }
  }
}

TEST_CASE("a beginning-of-sequence token makes the first byte predictable, and control tokens in a file stay text") {
  FakeModel model = Silent();
  model.mutable_info().adds_bos = true;
  const auto windows = WindowsOf(model, {"abc"});
  REQUIRE(windows.size() == 1);
  CHECK(windows[0].tokens.size() == 4);
  CHECK(windows[0].bytes == 3);
  CHECK(WindowsOf(model, {"<s>"}).at(0).bytes == 3);
}

TEST_CASE("a limit of tokens leaves windows out evenly") {
  const FakeModel model = Silent();
  const std::string text(1001, 'a');
  const auto windows = WindowsOf(model, {text}, {.tokens = 11, .max_tokens = 200});
  REQUIRE(windows.size() == 20);  // of 100
  CHECK(windows[0].cluster == 4);
  CHECK(windows[1].cluster == 9);
  CHECK(windows[19].cluster == 99);
}

TEST_CASE("perplexity of a uniform model is the size of its vocabulary, at 8.01 bits a byte") {
  FakeModel model = Silent();
  NoProgress progress;
  const auto windows = WindowsOf(model, {"hello world", "again", "and again"});
  const Perplexity perplexity = MeasurePerplexity(model, windows, progress);
  CHECK(perplexity.perplexity.value == doctest::Approx(258));
  CHECK(perplexity.perplexity.interval.Width() < 1e-9);
  CHECK(perplexity.perplexity.clusters == 3);
  CHECK(perplexity.bits_per_byte.value == doctest::Approx(std::log2(258)));
  CHECK(perplexity.tokens == 10 + 4 + 8);
  CHECK(perplexity.bytes == perplexity.tokens);
}

TEST_CASE("divergence of two known models: KL, perplexities, their ratio and the same top") {
  FakeModel reference = Successor(5);
  FakeModel quantized = Successor(4);
  NoProgress progress;
  const auto windows = WindowsOf(reference, {"abcdefgh", "abcabc"});  // 7 successors of 7; 4 of 5
  const Divergence divergence = MeasureDivergence(reference, quantized, windows, progress);
  const double z5 = std::exp(5.0) + 257;
  const double z4 = std::exp(4.0) + 257;
  const double kl = std::exp(5.0) / z5 * 1.0 - std::log(z5 / z4);
  CHECK(divergence.kl.value == doctest::Approx(kl));
  CHECK(divergence.kl_p99 == doctest::Approx(kl));
  CHECK(divergence.kl.interval.Width() < 1e-9);
  CHECK(divergence.kl.clusters == 2);
  CHECK(divergence.same_top.value == 1);
  const double nll5 = std::log(z5) - 5.0 * 11 / 12;
  const double nll4 = std::log(z4) - 4.0 * 11 / 12;
  CHECK(divergence.reference.perplexity.value == doctest::Approx(std::exp(nll5)));
  CHECK(divergence.quantized.perplexity.value == doctest::Approx(std::exp(nll4)));
  CHECK(divergence.perplexity_ratio.value == doctest::Approx(std::exp(nll4 - nll5)));
  CHECK(divergence.perplexity_ratio.interval.Contains(divergence.perplexity_ratio.value));
  CHECK(divergence.perplexity_ratio.interval.Width() > 0);
  CHECK(divergence.reference.tokens == 12);
  // The perplexity of one model alone is the same number.
  CHECK(MeasurePerplexity(reference, windows, progress).perplexity.value ==
        doctest::Approx(divergence.reference.perplexity.value).epsilon(1e-12));
}

TEST_CASE("a model does not diverge from itself, and another top token is counted") {
  FakeModel model = Successor(3);
  NoProgress progress;
  const auto windows = WindowsOf(model, {"abcd", "xyz"});
  const Divergence same = MeasureDivergence(model, model, windows, progress);
  CHECK(same.kl.value == 0);
  CHECK(same.perplexity_ratio.value == 1);
  CHECK(same.same_top.value == 1);
  FakeModel other = Successor(-3);  // its likeliest token is the lowest of the others
  CHECK(MeasureDivergence(model, other, windows, progress).same_top.value == 0);
}

TEST_CASE("other vocabularies, broken numbers and no text are errors") {
  FakeModel model = Silent();
  NoProgress progress;
  const auto windows = WindowsOf(model, {"abcd"});
  FakeModel larger = Silent();
  larger.mutable_info().vocabulary_size = 300;
  CHECK_THROWS_WITH_AS(MeasureDivergence(model, larger, windows, progress), doctest::Contains("258 and 300 tokens"),
                       Error);
  FakeModel renamed = Silent();
  renamed.mutable_info().eos_text = "<end>";
  CHECK_THROWS_WITH_AS(MeasureDivergence(model, renamed, windows, progress), doctest::Contains("token 257"), Error);
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    FakeModel broken = Successor(bad);
    CHECK_THROWS_WITH_AS(MeasureDivergence(model, broken, windows, progress), doctest::Contains("not finite"), Error);
    CHECK_THROWS_AS(MeasurePerplexity(broken, windows, progress), Error);
  }
  CHECK_THROWS_WITH_AS(MeasurePerplexity(model, WindowsOf(model, {"a", ""}), progress),
                       doctest::Contains("no text to score"), Error);
}

TEST_CASE("texts of a task are its prompts with the answers that are expected") {
  const Task task = ParseTask(
      "name = \"t\"\nitems = \"t.jsonl\"\nlicence = \"x\"\nsource = \"x\"\n[prompt]\nuser = \"{question}\"\n"
      "[score]\nscorer = \"exact\"\n",
      "t.toml", [](const Path&) {
        return std::string(
            "{\"id\": \"1\", \"question\": \"Two?\", \"answer\": \"2\"}\n"
            "{\"id\": \"2\", \"question\": \"Three?\", \"answer\": \"3\"}\n");
      });
  const FakeModel model = Silent();
  const PromptRenderer renderer(model, PromptStyle::kChat);
  const std::vector<TextTokens> texts = TaskTexts(task, renderer);
  REQUIRE(texts.size() == 2);
  CHECK(model.Detokenize(texts[0], true) == "[user]Two?[assistant]2");
  CHECK(model.Detokenize(texts[1], true) == "[user]Three?[assistant]3");
}

TEST_CASE("fewer bits diverge more, on a real model") {
  const Path source = Path(LOCO_SOURCE_DIR) / "models/pocket/pocket-xs-llama-0.7M-F16.gguf";
  const Path folder = std::filesystem::temp_directory_path() / "loco-divergence-test";
  const auto reference = LoadModel(source, {.threads = 1});
  const Task task = LoadTask(Path(LOCO_SOURCE_DIR) / "tasks/pocket/extract.toml");
  const PromptRenderer renderer(*reference, PromptStyle::kChat);
  const auto windows = CutIntoWindows(*reference, TaskTexts(task, renderer), {.max_tokens = 1500});
  NoProgress progress;
  std::vector<Divergence> divergences;
  for (const char* level : {"Q8_0", "Q4_0"}) {
    const Path target = folder / (std::string(level) + ".gguf");
    Quantize(source, target, level, 1);
    const auto quantized = LoadModel(target, {.threads = 1});
    divergences.push_back(MeasureDivergence(*reference, *quantized, windows, progress));
  }
  std::filesystem::remove_all(folder);
  CHECK(divergences[0].reference.perplexity.value == divergences[1].reference.perplexity.value);
  CHECK(divergences[0].kl.value > 0);
  CHECK(divergences[0].kl.value < 0.01);
  CHECK(divergences[0].same_top.value > 0.97);
  CHECK(divergences[1].kl.interval.low > divergences[0].kl.interval.high);
  CHECK(divergences[1].kl_p99 > divergences[0].kl_p99);
  CHECK(divergences[1].same_top.value < divergences[0].same_top.value);
}

}  // namespace
}  // namespace loco
