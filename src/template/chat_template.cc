#include "template/chat_template.h"

#include <fmt/format.h>
#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <json.h>

#include <algorithm>
#include <exception>
#include <new>

#include "base/error.h"
#include "base/hash.h"
#include "base/hostile_text.h"

namespace loco {
namespace {

constexpr std::time_t kTemplateTime = 1767225600;  // kTemplateDate at 00:00 UTC

common_json ToJson(const std::vector<Message>& messages, bool typed_content) {
  common_json list = common_json::array();
  for (const Message& message : messages) {
    common_json entry = common_json::object();
    entry["role"] = message.role;
    if (typed_content) {
      common_json part = common_json::object();
      part["type"] = "text";
      part["text"] = message.content;
      common_json parts = common_json::array();
      parts.push_back(part);
      entry["content"] = parts;
    } else {
      entry["content"] = message.content;
    }
    list.push_back(entry);
  }
  return list;
}

// The library writes a heading, the source around the place and a caret below it, over several lines, and what is
// wrong at the end. One line of that: "one message only (line 3, column 12)".
std::string ReasonIn(std::string_view message) {
  constexpr size_t kLongest = 200;
  constexpr std::string_view kReason = "\nError: ";
  std::string_view reason = message.substr(0, message.find('\n', 1));
  std::string place;
  if (const size_t begin = message.find(kReason); begin != std::string_view::npos) {
    reason = message.substr(begin + kReason.size());
    const size_t end = std::min(message.find(" in source:"), begin);
    const size_t at = message.rfind(" at ", end);
    if (at != std::string_view::npos) place = fmt::format(" ({})", message.substr(at + 4, end - at - 4));
  }
  return Shorten(ForTerminal(reason), kLongest) + place;
}

// A template is a program: what it asks for may be anything.
[[noreturn]] void ThrowTemplateError(const std::string& origin, std::string_view what, const std::exception& problem,
                                     std::string_view cure) {
  const std::string reason = ReasonIn(problem.what());
  // The library passes on what the machine said, as text.
  if (reason.starts_with("std::bad_alloc") || dynamic_cast<const std::bad_alloc*>(&problem) != nullptr) {
    throw Error(origin + "the model's chat template asks for more memory than there is",
                "the template is broken: use --raw, or a file with another template");
  }
  throw Error(fmt::format("{}{}: {}", origin, what, reason),
              fmt::format("{}; 'loco inspect FILE --template' shows the template", cure));
}

}  // namespace

struct ChatTemplate::State {
  std::string origin;  // "model.gguf: "
  std::string source;
  std::string bos_text;
  std::string eos_text;
  std::string hash;
  jinja::program program;
  jinja::caps capabilities;
};

ChatTemplate::ChatTemplate(const ModelInfo& info)
    : ChatTemplate(info.chat_template, info.bos_text, info.eos_text, info.file) {}

ChatTemplate::ChatTemplate(const std::string& source, const std::string& bos_text, const std::string& eos_text,
                           const std::string& origin)
    : state_(std::make_unique<State>()) {
  if (!origin.empty()) state_->origin = origin + ": ";
  if (source.empty()) {
    throw Error(state_->origin + "the model has no chat template",
                "use --raw to send the text as it is, or a file that carries a template (an instruction-tuned model)");
  }
  state_->bos_text = bos_text;
  state_->eos_text = eos_text;
  state_->hash = Sha256Hex(source);
  try {
    jinja::lexer lexer;
    auto tokens = lexer.tokenize(source);
    state_->program = jinja::parse_from_tokens(tokens);
    state_->source = tokens.source;
    state_->capabilities = jinja::caps_get(state_->program);
  } catch (const std::exception& problem) {
    ThrowTemplateError(state_->origin, "the model's chat template cannot be read", problem,
                       "use --raw, or a file with a valid template");
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::Render(const std::vector<Message>& messages, const RenderOptions& options) const {
  std::vector<Message> seen = messages;
  const bool fold_system = !seen.empty() && seen.front().role == "system" && !supports_system();
  if (fold_system && seen.size() > 1) {
    seen[1].content = seen[0].content + "\n" + seen[1].content;
    seen.erase(seen.begin());
  }
  const jinja::caps& capabilities = state_->capabilities;
  common_json input = common_json::object();
  input["messages"] = ToJson(seen, !capabilities.supports_string_content && capabilities.supports_typed_content);
  input["bos_token"] = state_->bos_text;
  input["eos_token"] = state_->eos_text;
  input["add_generation_prompt"] = options.add_generation_prompt;
  // Qwen3 and SmolLM3 know the first name, Granite and DeepSeek V3.1 the second.
  for (const char* name : {"enable_thinking", "thinking"}) {
    if (options.enable_thinking) input[name] = *options.enable_thinking;
  }
  try {
    jinja::context context(state_->source);
    context.current_time = kTemplateTime;
    jinja::global_from_json(context, input, false);
    jinja::runtime runtime(context);
    return jinja::runtime::gather_string_parts(runtime.execute(state_->program))->as_string().str();
  } catch (const std::exception& problem) {
    const bool has_system = !seen.empty() && seen.front().role == "system";
    ThrowTemplateError(state_->origin, "the model's chat template refuses the conversation", problem,
                       has_system ? "leave the system message out of the task, or use --raw or another file"
                                  : "use --raw, or a file with another template");
  }
}

bool ChatTemplate::supports_system() const { return state_->capabilities.supports_system_role; }
bool ChatTemplate::supports_tools() const { return state_->capabilities.supports_tools; }
bool ChatTemplate::switches_thinking() const {
  if (state_->source.find("thinking") == std::string::npos) return false;
  const std::vector<Message> question = {{"user", "?"}};
  return Render(question, {.enable_thinking = true}) != Render(question, {.enable_thinking = false});
}

const std::string& ChatTemplate::source() const { return state_->source; }
const std::string& ChatTemplate::hash() const { return state_->hash; }

}  // namespace loco
