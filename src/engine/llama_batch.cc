#include "engine/llama_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "engine/answer_tracker.h"
#include "engine/llama_handles.h"
#include "engine/sampling.h"

namespace loco {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// One of the parallel places of continuous batching.
struct Slot {
  size_t request = 0;
  size_t prompt_done = 0;  // prompt tokens processed or in the present batch
  Generation generation;
  AnswerTracker tracker;
  Random random;
  SteadyClock::time_point begin;
  int logits_index = -1;  // where in the present batch this slot's logits are; -1: none asked for
};

// Computing a short prefix alone costs more than it saves.
constexpr size_t kLeastPrefix = 32;

// How many tokens all prompts begin with; each keeps at least one of its own. 0 where sharing is not worth it, or where
// this model's memory cannot go back to them afterwards (sliding windows, recurrent state).
template <typename Request>
size_t SharedPrefix(const llama_context* context, std::span<const Request> requests, int context_per_sequence) {
  const llama_model* model = llama_get_model(context);
  if (llama_model_n_swa(model) > 0 || llama_model_is_recurrent(model) || llama_model_is_hybrid(model)) return 0;
  if (requests.size() < 2) return 0;
  const std::vector<Token>& first = requests[0].prompt;
  size_t shared = first.size();
  for (const Request& request : requests) {
    shared = std::min(shared, request.prompt.size() - 1);
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(shared);
    shared = static_cast<size_t>(std::mismatch(first.begin(), end, request.prompt.begin()).first - first.begin());
  }
  return shared >= kLeastPrefix && shared + 1 < static_cast<size_t>(context_per_sequence) ? shared : 0;
}

// Computes tokens from position 0 on, for all of these sequences at once.
void ComputePrefix(llama_context* context, std::span<const Token> tokens, std::span<const int> sequences,
                   Batch& batch) {
  size_t done = 0;
  while (done < tokens.size()) {
    batch.Clear();
    while (done < tokens.size() && batch.size() < batch.capacity()) {
      batch.Add(tokens[done], static_cast<int>(done), sequences, done + 1 == tokens.size());
      ++done;
    }
    Decode(context, batch);
  }
}

size_t LongestChoice(const ChoiceRequest& request) {
  size_t longest = 0;
  for (const auto& choice : request.choices) longest = std::max(longest, choice.size());
  return longest;
}

size_t TokensOf(const ChoiceRequest& request) {
  size_t total = request.prompt.size();
  // The last token of a choice is predicted, never fed.
  for (const auto& choice : request.choices) total += choice.size() - 1;
  return total;
}

}  // namespace

// Sum of log softmax(logits)[token]: the maximum is taken out first, so that exp cannot overflow.
Batch::Batch(int capacity, int sequences_per_token)
    : batch_(llama_batch_init(capacity, 0, sequences_per_token)), capacity_(capacity) {}

Batch::~Batch() { llama_batch_free(batch_); }

int Batch::Add(Token token, int position, int sequence, bool output) {
  return Add(token, position, std::span<const int>(&sequence, 1), output);
}

int Batch::Add(Token token, int position, std::span<const int> sequences, bool output) {
  LOCO_CHECK(batch_.n_tokens < capacity_);
  const int index = batch_.n_tokens++;
  batch_.token[index] = token;
  batch_.pos[index] = position;
  batch_.n_seq_id[index] = static_cast<int32_t>(sequences.size());
  std::copy(sequences.begin(), sequences.end(), batch_.seq_id[index]);
  batch_.logits[index] = output ? 1 : 0;
  return index;
}

void Decode(llama_context* context, const Batch& batch) {
  ClearEngineLog();
  const int32_t code = llama_decode(context, batch.get());
  if (code == 0) return;
  if (code == 1) {
    throw Error("the context is full", "use a larger --context or a smaller --parallel");
  }
  throw Error(fmt::format("the engine failed to decode (code {}): {}", code, EngineErrors()),
              "run the command again; if it persists, report it");
}

