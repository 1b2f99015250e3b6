#include "train/plan.h"

#include <doctest/doctest.h>

#include "train/adapter.h"
#include "train/model_fixture.h"

namespace loco {
namespace {

PlanOptions OptionsOf(const Network& network, int64_t tokens) {
  return {.rank = 8,
          .parameters = CountParameters(network, {.rank = 8}),
          .tokens = tokens,
          .threads = 2,
          .weight_bytes = 5'000'000};
}

TEST_CASE("a smaller budget keeps fewer blocks, stays within itself, and says when nothing helps") {
  const ModelFixture model("qwen3", /*full_precision=*/false);
  const Network network = model.network();
  PlanOptions options = OptionsOf(network, 256);
  const MemoryPlan all = PlanMemory(network, options);
  CHECK(all.fits);
  CHECK(all.stored_blocks == all.blocks);
  int64_t sum = 0;
  for (const MemoryTerm& term : all.terms) sum += term.bytes;
  CHECK(sum == all.total);
  int64_t before = all.blocks;
  for (int64_t budget = all.total; budget >= all.least; budget -= 200'000) {
    options.budget = budget;
    const MemoryPlan plan = PlanMemory(network, options);
    CHECK(plan.fits);
    CHECK(plan.total <= budget);
    CHECK(plan.stored_blocks <= before);
    before = plan.stored_blocks;
  }
  options.budget = all.least - 1;
  CHECK_FALSE(PlanMemory(network, options).fits);
}

TEST_CASE("the longest pass within a budget fits, and one that is a little longer does not") {
  const ModelFixture model("llama", /*full_precision=*/false);
  const Network network = model.network();
  PlanOptions options = OptionsOf(network, 4096);
  options.budget = 70'000'000;
  const int64_t tokens = LongestPassWithin(network, options);
  CHECK(tokens >= 16);
  options.tokens = tokens;
  CHECK(PlanMemory(network, options).fits);
  options.tokens = tokens + 64;
  CHECK_FALSE(PlanMemory(network, options).fits);
}

TEST_CASE("the parameters that are planned are those that are made") {
  for (const char* architecture : {"llama", "phi3"}) {
    const ModelFixture model(architecture, /*full_precision=*/false);
    Network network = model.network();
    const AdapterShape shape{.rank = 8};
    CHECK(CountParameters(network, shape) == CountParameters(AttachAdapter(network, shape, 1)));
  }
}

}  // namespace
}  // namespace loco
