// A training run: passes in order, gradients accumulated, an optimizer step, now and then an evaluation and a
// checkpoint.
//
//   Trainer trainer(network, threads, data, recipe, {.checkpoint = "run.ckpt", .identity = identity});
//   trainer.Resume(ReadCheckpoint("run.ckpt"));             // or not: then it begins
//   trainer.Run(held_out, [&](const TrainingState& state) { … });
//   WriteAdapter(path, trainer.state().adapter, facts);
//
// The same base, data, recipe, kernel and number of threads give the same bits, however often the run was killed and
// resumed: the order of samples and the dropout are functions of the seed and of where the run stands.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "net/pass.h"
#include "train/adapter.h"
#include "train/checkpoint.h"
#include "train/data.h"
#include "train/recipe.h"

namespace loco {

struct TrainerOptions {
  Path checkpoint;            // empty: none is written
  std::string identity;       // see TrainingState
  int64_t stored_blocks = 0;  // see PassOptions
  int64_t loss_rows = 256;
  double checkpoint_seconds = 60;     // between checkpoints
  int64_t evaluations_per_epoch = 4;  // of the held-out data
};

// How long a run is, before it begins.
struct RunPlan {
  std::vector<int64_t> passes_of_epoch;  // the last epoch may be a part
  int64_t steps = 0;
  int64_t tokens = 0;
};
RunPlan PlanRun(const DataSet& data, const Recipe& recipe);
// The first pass of a run, for timing.
TokenBatch FirstPass(const DataSet& data, const Recipe& recipe);

// A run whose numbers left the range of numbers: another learning rate may do.
class Diverged : public Error {
 public:
  using Error::Error;
};

class Trainer {
 public:
  // Puts the adapter on the network. Everything must outlive the object.
  Trainer(Network& network, Threads& threads, const DataSet& data, const Recipe& recipe, const TrainerOptions& options);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  int64_t total_steps() const;
  const TrainingState& state() const;
  // Throws Error when the checkpoint is of another run.
  void Resume(Checkpoint checkpoint);

  // Trains to the end; `step` is called after every optimizer step. A stop that was asked for (Ctrl-C) is obeyed
  // between steps: the state is checkpointed and Interrupted thrown. `held_out` may be null. Throws Error when the loss
  // is no longer a number; the last checkpoint is of before that.
  void Run(const DataSet* held_out, const std::function<void(const TrainingState&)>& step);
  // Nats per learned token.
  double Evaluate(const DataSet& data);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace loco
