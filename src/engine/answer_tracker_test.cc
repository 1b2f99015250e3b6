#include "engine/answer_tracker.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "engine/fake_model.h"
#include "engine/sampling.h"

namespace loco {
namespace {

std::vector<Token> Bytes(std::string_view text) { return {text.begin(), text.end()}; }

ThinkingLimit Limit(int tokens) {
  return {.open = "<think>", .close = "</think>", .max_tokens = tokens, .closing = Bytes("\n</think>\n\n")};
}

Generation Generated(const std::string& answer, const ThinkingLimit& limit, int max_tokens = 100) {
  FakeModel model([&](const std::string&) { return answer; });
  const GenerateRequest request{.prompt = Bytes("q"), .max_tokens = max_tokens, .thinking = limit};
  Generation result;
  model.Generate({&request, 1}, {}, [&](size_t, const Generation& generation) { result = generation; });
  return result;
}

TEST_CASE("thinking stands apart from the answer") {
  const Generation g = Generated("<think>two and two</think>\n4", Limit(100));
  CHECK(g.thinking == "two and two");
  CHECK(g.text == "\n4");
  CHECK(g.thinking_tokens == 26);
  CHECK_FALSE(g.thinking_cut);
}

TEST_CASE("where the prompt opens it, the answer begins inside") {
  ThinkingLimit limit = Limit(100);
  limit.opened = true;
  const Generation g = Generated("two</think>4", limit);
  CHECK(g.thinking == "two");
  CHECK(g.text == "4");
}

TEST_CASE("without a mark, or with one that comes later, everything is the answer") {
  for (const char* answer : {"4", "<", "<thin", "<b>4</b>", "the mark <think> is text here </think>", ""}) {
    CAPTURE(answer);
    const Generation g = Generated(answer, Limit(100));
    CHECK(g.text == answer);
    CHECK(g.thinking.empty());
    CHECK(g.thinking_tokens == 0);
  }
}

TEST_CASE("thinking over its budget is closed, and the answer has the budget of answers") {
  const Generation g = Generated("<think>abcdefghijklmnopq</think>1234567890", Limit(10), 4);
  CHECK(g.thinking == "abc\n");
  CHECK(g.thinking_cut);
  CHECK(g.text == "1234");
  CHECK(g.stop == StopReason::kTokenLimit);
  CHECK(g.thinking_tokens == 10 + 11);
}

TEST_CASE("a model that never closes its thinking never answered") {
  ThinkingLimit limit = Limit(1000);
  const Generation g = Generated("<think>hm, hm", limit);
  CHECK(g.text.empty());
  CHECK(g.thinking == "hm, hm");
  CHECK(g.stop == StopReason::kEndOfTurn);
}

TEST_CASE("a closing that this vocabulary does not write as the mark ends thinking all the same") {
  ThinkingLimit limit = Limit(8);
  limit.closing = Bytes("!");
  const Generation g = Generated("<think>abcdefgh</think>42", limit);
  CHECK(g.text == "42");
}

TEST_CASE("a stop text ends the answer, wherever tokens divide it, and not the thinking") {
  FakeModel model([](const std::string&) { return "<think>a\nb</think>12\n\n34"; });
  const GenerateRequest request{.prompt = Bytes("q"), .max_tokens = 100, .stop = {"34", "\n\n"}, .thinking = Limit(50)};
  model.Generate({&request, 1}, {}, [](size_t, const Generation& generation) {
    CHECK(generation.text == "12");
    CHECK(generation.thinking == "a\nb");
    CHECK(generation.stop == StopReason::kEndOfTurn);
  });
}

TEST_CASE("sampled tokens follow the softmax at their temperature") {
  const float logits[] = {0.0F, 1.0F, 2.0F, -std::numeric_limits<float>::infinity()};
  Random random(7);
  std::map<Token, int> counts;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) ++counts[SampleToken(logits, 4, {.temperature = 2}, random)];
  const double total = 1 + std::exp(0.5) + std::exp(1.0);
  for (const auto& [token, weight] : std::map<Token, double>{{0, 1}, {1, std::exp(0.5)}, {2, std::exp(1.0)}}) {
    CHECK(counts[token] / double{kDraws} == doctest::Approx(weight / total).epsilon(0.05));
  }
  CHECK(counts.count(3) == 0);
}

TEST_CASE("top-p keeps the fewest of the likeliest tokens, at least one") {
  const float logits[] = {0.0F, 1.0F, 2.0F};
  Random random(7);
  for (int i = 0; i < 100; ++i) {
    CHECK(SampleToken(logits, 3, {.temperature = 1, .top_p = 0.1}, random) == 2);
    CHECK(SampleToken(logits, 3, {.temperature = 1, .top_p = 0.9}, random) != 0);
  }
}

}  // namespace
}  // namespace loco
