// What quantizing costs one model, from the answers of every level to the same items; and what it does to the ranks of
// several models.
//
//   std::vector<QuantLevel> levels = {{"F16", f16_bytes, {{"math", right_f16}}}, {"Q4_K_M", …}, {"Q3_K_M", …}};
//   QuantStudy study = StudyLevels(levels, {.margin = .02});      // the first level is the reference
//   study.levels[1].difference;        // −1.8 points [−3.0, −.6]
//   study.levels[1].retention;         // .97 of the reference's score
//   study.cliffs;                      // Q4_K_M → Q3_K_M, surely more than 2 points
//
// Pairs, not scores: a level and its reference answer most items alike, so a few hundred items tell differences of two
// points apart that two separate error bars would drown. Flips are counted both ways, because a score can stay where it
// is while one answer in ten changes (Dutta et al. 2024, arXiv 2407.09141).
//
// What is claimed holds with 95 % over everything that is claimed of its kind:
//   - A level is *not worse* when the one-sided bound of its loss is below the margin, *worse* when the loss is surely
//     more than the margin; Holm's and Bonferroni's adjustments over the levels. Everything between is undecided: "no
//     significant difference" without a margin would reward few items.
//   - A *cliff* is a loss of surely more than the margin from one level to the next smaller one (by file size; the
//     reference counts as a level), in all tasks together or within one; Bonferroni over the pairs of each.
//   - An *inversion* is a smaller level that is surely better than a larger one, any two of them; Holm over all pairs.
//     Bits are not taken to be monotone (Qwen2.5-3B: the perplexity of Q3_K_M is above that of Q2_K).
//
// It deliberately gives retention no interval of its own: it is the difference in other units, and the difference has
// one. It knows nothing of files, stores or divergence, and plots nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "eval/evaluate.h"
#include "stats/interval.h"
#include "stats/paired.h"

namespace loco {

// 1 where the answer was right, items in the same order at every level and for every model.
struct TaskOutcomes {
  std::string task;
  std::vector<uint8_t> right;
};

struct QuantLevel {
  std::string name;  // "Q4_K_M"
  Bytes file;
  std::vector<TaskOutcomes> tasks;  // the same at every level
};

struct QuantStudyOptions {
  double margin = 0.02;  // a loss up to this is acceptable; 0 < margin < 1
  double alpha = 0.05;
};

// A level beside the reference on one task, or on all tasks together, each with the same weight.
struct LevelComparison {
  Estimate score;
  PairedDifference difference;  // level − reference; its p is McNemar's, of several tasks that of sign flips
  int64_t right_to_wrong = 0;   // right at the reference and not at this level
  int64_t wrong_to_right = 0;
  double flips = 0;                 // both, as a share of the items
  std::optional<double> retention;  // score / the reference's; empty where that is 0
};

enum class LevelVerdict { kReference, kNotWorse, kUndecided, kWorse };
const char* LevelVerdictName(LevelVerdict verdict);  // "reference", "not worse", "undecided", "worse"

struct LevelResult {
  std::string name;
  Bytes file;
  LevelComparison all;
  std::vector<LevelComparison> tasks;
  double p_not_worse = 1;  // one-sided, adjusted: that the loss is the margin or more
  LevelVerdict verdict = LevelVerdict::kReference;
};

// Two levels of one model, the smaller minus the larger.
struct LevelStep {
  size_t larger = 0;  // places in QuantStudy::levels
  size_t smaller = 0;
  std::string task;  // empty: all tasks together
  PairedDifference difference;
};

struct QuantStudy {
  std::vector<LevelResult> levels;  // the reference, then by file size, largest first
  std::vector<std::string> tasks;
  int64_t items = 0;
  std::vector<LevelStep> cliffs;
  std::vector<LevelStep> inversions;
  std::optional<size_t> smallest_not_worse;  // place in `levels`; empty: none is shown to be
};

// The first level is the reference. All levels need the same tasks with the same number of items, and one item at
// least.
QuantStudy StudyLevels(std::span<const QuantLevel> levels, const QuantStudyOptions& options = {});

// A pair of models whose order at the reference is another at a level.
struct RankFlip {
  std::string better;  // at the reference
  std::string worse;
  std::string level;
  PairedDifference at_reference;  // better − worse
  PairedDifference at_level;      // the same, and of the other sign
  bool sure = false;              // both differences are told from 0; Holm over all pairs and levels
};

struct ModelLevels {
  std::string name;
  std::vector<QuantLevel> levels;  // the first is the reference
};

// Levels go by name; one that not both models have is left out. Models need the same tasks and items.
std::vector<RankFlip> FindRankFlips(std::span<const ModelLevels> models, const QuantStudyOptions& options = {});

// The outcomes of several runs of one task on the items that all of them have answered, in the order of the first.
std::vector<std::vector<uint8_t>> OnSharedItems(std::span<const RunScore> runs);

}  // namespace loco
