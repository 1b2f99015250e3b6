#include "eval/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"

namespace loco {
namespace {

// log Σ exp(logits).
double LogSumExp(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

// Σ p (log p − log q), given the LogSumExp of both.
double KlOf(std::span<const float> p, double shift_p, std::span<const float> q, double shift_q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double log_p = static_cast<double>(p[i]) - shift_p;
    const double probability = std::exp(log_p);
    if (probability > 0) sum += probability * (log_p - (static_cast<double>(q[i]) - shift_q));
  }
  return std::max(0.0, sum);  // equal distributions give ±1e-16
}

// The likeliest token, the lowest of equal ones.
size_t TopOf(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// A NaN loses every comparison and could hide behind a maximum.
void CheckLogits(const LanguageModel& model, std::span<const float> logits) {
  if (std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); })) return;
  throw Error(
      fmt::format("{}: the model's predictions are not finite numbers", model.info().file),
      "the file is damaged, or its numbers overflow in the engine; fetch it again, or try another quantization");
}

// Sums over the tokens of each cluster.
class ClusterSums {
 public:
  explicit ClusterSums(std::span<const TextWindow> windows) {
    size_t clusters = 0;
    for (const TextWindow& window : windows) clusters = std::max(clusters, window.cluster + 1);
    sums_.resize(clusters);
  }

  void Add(size_t cluster, double sum, double weight) {
    sums_[cluster].sum += sum;
    sums_[cluster].weight += weight;
  }
  ClusterMean Mean() const { return MeanOfClusters(sums_); }
  ClusterMean ExponentialOfMean() const {
    ClusterMean mean = MeanOfClusters(sums_);
    mean.value = std::exp(mean.value);
    mean.interval = {std::exp(mean.interval.low), std::exp(mean.interval.high)};
    return mean;
  }

 private:
  std::vector<ClusterSum> sums_;
};

class PerplexitySums {
 public:
  explicit PerplexitySums(std::span<const TextWindow> windows) : nats_(windows), bits_(windows) {
    for (const TextWindow& window : windows) {
      tokens_ += static_cast<int64_t>(window.tokens.size() - window.first);
      bytes_ += static_cast<int64_t>(window.bytes);
      bits_.Add(window.cluster, 0, static_cast<double>(window.bytes));
    }
  }

  void Add(size_t cluster, double surprise) {
    nats_.Add(cluster, surprise, 1);
    bits_.Add(cluster, surprise / std::log(2.0), 0);
  }
  Perplexity Result() const {
    return {.perplexity = nats_.ExponentialOfMean(), .bits_per_byte = bits_.Mean(), .tokens = tokens_, .bytes = bytes_};
  }

 private:
  ClusterSums nats_;
  ClusterSums bits_;
  int64_t tokens_ = 0;
  int64_t bytes_ = 0;
};

void CheckSomethingToScore(std::span<const TextWindow> windows) {
  if (windows.empty()) {
    throw Error("there is no text to score", "give a text of at least two tokens, or a suite whose items have prompts");
  }
  for (const TextWindow& window : windows) LOCO_CHECK(window.first >= 1 && window.first < window.tokens.size());
}

// The logits that predict the window's tokens from `first` on, each with its place among them.
template <typename Visit>
void VisitPredictions(LanguageModel& model, const TextWindow& window, const Visit& visit) {
  model.VisitLogits(std::span(window.tokens).first(window.tokens.size() - 1),
                    [&](size_t position, std::span<const float> logits) {
                      if (position + 1 < window.first) return;
                      ThrowIfInterrupted();
                      CheckLogits(model, logits);
                      visit(position + 1 - window.first, logits, window.tokens[position + 1]);
                    });
}

std::string ExpectedText(const Item& item) {
  if (!item.answer.empty()) return item.answer;
  return item.references.empty() ? "" : item.references.front();
}

// So many of `n` things, spread evenly over them.
bool IsChosen(size_t index, size_t chosen, size_t n) { return (index + 1) * chosen / n > index * chosen / n; }

}  // namespace

TextTokens PlainText(const LanguageModel& model, std::string_view text) {
  return model.Tokenize(text, {.add_special = true, .parse_special = false});
}

