// How training looks on a terminal: data, plan, progress and result. Used by `loco train` and `loco trainability`.
#pragma once

#include <string>

#include "cli/terminal.h"
#include "train/training.h"

namespace loco {

std::string DataLines(const DataSet& data, const DataSet* held_out);
std::string PlanLines(const MemoryPlan& plan, const Recipe& recipe, int64_t steps, int64_t tokens);
// Losses, time, memory against the plan, alarms and the curve.
std::string ResultLines(const TrainedAdapter& adapter, size_t width);

// A progress bar with loss, held-out loss and speed; alarms appear above it when they are first seen.
class TrainingProgress {
 public:
  TrainingProgress(Terminal& terminal, const TrainingJob& job, const std::string& name);
  void Show(const TrainingState& state);
  void End();

 private:
  Terminal& terminal_;
  int64_t total_steps_;
  double bits_per_nat_;
  std::string name_;
  bool begun_ = false;
  double seconds_ = 0;
  int64_t tokens_ = 0;
  std::vector<std::string> told_;
};

}  // namespace loco
