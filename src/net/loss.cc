#include "net/loss.h"

#include <algorithm>
#include <memory>

#include "net/gemm.h"
#include "net/ops.h"

namespace loco {
namespace {

std::vector<int32_t> TokensWithTarget(const TokenBatch& batch) {
  std::vector<int32_t> tokens;
  for (size_t t = 0; t < batch.targets.size(); ++t) {
    if (batch.targets[t] >= 0) tokens.push_back(static_cast<int32_t>(t));
  }
  return tokens;
}

}  // namespace

void OutputLoss::Run(const TokenBatch& batch, const Floats& stream, PassResult& result, Floats* d_stream) {
  labelled_ = TokensWithTarget(batch);
  if (d_stream != nullptr) d_stream->assign(stream.size(), 0);
  const auto total = static_cast<int64_t>(labelled_.size());
  result.token_loss.resize(labelled_.size());
  std::vector<int32_t> targets;
  Floats weights;
  // The largest buffers of a pass: not to be held while the blocks go back, and written first by those who fill them,
  // because one thread alone would take as long to clear them as all do to compute them.
  const auto logits =
      std::make_unique_for_overwrite<float[]>(static_cast<size_t>(std::min(rows_, total) * net_.vocabulary));
  Activations d_logits;
  for (int64_t from = 0; from < total; from += rows_) {
    const int64_t count = std::min(rows_, total - from);
    Gather(stream, from, count);
    targets.clear();
    weights.clear();
    for (int64_t i = 0; i < count; ++i) {
      const auto token = static_cast<size_t>(labelled_[static_cast<size_t>(from + i)]);
      targets.push_back(batch.targets[token]);
      weights.push_back(batch.weights[token]);
    }
    ComputeLogits(count, logits.get());
    float* losses = result.token_loss.data() + from;
    CrossEntropy(threads_, logits.get(), count, net_.vocabulary, targets.data(), weights.data(), losses);
    for (int64_t i = 0; i < count; ++i) {
      result.loss += static_cast<double>(weights[static_cast<size_t>(i)]) * losses[i];
      result.weight += weights[static_cast<size_t>(i)];
    }
    if (d_stream == nullptr) continue;
    Fit(d_normed_, count * net_.width);
    d_logits.Assign(threads_, logits.get(), count, net_.vocabulary, net_.vocabulary);
    Multiply(threads_, {{{{{&d_logits, net_.output}}, d_normed_.data(), net_.width}}});
    Fit(d_raw_, count * net_.width);
    RmsNormBackward(threads_, d_normed_.data(), raw_.data(), net_.output_norm.data(), inverse_.data(), count,
                    net_.width, d_raw_.data(), /*add=*/false);
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(d_raw_.data() + i * net_.width, net_.width,
                  d_stream->data() + labelled_[static_cast<size_t>(from + i)] * net_.width);
    }
  }
}

Floats OutputLoss::Logits(const TokenBatch& batch, const Floats& stream) {
  labelled_ = TokensWithTarget(batch);
  const auto count = static_cast<int64_t>(labelled_.size());
  Gather(stream, 0, count);
  Floats logits(labelled_.size() * static_cast<size_t>(net_.vocabulary));
  ComputeLogits(count, logits.data());
  return logits;
}

// Labelled tokens `from` … `from + count - 1`, before and after the last norm.
void OutputLoss::Gather(const Floats& stream, int64_t from, int64_t count) {
  Fit(raw_, count * net_.width);
  Fit(normed_, count * net_.width);
  Fit(inverse_, count);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(stream.data() + labelled_[static_cast<size_t>(from + i)] * net_.width, net_.width,
                raw_.data() + i * net_.width);
  }
  RmsNorm(threads_, raw_.data(), net_.output_norm.data(), net_.epsilon, count, net_.width, normed_.data(),
          inverse_.data());
}

void OutputLoss::ComputeLogits(int64_t count, float* logits) {
  const Activations input(threads_, normed_.data(), count, net_.width, net_.width);
  MultiplyTransposed(threads_, {{{{{&input, net_.output}}, logits, net_.vocabulary}}});
}

}  // namespace loco
