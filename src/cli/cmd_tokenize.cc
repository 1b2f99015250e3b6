// loco tokenize MODEL TEXT: what the model really sees.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "candidate/facts.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "engine/llama_model.h"
#include "template/prompt.h"

namespace loco {
namespace {

struct TokenizeArguments {
  Path model;
  std::string text;
  bool chat = false;
};

ExitCode RunTokenize(const TokenizeArguments& arguments, Session& session) {
  CheckIsModel(ReadFacts(arguments.model), /*vocabulary_only=*/true);
  const auto model = LoadModel(arguments.model, {.vocabulary_only = true});
  const PromptRenderer renderer(*model, arguments.chat ? PromptStyle::kChat : PromptStyle::kRaw);
  const Prompt prompt = renderer.Render({{"user", arguments.text}});
  if (session.json) {
    nlohmann::ordered_json pieces = nlohmann::ordered_json::array();
    for (const Token token : prompt.tokens) pieces.push_back(model->Detokenize({&token, 1}, true));
    const nlohmann::ordered_json document = {{"text", prompt.text}, {"tokens", prompt.tokens}, {"pieces", pieces}};
    session.terminal().PrintLine(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  for (const Token token : prompt.tokens) {
    session.terminal().PrintLine(fmt::format("{:>7}  '{}'", token, ForTerminal(model->Detokenize({&token, 1}, true))));
  }
  session.terminal().PrintLine(Counted(static_cast<int64_t>(prompt.tokens.size()), "token", "tokens"));
  return ExitCode::kDone;
}

}  // namespace

Action DeclareTokenize(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<TokenizeArguments>();
  app.add_option("model", arguments->model, "Model file (a vocabulary-only file is enough)")->required();
  app.add_option("text", arguments->text, "The text")->required();
  app.add_flag("--chat", arguments->chat, "Through the model's chat template, as one user message");
  return [arguments, &session] { return RunTokenize(*arguments, session); };
}

}  // namespace loco
