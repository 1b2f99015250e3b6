#include "eval/ollama_backend.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "eval/server_json.h"

namespace loco {
namespace {

// "qwen3" is "qwen3:latest".
std::string WithTag(std::string_view name) {
  const size_t slash = name.rfind('/');
  const bool tagged = name.find(':', slash == std::string_view::npos ? 0 : slash) != std::string_view::npos;
  return tagged ? std::string(name) : fmt::format("{}:latest", name);
}

bool IsModel(const ServerJson& entry, const std::string& wanted) {
  return WithTag(TextAt(entry, "model")) == wanted || WithTag(TextAt(entry, "name")) == wanted;
}

std::optional<double> FromNanoseconds(const ServerJson& json, const char* key) {
  const auto value = NumberAt(json, key);
  return value ? std::optional(*value / 1e9) : std::nullopt;
}

}  // namespace

std::string OllamaRequestJson(std::string_view model, const ChatRequest& request) {
  ServerJson json;
  json["model"] = model;
  json["messages"] = ServerJson::array();
  for (const Message& message : request.messages) {
    json["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  json["options"] = {{"num_ctx", request.context},
                     {"num_predict", request.max_tokens},
                     {"temperature", request.temperature},
                     {"top_p", 1},
                     {"repeat_penalty", 1},
                     {"seed", request.seed}};
  if (!request.stop.empty()) json["options"]["stop"] = request.stop;
  if (request.thinking) json["think"] = *request.thinking;
  json["stream"] = false;
  json["truncate"] = false;
  json["shift"] = false;
  return json.dump(-1, ' ', false, ServerJson::error_handler_t::replace);
}

ChatAnswer ReadOllamaAnswer(std::string_view body) {
  std::string why;
  const auto json = ParseServerJson(body, why);
  if (!json) return WrongAnswer(why);
  if (json->contains("error")) return WrongAnswer("status 200 with an error: " + ServerMessage(body));
  const ServerJson& message = ObjectAt(*json, "message");
  if (message.empty()) return WrongAnswer("it has no 'message'");
  const auto done = json->find("done");
  if (done == json->end() || *done != ServerJson(true)) return WrongAnswer("it is not 'done'");
  if (!ListAt(message, "tool_calls").empty()) {
    return WrongAnswer("it took the answer for the call of a tool, though none was offered");
  }
  ChatAnswer answer;
  const std::string reason = TextAt(*json, "done_reason");
  if (reason == "stop") {
    answer.finish = ChatFinish::kStop;
  } else if (reason == "length") {
    answer.finish = ChatFinish::kLength;
  } else {
    // "load" and "unload" answer requests without messages.
    return WrongAnswer(reason.empty() ? "it does not say why the answer ended"
                                      : fmt::format("the answer ended for the reason '{}'", reason));
  }
  answer.model = TextAt(*json, "model");
  answer.text = TextAt(message, "content");
  answer.thinking = TextAt(message, "thinking");
  answer.prompt_tokens = CountAt(*json, "prompt_eval_count");
  // Old versions leave the count out, or say 0, when the whole prompt was cached.
  if (answer.prompt_tokens == 0) answer.prompt_tokens = std::nullopt;
  answer.generated_tokens = CountAt(*json, "eval_count");
  answer.timings = {.load = FromNanoseconds(*json, "load_duration"),
                    .prompt = FromNanoseconds(*json, "prompt_eval_duration"),
                    .generation = FromNanoseconds(*json, "eval_duration")};
  if (answer.timings.prompt) answer.first_token_seconds = answer.timings.load.value_or(0) + *answer.timings.prompt;
  SplitThinking(answer);
  return answer;
}

OllamaBackend::OllamaBackend(std::string_view server, std::string_view model, HttpOptions options)
    : model_(model), client_(server, std::move(options)) {
  if (model_.empty()) throw Error("no model of Ollama is named", "'ollama list' shows the names");
}

ChatAnswer OllamaBackend::DoAsk(const ChatRequest& request, const std::stop_token& stop) {
  const HttpResponse response = client_.Post("/api/chat", OllamaRequestJson(model_, request), stop);
  if (response.failure != HttpFailure::kNone) return FailedAnswer(response);
  ChatAnswer answer = ReadOllamaAnswer(response.body);
  answer.seconds = response.seconds;
  answer.attempts = response.attempts;
  CheckAnswer(request, request.context, answer);
  if (answer.finish == ChatFinish::kError) return answer;
  const std::optional<int> loaded = LoadedContext(request.context);
  if (loaded && *loaded < request.context) {
    answer.finish = ChatFinish::kError;
    answer.error = {.kind = ChatErrorKind::kContextLost,
                    .what = fmt::format("Ollama loaded {} with {} tokens of context where {} were asked for", model_,
                                        *loaded, request.context),
                    .cure = "ask for a smaller context; more than the model was trained with is never given"};
  }
  return answer;
}

std::optional<int> OllamaBackend::LoadedContext(int asked) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = loaded_.find(asked); known != loaded_.end()) return known->second;
  }
  const HttpResponse response = client_.GetOnce("/api/ps");
  std::optional<int> loaded;
  std::string why;
  const auto json = response.failure == HttpFailure::kNone ? ParseServerJson(response.body, why) : std::nullopt;
  if (json) {
    for (const ServerJson& entry : ListAt(*json, "models")) {
      if (IsModel(entry, WithTag(model_))) loaded = CountAt(entry, "context_length");
    }
  }
  if (loaded == 0) loaded = std::nullopt;
  const std::lock_guard lock(mutex_);
  loaded_[asked] = loaded;
  return loaded;
}

