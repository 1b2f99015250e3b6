// A model of Ollama, over its own /api/chat: the compatible /v1 interface of the same server ignores num_ctx.
//
//   OllamaBackend backend("localhost:11434", "qwen3:4b");
//   const ChatAnswer answer = backend.Ask({.messages = …, .max_tokens = 256, .context = 4096});
//
// Each request says how large the context is to be (num_ctx), and asks that a prompt which does not fit is refused and
// not cut (truncate, shift: false), which versions before 0.12 do not know. Whether the server obeyed is checked three
// ways: against the caller's own token count, against the sum of prompt and answer, and once a context against what
// /api/ps says the model was loaded with.
//
// Model files of Ollama carry settings of their own, and its default punishes repetition; requests set repeat_penalty 1
// and top_p 1 besides temperature 0.
//
// Sources: Ollama, docs/api.md and api/types.go; ollama/ollama#17427 and #17889 (lost context), #5371 (cached prompt
// tokens counted).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "eval/chat_backend.h"
#include "http/http_client.h"

namespace loco {

class OllamaBackend : public ChatBackend {
 public:
  // Throws Error for an address or a key variable that cannot work.
  OllamaBackend(std::string_view server, std::string_view model, HttpOptions options = {});

  // Throws Error, with the names that there are, when the server has no such model.
  BackendIdentity Identity() override;
  bool IsAlive(const std::stop_token& stop = {}) override;

 private:
  ChatAnswer DoAsk(const ChatRequest& request, const std::stop_token& stop) override;
  // Tokens of context that the loaded model has; none: the server does not say.
  std::optional<int> LoadedContext(int asked);

  std::string model_;
  HttpClient client_;
  std::mutex mutex_;
  std::map<int, std::optional<int>> loaded_;  // what was loaded for each context asked for
};

// Pure halves, for tests and fuzzing.
std::string OllamaRequestJson(std::string_view model, const ChatRequest& request);
// The body of a response with status 200.
ChatAnswer ReadOllamaAnswer(std::string_view body);

}  // namespace loco
