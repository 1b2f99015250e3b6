// Batches for llama_decode and the two batched loops; private to this module.
#pragma once

#include <llama.h>

#include <span>

#include "engine/language_model.h"

namespace loco {

// A llama_batch that owns its arrays.
class Batch {
 public:
  Batch(int capacity, int sequences_per_token);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void Clear() { batch_.n_tokens = 0; }
  // Adds a token at a position of one or of several sequences (which then share it). `output`: its logits are needed.
  // Returns its index in the batch.
  int Add(Token token, int position, int sequence, bool output);
  int Add(Token token, int position, std::span<const int> sequences, bool output);
  int size() const { return batch_.n_tokens; }
  int capacity() const { return capacity_; }
  llama_batch get() const { return batch_; }

 private:
  llama_batch batch_;
  int capacity_;
};

// llama_decode, with its result codes turned into Errors.
void Decode(llama_context* context, const Batch& batch);

// Continuous batching: `parallel` slots, each holding one request at a time; a finished slot takes the next. What all
// prompts begin with is computed once.
void GenerateBatched(llama_context* context, const LanguageModel& model, std::span<const GenerateRequest> requests,
                     int context_per_sequence, int parallel, const LanguageModel::GenerationDone& done);

inline constexpr int kChoiceSequences = 64;     // sequences in one choice batch
inline constexpr int kChoiceBatchTokens = 512;  // tokens in one choice batch, when the context allows

struct ChoiceLimits {
  int context = 0;       // tokens of a prompt with one choice
  int batch_tokens = 0;  // capacity of the context and of a batch
};

// Several requests in one decode; the prompt of a request is computed once and shared by its choices.
void ScoreChoicesBatched(llama_context* context, int vocabulary_size, std::span<const ChoiceRequest> requests,
                         const ChoiceLimits& limits, const LanguageModel::ChoicesDone& done);

}  // namespace loco
