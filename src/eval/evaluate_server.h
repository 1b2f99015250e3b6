// A run whose answers come from somebody else's server (Ollama, llama-server, vLLM) in place of the engine.
//
//   OllamaBackend backend("localhost:11434", "qwen3:4b");
//   const ServerModel model = RegisterServerModel(store, backend);
//   EvaluateOnServer(store, backend, model, task, {.context = 4096, .ask = {.parallel = 4}}, progress, clock);
//
// Answers are committed one by one: a killed run asks only what is missing. A run belongs to the server's model (by its
// digest where the server tells one, else by address and name), its template as far as told, and to task, limits and
// context. What the server lost of a prompt is an error of that item, never an answer.
//
// It deliberately refuses multiple choice: servers do not tell how likely a given text is.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/progress.h"
#include "eval/ask_all.h"
#include "eval/chat_backend.h"
#include "eval/evaluate.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

struct ServerModel {
  BackendIdentity identity;
  ModelRow row;
};

// Asks the server who it is and adds a row for its model. Throws Error when there is no server or no such model.
ServerModel RegisterServerModel(Store& store, ChatBackend& backend);

struct ServerOptions {
  Thinking thinking = Thinking::kTemplate;
  SamplerOptions sampler;
  int context = 4096;  // tokens for prompt and answer
  AskAllOptions ask;
};

// Throws Error when the server dies, or cannot hold the context; what was answered is stored.
EvaluationResult EvaluateOnServer(Store& store, ChatBackend& backend, const ServerModel& model, const Task& task,
                                  const ServerOptions& options, Progress& progress, const Clock& clock);

}  // namespace loco
