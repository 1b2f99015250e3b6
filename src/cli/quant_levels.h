// The measuring half of `loco quants`: one model at one level after the other.
//
//   QuantMeasurer measurer(store, session, source, tasks, {.text = ReadFile("text.txt")});
//   MeasuredLevel f16 = measurer.Reference();
//   MeasuredLevel q4 = measurer.Level("Q4_K_M");     // copy made, asked, timed, compared, removed
//
// A level that was measured is one row of the store (kind "quantization"), so that a study that was killed goes on with
// the next level without making the copies of those before it again; within a level, answers are stored one by one.
// One model is in memory at a time, and for the divergence two.
//
// It does not judge: eval/quant_study.h does.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/model_files.h"
#include "eval/divergence.h"
#include "eval/evaluate.h"
#include "stats/timing.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

struct QuantMeasureOptions {
  std::optional<std::string> text = {};  // for the divergence; empty: the tasks' prompts and answers
  WindowOptions windows = {.tokens = 256, .overlap = 0, .max_tokens = 8192};
  EvaluationOptions evaluation;  // `parallel` is at most what the memory holds
  bool keep = false;             // copies stay in the cache
};

struct MeasuredLevel {
  std::string name;  // "Q4_K_M"
  std::string hash;  // of the file
  Bytes file;
  std::vector<RowId> runs;               // parallel to the tasks
  std::optional<Divergence> divergence;  // none for the reference
  std::string no_divergence;             // why there is none though it was wanted; such a level is measured again
  MedianEstimate speed;                  // generated tokens a second
  bool was_stored = false;               // nothing was done now
};

nlohmann::ordered_json DivergenceJson(const Divergence& divergence);

// Removes a copy that was not there before when it has been measured, and also when that failed or was stopped: a
// ladder of a large model is several times its size. Another loco that has just been given this copy makes it again.
class CopyForNow {
 public:
  CopyForNow(const ModelFile& source, const std::string& quantization, bool keep);
  ~CopyForNow();
  CopyForNow(const CopyForNow&) = delete;
  CopyForNow& operator=(const CopyForNow&) = delete;

 private:
  Path path_;
  bool remove_;
};

class QuantMeasurer {
 public:
  // `reference` must be unquantized. `tasks` must outlive the object.
  QuantMeasurer(Store& store, Session& session, ModelFile reference, const std::vector<Task>& tasks,
                QuantMeasureOptions options);

  MeasuredLevel Reference();
  // Throws Error when this level cannot be made or asked.
  MeasuredLevel Level(const std::string& quantization);

 private:
  std::string KeyOf(const std::string& quantization) const;
  std::optional<MeasuredLevel> Stored(const std::string& quantization) const;
  MeasuredLevel Measure(const ModelFile& file);
  // Fills in the divergence, or why there is none: two models need more memory than the one that was asked.
  void Compare(const ModelFile& file, MeasuredLevel& level);

  Store& store_;
  Session& session_;
  ModelFile reference_;
  const std::vector<Task>& tasks_;
  QuantMeasureOptions options_;
  MachineRow machine_;
};

}  // namespace loco
