#include "train/data.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "engine/fake_model.h"
#include "train/packing.h"

namespace loco {
namespace {

// The learned text of a sample, as a person would mark it.
std::string LearnedText(const LanguageModel& model, const Sample& sample) {
  std::vector<Token> learned;
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    if (sample.learned[i] != 0) learned.push_back(sample.tokens[i]);
  }
  return model.Detokenize(learned, true);
}

DataSet Load(const std::string& content, const LanguageModel& model, int max_tokens = 1024) {
  const Path path = std::filesystem::temp_directory_path() / "loco-train-data-test.jsonl";
  std::ofstream(path) << content;
  DataSet data = TokenizeTrainingText(ReadTrainingFiles({path}), model, {.max_tokens = max_tokens});
  std::filesystem::remove(path);
  return data;
}

TEST_CASE("five shapes of a line say the same conversation") {
  const char* lines[] = {
      R"({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]})",
      R"({"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]})",
      R"({"instruction": "Q", "input": "", "output": "A"})",
      R"({"prompt": "Q", "completion": "A"})",
      R"({"prompt": "Q", "response": "A"})",
  };
  for (const char* line : lines) {
    CAPTURE(line);
    std::vector<Diagnostic> mistakes;
    const auto read = ReadConversations("t.jsonl", line, mistakes);
    CHECK(mistakes.empty());
    REQUIRE(read.size() == 1);
    REQUIRE(read[0].messages.size() == 2);
    CHECK(read[0].messages[0].role == "user");
    CHECK(read[0].messages[0].content == "Q");
    CHECK(read[0].messages[1].role == "assistant");
    CHECK(read[0].messages[1].content == "A");
  }
}

TEST_CASE("every bad line is named with its place, and nothing is loaded") {
  std::vector<Diagnostic> mistakes;
  ReadConversations("t.jsonl",
                    "{\"prompt\": \"q\", \"completion\": 3}\n"
                    "\n"
                    "{\"prompt\": \"q\", \"completion\": \"\"}\n"
                    "{\"question\": \"q\"}\n"
                    "{\"messages\": [{\"role\": \"robot\", \"content\": \"x\"}]}\n"
                    "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n"
                    "{\"prompt\": \"q\"\n"
                    "{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}\n",
                    mistakes);
  REQUIRE(mistakes.size() == 7);
  CHECK(mistakes[0].line == 1);
  CHECK(mistakes[0].column == 31);
  CHECK(mistakes[0].message == "'completion' must be a text");
  CHECK(mistakes[1].line == 3);
  CHECK(mistakes[1].message.find("nothing to learn") != std::string::npos);
  CHECK(mistakes[2].line == 4);
  CHECK(mistakes[3].message.find("unknown role 'robot'") != std::string::npos);
  CHECK(mistakes[4].message.find("no turn of the assistant") != std::string::npos);
  CHECK(mistakes[5].line == 7);
  CHECK(mistakes[6].message == "turn 1 of the assistant is empty: nothing to learn");
}

