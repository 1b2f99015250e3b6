// loco eval MODEL TASK…: scores a model on tasks, one run each.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hostile_text.h"
#include "candidate/fit.h"
#include "candidate/machine.h"
#include "cli/commands.h"
#include "cli/eval_lines.h"
#include "cli/model_files.h"
#include "cli/scores.h"
#include "cli/thinking_option.h"
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
  bool by_length = false;
  std::string thinking = "template";
  std::string budget;  // tokens of an answer, or "auto"; empty: the task's
  std::optional<int> thinking_budget;
  SamplerOptions sampler;
};

// Tokens of an answer under --budget; empty: the task's own.
std::optional<int> BudgetOf(const std::string& word, int context) {
  if (word.empty()) return std::nullopt;
  if (word == "auto") return context;  // until the context is full
  return std::stoi(word);
}

struct Mode {
  Thinking thinking = Thinking::kTemplate;
  std::string label;  // behind the task's name
};

std::vector<Mode> ModesOf(const std::string& thinking) {
  if (thinking == "both") return {{Thinking::kOn, " · thinking"}, {Thinking::kOff, " · not thinking"}};
  const Thinking mode = ThinkingNamed(thinking);
  return {{mode, mode == Thinking::kOn ? " · thinking" : mode == Thinking::kOff ? " · not thinking" : ""}};
}

ExitCode RunEval(const EvalArguments& arguments, Session& session) {
  if (arguments.sampler.samples > 1 && arguments.sampler.temperature <= 0) {
    throw Error("--samples needs --temperature: greedy answers are all the same", "for example --temperature 0.8",
                ExitCode::kUsage);
  }
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
  EvaluationOptions options{.style = arguments.raw ? PromptStyle::kRaw : PromptStyle::kChat,
                            .sampler = arguments.sampler,
                            .context = arguments.context,
                            .parallel = parallel,
                            .adapter_hash = adapter.hash,
                            .adapter = adapter.id};
  options.sampler.max_tokens = BudgetOf(arguments.budget, context);
  options.sampler.thinking_tokens = arguments.thinking_budget;
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
  std::string lengths;            // with --by-length
  int64_t stored = 0;
  int64_t generated = 0;
  const std::vector<Mode> modes = ModesOf(arguments.thinking);
  for (size_t i = 0; i < tasks.size() * modes.size(); ++i) {
    const Task& task = tasks[i / modes.size()];
    const Mode& mode = modes[i % modes.size()];
    const std::string name = task.name + mode.label;
    options.thinking = mode.thinking;
    const EvaluationResult result =
        Evaluate(store, *engine, model.row, task, options, terminal.progress(), session.clock());
    const RunScore score = ScoreOf(store, result.run);
    const std::string scorer = ScorerId(FindScorer(task.scorer));
    stored += result.stored;
    generated += result.generated;
    const int64_t right = score.Count(Outcome::kRight);
    rows.push_back({ForTerminal(name), ShareText(score), FormatCount(score.answered), OutcomesText(score),
                    fmt::format("run-{}", result.run)});
    Json entry = {{"run", fmt::format("run-{}", result.run)},
                  {"task", task.name},
                  {"thinking",
                   arguments.thinking == "both" ? (mode.thinking == Thinking::kOn ? "on" : "off") : arguments.thinking},
                  {"items", score.items},
                  {"answered", score.answered},
                  {"right", right},
                  {"share", score.share.value},
                  {"interval95", {score.share.interval.low, score.share.interval.high}},
                  {"outcomes", Json::object()},
                  {"generated_now", result.generated},
                  {"seconds", result.seconds}};
    for (const auto& [outcome, count] : score.outcomes) entry["outcomes"][OutcomeName(outcome)] = count;
    std::vector<std::string> metrics;
    for (const RunMetric& metric : MetricsOf(store, result.run, task)) {
      metrics.push_back(fmt::format("{} {:.1f}", metric.name, 100 * metric.value));
      entry["metrics"][metric.name] = {{"value", metric.value}, {"items", metric.items}};
    }
    if (!metrics.empty()) also.push_back(fmt::format("{}  {}", name, fmt::join(metrics, " · ")));
    const ThinkingTotals thought = ThinkingOfRun(store, result.run, scorer);
    if (thought.answers > 0) {
      also.push_back(fmt::format("{}  thinking in {} of {} answers, {:.0f} tokens on average; cut at its budget in {}",
                                 name, FormatCount(thought.answers), FormatCount(score.answered), thought.mean_tokens,
                                 FormatCount(thought.cut)));
      entry["thinking_answers"] = thought.answers;
      entry["thinking_tokens_mean"] = thought.mean_tokens;
      entry["thinking_cut"] = thought.cut;
    }
    if (arguments.budget == "auto" && !FindScorer(task.scorer).uses_choices) {
      const BudgetCurve curve = MeasureBudget(AnswerLengths(store, result.run, scorer));
      for (std::string& line : BudgetLines(name, curve, task.max_tokens)) also.push_back(std::move(line));
      entry["budget"] = BudgetJson(curve);
    }
    if (arguments.by_length) {
      const LengthReport report = ComputeByLength(LengthItems(store, result.run, task, scorer));
      lengths += LengthText(name, report);
      entry["by_length"] = LengthJson(report);
    }
    if (const int64_t not_run = score.Count(Outcome::kNotRun); not_run > 0) {
      also.push_back(fmt::format("{}  {} not run: {}", name, Counted(not_run, "answer was", "answers were"),
                                 task.score.sandbox ? task.score.sandbox->support().reason : ""));
    }
    if (arguments.show_answers) entry["answers"] = AnswersJson(store, result.run, scorer);
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
  terminal.Print(lengths);
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
  AddThinkingOption(app, arguments->thinking, true);
  app.add_option("--budget", arguments->budget,
                 "Tokens for an answer instead of the task's, or 'auto': as many as the context holds, and then which "
                 "smaller budget would have been enough")
      ->check(CLI::IsMember({"auto"}) | CLI::Range(1, 1 << 20));
  app.add_option("--thinking-budget", arguments->thinking_budget,
                 "Tokens for thinking before an answer, closed there when it goes on (default: the task's, 1,024)")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--temperature", arguments->sampler.temperature,
                 "Draw answers at this temperature (default: 0, greedy)")
      ->check(NumberFrom(0, 10));
  app.add_option("--top-p", arguments->sampler.top_p,
                 "Of the likeliest tokens, those that have this probability together")
      ->check(NumberFrom(0, 1));
  app.add_option("--samples", arguments->sampler.samples,
                 "Answers to each item, for pass@k and votes; needs --temperature (default: 1)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--seed", arguments->sampler.seed, "Of the draws (default: 1)");
  app.add_flag("--deterministic", arguments->sampler.deterministic,
               "Each item alone: no answer depends on what else is asked, nor on --parallel; slower");
  app.add_flag("--by-length", arguments->by_length,
               "Also by the length of the prompts: up to which length does quality hold? (tasks/length.toml)");
  app.add_flag("--answers", arguments->show_answers, "With --json: every answer too");
  return [arguments, &session] { return RunEval(*arguments, session); };
}

}  // namespace loco
