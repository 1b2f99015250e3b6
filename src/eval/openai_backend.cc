#include "eval/openai_backend.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "eval/server_json.h"

namespace loco {
namespace {

std::string WithoutVersion(std::string_view server) {
  std::string url = ServerUrl(server);
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  return url;
}

std::string CheckedExtra(const std::string& extra) {
  if (extra.empty()) return {};
  std::string why;
  const auto json = ParseServerJson(extra, why);
  if (!json) throw Error(fmt::format("the further fields of requests are {}", why), "give a JSON object");
  for (const char* ours : {"messages", "model", "stream", "n"}) {
    if (json->contains(ours)) throw Error(fmt::format("'{}' cannot be a further field of requests", ours));
  }
  return json->dump();
}

// Content is a text, or a list of parts of which the texts count.
std::string ContentText(const ServerJson& message) {
  std::string text = TextAt(message, "content");
  for (const ServerJson& part : ListAt(message, "content")) text += TextAt(part, "text");
  return text;
}

// Sets how the answer ended; false when the response does not tell.
bool ReadFinish(const std::string& reason, const ChatRequest& request, ChatAnswer& answer) {
  if (reason == "stop" || reason == "eos" || reason == "eos_token" || reason == "stop_sequence") {
    answer.finish = ChatFinish::kStop;
  } else if (reason == "length" || reason == "max_tokens") {
    answer.finish = ChatFinish::kLength;
  } else if (reason == "content_filter") {
    answer.finish = ChatFinish::kRefused;
  } else if (reason.empty() && answer.generated_tokens) {
    // Without a word for it the count decides: an answer at the limit was cut.
    answer.finish = *answer.generated_tokens >= request.max_tokens ? ChatFinish::kLength : ChatFinish::kStop;
  } else {
    return false;
  }
  return true;
}

std::optional<double> InSeconds(const ServerJson& timings, const char* key) {
  const auto value = NumberAt(timings, key);
  return value ? std::optional(*value / 1000) : std::nullopt;
}

void ReadCounts(const ServerJson& json, ChatAnswer& answer) {
  const ServerJson& usage = ObjectAt(json, "usage");
  const ServerJson& timings = ObjectAt(json, "timings");  // llama-server
  answer.prompt_tokens = CountAt(usage, "prompt_tokens");
  answer.generated_tokens = CountAt(usage, "completion_tokens");
  if (!answer.prompt_tokens) {
    const auto read = CountAt(timings, "prompt_n");
    if (read) answer.prompt_tokens = *read + CountAt(timings, "cache_n").value_or(0);
  }
  if (!answer.generated_tokens) answer.generated_tokens = CountAt(timings, "predicted_n");
  answer.timings.prompt = InSeconds(timings, "prompt_ms");
  answer.timings.generation = InSeconds(timings, "predicted_ms");
  answer.first_token_seconds = answer.timings.prompt;
}

bool WantsOtherLimit(const HttpResponse& response) {
  return response.failure == HttpFailure::kStatus && (response.status == 400 || response.status == 422) &&
         ServerMessage(response.body).find("max_completion_tokens") != std::string::npos;
}

}  // namespace

std::string OpenAiRequestJson(std::string_view model, const ChatRequest& request, TokenLimitField limit,
                              const std::string& extra) {
  ServerJson json;
  json["model"] = model;
  json["messages"] = ServerJson::array();
  for (const Message& message : request.messages) {
    json["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  json[limit == TokenLimitField::kMaxTokens ? "max_tokens" : "max_completion_tokens"] = request.max_tokens;
  json["temperature"] = request.temperature;
  json["top_p"] = 1;
  json["seed"] = request.seed;
  json["stream"] = false;
  if (!request.stop.empty()) json["stop"] = request.stop;
  if (request.thinking) json["chat_template_kwargs"] = {{"enable_thinking", *request.thinking}};
  if (!extra.empty()) json.update(ServerJson::parse(extra));
  return json.dump(-1, ' ', false, ServerJson::error_handler_t::replace);
}

ChatAnswer ReadOpenAiAnswer(std::string_view body, const ChatRequest& request) {
  std::string why;
  const auto json = ParseServerJson(body, why);
  if (!json) return WrongAnswer(why);
  const ServerJson& choices = ListAt(*json, "choices");
  if (choices.empty()) {
    if (json->contains("error")) return WrongAnswer("status 200 with an error: " + ServerMessage(body));
    return WrongAnswer("it has no 'choices'");
  }
  const ServerJson& choice = choices.front();
  const ServerJson& message = ObjectAt(choice, "message");
  if (message.empty()) return WrongAnswer("its first choice has no 'message'");

  ChatAnswer answer;
  answer.model = TextAt(*json, "model");
  answer.text = ContentText(message);
  answer.thinking = TextAt(message, "reasoning_content");
  if (answer.thinking.empty()) answer.thinking = TextAt(message, "reasoning");
  ReadCounts(*json, answer);
  if (!ListAt(message, "tool_calls").empty() || message.contains("function_call")) {
    return WrongAnswer("it took the answer for the call of a tool, though none was offered");
  }
  const std::string reason = TextAt(choice, "finish_reason");
  if (!ReadFinish(reason, request, answer)) {
    return WrongAnswer(reason.empty() ? "it does not say why the answer ended"
                                      : fmt::format("the answer ended for the reason '{}'", reason));
  }
  if (const std::string refusal = TextAt(message, "refusal"); !refusal.empty()) {
    answer.finish = ChatFinish::kRefused;
    if (answer.text.empty()) answer.text = refusal;
  }
  SplitThinking(answer);
  return answer;
}

OpenAiBackend::OpenAiBackend(std::string_view server, std::string_view model, OpenAiOptions options)
    : extra_(CheckedExtra(options.extra)), client_(WithoutVersion(server), std::move(options.http)), model_(model) {}

ChatAnswer OpenAiBackend::DoAsk(const ChatRequest& request, const std::stop_token& stop) {
  std::string model;
  std::optional<int> context;
  {
    const std::lock_guard lock(mutex_);
    model = model_;
    context = context_;
  }
  TokenLimitField limit = limit_;
  HttpResponse response = client_.Post("/v1/chat/completions", OpenAiRequestJson(model, request, limit, extra_), stop);
  if (limit == TokenLimitField::kMaxTokens && WantsOtherLimit(response)) {
    limit_ = limit = TokenLimitField::kMaxCompletionTokens;
    response = client_.Post("/v1/chat/completions", OpenAiRequestJson(model, request, limit, extra_), stop);
  }
  if (response.failure != HttpFailure::kNone) return FailedAnswer(response);
  ChatAnswer answer = ReadOpenAiAnswer(response.body, request);
  answer.seconds = response.seconds;
  answer.attempts = response.attempts;
  CheckAnswer(request, context, answer);
  return answer;
}

bool OpenAiBackend::IsAlive(const std::stop_token& stop) {
  const HttpResponse response = client_.GetOnce("/v1/models", stop);
  return response.failure == HttpFailure::kNone || (response.failure == HttpFailure::kStatus && response.status < 500);
}

BackendIdentity OpenAiBackend::Identity() {
  BackendIdentity identity{.kind = "openai", .url = client_.server(), .settings = extra_};
  {
    const std::lock_guard lock(mutex_);
    identity.model = model_;
  }
  const auto list = FetchDocument(client_, "/v1/models");
  if (!list && identity.model.empty()) {
    throw Error(fmt::format("{} does not say which models it has", client_.server()), "name the model");
  }
  if (list) {
    std::vector<std::string> names;
    const ServerJson* found = nullptr;
    const ServerJson& models = ListAt(*list, "data");
    for (const ServerJson& model : models) {
      names.push_back(TextAt(model, "id"));
      if (names.back() == identity.model || (identity.model.empty() && models.size() == 1)) found = &model;
    }
    if (found == nullptr) {
      throw Error(identity.model.empty() ? fmt::format("{} has {} models", client_.server(), names.size())
                                         : fmt::format("{} has no model '{}'", client_.server(), identity.model),
                  fmt::format("name one of: {}", NameSome(names)));
    }
    identity.model = TextAt(*found, "id");
    identity.context = CountAt(*found, "max_model_len");  // vLLM
    const ServerJson& meta = ObjectAt(*found, "meta");    // llama-server
    identity.trained_context = CountAt(meta, "n_ctx_train");
    if (const auto parameters = NumberAt(meta, "n_params")) identity.parameters = fmt::format("{:.0f}", *parameters);
  }
  AddServerFacts(identity);
  const std::lock_guard lock(mutex_);
  model_ = identity.model;
  context_ = identity.context;
  return identity;
}

void OpenAiBackend::AddServerFacts(BackendIdentity& identity) {
  if (const auto props = FetchIfThere(client_, "/props")) {  // llama-server
    const std::string build = TextAt(*props, "build_info");
    identity.server = build.empty() ? "" : "llama.cpp " + build;
    identity.file = TextAt(*props, "model_path");
    if (const auto context = CountAt(ObjectAt(*props, "default_generation_settings"), "n_ctx");
        context && *context > 0) {
      identity.context = context;
    }
    const std::string chat_template = TextAt(*props, "chat_template");
    if (!chat_template.empty()) identity.template_hash = Sha256Hex(chat_template);
    return;
  }
  if (const auto list = FetchIfThere(client_, "/api/v0/models")) {  // LM Studio
    for (const ServerJson& model : ListAt(*list, "data")) {
      if (TextAt(model, "id") != identity.model) continue;
      identity.server = "LM Studio";
      identity.quantization = TextAt(model, "quantization");
      identity.context = CountAt(model, "loaded_context_length");
      identity.trained_context = CountAt(model, "max_context_length");
    }
  }
}

}  // namespace loco
