#include "eval/openai_backend.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "http/server_fixture.h"

namespace loco {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

const ChatRequest kQuestion{
    .messages = {{"system", "Be brief."}, {"user", "2+2=?"}}, .max_tokens = 64, .context = 1024};

OpenAiOptions WithoutWaits() {
  OpenAiOptions options;
  options.http.sleep = [](std::chrono::milliseconds, const std::stop_token&) {};
  return options;
}

std::string Completion(const std::string& message, const std::string& finish = R"("stop")",
                       const std::string& usage = R"({"prompt_tokens":20,"completion_tokens":3})") {
  return fmt::format(
      R"({{"id":"x","model":"m.gguf","choices":[{{"index":0,"message":{},"finish_reason":{}}}],"usage":{}}})", message,
      finish, usage);
}

ChatAnswer Read(const std::string& message, const std::string& finish = R"("stop")") {
  return ReadOpenAiAnswer(Completion(message, finish), kQuestion);
}

// What a backend makes of a server that answers every chat request with this.
ChatAnswer AskServer(const ScriptedReply& reply, const ChatRequest& request = kQuestion) {
  ScriptedServer server([&](const ScriptedRequest&) { return reply; });
  OpenAiBackend backend(server.url(), "m", WithoutWaits());
  return backend.Ask(request);
}

}  // namespace

TEST_CASE("an OpenAI request is greedy and complete, and has no field that was not asked for") {
  ChatRequest request = kQuestion;
  request.seed = 7;
  const Json plain = Json::parse(OpenAiRequestJson("m", request, TokenLimitField::kMaxTokens, ""));
  CHECK(plain == Json::parse(R"({"model":"m","messages":[{"role":"system","content":"Be brief."},
      {"role":"user","content":"2+2=?"}],"max_tokens":64,"temperature":0.0,"top_p":1,"seed":7,"stream":false})"));
  request.stop = {"\n\n"};
  request.thinking = false;
  const Json full =
      Json::parse(OpenAiRequestJson("m", request, TokenLimitField::kMaxCompletionTokens, R"({"cache_prompt":false})"));
  CHECK(full["stop"] == Json::parse(R"(["\n\n"])"));
  CHECK(full["chat_template_kwargs"]["enable_thinking"] == false);
  CHECK(full["max_completion_tokens"] == 64);
  CHECK_FALSE(full.contains("max_tokens"));
  CHECK(full["cache_prompt"] == false);
  // Bytes that are no UTF-8 do not stop the run.
  request.messages = {{"user", "\xff"}};
  CHECK(Json::parse(OpenAiRequestJson("m", request, TokenLimitField::kMaxTokens, ""))["messages"][0]["content"] ==
        "\xef\xbf\xbd");
}

TEST_CASE("an answer with its counts, the server's timings and its model") {
  const ChatAnswer answer = ReadOpenAiAnswer(
      R"({"model":"m.gguf","choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"4"}}],
          "usage":{"prompt_tokens":20,"completion_tokens":3},
          "timings":{"prompt_n":5,"cache_n":15,"prompt_ms":50.5,"predicted_n":3,"predicted_ms":30}})",
      kQuestion);
  CHECK(answer.finish == ChatFinish::kStop);
  CHECK(answer.text == "4");
  CHECK(answer.thinking.empty());
  CHECK(answer.prompt_tokens == 20);
  CHECK(answer.generated_tokens == 3);
  CHECK(answer.first_token_seconds == doctest::Approx(0.0505));
  CHECK(answer.timings.generation == doctest::Approx(0.03));
  CHECK(answer.model == "m.gguf");
  // Without usage the timings tell, and the cached tokens count.
  const ChatAnswer timed = ReadOpenAiAnswer(
      R"({"choices":[{"finish_reason":"stop","message":{"content":"4"}}],
          "timings":{"prompt_n":5,"cache_n":15,"predicted_n":3}})",
      kQuestion);
  CHECK(timed.prompt_tokens == 20);
  CHECK(timed.generated_tokens == 3);
}

TEST_CASE("every reason for an answer's end, and none") {
  const std::string message = R"({"content":"4"})";
  CHECK(Read(message, R"("stop")").finish == ChatFinish::kStop);
  CHECK(Read(message, R"("eos_token")").finish == ChatFinish::kStop);
  CHECK(Read(message, R"("length")").finish == ChatFinish::kLength);
  CHECK(Read(message, R"("content_filter")").finish == ChatFinish::kRefused);
  CHECK(Read(message, "null").finish == ChatFinish::kStop);  // 3 of 64 tokens
  const ChatAnswer cut =
      ReadOpenAiAnswer(Completion(message, "null", R"({"prompt_tokens":20,"completion_tokens":64})"), kQuestion);
  CHECK(cut.finish == ChatFinish::kLength);
  const ChatAnswer unknown = ReadOpenAiAnswer(Completion(message, "null", "{}"), kQuestion);
  CHECK(unknown.error.what == "the server's response is wrong: it does not say why the answer ended");
  const ChatAnswer aborted = Read(message, R"("abort")");
  CHECK(aborted.finish == ChatFinish::kError);
  CHECK(aborted.error.what == "the server's response is wrong: the answer ended for the reason 'abort'");
  CHECK(Read(R"({"content":null,"refusal":"I cannot"})").finish == ChatFinish::kRefused);
  CHECK(Read(R"({"content":null,"refusal":"I cannot"})").text == "I cannot");
}

