// loco eval MODEL TASK…: scores a model on tasks, one run each.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "candidate/fit.h"
#include "candidate/machine.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/scores.h"
#include "engine/llama_model.h"
#include "eval/evaluate.h"
#include "stats/interval.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct EvalArguments {
  Path model;
  std::vector<Path> tasks;
  std::string quantization;
  int context = 0;
  int parallel = 8;
  bool raw = false;
  bool show_answers = false;
};

// Says what will not fit before it is loaded: the kernel would kill the process without a word.
void CheckMemory(const ModelFile& model, const EvalArguments& arguments) {
  const int trained = static_cast<int>(model.facts.dims.context.value_or(4096));
  const int context = EffectiveContext(arguments.context, trained);
  const Machine machine = ReadMachine();
  const Fit fit =
      ComputeFit(model.facts, {.context = static_cast<uint64_t>(context) * static_cast<uint64_t>(arguments.parallel),
                               .sequences = static_cast<uint64_t>(arguments.parallel),
                               .unified_cache = false,
                               .repack_rule = RepackRuleOf(machine),
                               .os_reserve = Bytes{0},
                               .memory = machine.available});
  if (fit.verdict == Verdict::kDoesNotFit) {
    throw Error(
        fmt::format("no memory for a context of {} tokens in {} sequences: {} are needed, {} are available",
                    FormatCount(context), arguments.parallel, FormatBytes(fit.process), FormatBytes(machine.available)),
        "use a smaller --context or --parallel; 'loco fit' shows every term");
  }
}

Json AnswersJson(const Store& store, RowId run, const std::string& scorer) {
  Json list = Json::array();
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    list.push_back({{"answer", answer.answer.id},
                    {"item", answer.answer.item},
                    {"text", answer.answer.text},
                    {"finish", FinishName(answer.answer.finish)},
                    {"outcome", OutcomeName(answer.mark.outcome)},
                    {"extracted", answer.mark.extracted},
                    {"prompt_tokens", answer.answer.prompt_tokens},
                    {"generated_tokens", answer.answer.generated_tokens},
                    {"detail", Json::parse(answer.answer.detail)}});
  }
  return list;
}

ExitCode RunEval(const EvalArguments& arguments, Session& session) {
  Store store = session.OpenStore();
  std::vector<Task> tasks;
  for (const Path& path : arguments.tasks)
    tasks.push_back(LoadTask(path));  // all of them first: a mistake costs no time
  const ModelFile model = AtQuantization(store, RegisterModel(store, arguments.model), arguments.quantization, session);
  CheckMemory(model, arguments);
  const auto engine = LoadModel(model.path, {.threads = session.threads});
  const EvaluationOptions options{.style = arguments.raw ? PromptStyle::kRaw : PromptStyle::kChat,
                                  .context = arguments.context,
                                  .parallel = arguments.parallel};
  Terminal& terminal = session.terminal();
  Json document = {{"model", model.row.name},
                   {"hash", model.row.hash},
                   {"quantization", model.row.quantization},
                   {"runs", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  int64_t stored = 0;
  int64_t generated = 0;
  for (const Task& task : tasks) {
    const EvaluationResult result =
        Evaluate(store, *engine, model.row, task, options, terminal.progress(), session.clock());
    const RunScore score = ScoreOf(store, result.run);
    stored += result.stored;
    generated += result.generated;
    const int64_t right = score.Count(Outcome::kRight);
    rows.push_back({task.name, ShareText(right, score.answered), FormatCount(score.answered), OutcomesText(score),
                    fmt::format("run-{}", result.run)});
    const Interval interval = WilsonInterval(right, score.answered);
    Json entry = {{"run", fmt::format("run-{}", result.run)},
                  {"task", task.name},
                  {"items", score.items},
                  {"answered", score.answered},
                  {"right", right},
                  {"share", score.Share()},
                  {"interval95", {interval.low, interval.high}},
                  {"outcomes", Json::object()},
                  {"generated_now", result.generated},
                  {"seconds", result.seconds}};
    for (const auto& [outcome, count] : score.outcomes) entry["outcomes"][OutcomeName(outcome)] = count;
    if (arguments.show_answers) entry["answers"] = AnswersJson(store, result.run, ScorerId(FindScorer(task.scorer)));
    document["runs"].push_back(entry);
  }
  if (session.json) {
    terminal.PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  terminal.PrintLine(fmt::format("{} · {} · {} parameters · {}", ForTerminal(model.row.name), model.row.quantization,
                                 FormatCount(model.row.parameters), FormatBytes(model.row.file_bytes)));
  terminal.Print(FormatTable({"task", "right %  95 % interval", "items", "not right", "row"}, rows));
  if (generated == 0) {
    terminal.PrintLine(fmt::format("all {} answers were stored before; nothing was generated", FormatCount(stored)));
  } else if (stored > 0) {
    terminal.PrintLine(
        fmt::format("{} answers generated, {} were stored before", FormatCount(generated), FormatCount(stored)));
  }
  if (arguments.show_answers) {
    for (const auto& row : rows) terminal.PrintLine(fmt::format("answers: loco show {}", row.back()));
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareEval(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<EvalArguments>();
  app.add_option("model", arguments->model, "Model file (.gguf)")->required();
  app.add_option("tasks", arguments->tasks, "Task files (.toml)")->required();
  app.add_option("-q,--quantization", arguments->quantization,
                 "Score a copy at this quantization, made once and cached (for example Q4_K_M)");
  app.add_option("--context", arguments->context, "Tokens for prompt and answer (default: as trained, at most 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_option("--parallel", arguments->parallel, "Sequences decoded together")->check(CLI::Range(1, 64));
  app.add_flag("--raw", arguments->raw, "Send the text as it is, without the model's chat template");
  app.add_flag("--answers", arguments->show_answers, "With --json: every answer too");
  return [arguments, &session] { return RunEval(*arguments, session); };
}

}  // namespace loco
