// The whole job of training one adapter, from files to a file: data, network, memory plan, training loop with
// checkpoints, adapter.
//
//   TrainingJob job({.model = "base.gguf", .model_hash = hash, .data = "train.jsonl", .recipe = recipe});
//   job.plan();                                  // before anything is trained
//   TrainedAdapter result = job.Run("math", [&](const TrainingState& state) { … });
//
// The folder that Run() is given holds `checkpoint` while the run is under way and `adapter.gguf` when it is done. A
// run is known by its identity: base, data, recipe and kernel. Run() goes on with a checkpoint of the same identity and
// refuses one of another.
//
// It knows no store, no terminal and no other file formats: cli/ and train/trainability.h put those around it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "train/alarms.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/recipe.h"
#include "train/trainer.h"

namespace loco {

struct TrainingRequest {
  Path model;
  std::string model_hash;        // SHA-256 of the file
  std::vector<Path> data;        // JSONL files, or tasks (.toml) whose training items are meant
  std::vector<Path> held_out;    // of the same kinds; empty: none, or `held_out_samples`
  int64_t samples = 0;           // of the data, picked at random; 0: all
  int64_t held_out_samples = 0;  // held out of the data itself; 0: none
  Recipe recipe;
  int threads = 0;                    // 0: all cores
  int64_t memory = 0;                 // bytes; 0: DefaultMemoryBudget()
  int64_t evaluations_per_epoch = 4;  // of the held-out data; changes no weight
  double checkpoint_seconds = 60;     // between checkpoints; changes no weight either
  std::string name = "adapter";       // of the row; not in the file, which is the same whatever it is called
};

// What a run measured. Losses are in nats a learned token; bits a byte of the answers' text are what candidates with
// different tokenizers are compared by.
struct TrainedAdapter {
  Path path;
  std::string hash;  // SHA-256 of the file
  int64_t parameters = 0;
  int64_t bytes = 0;
  int64_t steps = 0;
  int64_t tokens = 0;
  double seconds = 0;
  int64_t planned_bytes = 0;
  int64_t peak_bytes = 0;  // resident, of the whole process
  std::vector<StepRecord> history;
  std::vector<EvaluationRecord> evaluations;
  double bits_per_nat = 0;  // of the held-out data: bits a byte = loss · this; 0: there is none
  std::vector<Alarm> alarms;
  // Why the run ended without an adapter: its numbers left the range of numbers. Empty: it did not.
  std::string diverged;
  std::string diverged_cure;

  std::optional<double> HeldOutBits(size_t evaluation) const;
  // Tokens trained on and bits a byte of the held-out answers, at each evaluation.
  std::vector<std::pair<int64_t, double>> HeldOutCurve() const;
  // Tokens trained on when the held-out loss first was at most `bits` a byte.
  std::optional<int64_t> TokensTo(double bits) const;
};
std::string TrainedAdapterToJson(const TrainedAdapter& adapter);
TrainedAdapter TrainedAdapterFromJson(const std::string& json);

// Whoever trains the same base on the same data by the same recipe gets the same key; names of files do not matter.
std::string TrainingKey(const TrainingRequest& request);

// This base cannot be trained on this data in this memory, whatever the rest of a study does.
class NotTrainable : public Error {
 public:
  using Error::Error;
};

class TrainingJob {
 public:
  // Loads and checks everything; nothing is trained and nothing is written. Throws NotTrainable for a base that cannot
  // be trained, for data with mistakes, and when the memory does not hold the run (with what would fit).
  explicit TrainingJob(const TrainingRequest& request);
  ~TrainingJob();
  TrainingJob(const TrainingJob&) = delete;
  TrainingJob& operator=(const TrainingJob&) = delete;

  const DataSet& data() const;
  const DataSet* held_out() const;
  const MemoryPlan& plan() const;
  const std::string& key() const;
  int64_t total_steps() const;
  double bits_per_nat() const;
  // Seconds that one pass of the longest kind takes here, forward and backward, and its tokens: for predictions.
  std::pair<double, int64_t> TimeOnePass();
  int64_t total_tokens() const;

  // A run that diverges is a result without a file. Throws Error when the disk is full, Interrupted on Ctrl-C.
  TrainedAdapter Run(const Path& folder, const std::function<void(const TrainingState&)>& step);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The files of a folder that Run() was given.
Path CheckpointIn(const Path& folder);
Path AdapterIn(const Path& folder);

}  // namespace loco
