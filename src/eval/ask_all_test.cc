#include "eval/ask_all.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "eval/openai_backend.h"
#include "http/server_fixture.h"

namespace loco {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Answers as a function says; counts what is asked at a time.
class ScriptedBackend : public ChatBackend {
 public:
  using Script = std::function<ChatAnswer(const ChatRequest&)>;
  explicit ScriptedBackend(Script script) : script_(std::move(script)) {}

  BackendIdentity Identity() override { return {}; }
  bool IsAlive(const std::stop_token&) override {
    ++alive_questions;
    return alive();
  }

  std::function<bool()> alive = [] { return true; };
  std::atomic<int> alive_questions = 0;
  std::atomic<int> asked = 0;
  std::atomic<int> most_at_a_time = 0;

 private:
  ChatAnswer DoAsk(const ChatRequest& request, const std::stop_token&) override {
    const int now = ++at_a_time_;
    int most = most_at_a_time;
    while (now > most && !most_at_a_time.compare_exchange_weak(most, now)) {
    }
    ++asked;
    ChatAnswer answer = script_(request);
    --at_a_time_;
    return answer;
  }

  Script script_;
  std::atomic<int> at_a_time_ = 0;
};

ChatAnswer Fine(const std::string& text = "ok") { return {.text = text, .finish = ChatFinish::kStop}; }
ChatAnswer Failing(ChatErrorKind kind, bool ends_run = false) {
  return {.error = {.kind = kind, .what = "broken", .cure = "mend it", .ends_run = ends_run}};
}

std::vector<ChatRequest> Numbered(int count) {
  std::vector<ChatRequest> requests;
  for (int i = 0; i < count; ++i) requests.push_back({.messages = {{"user", std::to_string(i)}}});
  return requests;
}
int NumberOf(const ChatRequest& request) { return std::stoi(request.messages.front().content); }

struct Slept {
  std::mutex mutex;
  std::vector<milliseconds> all;
  AskAllOptions Options(int parallel = 1) {
    AskAllOptions options;
    options.parallel = parallel;
    options.sleep = [this](milliseconds wait, const std::stop_token&) {
      const std::lock_guard lock(mutex);
      all.push_back(wait);
    };
    return options;
  }
};

}  // namespace

TEST_CASE("every request is answered once, on the calling thread, several at a time") {
  ScriptedBackend backend([](const ChatRequest& request) {
    std::this_thread::sleep_for(2ms);
    return Fine(request.messages.front().content);
  });
  const auto requests = Numbered(40);
  std::multiset<size_t> seen;
  const std::thread::id here = std::this_thread::get_id();
  const AskAllResult result = AskAll(backend, requests, {.parallel = 4}, [&](size_t i, const ChatAnswer& answer) {
    CHECK(std::this_thread::get_id() == here);
    CHECK(answer.text == std::to_string(i));
    seen.insert(i);
  });
  CHECK(seen.size() == 40);
  CHECK(std::set<size_t>(seen.begin(), seen.end()).size() == 40);
  CHECK(result.answered == 40);
  CHECK(result.errors == 0);
  CHECK(backend.most_at_a_time > 1);
  CHECK(backend.most_at_a_time <= 4);
  CHECK(AskAll(backend, {}, {}, [](size_t, const ChatAnswer&) {}).answered == 0);
}

TEST_CASE("answers come in the order in which they end") {
  std::atomic<bool> second_done = false;
  ScriptedBackend backend([&](const ChatRequest& request) {
    while (NumberOf(request) == 0 && !second_done) std::this_thread::sleep_for(1ms);
    return Fine();
  });
  std::vector<size_t> order;
  AskAll(backend, Numbered(2), {.parallel = 2}, [&](size_t i, const ChatAnswer&) {
    order.push_back(i);
    second_done = true;
  });
  CHECK(order == std::vector<size_t>{1, 0});
}

TEST_CASE("a rate is kept by even spacing") {
  Slept slept;
  FakeClock clock;
  AskAllOptions options = slept.Options();
  options.requests_per_minute = 30;
  options.clock = &clock;
  const auto sleep = options.sleep;
  options.sleep = [&](milliseconds wait, const std::stop_token& stop) {
    sleep(wait, stop);
    clock.seconds += static_cast<double>(wait.count()) / 1000;
  };
  ScriptedBackend backend([&](const ChatRequest&) {
    clock.seconds += 0.5;
    return Fine();
  });
  AskAll(backend, Numbered(4), options, [](size_t, const ChatAnswer&) {});
  CHECK(slept.all == std::vector<milliseconds>{1500ms, 1500ms, 1500ms});
}

