#include "eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "engine/llama_model.h"
#include "eval/run_writer.h"
#include "stats/pass_at_k.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// An item with the prompt that asks it, and which of its samples is asked for.
struct PendingItem {
  const Item* item;
  Prompt prompt;
  int64_t sample = 0;

  AnswerPlace place() const { return {item->id, sample}; }
};

// What is known of an answer before it is given.
AnswerRow RowOf(const PendingItem& pending) {
  return {.sample = pending.sample,
          .prompt_hash = pending.prompt.hash,
          .prompt_tokens = static_cast<int64_t>(pending.prompt.tokens.size())};
}

Finish FinishOf(StopReason stop) {
  switch (stop) {
    case StopReason::kEndOfTurn:
      return Finish::kStop;
    case StopReason::kTokenLimit:
    case StopReason::kContextFull:
      return Finish::kLength;
    case StopReason::kPromptTooLong:
      return Finish::kTooLong;
  }
  LOCO_CHECK(false);
}

// A seed for each answer: of the run's seed, the item and the sample, so that no other answer moves it.
uint64_t SeedOf(uint64_t seed, const PendingItem& pending) {
  const std::string hash =
      HashOfParts({"seed", std::to_string(seed), pending.item->id, std::to_string(pending.sample)});
  return std::stoull(hash.substr(0, 16), nullptr, 16);
}

void GenerateAnswers(LanguageModel& model, const PromptRenderer& renderer, const std::vector<PendingItem>& pending,
                     const Task& task, const SamplerOptions& sampler, const BatchOptions& batch, RunWriter& writer) {
  std::vector<GenerateRequest> requests;
  for (const PendingItem& item : pending) {
    requests.push_back(
        {.prompt = item.prompt.tokens,
         .max_tokens = sampler.max_tokens.value_or(task.max_tokens),
         .stop = task.stop,
         .thinking = renderer.ThinkingOf(item.prompt, sampler.thinking_tokens.value_or(task.thinking_tokens)),
         .sampling = {sampler.temperature, sampler.top_p, SeedOf(sampler.seed, item)}});
  }
  model.Generate(requests, batch, [&](size_t i, const Generation& generation) {
    AnswerRow answer = RowOf(pending[i]);
    answer.thinking_tokens = generation.thinking_tokens;
    answer.generated_tokens = static_cast<int64_t>(generation.tokens.size());
    answer.seconds = generation.seconds;
    if (generation.stop != StopReason::kPromptTooLong) {
      answer.detail = Json{{"smallest_gap", generation.smallest_gap},
                           {"context_full", generation.stop == StopReason::kContextFull},
                           {"thinking_cut", generation.thinking_cut}}
                          .dump();
    }
    writer.Write(*pending[i].item, answer,
                 {.text = generation.text, .thinking = generation.thinking, .finish = FinishOf(generation.stop)});
  });
}

void ScoreAnswers(LanguageModel& model, const PromptRenderer& renderer, const std::vector<PendingItem>& pending,
                  const BatchOptions& batch, RunWriter& writer) {
  std::vector<ChoiceRequest> requests;
  for (const PendingItem& item : pending) {
    ChoiceRequest request{.prompt = item.prompt.tokens};
    for (const std::string& choice : item.item->choices) request.choices.push_back(renderer.Continuation(choice));
    requests.push_back(std::move(request));
  }
  model.ScoreChoices(requests, batch, [&](size_t i, const ChoiceScores& scores) {
    Response response{.text = "",
                      .finish = scores.too_long ? Finish::kTooLong : Finish::kChoice,
                      .log_likelihood = scores.log_likelihood};
    for (const auto& choice : requests[i].choices) response.choice_tokens.push_back(static_cast<int>(choice.size()));
    AnswerRow answer = RowOf(pending[i]);
    answer.seconds = scores.seconds;
    if (!scores.too_long) {
      const auto best = std::max_element(scores.log_likelihood.begin(), scores.log_likelihood.end());
      response.text = pending[i].item->choices[static_cast<size_t>(best - scores.log_likelihood.begin())];
      answer.detail = Json{{"log_likelihood", scores.log_likelihood}, {"choice_tokens", response.choice_tokens}}.dump();
    }
    writer.Write(*pending[i].item, answer, response);
  });
}

