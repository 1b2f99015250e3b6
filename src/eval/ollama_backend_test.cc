#include "eval/ollama_backend.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "http/server_fixture.h"

namespace loco {
namespace {

using Json = nlohmann::json;

const ChatRequest kOllamaQuestion{.messages = {{"user", "2+2=?"}}, .max_tokens = 64, .context = 2048, .seed = 5};

HttpOptions WithoutWaits() {
  HttpOptions options;
  options.sleep = [](std::chrono::milliseconds, const std::stop_token&) {};
  return options;
}

const char* const kOllamaAnswer = R"({"model":"qwen3:4b","created_at":"2026-03-18T10:00:00Z",
  "message":{"role":"assistant","content":"4","thinking":"2 and 2"},"done":true,"done_reason":"stop",
  "total_duration":3000000000,"load_duration":1000000000,"prompt_eval_count":26,"prompt_eval_duration":500000000,
  "eval_count":12,"eval_duration":1500000000})";

// An Ollama server with one model, loaded with `context` tokens.
ScriptedServer::Script Ollama(const std::string& chat, int context) {
  return [chat, context](const ScriptedRequest& request) {
    if (request.path == "/api/chat") return JsonReply(chat);
    if (request.path == "/api/version") return JsonReply(R"({"version":"0.18.1"})");
    if (request.path == "/api/ps") {
      return JsonReply(fmt::format(R"({{"models":[{{"name":"qwen3:4b","context_length":{}}}]}})", context));
    }
    if (request.path == "/api/tags") {
      return JsonReply(R"({"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","digest":"aa"},
          {"name":"qwen3:4b","model":"qwen3:4b","digest":"bb",
           "details":{"parameter_size":"4.0B","quantization_level":"Q4_K_M"}},
          {"name":"big:cloud","model":"big:cloud","digest":"cc","remote_host":"https://example.org"}]})");
    }
    if (request.path == "/api/show") {
      return JsonReply(R"({"template":"{{ .Prompt }}","model_info":{"general.architecture":"qwen3",
          "qwen3.context_length":40960}})");
    }
    return JsonReply("404 page not found", 404);
  };
}

}  // namespace

TEST_CASE("an Ollama request always sets the context, greedy decoding, and asks that nothing is cut") {
  ChatRequest request = kOllamaQuestion;
  const Json json = Json::parse(OllamaRequestJson("m", request));
  CHECK(json == Json::parse(R"({"model":"m","messages":[{"role":"user","content":"2+2=?"}],
      "options":{"num_ctx":2048,"num_predict":64,"temperature":0.0,"top_p":1,"repeat_penalty":1,"seed":5},
      "stream":false,"truncate":false,"shift":false})"));
  request.thinking = true;
  request.stop = {"\n"};
  CHECK(Json::parse(OllamaRequestJson("m", request))["think"] == true);
  CHECK(Json::parse(OllamaRequestJson("m", request))["options"]["stop"] == Json::parse(R"(["\n"])"));
}

TEST_CASE("an answer of Ollama with its thinking, counts and times") {
  const ChatAnswer answer = ReadOllamaAnswer(kOllamaAnswer);
  CHECK(answer.finish == ChatFinish::kStop);
  CHECK(answer.text == "4");
  CHECK(answer.thinking == "2 and 2");
  CHECK(answer.prompt_tokens == 26);
  CHECK(answer.generated_tokens == 12);
  CHECK(answer.first_token_seconds == doctest::Approx(1.5));
  CHECK(answer.timings.load == doctest::Approx(1.0));
  CHECK(answer.timings.generation == doctest::Approx(1.5));
  const ChatAnswer cached =
      ReadOllamaAnswer(R"({"message":{"content":"<think>a</think>4"},"done":true,"done_reason":"length"})");
  CHECK(cached.finish == ChatFinish::kLength);
  CHECK(cached.text == "4");
  CHECK(cached.thinking == "<think>a</think>");
  CHECK_FALSE(cached.prompt_tokens.has_value());
}

TEST_CASE("what is no answer of Ollama is a wrong response") {
  for (const char* body :
       {"", "{}", "[1]", R"({"error":"model requires more memory"})", R"({"message":{"content":"4"},"done":false})",
        R"({"message":{"content":"4"},"done":"yes"})", R"({"message":{"content":"4"},"done":true})",
        R"({"message":"4","done":true})", R"({"message":{"content":""},"done":true,"done_reason":"load"})",
        R"({"message":{"content":"","tool_calls":[{}]},"done":true,"done_reason":"stop"})"}) {
    const ChatAnswer answer = ReadOllamaAnswer(body);
    CHECK(answer.finish == ChatFinish::kError);
    CHECK(answer.error.kind == ChatErrorKind::kWrongJson);
  }
  CHECK(ReadOllamaAnswer(R"({"error":"model requires more memory"})").error.what.find("more memory") !=
        std::string::npos);
}

