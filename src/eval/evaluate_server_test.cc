#include "eval/evaluate_server.h"

#include <doctest/doctest.h>

#include <atomic>

#include "base/error.h"

namespace loco {
namespace {

Task DoublingTask(int count) {
  std::string items;
  for (int i = 1; i <= count; ++i) {
    items += R"({"id": "i)" + std::to_string(100 + i) + R"(", "question": ")" + std::to_string(i) + R"(", "answer": )" +
             std::to_string(2 * i) + "}\n";
  }
  return ParseTask("name='doubling'\nitems='t.jsonl'\n[score]\nscorer='numeric'", "t.toml",
                   [&](const Path&) { return items; });
}

// Doubles the number that it is asked; what else happens is up to the number.
class DoublingBackend : public ChatBackend {
 public:
  BackendIdentity Identity() override {
    return {.kind = "openai", .url = "http://here", .model = "doubler", .server = "test 1", .context = 4096};
  }
  bool IsAlive(const std::stop_token&) override { return !dead; }

  std::atomic<int> asked = 0;
  std::atomic<bool> dead = false;
  std::optional<bool> thinking;
  int max_tokens = 0;

 private:
  ChatAnswer DoAsk(const ChatRequest& request, const std::stop_token&) override {
    ++asked;
    thinking = request.thinking;
    max_tokens = request.max_tokens;
    ChatAnswer answer{.prompt_tokens = 5, .generated_tokens = 2, .seconds = 0.5, .attempts = 1};
    const int number = std::stoi(request.messages.back().content);
    answer.text = std::to_string(2 * number);
    answer.finish = ChatFinish::kStop;
    if (number == 2) answer.finish = ChatFinish::kRefused;
    if (number == 3) answer.finish = ChatFinish::kLength;
    if (number == 4) {
      answer.finish = ChatFinish::kError;
      answer.error = {.kind = ChatErrorKind::kContextLost, .what = "saw 2 of 5 tokens", .cure = "more"};
    }
    if (number == 5) {
      answer.finish = ChatFinish::kError;
      answer.error = {.kind = ChatErrorKind::kTimeout, .what = "no answer in 300 s", .cure = "wait"};
    }
    if (number == 6) {
      answer.text = "";
      answer.thinking = "twelve, I think";
    }
    if (dead) {
      answer.finish = ChatFinish::kError;
      answer.error = {.kind = ChatErrorKind::kUnreachable, .what = "no connection", .cure = "start it"};
    }
    return answer;
  }
};

ServerOptions WithoutWaits() {
  ServerOptions options;
  options.ask.parallel = 1;
  options.ask.sleep = [](std::chrono::milliseconds, const std::stop_token&) {};
  return options;
}

TEST_CASE("each way in which a server can fail an item is an outcome of its own") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  NoProgress progress;
  DoublingBackend backend;
  const ServerModel model = RegisterServerModel(store, backend);
  const EvaluationResult result =
      EvaluateOnServer(store, backend, model, DoublingTask(8), WithoutWaits(), progress, clock);
  CHECK(result.generated == 8);
  const RunScore score = ScoreOf(store, result.run);
  CHECK(score.Count(Outcome::kRight) == 3);
  CHECK(score.Count(Outcome::kRefused) == 1);
  CHECK(score.Count(Outcome::kTruncated) == 1);
  CHECK(score.Count(Outcome::kError) == 1);
  CHECK(score.Count(Outcome::kTimedOut) == 1);
  CHECK(score.Count(Outcome::kThinkingOnly) == 1);
  const auto answers = store.Answers(result.run, "numeric/1");
  CHECK(answers[3].answer.detail.find("saw 2 of 5 tokens") != std::string::npos);

  // Again: everything is stored.
  const int before = backend.asked;
  CHECK(EvaluateOnServer(store, backend, model, DoublingTask(8), WithoutWaits(), progress, clock).generated == 0);
  CHECK(backend.asked == before);
}

TEST_CASE("a server that dies ends the run with what it answered, and the rest is asked later") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  NoProgress progress;
  DoublingBackend backend;
  const ServerModel model = RegisterServerModel(store, backend);
  // Counts as progress does, and takes the server down in the middle.
  class Killer : public NoProgress {
   public:
    explicit Killer(DoublingBackend& backend) : backend_(backend) {}
    void Update(int64_t done, std::string_view) override { backend_.dead = done >= 4; }

   private:
    DoublingBackend& backend_;
  } killer(backend);
  CHECK_THROWS_AS(EvaluateOnServer(store, backend, model, DoublingTask(20), WithoutWaits(), killer, clock), Error);
  backend.dead = false;
  const EvaluationResult rest =
      EvaluateOnServer(store, backend, model, DoublingTask(20), WithoutWaits(), progress, clock);
  CHECK(rest.stored >= 4);
  CHECK(rest.stored + rest.generated == 20);
  CHECK(ScoreOf(store, rest.run).answered == 20);
}

TEST_CASE("thinking is asked for with room of its own, and a context that the server lacks is refused") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  NoProgress progress;
  DoublingBackend backend;
  const ServerModel model = RegisterServerModel(store, backend);
  ServerOptions options = WithoutWaits();
  options.thinking = Thinking::kOn;
  options.sampler.max_tokens = 10;
  options.sampler.thinking_tokens = 90;
  EvaluateOnServer(store, backend, model, DoublingTask(1), options, progress, clock);
  CHECK(backend.thinking == true);
  CHECK(backend.max_tokens == 100);
  options.context = 8192;
  CHECK_THROWS_AS(EvaluateOnServer(store, backend, model, DoublingTask(1), options, progress, clock), Error);
  Task choices = DoublingTask(1);
  choices.scorer = "choice";
  CHECK_THROWS_WITH_AS(EvaluateOnServer(store, backend, model, choices, WithoutWaits(), progress, clock),
                       doctest::Contains("choices"), Error);
}

}  // namespace
}  // namespace loco
