#include "eval/chat_backend.h"

#include <doctest/doctest.h>

#include <set>

#include "base/error.h"
#include "eval/server_json.h"

namespace loco {

TEST_CASE("fewer prompt tokens than our own count is lost context, with both counts and a cure") {
  CHECK_FALSE(CheckPromptTokens(1000, 1000).has_value());
  CHECK_FALSE(CheckPromptTokens(1000, 990).has_value());  // 1 %
  CHECK_FALSE(CheckPromptTokens(20, 16).has_value());     // a BOS token, a line break
  const auto lost = CheckPromptTokens(3000, 2048);
  REQUIRE(lost.has_value());
  CHECK(lost->kind == ChatErrorKind::kContextLost);
  CHECK(lost->what == "the server saw only 2048 of 3000 prompt tokens: its context is smaller than asked");
  CHECK(lost->cure.find("num_ctx") != std::string::npos);
  CHECK(CheckPromptTokens(20, 15).has_value());
  CHECK(CheckPromptTokens(20, 19, {.tokens = 0, .share = 0}).has_value());
}

TEST_CASE("more prompt tokens than our own count is another prompt; an unknown count is no finding") {
  CHECK_FALSE(CheckPromptTokens(20, 24).has_value());
  const auto other = CheckPromptTokens(20, 45);
  REQUIRE(other.has_value());
  CHECK(other->kind == ChatErrorKind::kContextLost);
  CHECK(other->what == "the server saw 45 prompt tokens where the prompt has 20: it renders another one");
  CHECK_FALSE(CheckPromptTokens(std::nullopt, 45).has_value());
  CHECK_FALSE(CheckPromptTokens(45, std::nullopt).has_value());
}

TEST_CASE("more tokens than the context holds: the server has forgotten the first ones") {
  ChatAnswer answer{.finish = ChatFinish::kStop, .prompt_tokens = 900, .generated_tokens = 200};
  CheckAnswer({.max_tokens = 512, .context = 1024}, 1024, answer);
  CHECK(answer.finish == ChatFinish::kError);
  CHECK(answer.error.kind == ChatErrorKind::kContextLost);

  // llama.cpp gives 1,024 where 1,000 are asked for.
  ChatAnswer fits{.finish = ChatFinish::kStop, .prompt_tokens = 900, .generated_tokens = 124};
  CheckAnswer({.max_tokens = 512, .context = 1000}, 1000, fits);
  CHECK(fits.finish == ChatFinish::kStop);
  ChatAnswer unknown{.finish = ChatFinish::kStop, .prompt_tokens = 900, .generated_tokens = 200};
  CheckAnswer({.max_tokens = 512, .context = 1024}, std::nullopt, unknown);
  CHECK(unknown.finish == ChatFinish::kStop);
}

TEST_CASE("an answer that the context cut, and one that is longer than allowed") {
  ChatAnswer cut{.finish = ChatFinish::kLength, .prompt_tokens = 1000, .generated_tokens = 24};
  CheckAnswer({.max_tokens = 512, .context = 1024}, 1024, cut);
  CHECK(cut.finish == ChatFinish::kLength);
  CHECK(cut.context_full);

  ChatAnswer limit{.finish = ChatFinish::kLength, .prompt_tokens = 10, .generated_tokens = 512};
  CheckAnswer({.max_tokens = 512, .context = 1024}, 1024, limit);
  CHECK_FALSE(limit.context_full);
  CHECK(limit.note.empty());

  ChatAnswer longer{.finish = ChatFinish::kStop, .prompt_tokens = 10, .generated_tokens = 600};
  CheckAnswer({.max_tokens = 512, .context = 1024}, 1024, longer);
  CHECK(longer.note == "the server generated 600 tokens where 512 were allowed");

  ChatAnswer silent{.finish = ChatFinish::kStop};
  CheckAnswer({}, 4096, silent);
  CHECK(silent.note.find("would not be noticed") != std::string::npos);
}

TEST_CASE("thinking that the server left in the text is told apart") {
  const auto split = [](const char* text) {
    ChatAnswer answer{.text = text};
    SplitThinking(answer);
    return answer;
  };
  CHECK(split("42").text == "42");
  CHECK(split("42").thinking.empty());
  CHECK(split("<think>6*7</think>42").text == "42");
  CHECK(split("<think>6*7</think>42").thinking == "<think>6*7</think>");
  CHECK(split("6*7</think>\n42").text == "\n42");  // the template wrote the opening tag
  CHECK(split("6*7</think>\n42").thinking == "6*7</think>");
  CHECK(split("<think>6*7 is").text.empty());
  CHECK(split("<think>6*7 is").thinking == "<think>6*7 is");
  CHECK(split("So: <think>6*7</think>42").text == "So: 42");
  ChatAnswer told{.text = "a</think>b", .thinking = "6*7"};
  SplitThinking(told);  // the server told it apart: what it calls text is text
  CHECK(told.text == "a</think>b");
}

TEST_CASE("a context that the server or the model cannot hold is refused before the run") {
  const BackendIdentity small{.kind = "openai", .model = "m", .context = 2048};
  CHECK_NOTHROW(RequireContext(small, 2048));
  CHECK_THROWS_WITH_AS(RequireContext(small, 4096),
                       "4096 tokens of context are asked for, and the server's m holds 2048", Error);
  const BackendIdentity trained{.kind = "ollama", .model = "m", .trained_context = 2048};
  CHECK_THROWS_WITH_AS(RequireContext(trained, 4096),
                       "4096 tokens of context are asked for, and the model m holds 2048", Error);
  CHECK_NOTHROW(RequireContext({.kind = "openai", .model = "m"}, 1 << 20));
}

TEST_CASE("a key changes with all that changes answers, and a digest makes the address irrelevant") {
  const BackendIdentity base{.kind = "ollama", .url = "http://a", .model = "m", .digest = "d"};
  std::set<std::string> keys = {base.Key()};
  const auto differs = [&](auto change) {
    BackendIdentity other = base;
    change(other);
    return keys.insert(other.Key()).second;
  };
  CHECK(differs([](auto& i) { i.kind = "openai"; }));
  CHECK(differs([](auto& i) { i.model = "n"; }));
  CHECK(differs([](auto& i) { i.digest = "e"; }));
  CHECK(differs([](auto& i) { i.server = "Ollama 1"; }));
  CHECK(differs([](auto& i) { i.template_hash = "t"; }));
  CHECK(differs([](auto& i) { i.settings = "{}"; }));
  CHECK_FALSE(differs([](auto& i) { i.url = "http://b"; }));
  CHECK_FALSE(differs([](auto& i) { i.parameters = "4B"; }));
  BackendIdentity named{.kind = "openai", .url = "http://a", .model = "m"};
  const std::string first = named.Key();
  named.url = "http://b";
  CHECK(named.Key() != first);
}

TEST_CASE("a server's words about its failure, whatever the layout, made harmless") {
  CHECK(ServerMessage(R"({"error":{"message":"no such model","code":404}})") == "no such model");
  CHECK(ServerMessage(R"({"error":"model 'x' not found"})") == "model 'x' not found");
  CHECK(ServerMessage(R"({"object":"error","message":"too long"})") == "too long");
  CHECK(ServerMessage(R"({"detail":"Not Found"})") == "Not Found");
  CHECK(ServerMessage("<html>502 Bad Gateway</html>") == "<html>502 Bad Gateway</html>");
  CHECK(ServerMessage("").empty());
  CHECK(ServerMessage("\x1b[2Jx\n").find('\x1b') == std::string::npos);
  CHECK(ServerMessage(std::string(100000, 'x')).size() <= 303);
  CHECK(ServerMessage(R"({"error":{"message":[1]}})") == R"({"error":{"message":[1]}})");
}

TEST_CASE("numbers that are no counts are not there") {
  const auto json = nlohmann::json::parse(R"({"a":3,"b":-1,"c":1.5,"d":"3","e":1e300,"f":null,"g":4.0})");
  CHECK(CountAt(json, "a") == 3);
  CHECK(CountAt(json, "g") == 4);
  for (const char* key : {"b", "c", "d", "e", "f", "z"}) CHECK_FALSE(CountAt(json, key).has_value());
  CHECK_FALSE(CountAt(nlohmann::json::array(), "a").has_value());
  CHECK(TextAt(json, "d") == "3");
  CHECK(TextAt(json, "a").empty());
}

TEST_CASE("failures of the way become errors of their class") {
  const auto of = [](HttpFailure failure, int status, std::string body) {
    return FailedAnswer({.failure = failure, .status = status, .body = std::move(body), .reason = "r"});
  };
  CHECK(of(HttpFailure::kUnreachable, 0, "").error.kind == ChatErrorKind::kUnreachable);
  CHECK(of(HttpFailure::kBroken, 200, "").error.kind == ChatErrorKind::kUnreachable);
  CHECK(of(HttpFailure::kTimeout, 0, "").error.kind == ChatErrorKind::kTimeout);
  CHECK(of(HttpFailure::kTooLarge, 200, "").error.kind == ChatErrorKind::kWrongJson);
  CHECK(of(HttpFailure::kStatus, 503, "").error.kind == ChatErrorKind::kUnreachable);
  const ChatAnswer refused = of(HttpFailure::kStatus, 401, R"({"error":{"message":"bad key"}})");
  CHECK(refused.error.kind == ChatErrorKind::kHttp);
  CHECK(refused.error.what == "r: bad key");
  CHECK(refused.error.ends_run);
  CHECK_FALSE(of(HttpFailure::kStatus, 500, "").error.ends_run);
  CHECK_FALSE(of(HttpFailure::kStatus, 400, "").error.ends_run);
}

TEST_CASE("a prompt that does not fit is an outcome and no error, in every server's words") {
  for (
      const char* body :
      {R"-({"error":{"code":400,"message":"request (3021 tokens) exceeds the available context size (2048 tokens)"}})-",
       R"-({"error":{"type":"exceed_context_size_error","n_prompt_tokens":3021,"n_ctx":2048}})-",
       R"-({"object":"error","message":"This model's maximum context length is 2048 tokens. However, you asked"})-",
       R"-({"error":{"message":"x","code":"context_length_exceeded"}})-",
       R"-({"error":"the input length exceeds the context length"})-"}) {
    const ChatAnswer answer = FailedAnswer({.failure = HttpFailure::kStatus, .status = 400, .body = body});
    CHECK(answer.finish == ChatFinish::kTooLong);
    CHECK(answer.error.kind == ChatErrorKind::kNone);
  }
  const ChatAnswer other =
      FailedAnswer({.failure = HttpFailure::kStatus, .status = 400, .body = R"({"error":"unknown role"})"});
  CHECK(other.finish == ChatFinish::kError);
}

}  // namespace loco
