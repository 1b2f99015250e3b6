// The practical test: how a model behaves on this machine, measured in this process.
//
//   PracticalResult result = MeasurePractical(path, {.prompt_tokens = 256}, progress, clock);
//
// Load time, time to first token, prompt and generation speed (repeated: median and spread), resident memory over a
// long conversation with its slope, energy where the machine reports it, and one load of the file by an independent
// runtime when one is installed. What could not be measured says so; it never becomes a number.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "stats/timing.h"
#include "store/rows.h"

namespace loco {

struct PracticalOptions {
  int prompt_tokens = 256;   // of the speed test; cut to half the context when that is less
  int generate_tokens = 64;  // of the speed test; likewise
  int repetitions = 5;
  int turns = 40;            // of the conversation
  int tokens_per_turn = 32;  // generated in each turn
  int context = 0;           // 0: the trained context, at most 4,096
  int threads = 0;           // 0: as many as the model is worth
  bool use_mmap = true;
  bool repack = true;
  bool independent_runtime = true;
};

// Repeated timings; all of them are kept.
struct Samples {
  std::vector<double> values;
  MedianEstimate Estimate() const { return MedianInterval(values); }
};

struct MemoryOverTurns {
  Bytes after_load;              // resident after loading, before the first token
  Bytes peak;                    // greatest resident size of the whole test
  Bytes steady;                  // median over the second half of the turns
  std::vector<double> resident;  // after each turn, bytes
  Slope slope;                   // bytes a turn over the second half
  int restarts = 0;              // how often the conversation filled the context and began anew
  std::string verdict;           // "flat", "grows", "too few turns"
};

struct PracticalResult {
  Samples load_seconds;
  Samples first_token_seconds;  // prompt of prompt_tokens to first token
  Samples prompt_speed;         // tokens a second
  Samples generation_speed;     // tokens a second
  MemoryOverTurns memory;
  std::optional<double> joules_per_token;  // generation; empty: not available on this machine
  std::string independent_runtime;         // "llama-server loaded it in 0.8 s", "not run here: …"
  int prompt_tokens = 0;                   // as really used
  int generate_tokens = 0;
  int context = 0;
  int threads = 0;
};

PracticalResult MeasurePractical(const Path& model, const PracticalOptions& options, Progress& progress,
                                 const Clock& clock);

// The result as the JSON of a measurement row, and back.
std::string PracticalToJson(const PracticalResult& result);
PracticalResult PracticalFromJson(const std::string& json);

// The identity of a practical test: model content, machine, engine and options.
std::string PracticalKey(const std::string& model_hash, const std::string& machine_fingerprint,
                         const PracticalOptions& options);

// The program that LoadInIndependentRuntime() would use: "ollama", "llama-server" or "none". Part of a test's identity,
// so that installing one makes a new test and not a stored "not run here".
std::string IndependentRuntime();

// Loads the file once in Ollama or llama-server when one is in PATH; says what happened, or why it was not run.
std::string LoadInIndependentRuntime(const Path& model);

}  // namespace loco
