// How far a quantized model's predictions are from those of its reference, token by token, on given texts.
//
//   const TextTokens text = PlainText(*reference, ReadFile("text.txt"));
//   const std::vector<TextWindow> windows = CutIntoWindows(*reference, {&text, 1}, {.tokens = 256});
//   Divergence d = MeasureDivergence(*reference, *quantized, windows, progress);
//   d.kl.value;                  // .0047 nats a token: the mean of Σ p (log p − log q), p the reference's
//   d.perplexity_ratio.interval; // [1.001, 1.009]
//   Perplexity p = MeasurePerplexity(*model, windows, progress);      // one model alone
//
// Divergence sees what a score cannot: a thousand tokens say more than a hundred right or wrong answers, and it falls
// with every bit that is given. It says nothing about being right, and is comparable within one model only: another
// vocabulary makes another number. A mean below .01 with the same top token in 95 % of cases and more is commonly
// harmless, one above .05 is to be presumed a loss (thresholds to be calibrated on your own tasks).
//
// A text is cut into windows because both models must see the same context, and the reference's logits of a window are
// kept until the other model has seen it: window tokens × vocabulary × 4 bytes, 64 MB for 256 tokens of a vocabulary of
// 65,536; never more than that. A window that is not a text's first begins with `overlap` tokens that are context only.
//
// Sums are in double precision with the largest logit taken out. Logits that are not finite numbers are an Error.
// Intervals are bootstrapped over texts, or over the windows of a single text (stats/cluster_mean.h).
//
// It deliberately does not generate and does not judge: quant_study.h compares answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "engine/language_model.h"
#include "stats/cluster_mean.h"
#include "task/task.h"
#include "template/prompt.h"

namespace loco {

// One text as a model sees it. Every token but the first is predicted.
using TextTokens = std::vector<Token>;

// A text from a file, behind the beginning-of-sequence token where the tokenizer puts one. Control tokens that are
// written in it stay text.
TextTokens PlainText(const LanguageModel& model, std::string_view text);

// The prompts of a task as they are asked, each with the answer that is expected where that is a text (the choice that
// is right, the first of several references). Items without one give their prompt alone.
std::vector<TextTokens> TaskTexts(const Task& task, const PromptRenderer& renderer);

struct TextWindow {
  std::vector<Token> tokens;
  size_t first = 1;    // tokens[first] is the first that is predicted, those before it are context; 1 … size - 1
  size_t cluster = 0;  // windows of one cluster are drawn together
  size_t bytes = 0;    // of text that the predicted tokens spell
};

struct WindowOptions {
  int tokens = 256;        // of a window, at most; >= 2
  int overlap = 0;         // of them context only, where a text goes on; < tokens
  int64_t max_tokens = 0;  // predicted ones in all, about; windows beyond it are left out evenly. 0: no limit
};

// Windows of texts with a token to predict. `model` spells tokens, for their bytes.
std::vector<TextWindow> CutIntoWindows(const LanguageModel& model, std::span<const TextTokens> texts,
                                       const WindowOptions& options);

struct Perplexity {
  ClusterMean perplexity;     // exp(mean of −log p)
  ClusterMean bits_per_byte;  // Σ −log₂ p / bytes: comparable between vocabularies
  int64_t tokens = 0;         // predicted
  int64_t bytes = 0;          // that they spell
};

struct Divergence {
  ClusterMean kl;        // KL(reference ‖ quantized), nats a token
  double kl_p99 = 0;     // 99 % of tokens are at or below it
  ClusterMean same_top;  // share of tokens after which both models' likeliest token is the same
  Perplexity reference;
  Perplexity quantized;
  ClusterMean perplexity_ratio;  // quantized / reference
};

// Throws Error when there is nothing to score or the model's logits are not finite, Interrupted when the user stopped
// it.
Perplexity MeasurePerplexity(LanguageModel& model, std::span<const TextWindow> windows, Progress& progress);

// Throws Error when the models do not have the same vocabulary, token by token.
void CheckSameVocabulary(const LanguageModel& reference, const LanguageModel& quantized);

// Checks the vocabularies first. Throws likewise.
Divergence MeasureDivergence(LanguageModel& reference, LanguageModel& quantized, std::span<const TextWindow> windows,
                             Progress& progress);

// KL(p ‖ q) in nats of two distributions that are given by their logits; same length, not empty. Never negative.
double KlDivergence(std::span<const float> p, std::span<const float> q);

}  // namespace loco
