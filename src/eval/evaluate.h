// One model answering one task: the run that base scores rest on.
//
//   EvaluationResult result = Evaluate(store, *model, model_row, task, {.parallel = 8}, progress, clock);
//   // result.run is complete: every item has an answer and a mark in the store
//
// Greedy decoding (or several samples an item) through the model's own chat template, all sequences batched. Items are
// committed one by one, so a killed run goes on where it stopped, and ends with the same rows as one that was not:
// items that share batches are computed in fixed groups (BatchOptions::group), and a group that was begun is computed
// again for the answers that it lacks. An answer that is stored stays. The identity of a run is model content, adapter,
// task content, template, prompt style, engine, context and sampler; anything else that changes the answer is part of
// those. Marks are separate: a new version of a scorer marks stored answers again without generating.
//
// It does not judge models: compare.h does statistics, decide/ decides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "engine/language_model.h"
#include "stats/interval.h"
#include "store/store.h"
#include "task/task.h"
#include "template/prompt.h"

namespace loco {

// How answers are generated: the limits that are not the task's own, and chance.
struct SamplerOptions {
  std::optional<int> max_tokens = {};       // of an answer; empty: the task's
  std::optional<int> thinking_tokens = {};  // of thinking before it; empty: the task's
  double temperature = 0;                   // 0: greedy
  double top_p = 1;
  int samples = 1;  // answers to each item; more than one needs a temperature
  uint64_t seed = 1;
  // Each item alone in its batch, so that no answer depends on what else is asked, nor on `parallel`.
  bool deterministic = false;
};

struct EvaluationOptions {
  PromptStyle style = PromptStyle::kChat;
  Thinking thinking = Thinking::kTemplate;
  SamplerOptions sampler;
  int context = 0;   // tokens for prompt and answer; 0: the trained context, at most 4,096
  int parallel = 8;  // sequences decoded together; not part of the run's identity
  // The adapter that `model` was loaded with; empty and 0: none.
  std::string adapter_hash;
  RowId adapter = 0;
};

struct EvaluationResult {
  RowId run = 0;
  int64_t generated = 0;  // items answered now
  int64_t stored = 0;     // items that had an answer before
  double seconds = 0;     // spent on generating now
};

// Throws Error when the model has no usable template, Interrupted when the user stopped it (what is done is stored).
EvaluationResult Evaluate(Store& store, LanguageModel& model, const ModelRow& model_row, const Task& task,
                          const EvaluationOptions& options, Progress& progress, const Clock& clock);

// The run's identity, without doing it; for finding a stored run when the model is not loaded.
struct RunIdentity {
  std::string model_hash;
  std::string task_hash;
  std::string template_hash;
  int context = 0;
  std::string sampler;
  std::string adapter_hash;  // empty: the base alone
  std::string engine;        // empty: the embedded one
};
// "greedy max_tokens=24 thinking=template/1024".
std::string SamplerText(const SamplerOptions& options, Thinking thinking, const Task& task);
std::string RunKey(const RunIdentity& identity);

// The context a run uses: what was asked for, or the trained context but at most 4,096 tokens.
int EffectiveContext(int asked, int trained);

// Counts of a complete or partial run.
struct RunScore {
  int64_t items = 0;  // answers that a complete run has: of the task's items, each as often as it is sampled
  int64_t answered = 0;
  std::map<Outcome, int64_t> outcomes;
  std::vector<std::string> ids;  // of the answered items, in order; of several samples the first
  std::vector<int> right;        // 0 or 1, parallel to `ids`
  // Of right answers, with a 95 % interval: Wilson's, or over items where they are sampled several times, since
  // answers to one question are no questions. 0 and [0, 1] when nothing is answered.
  Estimate share;

  int64_t Count(Outcome outcome) const;
  int64_t Right() const { return Count(Outcome::kRight); }
};
RunScore ScoreOf(const Store& store, RowId run);

}  // namespace loco
