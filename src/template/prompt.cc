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
  prompt.tokens = Opening(prompt.text);
  prompt.hash = Sha256Hex(
      std::string_view(reinterpret_cast<const char*>(prompt.tokens.data()), prompt.tokens.size() * sizeof(Token)));
  return prompt;
}

std::vector<Token> PromptRenderer::Opening(std::string_view text) const {
  const std::string& bos = model_.info().bos_text;
  const bool template_wrote_bos = template_ && !bos.empty() && text.starts_with(bos);
  return model_.Tokenize(text, {.add_special = !template_wrote_bos, .parse_special = true});
}

std::vector<Token> PromptRenderer::Continuation(std::string_view text) const {
  return model_.Tokenize(text, {.add_special = false, .parse_special = false});
}

std::string PromptRenderer::style_hash() const { return template_ ? template_->hash() : "raw"; }

}  // namespace loco
