#include "train/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/kernels.h"
#include "net/pass.h"

namespace loco {
namespace {

// Rows of logits: more of them make the product with the output matrix cheaper, up to about here.
constexpr int64_t kMostLossRows = 512;
constexpr int64_t kLeastLossRows = 32;
constexpr int64_t kLossBudget = 100'000'000;

// The program itself and the store; measured on a run of a tiny model.
constexpr int64_t kProgramBytes = 60'000'000;

// What the allocator holds between buffers that come and go, of their sum: with it, the measured peaks of
// bench/train_memory stay below what was planned.
constexpr double kAllocatorShare = 0.03;

// w, its gradient and two moments.
constexpr int64_t kBytesPerParameter = 4 * sizeof(float);

int64_t LossBytes(const Network& network, const PlanOptions& options, int64_t rows) {
  return ComputePassMemory(network, options.rank, options.tokens, rows, CurrentKernels().element_bytes).loss;
}

}  // namespace

MemoryPlan PlanMemory(const Network& network, const PlanOptions& options) {
  MemoryPlan plan;
  plan.blocks = static_cast<int64_t>(network.blocks.size());
  plan.budget = options.budget;
  plan.loss_rows = kLeastLossRows;
  const int64_t most_rows =
      std::min(kMostLossRows, (options.tokens + kLeastLossRows - 1) / kLeastLossRows * kLeastLossRows);
  while (plan.loss_rows < most_rows && LossBytes(network, options, 2 * plan.loss_rows) <= kLossBudget)
    plan.loss_rows *= 2;
  const PassMemory pass =
      ComputePassMemory(network, options.rank, options.tokens, plan.loss_rows, CurrentKernels().element_bytes);
  // The loss and the blocks are never in work at the same time.
  const int64_t scratch = options.threads * CurrentKernels().gemm_scratch;
  const int64_t adapter = options.parameters * kBytesPerParameter;
  const auto slack = [&](int64_t stored, int64_t loss) {
    return static_cast<int64_t>(kAllocatorShare * static_cast<double>(adapter + pass.inputs + stored * pass.stored +
                                                                      std::max(pass.work, loss)));
  };
  const int64_t fixed = options.weight_bytes + adapter + pass.inputs + scratch + options.data_bytes + kProgramBytes;
  const auto total = [&](int64_t stored, int64_t loss) {
    return fixed + stored * pass.stored + std::max(pass.work, loss) + slack(stored, loss);
  };
  plan.least = total(0, LossBytes(network, options, kLeastLossRows));
  plan.stored_blocks = plan.blocks;
  int64_t loss = pass.loss;
  if (options.budget > 0) {
    while (plan.loss_rows > kLeastLossRows && total(0, loss) > options.budget) {
      plan.loss_rows /= 2;
      loss = LossBytes(network, options, plan.loss_rows);
    }
    const int64_t room = options.budget - total(0, loss);
    plan.fits = room >= 0;
    const auto block = static_cast<int64_t>((1 + kAllocatorShare) * static_cast<double>(pass.stored));
    plan.stored_blocks = plan.fits ? std::min(plan.blocks, room / std::max<int64_t>(1, block + 1)) : 0;
  }
  plan.total = total(plan.stored_blocks, loss);
  plan.terms = {
      {"weights", "mapped from the file", options.weight_bytes},
      {"adapter, optimizer",
       fmt::format("{:.1f}M parameters × 16 bytes", static_cast<double>(options.parameters) / 1e6), adapter},
      {"block inputs", fmt::format("{} blocks × {} tokens", plan.blocks, options.tokens), pass.inputs},
      {"activations", fmt::format("{} of {} blocks kept, the others computed again", plan.stored_blocks, plan.blocks),
       plan.stored_blocks * pass.stored},
      {"block or loss at work", fmt::format("logits of {} tokens at a time", plan.loss_rows),
       std::max(pass.work, loss)},
      {"program, data", fmt::format("{} threads, and what the allocator holds between buffers", options.threads),
       scratch + options.data_bytes + kProgramBytes + slack(plan.stored_blocks, loss)}};
  return plan;
}

int64_t LongestPassWithin(const Network& network, PlanOptions options) {
  int64_t fitting = 0;
  int64_t step = 1 << 20;
  for (; step >= 16; step /= 2) {
    options.tokens = fitting + step;
    if (PlanMemory(network, options).least <= options.budget) fitting += step;
  }
  return fitting;
}

int64_t DefaultMemoryBudget(Bytes available) {
  return std::min<int64_t>(5'000'000'000, static_cast<int64_t>(available.value / 5 * 4));
}

}  // namespace loco
