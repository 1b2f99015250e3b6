#include "eval/server_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/letter_case.h"
#include "score/json_answer.h"

namespace loco {
namespace {

const ServerJson* FindField(const ServerJson& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto field = object.find(key);
  return field == object.end() ? nullptr : &*field;
}

// Words by which servers say that a prompt does not fit: llama-server, vLLM and OpenAI, Ollama.
constexpr std::array<std::string_view, 4> kTooLongWords = {"exceeds the available context size",
                                                           "maximum context length", "exceeds the context length",
                                                           "exceeds the model's context"};

bool SaysTooLong(const HttpResponse& response) {
  if (response.status < 400 || response.status >= 600) return false;
  std::string why;
  const auto json = ParseServerJson(response.body, why);
  if (json) {
    const ServerJson& error = ObjectAt(*json, "error");
    if (TextAt(error, "type") == "exceed_context_size_error") return true;
    if (TextAt(error, "code") == "context_length_exceeded") return true;
  }
  const std::string message = LowerAscii(ServerMessage(response.body));
  return std::any_of(kTooLongWords.begin(), kTooLongWords.end(),
                     [&](std::string_view words) { return message.find(words) != std::string::npos; });
}

ChatErrorKind KindOf(const HttpResponse& response) {
  switch (response.failure) {
    case HttpFailure::kUnreachable:
    case HttpFailure::kBroken:
      return ChatErrorKind::kUnreachable;
    case HttpFailure::kStatus:
      // A proxy without its server, and a server that is loading.
      return response.status >= 502 && response.status <= 504 ? ChatErrorKind::kUnreachable : ChatErrorKind::kHttp;
    case HttpFailure::kTimeout:
      return ChatErrorKind::kTimeout;
    case HttpFailure::kStopped:
      return ChatErrorKind::kStopped;
    case HttpFailure::kTooLarge:
    case HttpFailure::kNone:
      return ChatErrorKind::kWrongJson;
  }
  LOCO_CHECK(false);
}

std::string Describe(const HttpResponse& response) {
  if (response.failure != HttpFailure::kStatus) return response.reason;
  const std::string message = ServerMessage(response.body);
  return message.empty() ? response.reason : fmt::format("{}: {}", response.reason, message);
}

}  // namespace

std::optional<ServerJson> ParseServerJson(std::string_view body, std::string& why) {
  StrictJson parsed = ParseStrictJson(body);
  if (!parsed.valid) {
    why = fmt::format("no JSON at byte {}: {}", parsed.byte, parsed.reason);
    return std::nullopt;
  }
  if (!parsed.value.is_object()) {
    why = fmt::format("JSON, but no object: {}", parsed.value.type_name());
    return std::nullopt;
  }
  return std::move(parsed.value);
}

std::string TextAt(const ServerJson& object, const char* key) {
  const ServerJson* field = FindField(object, key);
  return field != nullptr && field->is_string() ? field->get<std::string>() : std::string();
}

std::optional<double> NumberAt(const ServerJson& object, const char* key) {
  const ServerJson* field = FindField(object, key);
  if (field == nullptr || !field->is_number()) return std::nullopt;
  return field->get<double>();
}

std::optional<int> CountAt(const ServerJson& object, const char* key) {
  const std::optional<double> number = NumberAt(object, key);
  if (!number || *number < 0 || *number > 1e9 || *number != std::floor(*number)) return std::nullopt;
  return static_cast<int>(*number);
}

const ServerJson& ObjectAt(const ServerJson& object, const char* key) {
  static const ServerJson kNothing = ServerJson::object();
  const ServerJson* field = FindField(object, key);
  return field != nullptr && field->is_object() ? *field : kNothing;
}

const ServerJson& ListAt(const ServerJson& object, const char* key) {
  static const ServerJson kNothing = ServerJson::array();
  const ServerJson* field = FindField(object, key);
  return field != nullptr && field->is_array() ? *field : kNothing;
}

std::string ServerMessage(std::string_view body) {
  constexpr size_t kColumns = 300;
  std::string message;
  std::string why;
  if (const auto json = ParseServerJson(body, why)) {
    for (const char* key : {"message", "error", "detail"}) {
      if (message.empty()) message = TextAt(ObjectAt(*json, "error"), key);
    }
    for (const char* key : {"error", "message", "detail"}) {
      if (message.empty()) message = TextAt(*json, key);
    }
  }
  if (message.empty()) message = body.substr(0, 4 * kColumns);
  return Shorten(ForTerminal(message), kColumns);
}

std::string NameSome(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  if (names.empty()) return "none";
  const size_t shown = std::min(names.size(), kMost);
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(shown);
  std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

ChatAnswer FailedAnswer(const HttpResponse& response) {
  ChatAnswer answer;
  answer.seconds = response.seconds;
  answer.attempts = response.attempts;
  if (response.failure == HttpFailure::kStatus && SaysTooLong(response)) {
    answer.finish = ChatFinish::kTooLong;
    std::string why;
    const auto json = ParseServerJson(response.body, why);
    if (json) answer.prompt_tokens = CountAt(ObjectAt(*json, "error"), "n_prompt_tokens");
    answer.note = ServerMessage(response.body);
    return answer;
  }
  answer.error = {.kind = KindOf(response),
                  .what = Describe(response),
                  .cure = response.cure,
                  .status = response.status,
                  .ends_run = response.failure == HttpFailure::kStatus &&
                              (response.status == 401 || response.status == 403 || response.status == 404 ||
                               response.status == 405 || (response.status >= 300 && response.status < 400))};
  return answer;
}

ChatAnswer WrongAnswer(const std::string& what) {
  ChatAnswer answer;
  answer.error = {.kind = ChatErrorKind::kWrongJson,
                  .what = "the server's response is wrong: " + what,
                  .cure = "check that the address is a chat server's and that its version is supported",
                  .status = 200};
  return answer;
}

std::optional<ServerJson> FetchDocument(HttpClient& client, const char* path) {
  const HttpResponse response = client.Get(path);
  if (response.failure == HttpFailure::kStatus &&
      (response.status == 404 || response.status == 405 || response.status == 501)) {
    return std::nullopt;
  }
  if (response.failure != HttpFailure::kNone) {
    throw Error(fmt::format("{}{}: {}", client.server(), path, Describe(response)), response.cure);
  }
  std::string why;
  auto json = ParseServerJson(response.body, why);
  if (!json) {
    throw Error(fmt::format("{}{}: the response is {}", client.server(), path, why),
                "check that the address is a model server's");
  }
  return json;
}

std::optional<ServerJson> FetchIfThere(HttpClient& client, const char* path) {
  const HttpResponse response = client.GetOnce(path);
  if (response.failure != HttpFailure::kNone) return std::nullopt;
  std::string why;
  auto json = ParseServerJson(response.body, why);
  if (json && json->contains("error")) return std::nullopt;
  return json;
}

}  // namespace loco
