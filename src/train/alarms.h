// What a person should be told while an adapter is trained: pure functions of the loss so far.
//
//   for (const Alarm& alarm : FindAlarms(state, total_steps)) …   // "overfitting", since step 120, what to do
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/checkpoint.h"

namespace loco {

struct Alarm {
  std::string name;  // "diverging", "overfitting", "not learning"
  int64_t step = 0;  // when it was seen
  std::string what;  // the figures
  std::string advice;
};

// At most one of each kind, the first time that it held.
//   diverging     the mean loss of a tenth of the steps, and of the next tenth, is 1.5 times the lowest such mean
//   before,
//                 more than half of the first, and further from the lowest than 4 times what the spread of single steps
//                 explains; not while the held-out loss is at its lowest
//   overfitting   the held-out loss stands 2 % above its minimum at two evaluations in a row, and the training loss
//   fell not learning  after a third of the run neither the training loss nor the held-out loss has fallen by 2 %
std::vector<Alarm> FindAlarms(const TrainingState& state, int64_t total_steps);

}  // namespace loco
