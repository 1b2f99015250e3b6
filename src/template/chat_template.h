// A model's chat template (Jinja), rendered exactly as the model was trained to see a conversation.
//
//   const ChatTemplate chat(model.info());
//   std::string text = chat.Render({{"user", "2+2=?"}}, {.add_generation_prompt = true});
//
// Rendering is reproducible: templates that print today's date see a fixed one (kTemplateDate), because a prompt that
// changes at midnight changes every key and, a little, every score.
//
// It does not tokenize (prompt.h does) and does not parse answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/language_model.h"

namespace loco {

// The date that templates see: 1 January 2026, 00:00 UTC.
inline constexpr const char* kTemplateDate = "2026-01-01";

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct RenderOptions {
  bool add_generation_prompt = true;         // end with what starts the assistant's answer
  std::optional<bool> enable_thinking = {};  // empty: as the template does by itself
};

class ChatTemplate {
 public:
  // Throws Error when the model has no template or the template is not valid Jinja.
  explicit ChatTemplate(const ModelInfo& info);
  // For a template from elsewhere; errors begin with `origin`, a file's name.
  ChatTemplate(const std::string& source, const std::string& bos_text, const std::string& eos_text,
               const std::string& origin = "");
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // Throws Error with the template's own message when it refuses the conversation (wrong order of roles, say).
  std::string Render(const std::vector<Message>& messages, const RenderOptions& options) const;

  // The template renders a system message. Where it does not, Render() puts the text in front of the first user
  // message.
  bool supports_system() const;
  bool supports_tools() const;
  // Thinking can be switched: a question is rendered differently with and without it.
  bool switches_thinking() const;
  const std::string& source() const;
  const std::string& hash() const;  // SHA-256 of the source

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loco
