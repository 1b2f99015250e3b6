// Looks a task over before any model runs: its sample answers, how its items are spread, and what a score on it can
// tell. LoadTask has refused what is wrong by then; this is about what is weak.
//
//   const TaskCheck check = CheckTask(task);
//   check.mistakes;   // samples that are not marked as they say: the scorer or the sample is wrong
//   check.warnings;   // "37 items: a score of 50 % is known to ± 16 points"
//
// A sample that needs a sandbox which is not here counts as not run, and says why.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "task/task.h"

namespace loco {

struct SampleMistake {
  std::string item;
  bool right = false;  // what the sample says that it is
  size_t number = 0;   // of the item's right or wrong ones, from 1
  Outcome outcome = Outcome::kWrong;
  std::string extracted;
};

struct TaskCheck {
  int64_t items = 0;
  int64_t samples = 0;  // that were marked
  int64_t not_run = 0;  // that could not be
  std::string not_run_because;
  std::vector<SampleMistake> mistakes;
  std::map<std::string, int64_t> categories;
  std::map<std::string, int64_t> difficulties;
  int64_t edges = 0;
  std::vector<std::vector<std::string>> same_question;  // items that ask the same
  double half_width = 0;                                // of the 95 % interval of a score of 50 %, in points
  std::vector<std::string> warnings;
};

TaskCheck CheckTask(const Task& task);

}  // namespace loco