TEST_CASE("one item that fails is that item's answer, once the server has answered another") {
  ScriptedBackend backend(
      [](const ChatRequest& request) { return NumberOf(request) == 1 ? Failing(ChatErrorKind::kHttp) : Fine(); });
  std::vector<std::pair<size_t, ChatFinish>> answers;
  Slept slept;
  const AskAllResult result = AskAll(backend, Numbered(3), slept.Options(), [&](size_t i, const ChatAnswer& answer) {
    answers.emplace_back(i, answer.finish);
  });
  CHECK(answers == std::vector<std::pair<size_t, ChatFinish>>{
                       {0, ChatFinish::kStop}, {1, ChatFinish::kError}, {2, ChatFinish::kStop}});
  CHECK(result.errors == 1);
  CHECK(backend.asked == 3);
}

TEST_CASE("a last item that fails is its own failure, too") {
  ScriptedBackend backend([](const ChatRequest&) { return Failing(ChatErrorKind::kTimeout); });
  Slept slept;
  int64_t errors = 0;
  AskAll(backend, Numbered(1), slept.Options(),
         [&](size_t, const ChatAnswer& answer) { errors += answer.error.kind == ChatErrorKind::kTimeout ? 1 : 0; });
  CHECK(errors == 1);
}

TEST_CASE("an item whose connection breaks each time while the server lives is asked three times") {
  ScriptedBackend backend([](const ChatRequest& request) {
    return NumberOf(request) == 1 ? Failing(ChatErrorKind::kUnreachable) : Fine();
  });
  Slept slept;
  const AskAllResult result = AskAll(backend, Numbered(3), slept.Options(), [](size_t, const ChatAnswer&) {});
  CHECK(result.answered == 3);
  CHECK(result.errors == 1);
  CHECK(backend.asked == 5);
  CHECK(backend.alive_questions == 3);
}

TEST_CASE("a server that dies ends the run: what was answered stays, what failed is asked again next time") {
  std::atomic<bool> dead = false;
  ScriptedBackend backend([&](const ChatRequest& request) {
    if (NumberOf(request) == 5) dead = true;
    return dead ? Failing(ChatErrorKind::kUnreachable) : Fine();
  });
  backend.alive = [&] { return !dead; };
  const auto requests = Numbered(12);
  std::set<size_t> stored;
  Slept slept;
  try {
    AskAll(backend, requests, slept.Options(), [&](size_t i, const ChatAnswer& answer) {
      CHECK(answer.finish == ChatFinish::kStop);
      stored.insert(i);
    });
    FAIL("the run ended without an error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "the server does not answer: broken");
    CHECK(error.hint() == "mend it; 5 of 12 requests have their answer, and the same command goes on with the others");
  }
  CHECK(stored == std::set<size_t>{0, 1, 2, 3, 4});
  CHECK(slept.all == std::vector<milliseconds>{1s, 2s, 4s, 8s, 16s, 30s, 30s});  // between 8 questions

  // Resumed as callers do it: only what is not stored.
  dead = false;
  std::vector<ChatRequest> rest;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!stored.contains(i) && i != 5) rest.push_back(requests[i]);
  }
  CHECK(AskAll(backend, rest, slept.Options(), [](size_t, const ChatAnswer&) {}).answered == 6);
}

TEST_CASE("a server that comes back is waited for") {
  std::atomic<int> failures = 3;
  ScriptedBackend backend(
      [&](const ChatRequest&) { return failures > 0 ? Failing(ChatErrorKind::kUnreachable) : Fine(); });
  backend.alive = [&] { return --failures <= 0; };
  Slept slept;
  const AskAllResult result = AskAll(backend, Numbered(2), slept.Options(), [](size_t, const ChatAnswer&) {});
  CHECK(result.answered == 2);
  CHECK(result.errors == 0);
  CHECK(slept.all == std::vector<milliseconds>{1s, 2s});
}

TEST_CASE("a server that fails many times in a row ends the run, and none of these failures is handed over") {
  ScriptedBackend backend(
      [](const ChatRequest& request) { return NumberOf(request) < 2 ? Fine() : Failing(ChatErrorKind::kHttp); });
  Slept slept;
  AskAllOptions options = slept.Options();
  options.failures_in_a_row = 4;
  std::vector<size_t> stored;
  CHECK_THROWS_WITH_AS(
      AskAll(backend, Numbered(50), options, [&](size_t i, const ChatAnswer&) { stored.push_back(i); }),
      "the last 4 requests failed: broken", Error);
  CHECK(stored == std::vector<size_t>{0, 1});
  CHECK(backend.asked < 50);
}

