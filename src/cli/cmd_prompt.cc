// loco prompt MODEL TASK [ITEM]: what the model is asked, token by token.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "base/suggest.h"
#include "candidate/facts.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/thinking_option.h"
#include "engine/llama_model.h"
#include "eval/evaluate.h"
#include "task/scorers.h"
#include "template/prompt_problems.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct PromptArguments {
  Path model;
  Path task;
  std::string item;
  int context = 0;
  bool raw = false;
  bool tokens = false;
  std::string thinking = "template";
};

const Item& FindItem(const Task& task, const std::string& id) {
  if (id.empty()) return task.items.front();
  const auto found =
      std::find_if(task.items.begin(), task.items.end(), [&](const Item& item) { return item.id == id; });
  if (found != task.items.end()) return *found;
  throw Error(fmt::format("the task '{}' has no item '{}'", ForTerminal(task.name), ForTerminal(id)),
              fmt::format("its first item is '{}', its last '{}'", ForTerminal(task.items.front().id),
                          ForTerminal(task.items.back().id)),
              ExitCode::kUsage);
}

ExitCode RunPrompt(const PromptArguments& arguments, Session& session) {
  const Task task = LoadTask(arguments.task);
  const Item& item = FindItem(task, arguments.item);
  const Facts facts = ReadFacts(arguments.model);
  CheckIsModel(facts, /*vocabulary_only=*/true);
  const auto model = LoadModel(arguments.model, {.vocabulary_only = true});
  const PromptStyle style = arguments.raw || task.raw ? PromptStyle::kRaw : PromptStyle::kChat;
  const PromptRenderer renderer(*model, style, ThinkingNamed(arguments.thinking));
  const std::vector<Message> messages = BuildMessages(task, item);
  const Prompt prompt = renderer.Render(messages);
  const int context = EffectiveContext(arguments.context, static_cast<int>(facts.dims.context.value_or(4096)));
  const std::vector<std::string> problems = FindPromptProblems(*model, renderer, messages, prompt, context);
  const auto thinking = renderer.ThinkingOf(prompt, task.thinking_tokens);
  Terminal& terminal = session.terminal();
  if (session.json) {
    Json pieces = Json::array();
    for (const Token token : prompt.tokens) pieces.push_back(model->Detokenize({&token, 1}, true));
    const Json document = {{"item", item.id},
                           {"text", prompt.text},
                           {"tokens", prompt.tokens},
                           {"pieces", pieces},
                           {"hash", prompt.hash},
                           {"context", context},
                           {"starts_thinking", thinking && thinking->opened},
                           {"problems", problems}};
    terminal.PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  if (arguments.tokens) {
    for (const Token token : prompt.tokens) {
      terminal.PrintLine(fmt::format("{:>7}  '{}'", token, ForTerminal(model->Detokenize({&token, 1}, true))));
    }
  } else {
    terminal.PrintLine(ForTerminal(prompt.text, true));
  }
  terminal.PrintLine(terminal.Painted(
      fmt::format("── item {} · {} · up to {} for the answer{} · context {}", ForTerminal(item.id),
                  Counted(static_cast<int64_t>(prompt.tokens.size()), "token", "tokens"), FormatCount(task.max_tokens),
                  thinking && thinking->opened
                      ? fmt::format(" after {} of thinking, which the prompt begins", FormatCount(task.thinking_tokens))
                      : "",
                  FormatCount(context)),
      Paint::kDim));
  for (const std::string& problem : problems) {
    terminal.PrintLine(terminal.Painted("! " + ForTerminal(problem), Paint::kYellow));
  }
  if (!arguments.tokens) terminal.PrintLine(terminal.Painted("--tokens shows ids and pieces", Paint::kDim));
  return ExitCode::kDone;
}

}  // namespace

Action DeclarePrompt(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<PromptArguments>();
  app.add_option("model", arguments->model, "Model file (a vocabulary-only file is enough)")->required();
  app.add_option("task", arguments->task, "Task file (.toml)")->required();
  app.add_option("item", arguments->item, "The item's id (default: the first)");
  app.add_flag("--tokens", arguments->tokens, "Token ids and pieces instead of the text");
  app.add_option("--context", arguments->context, "Tokens for prompt and answer (default: as trained, at most 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_flag("--raw", arguments->raw, "As 'loco eval --raw' would send it");
  AddThinkingOption(app, arguments->thinking, false);
  return [arguments, &session] { return RunPrompt(*arguments, session); };
}

}  // namespace loco
