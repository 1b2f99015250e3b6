// Where a training run stands, in one file that is whole or not there.
//
//   WriteCheckpoint(path, state, first, second);        // atomically: a full disk leaves the old one
//   Checkpoint checkpoint = ReadCheckpoint(path);       // Error when it is damaged
//
// A resumed run continues to the same bits: the state has every number that the next step depends on. What decides the
// order of samples is a function of (seed, epoch) and is not stored.
//
// Format: a line of JSON, the 32-bit numbers of all halves of all pairs (weights, then both moments), the SHA-256 of
// everything before it as 64 hexadecimal digits. Little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "net/network.h"

namespace loco {

// What one step measured.
struct StepRecord {
  int64_t step = 0;
  double loss = 0;           // nats per learned token of the step
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t tokens = 0;
  int64_t learned = 0;
};

struct EvaluationRecord {
  int64_t step = 0;
  double loss = 0;  // nats per learned token of the held-out data
};

struct TrainingState {
  std::string identity;  // of base, data, recipe, kernel and threads: what must be the same to go on
  int64_t epoch = 0;
  int64_t next_pass = 0;  // within the epoch
  int64_t steps = 0;
  double seconds = 0;  // of training, over all parts of the run
  std::vector<StepRecord> history;
  std::vector<EvaluationRecord> evaluations;
  Adapter adapter;
};

struct Checkpoint {
  TrainingState state;
  Adapter first_moment;
  Adapter second_moment;
};

// The moments have the adapter's shape.
void WriteCheckpoint(const Path& path, const TrainingState& state, const Adapter& first_moment,
                     const Adapter& second_moment);
Checkpoint ReadCheckpoint(const Path& path);

}  // namespace loco
