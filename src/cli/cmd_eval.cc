// loco eval MODEL TASK…: scores a model on tasks, one run each.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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
#include "eval/run_metrics.h"
#include "stats/interval.h"
#include "task/scorers.h"
#include "train/adapter_file.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct EvalArguments {
  Path model;
  std::vector<Path> tasks;
  std::string quantization;
  Path adapter;
  int context = 0;
  int parallel = 0;  // 0: up to 8, as many as the memory holds
  bool raw = false;
  bool show_answers = false;
};

Json AnswersJson(const Store& store, RowId run, const std::string& scorer) {
  Json list = Json::array();
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    list.push_back({{"answer", answer.answer.id},
                    {"item", answer.answer.item},
                    {"text", answer.answer.text},
                    {"finish", FinishName(answer.answer.finish)},
                    {"outcome", OutcomeName(answer.mark.outcome)},
                    {"extracted", answer.mark.extracted},
                    {"value", answer.mark.value ? Json(*answer.mark.value) : Json()},
                    {"prompt_tokens", answer.answer.prompt_tokens},
                    {"generated_tokens", answer.answer.generated_tokens},
                    {"detail", Json::parse(answer.answer.detail)}});
  }
  return list;
}

ExitCode RunEval(const EvalArguments& arguments, Session& session) {
  Store store = session.OpenStore();
  std::vector<Task> tasks;
  for (const Path& path : arguments.tasks) {  // all of them first: a mistake costs no time
    Task task = LoadTask(path);
    const auto same = [&](const Task& other) { return other.hash == task.hash; };
    if (std::none_of(tasks.begin(), tasks.end(), same)) tasks.push_back(std::move(task));
  }
  const ModelFile model = AtQuantization(store, RegisterModel(store, arguments.model), arguments.quantization, session);
  const int trained = static_cast<int>(model.facts.dims.context.value_or(4096));
  const int context = EffectiveContext(arguments.context, trained);
  const int parallel = SequencesThatFit(model.facts, context, arguments.parallel > 0 ? arguments.parallel : 8);
  if (arguments.parallel > parallel) {
    throw Error(
        fmt::format("no memory for {} sequences of {} tokens: {} fit", arguments.parallel, FormatCount(context),
                    parallel),
        fmt::format("use --parallel {} or a smaller --context; each sequence has a cache of its own", parallel));
  }
  AdapterRow adapter;
  if (!arguments.adapter.empty()) {
    adapter = RegisterAdapter(store, arguments.adapter, model);
    const std::string trained_on = ReadAdapter(arguments.adapter).facts.base_hash;
    if (!trained_on.empty() && trained_on != model.row.hash) {
      session.terminal().Note("the adapter was trained on another file of this base, of another quantization perhaps");
    }
  }
  const auto engine = LoadModel(model.path, {.threads = session.threads, .adapter = arguments.adapter});
  const EvaluationOptions options{.style = arguments.raw ? PromptStyle::kRaw : PromptStyle::kChat,
                                  .context = arguments.context,
                                  .parallel = parallel,
                                  .adapter_hash = adapter.hash,
                                  .adapter = adapter.id};
  Terminal& terminal = session.terminal();
  if (model.facts.dims.context && context > trained) {
    terminal.Note(terminal.PaintedNote(
        fmt::format("! the model was trained on {} tokens; what it makes of a context of {} is guesswork",
                    FormatCount(trained), FormatCount(context)),
        Paint::kYellow));
  }
  Json document = {{"model", model.row.name},
                   {"hash", model.row.hash},
                   {"quantization", model.row.quantization},
                   {"adapter", adapter.id > 0 ? Json(fmt::format("adapter-{}", adapter.id)) : Json()},
                   {"runs", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> also;  // a line each
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
    std::vector<std::string> metrics;
    for (const RunMetric& metric : MetricsOf(store, result.run, task)) {
      metrics.push_back(fmt::format("{} {:.1f}", metric.name, 100 * metric.value));
      entry["metrics"][metric.name] = {{"value", metric.value}, {"items", metric.items}};
    }
    if (!metrics.empty()) also.push_back(fmt::format("{}  {}", task.name, fmt::join(metrics, " · ")));
    if (arguments.show_answers) entry["answers"] = AnswersJson(store, result.run, ScorerId(FindScorer(task.scorer)));
    document["runs"].push_back(entry);
  }
  if (session.json) {
    terminal.PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  terminal.PrintLine(fmt::format("{} · {} · {} parameters · {}{}", ForTerminal(model.row.name), model.row.quantization,
                                 FormatCount(model.row.parameters), FormatBytes(model.row.file_bytes),
                                 adapter.id > 0 ? fmt::format(" · with {}", ForTerminal(adapter.name)) : ""));
  terminal.Print(FormatTable({"task", "right %  95 % interval", "items", "not right", "row"}, rows));
  for (const std::string& line : also) terminal.PrintLine(ForTerminal(line));
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
  app.add_option("--adapter", arguments->adapter, "Put this LoRA adapter (.gguf) on the model");
  app.add_option("--context", arguments->context,
                 "Tokens for one prompt and its answer; part of a run's identity (default: as trained, at most 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_option(
         "--parallel", arguments->parallel,
         "Items answered together, each in a --context of its own: memory grows with both (default: up to 8, as "
         "many as the memory holds)")
      ->check(CLI::Range(1, 64));
  app.add_flag("--raw", arguments->raw, "Send the text as it is, without the model's chat template");
  app.add_flag("--answers", arguments->show_answers, "With --json: every answer too");
  return [arguments, &session] { return RunEval(*arguments, session); };
}

}  // namespace loco
