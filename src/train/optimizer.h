// AdamW on an adapter, and the learning rate's way through a run.
//
//   AdamW optimizer(adapter, {.weight_decay = 0.01});
//   const double norm = ClipNorm(gradients, 1.0);
//   optimizer.Step(adapter, gradients, LearningRate(schedule, step));
//
// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019), algorithm 2.
#pragma once

#include <cstdint>

#include "net/network.h"

namespace loco {

enum class Decay { kConstant, kLinear, kCosine };

struct Schedule {
  double peak = 2e-4;
  Decay decay = Decay::kCosine;
  int64_t steps = 1;       // of the whole run
  int64_t warm_up = 0;     // steps of linear rise from 0
  double floor_share = 0;  // of the peak, at the end
};
// `step` counts from 0.
double LearningRate(const Schedule& schedule, int64_t step);

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

class AdamW {
 public:
  AdamW(const Adapter& adapter, const AdamWOptions& options);

  void Step(Adapter& adapter, const Adapter& gradients, double learning_rate);

  // Everything a checkpoint needs besides the options.
  int64_t steps() const { return steps_; }
  const Adapter& first_moment() const { return first_; }
  const Adapter& second_moment() const { return second_; }
  void Restore(int64_t steps, Adapter first, Adapter second);

 private:
  AdamWOptions options_;
  int64_t steps_ = 0;
  Adapter first_;
  Adapter second_;
};

// Multiplies all gradients so that their joint norm is at most `most`; returns the norm that they had. 0: no limit.
double ClipNorm(Adapter& gradients, double most);
void Scale(Adapter& gradients, double factor);

}  // namespace loco
