// Micro-benchmarks of what happens often: reading a header with a large vocabulary, committing an answer, resampling a
// decision. Run with `--benchmark_repetitions=10 --benchmark_report_aggregates_only=true`; bench/README.md says what
// was measured where.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>

#include "base/random.h"
#include "candidate/facts.h"
#include "candidate/gguf_builder.h"
#include "stats/resample.h"
#include "store/store.h"

namespace loco {
namespace {

// The header of a model with Qwen3's 151,936 tokens: the facts of a candidate are read on every command.
void ReadHeader(benchmark::State& state) {
  GgufBuilder builder;
  builder.Text("general.architecture", "llama").Number("llama.block_count", 1);
  std::vector<std::string> tokens;
  for (int i = 0; i < 151'936; ++i) tokens.push_back(fmt::format("token{}", i));
  builder.Texts("tokenizer.ggml.tokens", tokens);
  builder.Tensor("token_embd.weight", {32, 32}, kF16);
  const std::string file = builder.Build();
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(file.data()), file.size());
  for (auto _ : state) benchmark::DoNotOptimize(FactsOf(ParseGguf(bytes, "bench.gguf"), "bench.gguf"));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * file.size()));
}
BENCHMARK(ReadHeader)->Unit(benchmark::kMillisecond);

// One transaction an answer, on a real file: what "a kill loses at most the item in work" costs.
void CommitAnswer(benchmark::State& state) {
  const Path folder = std::filesystem::temp_directory_path() / "loco-micro-bench";
  std::filesystem::remove_all(folder);
  const SystemClock clock;
  Store store = Store::Open(folder / "loco.db", clock);
  const RowId model = store.AddModel({.hash = std::string(64, 'a'), .name = "m"});
  const RowId task = store.AddTask({.hash = std::string(64, 'b'), .name = "t", .scorer = "exact/1", .items = 1});
  const RowId run = store.AddRun({.key = "k", .model_id = model, .task_id = task, .engine = "e", .items = 1});
  int64_t item = 0;
  for (auto _ : state) {
    store.AddAnswer({.run_id = run, .item = fmt::format("{}", ++item), .prompt_hash = "p", .text = "an answer"},
                    {.scorer = "exact/1", .outcome = Outcome::kRight});
  }
  state.SetItemsProcessed(item);
}
BENCHMARK(CommitAnswer)->Unit(benchmark::kMicrosecond);

// 1,000 joint resamples of four candidates on six suites of 400 items: the stability line of a decision.
void ResampleDecision(benchmark::State& state) {
  Random random(1);
  std::vector<TaskTable> tasks(6);
  for (TaskTable& task : tasks) {
    for (int model = 0; model < 4; ++model) {
      std::vector<uint8_t>& right = task.right.emplace_back();
      for (int item = 0; item < 400; ++item) right.push_back(random.Uniform() < 0.4 ? 1 : 0);
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(ProbabilityBest(tasks, {.resamples = 1000}));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * 1000);
}
BENCHMARK(ResampleDecision)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace loco

BENCHMARK_MAIN();