bool OllamaBackend::IsAlive(const std::stop_token& stop) {
  return client_.GetOnce("/api/version", stop).failure == HttpFailure::kNone;
}

BackendIdentity OllamaBackend::Identity() {
  BackendIdentity identity{.kind = "ollama", .url = client_.server(), .model = WithTag(model_)};
  const auto version = FetchDocument(client_, "/api/version");
  if (!version || TextAt(*version, "version").empty()) {
    throw Error(fmt::format("{} is no Ollama server", client_.server()),
                "for other servers use the OpenAI-compatible back end");
  }
  identity.server = "Ollama " + TextAt(*version, "version");
  const auto tags = FetchDocument(client_, "/api/tags");
  std::vector<std::string> names;
  bool found = false;
  for (const ServerJson& entry : tags ? ListAt(*tags, "models") : ServerJson::array()) {
    names.push_back(TextAt(entry, "name"));
    if (!IsModel(entry, identity.model)) continue;
    found = true;
    identity.digest = TextAt(entry, "digest");
    identity.quantization = TextAt(ObjectAt(entry, "details"), "quantization_level");
    identity.parameters = TextAt(ObjectAt(entry, "details"), "parameter_size");
    if (const std::string host = TextAt(entry, "remote_host"); !host.empty()) {
      identity.digest.clear();  // of a signpost, not of weights
      identity.note = fmt::format("the model runs at {} and not here", host);
    }
  }
  if (!found) {
    throw Error(fmt::format("{} has no model '{}'", client_.server(), model_),
                fmt::format("'ollama pull {}' fetches it; there are: {}", model_, NameSome(names)));
  }
  const HttpResponse shown = client_.Post("/api/show", ServerJson{{"model", identity.model}}.dump());
  std::string why;
  const auto show = shown.failure == HttpFailure::kNone ? ParseServerJson(shown.body, why) : std::nullopt;
  if (show) {
    const std::string chat_template = TextAt(*show, "template");
    if (!chat_template.empty()) identity.template_hash = Sha256Hex(chat_template);
    const ServerJson& info = ObjectAt(*show, "model_info");
    const std::string key = TextAt(info, "general.architecture") + ".context_length";
    identity.trained_context = CountAt(info, key.c_str());
  }
  return identity;
}

}  // namespace loco
