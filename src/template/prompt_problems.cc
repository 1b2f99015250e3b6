#include "template/prompt_problems.h"

#include <fmt/format.h>

#include <algorithm>

namespace loco {
namespace {

// Tokens that the tokenizer makes of this text only when it may read control tokens: its length then differs.
bool HoldsControlTokens(const LanguageModel& model, const std::string& text) {
  return model.Tokenize(text, {.add_special = false, .parse_special = true}) !=
         model.Tokenize(text, {.add_special = false, .parse_special = false});
}

}  // namespace

std::vector<std::string> FindPromptProblems(const LanguageModel& model, const PromptRenderer& renderer,
                                            const std::vector<Message>& messages, const Prompt& prompt, int context) {
  std::vector<std::string> problems;
  const ModelInfo& info = model.info();
  const auto size = static_cast<int>(prompt.tokens.size());
  if (size == 0) problems.emplace_back("the prompt is empty: nothing can be generated");
  if (size >= context) {
    problems.push_back(
        fmt::format("the prompt has {} tokens and the context {}: nothing can be generated", size, context));
  }
  if (info.bos >= 0) {
    const auto is_bos = [&](Token token) { return token == info.bos; };
    const auto leading = std::find_if_not(prompt.tokens.begin(), prompt.tokens.end(), is_bos) - prompt.tokens.begin();
    if (leading > 1) {
      problems.push_back(fmt::format("the beginning-of-sequence token {} comes {} times: models were trained on one",
                                     info.bos_text, leading));
    }
    if (leading == 0 && info.adds_bos) {
      problems.push_back(fmt::format("the beginning-of-sequence token {} is missing", info.bos_text));
    }
  }
  if (renderer.chat_template() == nullptr && info.chat_template.empty()) {
    problems.emplace_back("the file has no chat template: it is a base model, or its template was lost");
  }
  for (const Message& message : messages) {
    if (renderer.chat_template() != nullptr && HoldsControlTokens(model, message.content)) {
      problems.push_back(
          fmt::format("the {} message holds control tokens: the text can end its own turn", message.role));
      break;
    }
  }
  if (renderer.chat_template() != nullptr && !messages.empty() && messages.front().role == "system") {
    if (!renderer.chat_template()->supports_system()) {
      problems.emplace_back("the template drops system messages: it was put in front of the first question");
    } else if (prompt.text.find(messages.front().content) == std::string::npos) {
      problems.emplace_back("the system message does not stand in the prompt as it was written");
    }
  }
  for (const Message& message : messages) {
    if (message.role == "system" || message.content.empty()) continue;
    const size_t begin = message.content.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) continue;
    const size_t end = message.content.find_last_not_of(" \t\r\n");
    if (prompt.text.find(message.content.substr(begin, end - begin + 1)) != std::string::npos) continue;
    problems.push_back(fmt::format("a message of the {} does not stand in the prompt as it was written", message.role));
    break;
  }
  return problems;
}

}  // namespace loco
