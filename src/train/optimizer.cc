#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "base/error.h"
#include "train/adapter.h"

namespace loco {
namespace {

// Calls work(values…) for the same half of the same pair of all adapters.
template <typename Work, typename... Adapters>
void EachHalf(const Work& work, Adapters&... adapters) {
  const auto& first = std::get<0>(std::tie(adapters...));
  for (size_t p = 0; p < first.pairs.size(); ++p) {
    work(adapters.pairs[p].a...);
    work(adapters.pairs[p].b...);
  }
}

}  // namespace

double LearningRate(const Schedule& schedule, int64_t step) {
  if (step < schedule.warm_up) {
    return schedule.peak * static_cast<double>(step + 1) / static_cast<double>(schedule.warm_up);
  }
  const auto after = static_cast<double>(std::max<int64_t>(1, schedule.steps - schedule.warm_up));
  const double done = std::min(1.0, static_cast<double>(step - schedule.warm_up) / after);
  double share = 1;
  switch (schedule.decay) {
    case Decay::kConstant:
      break;
    case Decay::kLinear:
      share = 1 - done;
      break;
    case Decay::kCosine:
      share = (1 + std::cos(std::numbers::pi * done)) / 2;
      break;
  }
  return schedule.peak * (schedule.floor_share + (1 - schedule.floor_share) * share);
}

AdamW::AdamW(const Adapter& adapter, const AdamWOptions& options)
    : options_(options), first_(ZeroLike(adapter)), second_(ZeroLike(adapter)) {}

void AdamW::Restore(int64_t steps, Adapter first, Adapter second) {
  LOCO_CHECK(first.pairs.size() == first_.pairs.size() && second.pairs.size() == second_.pairs.size());
  steps_ = steps;
  first_ = std::move(first);
  second_ = std::move(second);
}

void AdamW::Step(Adapter& adapter, const Adapter& gradients, double learning_rate) {
  ++steps_;
  const auto step = static_cast<double>(steps_);
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  const auto rate = static_cast<float>(learning_rate / (1 - std::pow(options_.beta1, step)));
  const auto correction = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, step)));
  const auto epsilon = static_cast<float>(options_.epsilon);
  const auto shrink = static_cast<float>(1 - learning_rate * options_.weight_decay);
  EachHalf(
      [&](std::vector<float>& w, const std::vector<float>& g, std::vector<float>& m, std::vector<float>& v) {
        for (size_t i = 0; i < w.size(); ++i) {
          m[i] = beta1 * m[i] + (1 - beta1) * g[i];
          v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
          w[i] = w[i] * shrink - rate * m[i] / (std::sqrt(v[i]) * correction + epsilon);
        }
      },
      adapter, gradients, first_, second_);
}

double ClipNorm(Adapter& gradients, double most) {
  double sum = 0;
  EachHalf(
      [&](const std::vector<float>& g) {
        for (const float value : g) sum += static_cast<double>(value) * value;
      },
      gradients);
  const double norm = std::sqrt(sum);
  if (most > 0 && norm > most) Scale(gradients, most / norm);
  return norm;
}

void Scale(Adapter& gradients, double factor) {
  EachHalf(
      [&](std::vector<float>& g) {
        for (float& value : g) value *= static_cast<float>(factor);
      },
      gradients);
}

}  // namespace loco
