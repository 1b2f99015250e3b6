#include "engine/llama_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "engine/llama_handles.h"

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
  SteadyClock::time_point begin;
  int logits_index = -1;  // where in the present batch this slot's logits are; -1: none asked for
};

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
double LogProbability(const float* logits, int vocabulary_size, Token token) {
  const float highest = *std::max_element(logits, logits + vocabulary_size);
  double sum = 0;
  for (int i = 0; i < vocabulary_size; ++i) sum += std::exp(static_cast<double>(logits[i] - highest));
  return static_cast<double>(logits[token] - highest) - std::log(sum);
}

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

Best BestToken(const float* logits, int vocabulary_size) {
  Best best;
  float highest = -std::numeric_limits<float>::infinity();
  float second = highest;
  for (int i = 0; i < vocabulary_size; ++i) {
    if (logits[i] > highest) {
      second = highest;
      highest = logits[i];
      best.token = i;
    } else if (logits[i] > second) {
      second = logits[i];
    }
  }
  best.gap = highest - second;
  return best;
}

void GenerateBatched(llama_context* context, const LanguageModel& model, std::span<const GenerateRequest> requests,
                     int context_per_sequence, int parallel, const LanguageModel::GenerationDone& done) {
  const int vocabulary_size = model.info().vocabulary_size;
  llama_memory_t memory = llama_get_memory(context);
  Batch batch(static_cast<int>(llama_n_batch(context)), 1);
  std::vector<std::optional<Slot>> slots(static_cast<size_t>(parallel));
  size_t next = 0;
  size_t finished = 0;

  const auto finish = [&](size_t request, Generation& generation) {
    generation.text = model.Detokenize(generation.tokens, false);
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
      slot = Slot{.request = request, .begin = SteadyClock::now()};
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
      const Best best = BestToken(llama_get_logits_ith(context, slot.logits_index), vocabulary_size);
      Generation& generation = slot.generation;
      generation.smallest_gap = std::min(generation.smallest_gap, best.gap);
      bool ended = true;
      if (model.IsEndOfGeneration(best.token)) {
        generation.stop = StopReason::kEndOfTurn;
      } else {
        generation.tokens.push_back(best.token);
        const int length = static_cast<int>(request.prompt.size() + generation.tokens.size());
        if (static_cast<int>(generation.tokens.size()) >= request.max_tokens) {
          generation.stop = StopReason::kTokenLimit;
        } else if (length >= context_per_sequence) {
          generation.stop = StopReason::kContextFull;
        } else {
          ended = false;
        }
      }
      if (!ended) continue;
      generation.seconds = SecondsSince(slot.begin);
      llama_memory_seq_rm(memory, static_cast<llama_seq_id>(s), -1, -1);
      const size_t index = slot.request;
      Generation result = std::move(generation);
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
      const bool room = batch.size() + static_cast<int>(TokensOf(request)) <= batch.capacity() &&
                        sequences + choices <= kChoiceSequences;
      if (!room) break;
      std::vector<int> shared;
      for (int c = 0; c < choices; ++c) shared.push_back(sequences + c);
      int last = 0;
      for (size_t i = 0; i < request.prompt.size(); ++i) {
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
          LogProbability(logits, vocabulary_size, prediction.token);
    }
    llama_memory_clear(memory, false);
    const double seconds = SecondsSince(begin) / static_cast<double>(in_batch.size());
    for (const size_t request : in_batch) {
      scores[request - first].seconds = seconds;
      done(request, scores[request - first]);
    }
  }
}

}  // namespace loco