void GenerateBatched(llama_context* context, const LanguageModel& model, std::span<const GenerateRequest> requests,
                     int context_per_sequence, int parallel, const LanguageModel::GenerationDone& done) {
  const int vocabulary_size = model.info().vocabulary_size;
  llama_memory_t memory = llama_get_memory(context);
  Batch batch(static_cast<int>(llama_n_batch(context)), 1);
  std::vector<std::optional<Slot>> slots(static_cast<size_t>(parallel));
  size_t next = 0;
  size_t finished = 0;
  const size_t prefix = SharedPrefix(context, requests, context_per_sequence);
  if (prefix > 0) {
    const int first = 0;
    ComputePrefix(context, std::span(requests[0].prompt).first(prefix), std::span(&first, 1), batch);
    // Each slot has a memory of its own, and a copy of it there.
    for (int s = 1; s < parallel; ++s) llama_memory_seq_cp(memory, first, s, -1, -1);
  }

  const auto finish = [&](size_t request, const Generation& generation) {
    ++finished;
    done(request, generation);
  };
  const auto fill = [&](std::optional<Slot>& slot) {
    while (!slot && next < requests.size()) {
      const size_t request = next++;
      const int prompt_size = static_cast<int>(requests[request].prompt.size());
      LOCO_CHECK(prompt_size > 0);
      if (prompt_size >= context_per_sequence) {
        Generation generation;
        generation.stop = StopReason::kPromptTooLong;
        finish(request, generation);
        continue;
      }
      slot.emplace(Slot{.request = request,
                        .prompt_done = prefix,
                        .generation = {},
                        .tracker = AnswerTracker(requests[request], model),
                        .random = Random(requests[request].sampling.seed),
                        .begin = SteadyClock::now()});
      slot->generation.smallest_gap = std::numeric_limits<float>::infinity();
    }
  };

  while (finished < requests.size()) {
    ThrowIfInterrupted();
    batch.Clear();
    for (auto& slot : slots) fill(slot);
    // Tokens being generated first: one each, so that nobody waits for another's long prompt.
    for (size_t s = 0; s < slots.size(); ++s) {
      if (!slots[s]) continue;
      Slot& slot = *slots[s];
      slot.logits_index = -1;
      if (slot.generation.tokens.empty()) continue;
      const int position = static_cast<int>(slot.prompt_done + slot.generation.tokens.size()) - 1;
      slot.logits_index = batch.Add(slot.generation.tokens.back(), position, static_cast<int>(s), true);
    }
    for (size_t s = 0; s < slots.size(); ++s) {
      if (!slots[s] || !slots[s]->generation.tokens.empty()) continue;
      Slot& slot = *slots[s];
      const std::vector<Token>& prompt = requests[slot.request].prompt;
      while (slot.prompt_done < prompt.size() && batch.size() < batch.capacity()) {
        const bool last = slot.prompt_done + 1 == prompt.size();
        const int index =
            batch.Add(prompt[slot.prompt_done], static_cast<int>(slot.prompt_done), static_cast<int>(s), last);
        if (last) slot.logits_index = index;
        ++slot.prompt_done;
      }
    }
    if (batch.size() == 0) continue;  // every remaining request was too long
    Decode(context, batch);

    for (size_t s = 0; s < slots.size(); ++s) {
      if (!slots[s] || slots[s]->logits_index < 0) continue;
      Slot& slot = *slots[s];
      const GenerateRequest& request = requests[slot.request];
      Generation& generation = slot.generation;
      const std::optional<Token> forced = slot.tracker.Forced();
      Token token = forced.value_or(0);
      if (!forced) {
        const float* logits = llama_get_logits_ith(context, slot.logits_index);
        const Best best = BestToken(logits, vocabulary_size);
        generation.smallest_gap = std::min(generation.smallest_gap, best.gap);
        token = request.sampling.temperature > 0 ? SampleToken(logits, vocabulary_size, request.sampling, slot.random)
                                                 : best.token;
      }
      bool ended = true;
      if (!forced && model.IsEndOfGeneration(token)) {
        generation.stop = StopReason::kEndOfTurn;
      } else {
        generation.tokens.push_back(token);
        slot.tracker.Take(token);
        const int length = static_cast<int>(request.prompt.size() + generation.tokens.size());
        if (slot.tracker.stopped()) {
          generation.stop = StopReason::kEndOfTurn;
        } else if (slot.tracker.answer_tokens() >= request.max_tokens) {
          generation.stop = StopReason::kTokenLimit;
        } else if (length >= context_per_sequence) {
          generation.stop = StopReason::kContextFull;
        } else {
          ended = false;
        }
      }
      if (!ended) continue;
      generation.seconds = SecondsSince(slot.begin);
      slot.tracker.Split(generation);
      llama_memory_seq_rm(memory, static_cast<llama_seq_id>(s), static_cast<llama_pos>(prefix), -1);
      const size_t index = slot.request;
      const Generation result = std::move(generation);
      slots[s].reset();
      finish(index, result);
    }
  }
}

