// From a conversation to the token ids that the model really sees.
//
//   const PromptRenderer renderer(model, PromptStyle::kChat);
//   Prompt prompt = renderer.Render(messages);        // prompt.tokens go into GenerateRequest
//
// The classic defect here is a beginning-of-sequence token that comes twice, once from the template and once from the
// tokenizer: Render() never lets that happen, and says when the template's own BOS was used.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/language_model.h"
#include "template/chat_template.h"

namespace loco {

enum class PromptStyle {
  kChat,  // through the model's own chat template
  kRaw,   // the texts of the messages, joined by blank lines, as they are
};

// Whether the model is to think before it answers.
enum class Thinking {
  kTemplate,  // as its template does by itself
  kOn,
  kOff,
};

struct Prompt {
  std::string text;           // as rendered, control tokens written out
  std::vector<Token> tokens;  // what the model sees
  std::string hash;           // of the token ids: the identity of the prompt
};

class PromptRenderer {
 public:
  // Throws Error when `style` is kChat and the model has no usable template, or when its template has no switch for
  // what `thinking` asks for.
  PromptRenderer(const LanguageModel& model, PromptStyle style, Thinking thinking = Thinking::kTemplate);

  Prompt Render(const std::vector<Message>& messages) const;
  // Tokens of text that opens a sequence, with one BOS where the model wants one, whoever writes it.
  std::vector<Token> Opening(std::string_view text) const;
  // Tokens of text that continues a rendered prompt, such as the choices of a question.
  std::vector<Token> Continuation(std::string_view text) const;
  // How an answer to `prompt` may think, at most `tokens` long; empty where the text goes to the model as it is.
  std::optional<ThinkingLimit> ThinkingOf(const Prompt& prompt, int tokens) const;

  // SHA-256 of the template, or "raw": part of the identity of a run.
  std::string style_hash() const;
  Thinking thinking() const { return thinking_; }
  const ChatTemplate* chat_template() const { return template_ ? &*template_ : nullptr; }

 private:
  const LanguageModel& model_;
  std::optional<ChatTemplate> template_;
  Thinking thinking_;
};

}  // namespace loco