// The items of every group in which an answer is missing. A group that was begun is computed again as a whole, so that
// each of its answers is the one that an uninterrupted run gives; only the missing ones are written.
std::vector<PendingItem> UnfinishedGroups(const std::vector<PendingItem>& items, int size, const RunWriter& writer) {
  std::vector<PendingItem> pending;
  for (size_t first = 0; first < items.size(); first += static_cast<size_t>(size)) {
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), first + static_cast<size_t>(size)));
    const bool whole =
        std::all_of(begin, end, [&](const PendingItem& item) { return writer.IsAnswered(item.place()); });
    if (!whole) pending.insert(pending.end(), begin, end);
  }
  return pending;
}

// How many sequences the run was begun with, for the same reason; fewer when the memory no longer holds them.
int ParallelOf(const Store& store, RowId run, int parallel) {
  const auto row = store.FindRun(run);
  LOCO_CHECK(row.has_value());
  return std::min(parallel, Json::parse(row->settings).value("parallel", parallel));
}

}  // namespace

int EffectiveContext(int asked, int trained) { return asked > 0 ? asked : std::min(trained, 4096); }

std::string RunKey(const RunIdentity& identity) {
  const std::string base = HashOfParts({"run/2", identity.model_hash, identity.task_hash, identity.template_hash,
                                        identity.engine.empty() ? EngineIdentity() : identity.engine,
                                        std::to_string(identity.context), identity.sampler});
  return identity.adapter_hash.empty() ? base : HashOfParts({"run+adapter/1", base, identity.adapter_hash});
}

std::string SamplerText(const SamplerOptions& options, Thinking thinking, const Task& task) {
  static constexpr const char* kThinking[] = {"template", "on", "off"};
  std::string text = "greedy";
  if (options.temperature > 0) {
    text = fmt::format("temperature={} top_p={} samples={} seed={}", options.temperature, options.top_p,
                       options.samples, options.seed);
  }
  text += fmt::format(" max_tokens={} thinking={}/{}", options.max_tokens.value_or(task.max_tokens),
                      kThinking[static_cast<int>(thinking)], options.thinking_tokens.value_or(task.thinking_tokens));
  return options.deterministic ? text + " deterministic" : text;
}

