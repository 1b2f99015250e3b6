#include "eval/chat_backend.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "score/answer_filters.h"

namespace loco {
namespace {

// llama.cpp, which Ollama and llama-server rest on, rounds contexts up to a multiple of this.
constexpr int kContextStep = 256;

std::string ContextCure(const std::string& kind) {
  if (kind == "ollama") return "ask for a smaller context, or take a model with a larger one";
  return "start the server with a larger context (llama-server: -c TOKENS, which its slots share; vLLM: "
         "--max-model-len), or ask for a smaller one";
}

ChatError ContextLost(std::string what, std::string cure) {
  return {.kind = ChatErrorKind::kContextLost, .what = std::move(what), .cure = std::move(cure)};
}

}  // namespace

const char* NameOf(ChatFinish finish) {
  switch (finish) {
    case ChatFinish::kStop:
      return "stop";
    case ChatFinish::kLength:
      return "length";
    case ChatFinish::kRefused:
      return "refused";
    case ChatFinish::kTooLong:
      return "too long";
    case ChatFinish::kError:
      return "error";
  }
  LOCO_CHECK(false);
}

const char* NameOf(ChatErrorKind kind) {
  switch (kind) {
    case ChatErrorKind::kNone:
      return "none";
    case ChatErrorKind::kUnreachable:
      return "unreachable";
    case ChatErrorKind::kHttp:
      return "http";
    case ChatErrorKind::kWrongJson:
      return "wrong json";
    case ChatErrorKind::kTimeout:
      return "timeout";
    case ChatErrorKind::kContextLost:
      return "context lost";
    case ChatErrorKind::kStopped:
      return "stopped";
  }
  LOCO_CHECK(false);
}

std::string BackendIdentity::Key() const {
  const std::string content = pinned() ? "digest:" + digest : "named:" + url + " " + file;
  return HashOfParts({"backend/1", kind, model, content, server, template_hash, settings});
}

void RequireContext(const BackendIdentity& identity, int context) {
  const auto require = [&](std::optional<int> held, const char* whose) {
    if (!held || *held >= context) return;
    throw Error(
        fmt::format("{} tokens of context are asked for, and {} {} holds {}", context, whose, identity.model, *held),
        ContextCure(identity.kind));
  };
  require(identity.context, "the server's");
  require(identity.trained_context, "the model");
}

std::optional<ChatError> CheckPromptTokens(std::optional<int> own, std::optional<int> reported,
                                           const TokenTolerance& tolerance) {
  if (!own || !reported) return std::nullopt;
  const int allowed = std::max(tolerance.tokens, static_cast<int>(tolerance.share * *own));
  if (*reported < *own - allowed) {
    return ContextLost(
        fmt::format("the server saw only {} of {} prompt tokens: its context is smaller than asked", *reported, *own),
        "give the server a larger context (Ollama: num_ctx and OLLAMA_NUM_PARALLEL; llama-server: -c), "
        "or use a version that counts cached prompt tokens (Ollama since 0.3)");
  }
  if (*reported > *own + allowed) {
    return ContextLost(
        fmt::format("the server saw {} prompt tokens where the prompt has {}: it renders another one", *reported, *own),
        "compare the server's chat template and system message with the model's own ('loco prompt')");
  }
  return std::nullopt;
}

void CheckAnswer(const ChatRequest& request, std::optional<int> context, ChatAnswer& answer) {
  if (answer.finish == ChatFinish::kError || answer.finish == ChatFinish::kTooLong) return;
  std::optional<ChatError> error = CheckPromptTokens(request.prompt_tokens, answer.prompt_tokens);
  const int generated = answer.generated_tokens.value_or(0);
  const int64_t used = int64_t{answer.prompt_tokens.value_or(0)} + generated;
  if (context) {
    const int held = (*context + kContextStep - 1) / kContextStep * kContextStep;
    if (!error && used > held) {
      error = ContextLost(
          fmt::format("prompt and answer have {} tokens and the context holds {}: the server forgot the first ones",
                      used, held),
          "ask for a larger context or a shorter answer");
    }
  }
  if (error) {
    answer.finish = ChatFinish::kError;
    answer.error = std::move(*error);
    return;
  }
  answer.context_full =
      answer.finish == ChatFinish::kLength && answer.generated_tokens && generated < request.max_tokens;
  if (generated > request.max_tokens) {
    answer.note = fmt::format("the server generated {} tokens where {} were allowed", generated, request.max_tokens);
  } else if (!answer.prompt_tokens) {
    answer.note = "the server does not say how many prompt tokens it saw: lost context would not be noticed";
  }
}

void SplitThinking(ChatAnswer& answer) {
  if (!answer.thinking.empty()) return;
  std::string rest = answer.text;
  if (!StripThinking(rest)) return;
  // Thinking stands in front, but for the odd answer that begins before it; that one is kept whole.
  const bool in_front = answer.text.ends_with(rest);
  answer.thinking = in_front ? answer.text.substr(0, answer.text.size() - rest.size()) : answer.text;
  answer.text = std::move(rest);
}

}  // namespace loco