TEST_CASE("thinking in a field of its own, under both names, or in the text") {
  const ChatAnswer field = Read(R"({"content":"4","reasoning_content":"2 and 2"})");
  CHECK(field.text == "4");
  CHECK(field.thinking == "2 and 2");
  CHECK(Read(R"({"content":"4","reasoning":"2 and 2"})").thinking == "2 and 2");
  const ChatAnswer tags = Read(R"({"content":"<think>2 and 2</think>4"})");
  CHECK(tags.text == "4");
  CHECK(tags.thinking == "<think>2 and 2</think>");
  // Thinking that used up the budget: no text, and not an error.
  const ChatAnswer only = Read(R"({"content":null,"reasoning_content":"hmm"})", R"("length")");
  CHECK(only.finish == ChatFinish::kLength);
  CHECK(only.text.empty());
  CHECK(only.thinking == "hmm");
}

TEST_CASE("content may be null, empty or a list of parts") {
  CHECK(Read(R"({"content":null})").finish == ChatFinish::kStop);
  CHECK(Read(R"({"content":null})").text.empty());
  CHECK(Read(R"({"role":"assistant"})").text.empty());
  CHECK(Read(R"({"content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]})").text == "ab");
}

TEST_CASE("what is no answer of this interface is a wrong response and never an empty answer") {
  for (const char* body :
       {"", "nonsense", "[]", "{}", R"({"choices":[]})", R"({"choices":{}})", R"({"choices":[null]})",
        R"({"choices":[{"finish_reason":"stop"}]})", R"({"choices":[{"message":"4","finish_reason":"stop"}]})",
        R"({"error":{"message":"out of memory"}})", R"({"choices":[{"message":{"content":"4"},"finish_reason":"st)",
        R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":1}]},"finish_reason":"tool_calls"}]})"}) {
    const ChatAnswer answer = ReadOpenAiAnswer(body, kQuestion);
    CHECK(answer.finish == ChatFinish::kError);
    CHECK(answer.error.kind == ChatErrorKind::kWrongJson);
    CHECK_FALSE(answer.error.what.empty());
  }
  CHECK(ReadOpenAiAnswer(R"({"error":{"message":"out of memory"}})", kQuestion).error.what.find("out of memory") !=
        std::string::npos);
  std::string deep = R"({"choices":)";
  for (int i = 0; i < 100000; ++i) deep += '[';
  CHECK(ReadOpenAiAnswer(deep, kQuestion).error.kind == ChatErrorKind::kWrongJson);
}