EvaluationResult Evaluate(Store& store, LanguageModel& model, const ModelRow& model_row, const Task& task,
                          const EvaluationOptions& options, Progress& progress, const Clock& clock) {
  const PromptRenderer renderer(model, task.raw ? PromptStyle::kRaw : options.style, options.thinking);
  const SamplerOptions& sampler = options.sampler;
  LOCO_CHECK(sampler.samples == 1 || sampler.temperature > 0);
  const bool uses_choices = FindScorer(task.scorer).uses_choices;
  const int samples = uses_choices ? 1 : sampler.samples;
  const std::string sampler_text = SamplerText(sampler, options.thinking, task);
  const int context = EffectiveContext(options.context, model.info().trained_context);
  const std::string key =
      RunKey({model_row.hash, task.hash, renderer.style_hash(), context, sampler_text, options.adapter_hash});
  const int64_t items_in_task = static_cast<int64_t>(task.items.size());
  const int64_t total = items_in_task * samples;

  EvaluationResult result;
  result.run = store.AddRun(
      {.key = key,
       .model_id = model_row.id,
       .task_id = store.AddTask({.hash = task.hash, .name = task.name, .scorer = task.scorer, .items = items_in_task}),
       .engine = EngineIdentity(),
       .template_hash = renderer.style_hash(),
       .sampler = sampler_text,
       .settings = Json{{"context", context},
                        {"style", renderer.chat_template() == nullptr ? "raw" : "chat"},
                        {"parallel", options.parallel}}
                       .dump(),
       .items = total,
       .adapter_id = options.adapter});

  progress.Begin(task.name, total, store.CountAnswers(result.run));
  const auto lock = store.LockWork(key, [&] { progress.Update(0, "another loco works on this run; waiting"); });
  RunWriter writer(store, task, result.run, progress, clock);
  result.stored = writer.stored();
  const double started = clock.Seconds();
  if (result.stored < total) {
    std::vector<PendingItem> items;
    for (const Item& item : task.items) {
      const Prompt prompt = renderer.Render(BuildMessages(task, item));
      for (int sample = 0; sample < samples; ++sample) items.push_back({&item, prompt, sample});
    }
    // The engine cannot begin with nothing (an empty question sent as it is): an outcome of that item.
    const auto empty = std::stable_partition(items.begin(), items.end(),
                                             [](const PendingItem& item) { return !item.prompt.tokens.empty(); });
    for (auto item = empty; item != items.end(); ++item) {
      AnswerRow answer = RowOf(*item);
      answer.detail = Json{{"reason", "the prompt is empty"}}.dump();
      writer.Write(*item->item, answer, {.finish = Finish::kError});
    }
    items.erase(empty, items.end());
    BatchOptions batch{.context = context, .parallel = ParallelOf(store, result.run, options.parallel)};
    if (sampler.deterministic) batch.parallel = batch.group = 1;
    const std::vector<PendingItem> pending = UnfinishedGroups(items, batch.group, writer);
    if (uses_choices) {
      ScoreAnswers(model, renderer, pending, batch, writer);
    } else {
      GenerateAnswers(model, renderer, pending, task, sampler, batch, writer);
    }
  }
  MarkStoredAnswers(store, task, result.run);
  progress.End();
  result.generated = writer.written();
  result.seconds = clock.Seconds() - started;
  return result;
}

int64_t RunScore::Count(Outcome outcome) const {
  const auto found = outcomes.find(outcome);
  return found == outcomes.end() ? 0 : found->second;
}

namespace {

Estimate ShareOverItems(const std::map<std::string, ProblemSamples>& items, int64_t answered) {
  if (answered == 0) return {.interval = {0, 1}};
  std::vector<ProblemSamples> problems;
  int64_t right = 0;
  for (const auto& [id, samples] : items) {
    problems.push_back(samples);
    right += samples.passed;
  }
  if (static_cast<size_t>(answered) > problems.size()) return *PassAtKOver(problems, 1);
  return {.value = static_cast<double>(right) / static_cast<double>(answered),
          .interval = WilsonInterval(right, answered),
          .n = answered};
}

}  // namespace

RunScore ScoreOf(const Store& store, RowId run) {
  const auto row = store.FindRun(run);
  if (!row) throw Error(fmt::format("there is no run-{}", run), "'loco runs' lists the runs of the store");
  const auto task = store.FindTask(row->task_id);
  LOCO_CHECK(task.has_value());
  RunScore score;
  score.items = row->items;
  std::map<std::string, ProblemSamples> items;
  for (const MarkedAnswer& answer : store.Answers(run, ScorerId(FindScorer(task->scorer)))) {
    ++score.answered;
    ++score.outcomes[answer.mark.outcome];
    ProblemSamples& samples = items[answer.answer.item];
    ++samples.samples;
    samples.passed += answer.mark.outcome == Outcome::kRight ? 1 : 0;
    if (!score.ids.empty() && score.ids.back() == answer.answer.item) continue;
    score.ids.push_back(answer.answer.item);
    score.right.push_back(answer.mark.outcome == Outcome::kRight ? 1 : 0);
  }
  score.share = ShareOverItems(items, score.answered);
  return score;
}

}  // namespace loco
