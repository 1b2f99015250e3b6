#include "template/prompt.h"

#include <string_view>

#include "base/hash.h"

namespace loco {

PromptRenderer::PromptRenderer(const LanguageModel& model, PromptStyle style) : model_(model) {
  if (style == PromptStyle::kChat) template_.emplace(model.info());
}

Prompt PromptRenderer::Render(const std::vector<Message>& messages) const {
  Prompt prompt;
  if (template_) {
    prompt.text = template_->Render(messages, {.add_generation_prompt = true});
  } else {
    for (const Message& message : messages) prompt.text += (prompt.text.empty() ? "" : "\n\n") + message.content;
  }
  const std::string& bos = model_.info().bos_text;
  const bool template_wrote_bos = template_ && !bos.empty() && prompt.text.starts_with(bos);
  prompt.tokens = model_.Tokenize(prompt.text, {.add_special = !template_wrote_bos, .parse_special = true});
  prompt.hash = Sha256Hex(
      std::string_view(reinterpret_cast<const char*>(prompt.tokens.data()), prompt.tokens.size() * sizeof(Token)));
  return prompt;
}

std::vector<Token> PromptRenderer::Continuation(std::string_view text) const {
  return model_.Tokenize(text, {.add_special = false, .parse_special = false});
}

std::string PromptRenderer::style_hash() const { return template_ ? template_->hash() : "raw"; }

}  // namespace loco