std::vector<TextTokens> TaskTexts(const Task& task, const PromptRenderer& renderer) {
  std::vector<TextTokens> texts;
  for (const Item& item : task.items) {
    TextTokens text = renderer.Render(BuildMessages(task, item)).tokens;
    const std::string answer = ExpectedText(item);
    if (!answer.empty()) {
      const std::vector<Token> tokens = renderer.Continuation(answer);
      text.insert(text.end(), tokens.begin(), tokens.end());
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

std::vector<TextWindow> CutIntoWindows(const LanguageModel& model, std::span<const TextTokens> texts,
                                       const WindowOptions& options) {
  LOCO_CHECK(options.tokens >= 2 && options.overlap >= 0 && options.overlap < options.tokens);
  const auto length = static_cast<size_t>(options.tokens);
  // The token before the first that is predicted must be there.
  const auto overlap = std::max<size_t>(1, static_cast<size_t>(options.overlap));
  std::vector<TextWindow> windows;
  int64_t predicted = 0;
  for (size_t t = 0; t < texts.size(); ++t) {
    const TextTokens& text = texts[t];
    for (size_t next = 1; next < text.size();) {  // the next to be predicted
      const size_t begin = next - std::min(next, overlap);
      const size_t end = std::min(text.size(), begin + length);
      TextWindow window{.tokens = {text.begin() + static_cast<std::ptrdiff_t>(begin),
                                   text.begin() + static_cast<std::ptrdiff_t>(end)},
                        .first = next - begin,
                        .cluster = t};
      window.bytes = model.Detokenize(std::span(window.tokens).subspan(window.first), true).size();
      predicted += static_cast<int64_t>(end - next);
      windows.push_back(std::move(window));
      next = end;
    }
  }
  if (texts.size() == 1) {  // a single long text: its windows are what there is to draw
    for (size_t w = 0; w < windows.size(); ++w) windows[w].cluster = w;
  }
  if (options.max_tokens <= 0 || predicted <= options.max_tokens) return windows;
  const auto keep =
      std::max<size_t>(1, static_cast<size_t>(static_cast<double>(options.max_tokens) / static_cast<double>(predicted) *
                                              static_cast<double>(windows.size())));
  std::vector<TextWindow> kept;
  for (size_t w = 0; w < windows.size(); ++w) {
    if (IsChosen(w, keep, windows.size())) kept.push_back(std::move(windows[w]));
  }
  return kept;
}

Perplexity MeasurePerplexity(LanguageModel& model, std::span<const TextWindow> windows, Progress& progress) {
  CheckSomethingToScore(windows);
  progress.Begin("perplexity", static_cast<int64_t>(windows.size()), 0);
  PerplexitySums sums(windows);
  for (size_t w = 0; w < windows.size(); ++w) {
    VisitPredictions(model, windows[w], [&](size_t, std::span<const float> logits, Token token) {
      sums.Add(windows[w].cluster, -LogProbability(logits, token));
    });
    progress.Update(static_cast<int64_t>(w + 1), "");
  }
  progress.End();
  return sums.Result();
}

void CheckSameVocabulary(const LanguageModel& reference, const LanguageModel& quantized) {
  const auto fail = [&](const std::string& reason) {
    throw Error(
        fmt::format("{} and {} have different vocabularies: {}", reference.info().file, quantized.info().file, reason),
        "divergence compares a model with quantized copies of itself; another model's tokens mean other texts");
  };
  if (reference.info().vocabulary_size != quantized.info().vocabulary_size) {
    fail(fmt::format("{} and {} tokens", reference.info().vocabulary_size, quantized.info().vocabulary_size));
  }
  for (Token token = 0; token < reference.info().vocabulary_size; ++token) {
    if (reference.Detokenize({&token, 1}, true) != quantized.Detokenize({&token, 1}, true)) {
      fail(fmt::format("token {} is another text", token));
    }
  }
}

double KlDivergence(std::span<const float> p, std::span<const float> q) {
  LOCO_CHECK(!p.empty() && p.size() == q.size());
  return KlOf(p, LogSumExp(p), q, LogSumExp(q));
}

Divergence MeasureDivergence(LanguageModel& reference, LanguageModel& quantized, std::span<const TextWindow> windows,
                             Progress& progress) {
  CheckSomethingToScore(windows);
  CheckSameVocabulary(reference, quantized);
  progress.Begin("divergence", static_cast<int64_t>(windows.size()), 0);
  PerplexitySums reference_sums(windows);
  PerplexitySums quantized_sums(windows);
  ClusterSums kl(windows);
  ClusterSums same_top(windows);
  ClusterSums difference(windows);
  std::vector<double> every_kl;
  const auto vocabulary = static_cast<size_t>(reference.info().vocabulary_size);
  std::vector<float> kept;  // the reference's logits of one window
  for (size_t w = 0; w < windows.size(); ++w) {
    const TextWindow& window = windows[w];
    const size_t cluster = window.cluster;
    kept.clear();
    kept.reserve((window.tokens.size() - window.first) * vocabulary);
    VisitPredictions(reference, window, [&](size_t, std::span<const float> logits, Token) {
      kept.insert(kept.end(), logits.begin(), logits.end());
    });
    VisitPredictions(quantized, window, [&](size_t place, std::span<const float> q, Token token) {
      const std::span<const float> p = std::span(kept).subspan(place * vocabulary, vocabulary);
      const double shift_p = LogSumExp(p);
      const double shift_q = LogSumExp(q);
      const double surprise_p = shift_p - static_cast<double>(p[static_cast<size_t>(token)]);
      const double surprise_q = shift_q - static_cast<double>(q[static_cast<size_t>(token)]);
      reference_sums.Add(cluster, surprise_p);
      quantized_sums.Add(cluster, surprise_q);
      difference.Add(cluster, surprise_q - surprise_p, 1);
      every_kl.push_back(KlOf(p, shift_p, q, shift_q));
      kl.Add(cluster, every_kl.back(), 1);
      same_top.Add(cluster, TopOf(p) == TopOf(q) ? 1 : 0, 1);
    });
    progress.Update(static_cast<int64_t>(w + 1), "");
  }
  progress.End();
  const auto place = every_kl.begin() + static_cast<std::ptrdiff_t>((every_kl.size() * 99 + 99) / 100 - 1);
  std::nth_element(every_kl.begin(), place, every_kl.end());
  return {.kl = kl.Mean(),
          .kl_p99 = *place,
          .same_top = same_top.Mean(),
          .reference = reference_sums.Result(),
          .quantized = quantized_sums.Result(),
          .perplexity_ratio = difference.ExponentialOfMean()};
}

}  // namespace loco
