// Trainability of one candidate: what every training run of step 4 gave, and the answers of the tuned model.
//
//   Tuning tuning;                          // filled by the caller from rows of the store
//   tuning.runs                             // every rung, learning rate and seed, in the order they were done
//   tuning.dropped_after                    // 200: it left after the rung of 200 examples; 0: a finalist
//
// Candidates with different tokenizers are compared by bits a byte of the held-out answers, where every suite gets an
// adapter; otherwise by the whole score. Source of the design, and of halving over data size: docs/training.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "store/rows.h"

namespace loco {

struct TuningRun {
  std::string task;  // that the adapter is for
  int64_t examples = 0;
  double learning_rate = 0;
  uint64_t seed = 1;
  RowRef adapter;
  double bits_before = 0;       // bits a byte of the held-out answers, untrained
  double bits = 0;              // after training
  double base_score = 0;        // share of right answers to the task, untrained
  std::optional<double> score;  // with the adapter; empty where another learning rate was better
  int64_t tokens = 0;
  std::vector<std::pair<int64_t, double>> curve;  // tokens trained on, bits a byte of the held-out answers
  std::optional<int64_t> tokens_to_target;        // until the held-out loss reached the policy's target
  double seconds = 0;
  Bytes adapter_bytes;
  Bytes peak_memory;
};

struct Tuning {
  std::vector<TuningRun> runs;
  std::vector<std::string> failed_rates;  // learning rates that could not be trained with, and why
  int64_t dropped_after = 0;              // examples of the rung after which it was given up; 0: never
  std::string dropped_because;
  std::string not_trained_because;  // the architecture is not supported, say; then there are no runs
};

// Variance of the tuned share of right answers to `task`, of the run in the middle of its seeds: what training again
// with other seeds would change. Pooled over the finalists, because each has few seeds; 0 where no run has a sibling.
// The median of R normal values has at most π/2 times the variance s²/R of their mean.
double SeedVariance(const std::vector<const Tuning*>& finalists, const std::string& task);

// How many go on after a rung: the better half, rounded up, and never fewer than the finalists.
inline int64_t KeptAfterRung(int64_t candidates, int64_t finalists) {
  const int64_t half = (candidates + 1) / 2;
  return half > finalists ? half : finalists < candidates ? finalists : candidates;
}

// Where a candidate stands after a rung.
struct RungStanding {
  size_t candidate = 0;
  double bits = 0;   // a byte of held-out answers, mean over the tuned suites
  double score = 0;  // what the decision would rest on: tuned suites by their adapters, the others by the base
};

// Bits a byte tell candidates apart on less data than right answers do. But they cannot be weighed against suites that
// get no adapter, whose scores stand already: then the whole score decides who goes on.
enum class RungMeasure { kBits, kScore };

struct Dropout {
  size_t candidate = 0;
  std::string because;
};
struct Rung {
  std::vector<size_t> kept;  // candidates, ascending
  std::vector<Dropout> dropped;
};
// The best `keep` of the standings go on; equal ones in the order given. `examples` is what the rung trained on.
Rung HalveAfterRung(std::vector<RungStanding> standings, RungMeasure measure, int64_t keep, int64_t examples);

}  // namespace loco