TEST_CASE("over the wire: an answer, and every way to have none") {
  const std::string good = Completion(R"({"content":"4"})");
  const ChatAnswer answer = AskServer(JsonReply(good));
  CHECK(answer.text == "4");
  CHECK(answer.seconds > 0);
  CHECK(answer.attempts == 1);
  CHECK(AskServer({}).error.kind == ChatErrorKind::kUnreachable);
  ScriptedServer silent([](const ScriptedRequest&) { return ScriptedReply{.hang = true}; });
  OpenAiOptions hasty = WithoutWaits();
  hasty.http.timeout = 200ms;
  CHECK(OpenAiBackend(silent.url(), "m", hasty).Ask(kQuestion).error.kind == ChatErrorKind::kTimeout);
  CHECK(AskServer(JsonReply("<html>")).error.kind == ChatErrorKind::kWrongJson);
  CHECK(AskServer(JsonReply(R"({"error":{"message":"boom"}})", 500)).error.what == "HTTP status 500: boom");
  CHECK(AskServer(JsonReply(R"({"error":{"message":"Loading model"}})", 503)).error.kind ==
        ChatErrorKind::kUnreachable);
  CHECK(AskServer({.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", good}}).error.kind ==
        ChatErrorKind::kUnreachable);
}

TEST_CASE("a server that lies about the prompt is found out") {
  ChatRequest request = kQuestion;
  request.prompt_tokens = 800;
  const ChatAnswer answer = AskServer(
      JsonReply(Completion(R"({"content":"4"})", R"("stop")", R"({"prompt_tokens":512,"completion_tokens":3})")),
      request);
  CHECK(answer.finish == ChatFinish::kError);
  CHECK(answer.error.kind == ChatErrorKind::kContextLost);
  CHECK(answer.error.what == "the server saw only 512 of 800 prompt tokens: its context is smaller than asked");
  CHECK(answer.text == "4");  // kept, to look at
}

TEST_CASE("a server that wants max_completion_tokens gets it, from then on") {
  ScriptedServer server([](const ScriptedRequest& request) {
    if (request.body.find("max_completion_tokens") != std::string::npos) {
      return JsonReply(Completion(R"({"content":"4"})"));
    }
    return JsonReply(R"({"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'."}})",
                     400);
  });
  OpenAiBackend backend(server.url(), "m", WithoutWaits());
  CHECK(backend.Ask(kQuestion).text == "4");
  CHECK(backend.Ask(kQuestion).text == "4");
  CHECK(server.requests().size() == 3);
}

TEST_CASE("identity: llama-server tells its file, context and template") {
  ScriptedServer server([](const ScriptedRequest& request) {
    if (request.path == "/v1/models") {
      return JsonReply(R"({"data":[{"id":"m.gguf","meta":{"n_ctx_train":4096,"n_params":2900000}}]})");
    }
    if (request.path == "/props") {
      return JsonReply(R"({"default_generation_settings":{"n_ctx":1024},"model_path":"/m.gguf","build_info":"b1-x",
                           "chat_template":"{{ x }}"})");
    }
    return JsonReply(Completion(R"({"content":"4"})", R"("stop")", R"({"prompt_tokens":1000,"completion_tokens":60})"));
  });
  OpenAiBackend backend(server.url() + "/v1", "", WithoutWaits());
  const BackendIdentity identity = backend.Identity();
  CHECK(identity.model == "m.gguf");
  CHECK(identity.url == server.url());
  CHECK(identity.server == "llama.cpp b1-x");
  CHECK(identity.file == "/m.gguf");
  CHECK(identity.context == 1024);
  CHECK(identity.trained_context == 4096);
  CHECK(identity.parameters == "2900000");
  CHECK(identity.template_hash.size() == 64);
  CHECK_FALSE(identity.pinned());
  // From here on the context is known, and an answer that cannot lie within it is an error.
  CHECK(backend.Ask(kQuestion).error.kind == ChatErrorKind::kContextLost);
  CHECK(Json::parse(server.requests().back().body)["model"] == "m.gguf");
}

TEST_CASE("identity: vLLM and LM Studio tell their context, others nothing but the name") {
  ScriptedServer vllm([](const ScriptedRequest& request) {
    if (request.path == "/v1/models") return JsonReply(R"({"data":[{"id":"a"},{"id":"b","max_model_len":2048}]})");
    return JsonReply(R"({"detail":"Not Found"})", 404);
  });
  CHECK(OpenAiBackend(vllm.url(), "b", WithoutWaits()).Identity().context == 2048);
  CHECK_FALSE(OpenAiBackend(vllm.url(), "a", WithoutWaits()).Identity().context.has_value());

  ScriptedServer studio([](const ScriptedRequest& request) {
    if (request.path == "/v1/models") return JsonReply(R"({"data":[{"id":"a"}]})");
    if (request.path == "/api/v0/models") {
      return JsonReply(R"({"data":[{"id":"a","quantization":"Q4_K_M","loaded_context_length":4096,
                           "max_context_length":32768}]})");
    }
    return JsonReply(R"({"error":"Unexpected endpoint or method: GET /props"})");  // with status 200
  });
  const BackendIdentity identity = OpenAiBackend(studio.url(), "", WithoutWaits()).Identity();
  CHECK(identity.server == "LM Studio");
  CHECK(identity.context == 4096);
  CHECK(identity.quantization == "Q4_K_M");
}

TEST_CASE("identity: a model that is not there, one of several without a name, and no server") {
  ScriptedServer server([](const ScriptedRequest& request) {
    return request.path == "/v1/models" ? JsonReply(R"({"data":[{"id":"a"},{"id":"b"}]})") : JsonReply("{}", 404);
  });
  CHECK_THROWS_WITH_AS(OpenAiBackend(server.url(), "c", WithoutWaits()).Identity(),
                       (server.url() + " has no model 'c'").c_str(), Error);
  CHECK_THROWS_WITH_AS(OpenAiBackend(server.url(), "", WithoutWaits()).Identity(),
                       (server.url() + " has 2 models").c_str(), Error);
  try {
    OpenAiBackend(server.url(), "c", WithoutWaits()).Identity();
  } catch (const Error& error) {
    CHECK(error.hint() == "name one of: a, b");
  }
  OpenAiBackend late(server.url(), "a", WithoutWaits());
  CHECK(late.IsAlive());
  server.Stop();
  CHECK_FALSE(late.IsAlive());
  CHECK_THROWS_AS(late.Identity(), Error);
}

TEST_CASE("further fields of requests are checked, and belong to the identity") {
  for (const char* wrong : {"[]", "{", "1", R"({"messages":[]})", R"({"stream":true})"}) {
    OpenAiOptions options;
    options.extra = wrong;
    CHECK_THROWS_AS(OpenAiBackend("localhost:1", "m", options), Error);
  }
  ScriptedServer server([](const ScriptedRequest& request) {
    return request.path == "/v1/models" ? JsonReply(R"({"data":[{"id":"m"}]})") : JsonReply("{}", 404);
  });
  OpenAiOptions options = WithoutWaits();
  const std::string plain = OpenAiBackend(server.url(), "m", options).Identity().Key();
  options.extra = R"({"lora": [{"id": 0, "scale": 1}]})";
  CHECK(OpenAiBackend(server.url(), "m", options).Identity().Key() != plain);
}

}  // namespace loco