void ScoreChoicesBatched(llama_context* context, int vocabulary_size, std::span<const ChoiceRequest> requests,
                         const ChoiceLimits& limits, const LanguageModel::ChoicesDone& done) {
  // Where the logits that predict one token are, and whose sum they enter.
  struct Prediction {
    int logits_index;
    Token token;
    size_t request;
    size_t choice;
  };
  llama_memory_t memory = llama_get_memory(context);
  Batch batch(limits.batch_tokens, kChoiceSequences);
  const size_t prefix = SharedPrefix(context, requests, limits.context);
  if (prefix > 0) {
    std::vector<int> all(kChoiceSequences);
    std::iota(all.begin(), all.end(), 0);
    ComputePrefix(context, std::span(requests[0].prompt).first(prefix), all, batch);
  }
  // Of the memory, which holds what one batch may.
  const int room_for_batch = batch.capacity() - static_cast<int>(prefix);
  size_t next = 0;
  while (next < requests.size()) {
    ThrowIfInterrupted();
    const SteadyClock::time_point begin = SteadyClock::now();
    batch.Clear();
    std::vector<Prediction> predictions;
    std::vector<size_t> in_batch;
    int sequences = 0;
    for (; next < requests.size(); ++next) {
      const ChoiceRequest& request = requests[next];
      LOCO_CHECK(!request.prompt.empty() && !request.choices.empty());
      const int choices = static_cast<int>(request.choices.size());
      const bool fits = request.prompt.size() + LongestChoice(request) <= static_cast<size_t>(limits.context) &&
                        TokensOf(request) <= static_cast<size_t>(limits.batch_tokens) && choices <= kChoiceSequences;
      if (!fits) {
        done(next, ChoiceScores{.log_likelihood = {}, .too_long = true, .seconds = 0});
        continue;
      }
      const bool room = batch.size() + static_cast<int>(TokensOf(request) - prefix) <= room_for_batch &&
                        sequences + choices <= kChoiceSequences;
      if (!room) break;
      std::vector<int> shared;
      for (int c = 0; c < choices; ++c) shared.push_back(sequences + c);
      int last = 0;
      for (size_t i = prefix; i < request.prompt.size(); ++i) {
        last = batch.Add(request.prompt[i], static_cast<int>(i), shared, i + 1 == request.prompt.size());
      }
      for (int c = 0; c < choices; ++c) {
        const std::vector<Token>& choice = request.choices[static_cast<size_t>(c)];
        LOCO_CHECK(!choice.empty());
        int predictor = last;
        for (size_t i = 0; i < choice.size(); ++i) {
          predictions.push_back({predictor, choice[i], next, static_cast<size_t>(c)});
          if (i + 1 == choice.size()) break;
          predictor = batch.Add(choice[i], static_cast<int>(request.prompt.size() + i), sequences + c, true);
        }
      }
      sequences += choices;
      in_batch.push_back(next);
    }
    if (in_batch.empty()) continue;
    Decode(context, batch);

    const size_t first = in_batch.front();
    std::vector<ChoiceScores> scores(in_batch.back() - first + 1);
    for (const size_t request : in_batch)
      scores[request - first].log_likelihood.assign(requests[request].choices.size(), 0.0);
    for (const Prediction& prediction : predictions) {
      const float* logits = llama_get_logits_ith(context, prediction.logits_index);
      scores[prediction.request - first].log_likelihood[prediction.choice] +=
          LogProbability({logits, static_cast<size_t>(vocabulary_size)}, prediction.token);
    }
    for (int s = 0; s < sequences; ++s) {
      llama_memory_seq_rm(memory, static_cast<llama_seq_id>(s), static_cast<llama_pos>(prefix), -1);
    }
    const double seconds = SecondsSince(begin) / static_cast<double>(in_batch.size());
    for (const size_t request : in_batch) {
      scores[request - first].seconds = seconds;
      done(request, scores[request - first]);
    }
  }
}

}  // namespace loco
