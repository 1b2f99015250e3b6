#include "template/prompt.h"

#include <fmt/format.h>

#include <string_view>

#include "base/error.h"
#include "base/hash.h"

namespace loco {
namespace {

struct ThinkingMarks {
  std::string open;
  std::string close;
};

// The marks that a template speaks of; "<think>" where it speaks of none, as most families write it.
ThinkingMarks MarksOf(const std::string& source) {
  static const ThinkingMarks kMarks[] = {
      {"<think>", "</think>"}, {"<thinking>", "</thinking>"}, {"[THINK]", "[/THINK]"}};
  for (const ThinkingMarks& marks : kMarks) {
    if (source.find(marks.close) != std::string::npos) return marks;
  }
  return kMarks[0];
}

}  // namespace

PromptRenderer::PromptRenderer(const LanguageModel& model, PromptStyle style, Thinking thinking)
    : model_(model), thinking_(thinking) {
  if (style == PromptStyle::kChat) template_.emplace(model.info());
  if (thinking == Thinking::kTemplate) return;
  const bool knows = template_ && template_->source().find(MarksOf(template_->source()).close) != std::string::npos;
  const bool switches = template_ && template_->switches_thinking();
  if (switches || (thinking == Thinking::kOff && !knows)) return;
  throw Error(fmt::format("{}: the chat template has no switch to turn thinking {}", model.info().file,
                          thinking == Thinking::kOn ? "on" : "off"),
              "leave --thinking out: the model does as its template says");
}

Prompt PromptRenderer::Render(const std::vector<Message>& messages) const {
  Prompt prompt;
  if (template_) {
    RenderOptions options;
    if (thinking_ != Thinking::kTemplate) options.enable_thinking = thinking_ == Thinking::kOn;
    prompt.text = template_->Render(messages, options);
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

std::optional<ThinkingLimit> PromptRenderer::ThinkingOf(const Prompt& prompt, int tokens) const {
  if (!template_) return std::nullopt;
  const ThinkingMarks marks = MarksOf(template_->source());
  const std::string closing = "\n" + marks.close + "\n\n";
  const size_t end = prompt.text.find_last_not_of(" \t\r\n");
  const std::string_view text = std::string_view(prompt.text).substr(0, end == std::string::npos ? 0 : end + 1);
  return ThinkingLimit{.open = marks.open,
                       .close = marks.close,
                       .opened = text.ends_with(marks.open),
                       .max_tokens = tokens,
                       .closing = model_.Tokenize(closing, {.add_special = false, .parse_special = true})};
}

std::string PromptRenderer::style_hash() const { return template_ ? template_->hash() : "raw"; }

}  // namespace loco
