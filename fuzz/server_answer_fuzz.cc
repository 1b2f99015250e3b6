// Fuzz target of what model servers send: the body of a response, read as an answer of both interfaces and as a
// failure. No input may crash or hang; an answer without an error says how it ended, an error says what is wrong, a
// count is never negative, and an answer that was checked lies within its context.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "eval/ollama_backend.h"
#include "eval/openai_backend.h"
#include "eval/server_json.h"

namespace {

void CheckAnswerIsSound(const loco::ChatRequest& request, loco::ChatAnswer answer) {
  using namespace loco;
  const bool failed = answer.finish == ChatFinish::kError;
  LOCO_CHECK(failed == (answer.error.kind != ChatErrorKind::kNone));
  LOCO_CHECK(!failed || !answer.error.what.empty());
  LOCO_CHECK(answer.prompt_tokens.value_or(0) >= 0 && answer.generated_tokens.value_or(0) >= 0);
  CheckAnswer(request, request.context, answer);
  if (answer.finish == ChatFinish::kError) return;
  LOCO_CHECK(int64_t{answer.prompt_tokens.value_or(0)} + answer.generated_tokens.value_or(0) <= request.context);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loco;
  const std::string body(reinterpret_cast<const char*>(data), size);
  const ChatRequest request{.messages = {{"user", body}}, .max_tokens = 64, .context = 2048, .prompt_tokens = 20};
  CheckAnswerIsSound(request, ReadOpenAiAnswer(body, request));
  CheckAnswerIsSound(request, ReadOllamaAnswer(body));
  for (const int status : {400, 404, 500, 503}) {
    const ChatAnswer failed =
        FailedAnswer({.failure = HttpFailure::kStatus, .status = status, .body = body, .reason = "r"});
    LOCO_CHECK(failed.finish == ChatFinish::kTooLong || failed.finish == ChatFinish::kError);
  }
  std::string why;
  LOCO_CHECK(ParseServerJson(OpenAiRequestJson("m", request, TokenLimitField::kMaxTokens, ""), why).has_value());
  LOCO_CHECK(ParseServerJson(OllamaRequestJson("m", request), why).has_value());
  return 0;
}
