#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "engine/fake_model.h"
#include "engine/llama_model.h"
#include "engine/quantize.h"

namespace loco {
namespace {

Path SharedData(const char* name) {
  const char* shared = std::getenv("LOCO_SHARED");
  return Path(shared != nullptr ? shared : LOCO_SOURCE_DIR "/../shared") / "data" / name;
}

TEST_CASE("stories260K gives exactly its ten greedy references, one by one and eight at a time") {
  const Path folder = SharedData("models/stories260K");
  if (!std::filesystem::is_directory(folder)) {
    MESSAGE("skipped: " << folder.string() << " is not here");
    return;
  }
  const auto model = LoadModel(folder / "stories260K.gguf", {});
  std::vector<GenerateRequest> requests;
  std::vector<std::string> expected;
  std::istringstream lines(ReadFile(folder / "reference_greedy.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto reference = nlohmann::json::parse(line);
    requests.push_back({model->Tokenize(reference.at("prompt").get<std::string>(), {}), 48});
    CHECK(requests.back().prompt == reference.at("prompt_tokens").get<std::vector<Token>>());
    expected.push_back(reference.at("greedy_48"));
  }
  REQUIRE(requests.size() == 10);
  for (const int parallel : {1, 8}) {
    CAPTURE(parallel);
    int checked = 0;
    model->Generate(requests, {.context = 512, .parallel = parallel}, [&](size_t i, const Generation& generation) {
      CHECK(generation.text == expected[i]);
      ++checked;
    });
    CHECK(checked == 10);
  }
}

TEST_CASE("token ids agree with the published cases of four tokenizers") {
  const Path folder = SharedData("vocab");
  if (!std::filesystem::is_directory(folder)) {
    MESSAGE("skipped: " << folder.string() << " is not here");
    return;
  }
  const std::string separator = "\n__ggml_vocab_test__\n";
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    CAPTURE(entry.path().string());
    const auto model = LoadModel(entry.path(), {.vocabulary_only = true});
    std::string inputs = ReadFile(entry.path().string() + ".inp");
    std::istringstream outputs(ReadFile(entry.path().string() + ".out"));
    for (size_t begin = 0; begin <= inputs.size();) {
      const size_t end = std::min(inputs.find(separator, begin), inputs.size());
      std::string ids;
      for (const Token token :
           model->Tokenize(inputs.substr(begin, end - begin), {.add_special = false, .parse_special = false})) {
        ids += " " + std::to_string(token);
      }
      std::string expected;
      if (!std::getline(outputs, expected)) break;
      CHECK(ids == expected);
      ++cases;
      begin = end + separator.size();
    }
  }
  MESSAGE(cases << " tokenizer cases");
  CHECK(cases > 100);
}

// Two summations of the same numbers: their likeliest tokens differ only where two nearly tie.
constexpr float kNearTie = 0.05F;

TEST_CASE("what all prompts begin with is computed once, and nothing changes but the last digits") {
  const Path folder = Path(LOCO_SOURCE_DIR) / "models/pocket";
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    ++models;
    CAPTURE(entry.path().string());
    const auto model = LoadModel(entry.path(), {});
    std::string header;
    for (int i = 0; i < 40; ++i) header += std::to_string(i * 7) + " + 3 = " + std::to_string(i * 7 + 3) + "\n";
    std::vector<GenerateRequest> requests;
    std::vector<ChoiceRequest> choices;
    for (int i = 0; i < 12; ++i) {
      const std::string prompt = header + std::to_string(i) + " + " + std::to_string(2 * i) + " = ";
      requests.push_back({model->Tokenize(prompt, {}), 12});
      choices.push_back({requests.back().prompt, {}});
      for (const char* choice : {"5", "12 apples"}) {
        choices.back().choices.push_back(model->Tokenize(choice, {.add_special = false}));
      }
    }
    for (const int parallel : {1, 5}) {
      const BatchOptions shared{.context = 512, .parallel = parallel, .group = 12};
      const BatchOptions alone{.context = 512, .parallel = 1, .group = 1};
      std::vector<Generation> left(requests.size());
      std::vector<Generation> right(requests.size());
      model->Generate(requests, shared, [&](size_t i, const Generation& g) { left[i] = g; });
      model->Generate(requests, alone, [&](size_t i, const Generation& g) { right[i] = g; });
      for (size_t i = 0; i < requests.size(); ++i) {
        CHECK((left[i].tokens == right[i].tokens || std::min(left[i].smallest_gap, right[i].smallest_gap) < kNearTie));
      }
    }
    std::vector<ChoiceScores> left(choices.size());
    std::vector<ChoiceScores> right(choices.size());
    model->ScoreChoices(choices, {.context = 512, .group = 12}, [&](size_t i, const ChoiceScores& c) { left[i] = c; });
    model->ScoreChoices(choices, {.context = 512, .group = 1}, [&](size_t i, const ChoiceScores& c) { right[i] = c; });
    for (size_t i = 0; i < choices.size(); ++i) {
      REQUIRE(left[i].log_likelihood.size() == 2);
      for (size_t c = 0; c < 2; ++c) {
        CHECK(left[i].log_likelihood[c] == doctest::Approx(right[i].log_likelihood[c]).epsilon(0.02));
      }
    }
  }
  CHECK(models == 4);
}

TEST_CASE("a file that is no model is refused with the engine's reason") {
  const Path file = std::filesystem::temp_directory_path() / ("loco_engine_test_" + std::to_string(::getpid()));
  WriteFileAtomically(file, "this is not a model");
  CHECK_THROWS_WITH_AS(LoadModel(file, {}), doctest::Contains("cannot load the model"), Error);
  CHECK_THROWS_AS(LoadModel("/nowhere/x.gguf", {}), Error);
  CHECK_THROWS_WITH_AS(Quantize(file, file.string() + ".out", "Q9_9", 1), doctest::Contains("unknown quantization"),
                       Error);
  CHECK_THROWS_WITH_AS(Quantize(file, file.string() + ".out", "Q4_0", 1), doctest::Contains("cannot be quantized"),
                       Error);
  std::filesystem::remove(file);
}

TEST_CASE("a larger model never gets fewer threads, a tiny one gets one") {
  CHECK(ThreadsFor(1, 8) == 1);
  CHECK(ThreadsFor(48'000'000, 8) == 1);
  CHECK(ThreadsFor(48'000'001, 8) == 2);
  CHECK(ThreadsFor(5'000'000'000, 8) == 8);
  for (uint64_t bytes = 1; bytes < 1'000'000'000; bytes *= 3) CHECK(ThreadsFor(bytes, 8) <= ThreadsFor(bytes * 3, 8));
}

TEST_CASE("logits come after each token, in order, and give the log-probabilities") {
  const auto model = LoadModel(Path(LOCO_SOURCE_DIR) / "models/pocket/pocket-xs-llama-0.7M-F16.gguf", {});
  std::vector<Token> tokens;  // more than one batch of 64
  while (tokens.size() < 150) {
    const std::vector<Token> more =
        model->Tokenize("What is the last word of this list: rice, grapes, soup, beans? ", {});
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  const std::vector<double> expected = model->LogProbabilities(tokens);
  REQUIRE(expected.size() == tokens.size() - 1);
  size_t visited = 0;
  model->VisitLogits(tokens, [&](size_t position, std::span<const float> logits) {
    CHECK(position == visited++);
    REQUIRE(logits.size() == static_cast<size_t>(model->info().vocabulary_size));
    if (position + 1 < tokens.size()) CHECK(LogProbability(logits, tokens[position + 1]) == expected[position]);
  });
  CHECK(visited == tokens.size());
  // What comes later changes nothing.
  CHECK(model->LogProbabilities(std::span(tokens).first(65))[63] == doctest::Approx(expected[63]).epsilon(1e-5));
}

TEST_CASE("what a visitor of logits throws stops the work") {
  FakeModel model([](const std::string&) { return ""; });
  int calls = 0;
  CHECK_THROWS_AS(model.VisitLogits(model.Tokenize("abcdef", {}),
                                    [&](size_t position, std::span<const float>) {
                                      ++calls;
                                      if (position == 2) throw Error("enough");
                                    }),
                  Error);
  CHECK(calls == 3);
}

TEST_CASE("log-probabilities are exact also for huge logits and follow the fake model's distribution") {
  CHECK(LogProbability(std::vector<float>{1e30F, 1e30F}, 0) == doctest::Approx(-0.6931471805599453));
  CHECK(LogProbability(std::vector<float>{0, -200}, 1) == doctest::Approx(-200));
  FakeModel model([](const std::string&) { return ""; });
  const std::vector<double> uniform = model.LogProbabilities(model.Tokenize("ab", {}));
  REQUIRE(uniform.size() == 1);
  CHECK(uniform[0] == doctest::Approx(-5.552959584921617));  // 1/258
  CHECK(model.LogProbabilities(model.Tokenize("a", {})).empty());
  model.logits = [](std::span<const Token> tokens) {  // twice as likely: the byte after the last one
    std::vector<float> logits(258);
    logits[static_cast<size_t>(tokens.back() + 1)] = 0.6931472F;
    return logits;
  };
  const std::vector<double> follow = model.LogProbabilities(model.Tokenize("abz", {}));
  CHECK(follow[0] == doctest::Approx(-4.863681).epsilon(1e-6));  // 2/259
  CHECK(follow[1] == doctest::Approx(-5.556828).epsilon(1e-6));  // 1/259
}

TEST_CASE("the fake model counts, cuts and refuses like a real one") {
  FakeModel model([](const std::string& prompt) { return prompt + prompt; });
  const auto prompt = model.Tokenize("abc", {});
  std::map<size_t, StopReason> stops;
  const std::vector<GenerateRequest> requests = {
      {prompt, 100}, {prompt, 4}, {model.Tokenize(std::string(30, 'x'), {}), 4}};
  model.Generate(requests, {.context = 20}, [&](size_t i, const Generation& g) { stops[i] = g.stop; });
  CHECK(stops[0] == StopReason::kEndOfTurn);
  CHECK(stops[1] == StopReason::kTokenLimit);
  CHECK(stops[2] == StopReason::kPromptTooLong);
  CHECK(model.generated == 2);
}

}  // namespace
}  // namespace loco
