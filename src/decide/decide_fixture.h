// Made-up studies for the tests of decide and report: candidates with known skills on seeded items.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "decide/decide.h"

namespace loco {

struct FakeCandidate {
  std::string id;
  double skill = 0.5;  // chance of being right beyond the common difficulty of the item
  uint64_t bytes = 1'000'000;
  double tokens_per_second = 100;
  double reference_gain = 0.02;
};

inline Policy FakePolicy(int suites = 2) {
  Policy policy;
  policy.name = "fake";
  policy.description = "the smallest candidate that is not worse";
  policy.hash = std::string(64, 'a');
  policy.hardware.ram = Bytes{8'000'000'000};
  policy.objective.resamples = 300;
  for (int t = 0; t < suites; ++t) policy.suites.push_back({Path(fmt::format("tasks/t{}.toml", t)), 1});
  return policy;
}

// Answers that share the items' difficulty, so that pairing helps as it does with real models.
inline TaskResult FakeTask(const std::string& name, double skill, int items, uint64_t seed, uint64_t model) {
  TaskResult result{.task = name, .run = {"run", static_cast<RowId>(model * 100 + seed)}, .items = {}};
  Random common(seed);
  Random own(seed * 1000 + model);
  for (int i = 0; i < items; ++i) {
    const double difficulty = common.Uniform();
    const double luck = own.Uniform();
    const bool right = 0.7 * difficulty + 0.3 * luck < skill;
    const Outcome wrong = luck > 0.97 ? Outcome::kTruncated : luck > 0.95 ? Outcome::kUnparsed : Outcome::kWrong;
    result.items.push_back({fmt::format("{}-{:04}", name, i), right ? Outcome::kRight : wrong});
  }
  return result;
}

inline CandidateResult FakeResult(const FakeCandidate& fake, const Policy& policy, int items, uint64_t index) {
  CandidateResult result;
  result.id = result.name = fake.id;
  result.quantization = policy.shipped;
  result.model = {"model", static_cast<RowId>(index + 1)};
  result.file_bytes = Bytes{fake.bytes};
  result.parameters = fake.bytes;
  result.memory = MemoryNeed{.total = Bytes{fake.bytes * 2},
                             .limit = Bytes{8'000'000'000},
                             .context = 512,
                             .verdict = "fits",
                             .row = {"fit", static_cast<RowId>(index + 1)}};
  for (size_t t = 0; t < policy.suites.size(); ++t) {
    const std::string name = fmt::format("t{}", t);
    result.shipped.push_back(FakeTask(name, fake.skill, items, t + 1, index + 1));
    result.reference.push_back(FakeTask(name, fake.skill + fake.reference_gain, items, t + 1, index + 1));
    result.reference.back().run.id += 50;
  }
  Practical practical;
  practical.row = {"measurement", static_cast<RowId>(index + 1)};
  practical.machine = "m1";
  const double speed = fake.tokens_per_second;
  practical.generation_speed = Measured{speed, {speed * .95, speed * 1.05}};
  practical.prompt_speed = Measured{speed * 9, {speed * 8, speed * 10}};
  practical.first_token_seconds = Measured{10 / speed, {9 / speed, 11 / speed}};
  practical.load_seconds = 0.1;
  practical.peak_memory = Bytes{fake.bytes * 3};
  practical.steady_memory = Bytes{fake.bytes * 2};
  practical.memory_slope = Measured{12, {-40, 64}};
  practical.memory_verdict = "flat";
  practical.turns = 40;
  practical.runtime_check = "not run here: no other runtime is installed";
  result.practical = practical;
  return result;
}

inline std::vector<CandidateResult> FakeResults(const std::vector<FakeCandidate>& fakes, const Policy& policy,
                                                int items) {
  std::vector<CandidateResult> results;
  for (size_t i = 0; i < fakes.size(); ++i) results.push_back(FakeResult(fakes[i], policy, items, i));
  return results;
}

}  // namespace loco
