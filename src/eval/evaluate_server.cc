#include "eval/evaluate_server.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "eval/run_writer.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

Finish FinishOfChat(const ChatAnswer& answer) {
  switch (answer.finish) {
    case ChatFinish::kStop:
      return Finish::kStop;
    case ChatFinish::kLength:
      return Finish::kLength;
    case ChatFinish::kRefused:
      return Finish::kRefused;
    case ChatFinish::kTooLong:
      return Finish::kTooLong;
    case ChatFinish::kError:
      return answer.error.kind == ChatErrorKind::kTimeout ? Finish::kTimeout : Finish::kError;
  }
  LOCO_CHECK(false);
}

std::string DetailOf(const ChatAnswer& answer) {
  Json detail = {{"attempts", answer.attempts}, {"context_full", answer.context_full}};
  if (answer.first_token_seconds) detail["first_token_seconds"] = *answer.first_token_seconds;
  if (!answer.note.empty()) detail["note"] = answer.note;
  if (answer.error.kind != ChatErrorKind::kNone) {
    detail["error"] = {
        {"kind", NameOf(answer.error.kind)}, {"what", answer.error.what}, {"status", answer.error.status}};
  }
  return detail.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The server counts thinking among an answer's tokens.
int LimitOf(const ServerOptions& options, const Task& task) {
  const int answer = options.sampler.max_tokens.value_or(task.max_tokens);
  if (options.thinking != Thinking::kOn) return answer;
  return answer + options.sampler.thinking_tokens.value_or(task.thinking_tokens);
}

std::string HashOfMessages(const std::vector<Message>& messages) {
  std::vector<std::string_view> parts;
  for (const Message& message : messages) {
    parts.emplace_back(message.role);
    parts.emplace_back(message.content);
  }
  return HashOfParts(parts);
}

}  // namespace

ServerModel RegisterServerModel(Store& store, ChatBackend& backend) {
  ServerModel model{.identity = backend.Identity(), .row = {}};
  const BackendIdentity& identity = model.identity;
  model.row = {
      .hash = identity.Key(),
      .name = fmt::format("{} ({})", identity.model, identity.server.empty() ? identity.kind : identity.server),
      .architecture = "unknown",
      .quantization = identity.quantization.empty() ? "unknown" : identity.quantization,
      .facts = Json{{"url", identity.url},
                    {"server", identity.server},
                    {"digest", identity.digest},
                    {"parameters", identity.parameters}}
                   .dump(-1, ' ', false, Json::error_handler_t::replace)};
  model.row.id = store.AddModel(model.row);
  return model;
}

EvaluationResult EvaluateOnServer(Store& store, ChatBackend& backend, const ServerModel& model, const Task& task,
                                  const ServerOptions& options, Progress& progress, const Clock& clock) {
  if (FindScorer(task.scorer).uses_choices) {
    throw Error(fmt::format("the task '{}' asks how likely given choices are, which servers do not tell", task.name),
                "give the model's file to the embedded engine instead");
  }
  if (task.raw) {
    throw Error(fmt::format("the task '{}' sends raw text, and a chat server wraps it in its template", task.name),
                "give the model's file to the embedded engine instead");
  }
  RequireContext(model.identity, options.context);
  const std::string sampler = SamplerText(options.sampler, options.thinking, task);
  const std::string template_hash =
      model.identity.template_hash.empty() ? "the server's" : model.identity.template_hash;
  const std::string engine = model.identity.server.empty() ? model.identity.kind : model.identity.server;
  const std::string key = RunKey({.model_hash = model.row.hash,
                                  .task_hash = task.hash,
                                  .template_hash = template_hash,
                                  .context = options.context,
                                  .sampler = sampler,
                                  .engine = engine});
  const int samples = options.sampler.samples;
  const auto items = static_cast<int64_t>(task.items.size());
  EvaluationResult result;
  result.run = store.AddRun(
      {.key = key,
       .model_id = model.row.id,
       .task_id = store.AddTask({.hash = task.hash, .name = task.name, .scorer = task.scorer, .items = items}),
       .engine = engine,
       .template_hash = template_hash,
       .sampler = sampler,
       .settings = Json{{"context", options.context}, {"style", "server"}, {"url", model.identity.url}}.dump(
           -1, ' ', false, Json::error_handler_t::replace),
       .items = items * samples});
  progress.Begin(task.name, items * samples, store.CountAnswers(result.run));
  const auto lock = store.LockWork(key, [&] { progress.Update(0, "another loco works on this run; waiting"); });
  RunWriter writer(store, task, result.run, progress, clock);
  result.stored = writer.stored();
  const double started = clock.Seconds();

  std::vector<ChatRequest> requests;
  std::vector<std::pair<const Item*, int64_t>> asked;
  for (const Item& item : task.items) {
    for (int sample = 0; sample < samples; ++sample) {
      if (writer.IsAnswered({item.id, sample})) continue;
      ChatRequest request{.messages = BuildMessages(task, item),
                          .max_tokens = LimitOf(options, task),
                          .context = options.context,
                          .seed = static_cast<int64_t>(options.sampler.seed) + sample,
                          .temperature = options.sampler.temperature,
                          .stop = task.stop};
      if (options.thinking != Thinking::kTemplate) request.thinking = options.thinking == Thinking::kOn;
      requests.push_back(std::move(request));
      asked.emplace_back(&item, sample);
    }
  }
  AskAll(backend, requests, options.ask, [&](size_t i, const ChatAnswer& answer) {
    AnswerRow row{.sample = asked[i].second,
                  .prompt_hash = HashOfMessages(requests[i].messages),
                  .prompt_tokens = answer.prompt_tokens.value_or(0),
                  .generated_tokens = answer.generated_tokens.value_or(0),
                  .seconds = answer.seconds,
                  .detail = DetailOf(answer)};
    writer.Write(*asked[i].first, row,
                 {.text = answer.text, .thinking = answer.thinking, .finish = FinishOfChat(answer)});
  });
  MarkStoredAnswers(store, task, result.run);
  progress.End();
  result.generated = writer.written();
  result.seconds = clock.Seconds() - started;
  return result;
}

}  // namespace loco