TEST_CASE("over the wire: answered, and the loaded context looked at once") {
  ScriptedServer server(Ollama(kOllamaAnswer, 2048));
  OllamaBackend backend(server.url(), "qwen3:4b", WithoutWaits());
  CHECK(backend.Ask(kOllamaQuestion).text == "4");
  CHECK(backend.Ask(kOllamaQuestion).text == "4");
  CHECK(server.requests().size() == 3);
  CHECK(backend.IsAlive());
}

TEST_CASE("a model that was loaded with less context than asked for") {
  ScriptedServer server(Ollama(kOllamaAnswer, 1024));
  const ChatAnswer answer = OllamaBackend(server.url(), "qwen3:4b", WithoutWaits()).Ask(kOllamaQuestion);
  CHECK(answer.finish == ChatFinish::kError);
  CHECK(answer.error.kind == ChatErrorKind::kContextLost);
  CHECK(answer.error.what == "Ollama loaded qwen3:4b with 1024 tokens of context where 2048 were asked for");
}

TEST_CASE("a prompt that Ollama cut is found out by our own count, and by the sum") {
  ScriptedServer server(Ollama(kOllamaAnswer, 2048));
  OllamaBackend backend(server.url(), "qwen3:4b", WithoutWaits());
  ChatRequest request = kOllamaQuestion;
  request.prompt_tokens = 1500;
  CHECK(backend.Ask(request).error.what ==
        "the server saw only 26 of 1500 prompt tokens: its context is smaller than asked");

  ScriptedServer shifts(Ollama(R"({"message":{"content":"4"},"done":true,"done_reason":"length",
      "prompt_eval_count":2000,"eval_count":64})",
                               2048));
  const ChatAnswer shifted = OllamaBackend(shifts.url(), "qwen3:4b", WithoutWaits()).Ask(kOllamaQuestion);
  CHECK(shifted.error.kind == ChatErrorKind::kContextLost);
  CHECK(shifted.error.what ==
        "prompt and answer have 2064 tokens and the context holds 2048: the server forgot the first ones");

  ScriptedServer full(Ollama(R"({"message":{"content":"4"},"done":true,"done_reason":"length",
      "prompt_eval_count":2000,"eval_count":48})",
                             2048));
  const ChatAnswer cut = OllamaBackend(full.url(), "qwen3:4b", WithoutWaits()).Ask(kOllamaQuestion);
  CHECK(cut.finish == ChatFinish::kLength);
  CHECK(cut.context_full);
}

TEST_CASE("identity: the digest pins the model, and its template and trained context are known") {
  ScriptedServer server(Ollama(kOllamaAnswer, 2048));
  const BackendIdentity identity = OllamaBackend(server.url(), "qwen3:4b", WithoutWaits()).Identity();
  CHECK(identity.kind == "ollama");
  CHECK(identity.server == "Ollama 0.18.1");
  CHECK(identity.digest == "bb");
  CHECK(identity.pinned());
  CHECK(identity.quantization == "Q4_K_M");
  CHECK(identity.parameters == "4.0B");
  CHECK(identity.trained_context == 40960);
  CHECK(identity.template_hash.size() == 64);
  CHECK(OllamaBackend(server.url(), "llama3.2", WithoutWaits()).Identity().digest == "aa");
  const BackendIdentity far = OllamaBackend(server.url(), "big:cloud", WithoutWaits()).Identity();
  CHECK_FALSE(far.pinned());
  CHECK(far.note == "the model runs at https://example.org and not here");
}

TEST_CASE("identity: no such model, and no Ollama") {
  ScriptedServer server(Ollama(kOllamaAnswer, 2048));
  try {
    OllamaBackend(server.url(), "qwen3:8b", WithoutWaits()).Identity();
    FAIL("a model that is not there has an identity");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == server.url() + " has no model 'qwen3:8b'");
    CHECK(error.hint() == "'ollama pull qwen3:8b' fetches it; there are: llama3.2:latest, qwen3:4b, big:cloud");
  }
  ScriptedServer other([](const ScriptedRequest&) { return JsonReply("{}", 404); });
  CHECK_THROWS_WITH_AS(OllamaBackend(other.url(), "m", WithoutWaits()).Identity(),
                       (other.url() + " is no Ollama server").c_str(), Error);
  CHECK_THROWS_AS(OllamaBackend("localhost:11434", ""), Error);
}

TEST_CASE("a model that Ollama does not have ends a run; a prompt that does not fit is an outcome") {
  ScriptedServer without([](const ScriptedRequest&) { return JsonReply(R"({"error":"model 'm' not found"})", 404); });
  const ChatAnswer missing = OllamaBackend(without.url(), "m", WithoutWaits()).Ask(kOllamaQuestion);
  CHECK(missing.error.ends_run);
  CHECK(missing.error.what == "HTTP status 404: model 'm' not found");
  ScriptedServer strict([](const ScriptedRequest&) {
    return JsonReply(R"({"error":"the input length exceeds the context length"})", 400);
  });
  CHECK(OllamaBackend(strict.url(), "m", WithoutWaits()).Ask(kOllamaQuestion).finish == ChatFinish::kTooLong);
}

}  // namespace loco