TEST_CASE("a question of the suite in the training data is refused, with its place") {
  const Path folder = std::filesystem::temp_directory_path() / "loco-leaks-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "t.jsonl") << R"({"id": "one", "question": "Who?", "answer": "Ann"})"
                                    << "\n"
                                    << R"({"id": "two", "question": "When?", "answer": "Now"})"
                                    << "\n";
  std::ofstream(folder / "t.toml")
      << "name = \"t\"\nitems = \"t.jsonl\"\n[prompt]\nuser = \"Q: {question}\"\n[score]\nscorer = \"exact\"\n";
  const Task task = LoadTask(folder / "t.toml");
  const auto leaks = [&](const std::string& content) {
    std::ofstream(folder / "d.jsonl") << content;
    return [&] { RefuseLeaks(task, {folder / "d.jsonl"}); };
  };
  CHECK_NOTHROW(leaks(R"({"prompt": "Q: Where?", "completion": "Here"})")());
  CHECK_NOTHROW(leaks(R"({"prompt": "Who?", "completion": "Ann"})")());
  const std::string two = R"({"prompt": "Q: Where?", "completion": "Here"})"
                          "\n"
                          R"({"prompt": "q:  when?\n", "completion": "Later"})";
  CHECK_THROWS_WITH_AS(
      leaks(two)(), doctest::Contains("1 question of the suite 't' in the training data (first at line 2: item 'two')"),
      Error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("held-out samples that stand in the training data are counted") {
  FakeModel model([](const std::string&) { return ""; });
  const DataSet training = Load("{\"text\": \"abc\"}\n{\"text\": \"bcd\"}\n", model);
  const DataSet held_out = Load("{\"text\": \"bcd\"}\n{\"text\": \"bc\"}\n{\"text\": \"bcd\"}\n", model);
  CHECK(CountAlsoIn(held_out, training) == 2);
}

TEST_CASE("plain text is learned but for its first token, and ends with the end-of-text token") {
  FakeModel model([](const std::string&) { return ""; });
  const DataSet data = Load("{\"text\": \"abc\"}\n", model);
  REQUIRE(data.samples.size() == 1);
  const Sample& sample = data.samples[0];
  CHECK(sample.learned.front() == 0);
  CHECK(sample.tokens.back() == model.info().eos);
  CHECK(sample.learned.back() == 1);
}

TEST_CASE("only answers are learned, with what ends them") {
  FakeModel model([](const std::string&) { return ""; });
  const DataSet data = Load("{\"prompt\": \"one\", \"completion\": \"two\"}\n", model);
  REQUIRE(data.samples.size() == 1);
  const std::string learned = LearnedText(model, data.samples[0]);
  CHECK(learned.find("two") == 0);
  CHECK(learned.find("one") == std::string::npos);
  CHECK(data.learned >= 4);
}

TEST_CASE("samples beyond the limit are cut and counted; when nothing is left to learn, that is an error") {
  FakeModel model([](const std::string&) { return ""; });
  const std::string line = "{\"text\": \"" + std::string(100, 'x') + "\"}\n";
  const DataSet data = Load(line, model, 40);
  CHECK(data.truncated == 1);
  CHECK(data.samples[0].tokens.size() == 40);
  CHECK(data.longest > 100);
  CHECK_THROWS_AS(Load("{\"prompt\": \"" + std::string(100, 'x') + "\", \"completion\": \"y\"}\n", model, 40), Error);
}

TEST_CASE("passes hold every sample once, in room that is there") {
  const std::vector<int64_t> lengths = {5, 90, 40, 40, 200, 10, 60, 1};
  const std::vector<size_t> order = {7, 6, 5, 4, 3, 2, 1, 0};
  const auto passes = PlanPasses(lengths, order, 100);
  std::vector<int> seen(lengths.size(), 0);
  for (const auto& pass : passes) {
    int64_t sum = 0;
    for (const size_t sample : pass) {
      ++seen[sample];
      sum += lengths[sample];
    }
    CHECK((sum <= 100 || pass.size() == 1));
  }
  for (const int count : seen) CHECK(count == 1);
  CHECK(passes.size() <= 5);
}

TEST_CASE("no pass holds only what was left over") {
  const std::vector<int64_t> lengths(21, 100);
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto passes = PlanPasses(lengths, order, 512);
  CHECK(passes.size() == 5);
  for (const auto& pass : passes) CHECK(pass.size() >= 4);
}

TEST_CASE("a packed sample keeps its own positions, and the token before a learned one has the target") {
  const Sample a{.tokens = {1, 2, 3}, .learned = {0, 0, 1}};
  const Sample b{.tokens = {4, 5}, .learned = {0, 1}};
  const TokenBatch batch = PackSamples({&a, &b});
  CHECK(batch.tokens == std::vector<int32_t>{1, 2, 3, 4, 5});
  CHECK(batch.positions == std::vector<int32_t>{0, 1, 2, 0, 1});
  CHECK(batch.first == std::vector<int32_t>{0, 0, 0, 3, 3});
  CHECK(batch.targets == std::vector<int32_t>{-1, 3, -1, 5, -1});
}

}  // namespace
}  // namespace loco