TEST_CASE("a refusal that every request would meet ends the run at once") {
  ScriptedBackend backend([](const ChatRequest&) { return Failing(ChatErrorKind::kHttp, true); });
  Slept slept;
  int64_t handed_over = 0;
  CHECK_THROWS_WITH_AS(
      AskAll(backend, Numbered(50), slept.Options(), [&](size_t, const ChatAnswer&) { ++handed_over; }),
      "the server refuses: broken", Error);
  CHECK(handed_over == 0);
}

TEST_CASE("lost context is handed over at once: the server works, and that is the finding") {
  ScriptedBackend backend([](const ChatRequest&) { return Failing(ChatErrorKind::kContextLost); });
  Slept slept;
  CHECK(AskAll(backend, Numbered(30), slept.Options(2), [](size_t, const ChatAnswer&) {}).errors == 30);
}

TEST_CASE("Ctrl-C: every answer that is complete is handed over, then Interrupted") {
  std::atomic<bool> pressed = false;
  Slept slept;
  AskAllOptions options = slept.Options(2);
  options.interrupted = [&] { return pressed.load(); };
  std::mutex mutex;
  std::set<size_t> complete;
  ScriptedBackend backend([&](const ChatRequest& request) {
    if (NumberOf(request) == 5) {
      pressed = true;
      throw Interrupted();  // as the HTTP client does
    }
    const std::lock_guard lock(mutex);
    complete.insert(static_cast<size_t>(NumberOf(request)));
    return Fine();
  });
  std::set<size_t> stored;
  CHECK_THROWS_AS(AskAll(backend, Numbered(100), options, [&](size_t i, const ChatAnswer&) { stored.insert(i); }),
                  Interrupted);
  CHECK(stored == complete);
  CHECK(stored.size() >= 4);
  CHECK(stored.size() < 100);
}

TEST_CASE("what the callback throws ends the run and comes out") {
  ScriptedBackend backend([](const ChatRequest&) { return Fine(); });
  int calls = 0;
  CHECK_THROWS_WITH_AS(AskAll(backend, Numbered(100), {.parallel = 4},
                              [&](size_t, const ChatAnswer&) {
                                if (++calls == 3) throw Error("the disk is full");
                              }),
                       "the disk is full", Error);
  CHECK(calls == 3);
}

TEST_CASE("over the wire: drops, 500s and garbage among good answers") {
  ScriptedServer server([](const ScriptedRequest& request) {
    if (request.method == "GET") return JsonReply(R"({"data":[{"id":"m"}]})");
    const auto asked = [&](const char* what) { return request.body.find(what) != std::string::npos; };
    if (asked("\"content\":\"3\"")) return ScriptedReply{};  // this prompt brings it down
    if (asked("\"content\":\"4\"")) return JsonReply("{\"choices\":[]}");
    if (request.number % 7 == 2) return JsonReply("{}", 500);
    return JsonReply(R"({"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],
                         "usage":{"prompt_tokens":9,"completion_tokens":1}})");
  });
  OpenAiOptions options;
  options.http.sleep = [](milliseconds, const std::stop_token&) {};
  OpenAiBackend backend(server.url(), "m", options);
  Slept slept;
  std::map<size_t, ChatAnswer> answers;
  const auto requests = Numbered(24);
  const AskAllResult result =
      AskAll(backend, requests, slept.Options(4), [&](size_t i, const ChatAnswer& answer) { answers[i] = answer; });
  CHECK(result.answered == 24);
  CHECK(result.errors == 2);
  CHECK(answers.at(3).error.kind == ChatErrorKind::kUnreachable);
  CHECK(answers.at(4).error.kind == ChatErrorKind::kWrongJson);
  CHECK(answers.at(23).text == "ok");
}

TEST_CASE("over the wire: a server that is gone in the middle of a run") {
  auto server = std::make_unique<ScriptedServer>([](const ScriptedRequest&) {
    return JsonReply(R"({"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}]})");
  });
  OpenAiOptions http;
  http.http.sleep = [](milliseconds, const std::stop_token&) {};
  OpenAiBackend backend(server->url(), "m", http);
  Slept slept;
  std::set<size_t> stored;
  CHECK_THROWS_AS(AskAll(backend, Numbered(200), slept.Options(4),
                         [&](size_t i, const ChatAnswer& answer) {
                           CHECK(answer.finish != ChatFinish::kError);
                           stored.insert(i);
                           if (stored.size() == 10) server->Stop();
                         }),
                  Error);
  CHECK(stored.size() >= 10);
  CHECK(stored.size() < 200);
}

}  // namespace loco
