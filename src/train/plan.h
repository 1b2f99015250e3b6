// Memory of a training run, planned before it begins and kept while it runs.
//
//   MemoryPlan plan = PlanMemory(network, {.rank = 16, .tokens = 512, .budget = ParseMemorySize("5GB")});
//   for (const MemoryTerm& term : plan.terms) …      // weights 2.49 GB, adapter and optimizer 0.53 GB …
//   Pass pass(network, threads, {.stored_blocks = plan.stored_blocks, .loss_rows = plan.loss_rows});
//
// Two things give way to a budget: how many blocks keep what their way back needs (the others are computed again, which
// costs about a third of the time), and how many rows of logits exist at a time. Neither changes the result. The rest
// is fixed by the base, the adapter and the longest pass; when it alone is more than the budget, the plan says what
// would fit.
//
// Weights are mapped from the file: the system may take their pages back, so they are the part that hurts least when
// the memory is short, but they count, because every step reads them all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "net/network.h"

namespace loco {

struct MemoryTerm {
  std::string name;
  std::string detail;
  int64_t bytes = 0;
};

struct PlanOptions {
  int64_t rank = 16;
  int64_t parameters = 0;  // of the adapter
  int64_t tokens = 512;    // of the longest pass
  int64_t threads = 1;
  int64_t weight_bytes = 0;  // of the file
  int64_t data_bytes = 0;    // of the tokenized data
  int64_t budget = 0;        // 0: as much as the run can use
};

struct MemoryPlan {
  std::vector<MemoryTerm> terms;
  int64_t total = 0;
  int64_t least = 0;  // with every block computed again and the fewest rows of logits
  int64_t budget = 0;
  int64_t blocks = 0;
  int64_t stored_blocks = 0;
  int64_t loss_rows = 0;
  int64_t reading = 0;  // peak of the process while the data were read, measured; over before the run begins
  bool fits = true;
};

MemoryPlan PlanMemory(const Network& network, const PlanOptions& options);

// The longest pass whose least need stays within the budget; 0 when none of 16 tokens or more does.
int64_t LongestPassWithin(const Network& network, PlanOptions options);

// What a run takes when nobody says: 5 GB, which leaves an 8 GB laptop its system and a browser, but no more than four
// fifths of what is free now.
int64_t DefaultMemoryBudget(Bytes available);

}  // namespace loco
