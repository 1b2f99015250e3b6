// A model behind an OpenAI-compatible server: llama-server, vLLM, LM Studio, and others with /v1/chat/completions.
//
//   OpenAiBackend backend("localhost:8080");          // the one model that the server has
//   OpenAiBackend named("https://host/v1", "qwen3-4b", {.http = {.key_variable = "SERVER_KEY"}});
//   const ChatAnswer answer = backend.Ask({.messages = …, .max_tokens = 256, .thinking = false});
//
// This interface cannot ask for a context: the server has the one it was started with, which Identity() finds out from
// llama-server (/props), vLLM (max_model_len) and LM Studio (/api/v0/models); RequireContext() compares. For other
// servers only the prompt tokens that they report tell (CheckPromptTokens).
//
// `thinking` is sent as the chat template's variable enable_thinking, which llama-server and vLLM know. Thinking comes
// back in `reasoning_content` or `reasoning`, or in <think> tags of the text.
//
// Sources: OpenAI API reference, "Create chat completion"; llama.cpp v0.5.0, tools/server/README.md.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "eval/chat_backend.h"
#include "http/http_client.h"

namespace loco {

struct OpenAiOptions {
  HttpOptions http;
  // A JSON object of further fields for each request, such as {"cache_prompt": false} or {"lora": [{"id": 0, "scale":
  // 1}]} for llama-server. Part of the identity.
  std::string extra;
};

// How a server wants the limit to be called.
enum class TokenLimitField { kMaxTokens, kMaxCompletionTokens };

class OpenAiBackend : public ChatBackend {
 public:
  // `server` with or without /v1 at its end. An empty `model` is the only one that the server has. Throws Error for an
  // address, a key variable or an `extra` that cannot work.
  explicit OpenAiBackend(std::string_view server, std::string_view model = "", OpenAiOptions options = {});

  BackendIdentity Identity() override;
  bool IsAlive(const std::stop_token& stop = {}) override;

 private:
  ChatAnswer DoAsk(const ChatRequest& request, const std::stop_token& stop) override;
  void AddServerFacts(BackendIdentity& identity);

  std::string extra_;
  HttpClient client_;
  std::mutex mutex_;  // of the two below
  std::string model_;
  std::optional<int> context_;  // as Identity() found it
  std::atomic<TokenLimitField> limit_ = TokenLimitField::kMaxTokens;
};

// Pure halves, for tests and fuzzing. `extra`: a JSON object or empty.
std::string OpenAiRequestJson(std::string_view model, const ChatRequest& request, TokenLimitField limit,
                              const std::string& extra);
// The body of a response with status 200.
ChatAnswer ReadOpenAiAnswer(std::string_view body, const ChatRequest& request);

}  // namespace loco
