// A policy: which candidates, on which hardware, under which hard rules, on which suites, and what "best" means.
//
//   Policy policy = LoadPolicy("policies/demo.toml");           // throws, listing every mistake with its place
//   PolicyParse parse = ParsePolicy(text, "policies/demo.toml");   // pure: policy and mistakes
//
// The file, by example (all paths are relative to it; sections and keys that are left out have the defaults below):
//
//   name = "loco-8gb"
//   description = "one standard base model for laptops with 8 GB"
//   hardware  = { ram = "8GB", os_reserve = "1.5GB", context = 4096 }     # ram = "this machine" asks the machine
//   precision = { shipped = "Q4_K_M", reference = "F16" }
//
//   [[candidate]]
//   catalog = "qwen3-4b"                  # an entry of the catalog …
//   file = "../models/qwen3-4b.gguf"      # … or a file, or both; `*` in the file name takes every match
//   declared = { licence = "Apache-2.0", released = "2025-04", source = "model card" }
//
//   [rules]                               # hard rules; each may add unknown = "keep", the default is "reject"
//   memory = { adapter_rank = 16 }        # fits hardware.ram with operating system, runtime and one adapter
//   file_size = { max = "3GB" }
//   licence = { allow = ["Apache-2.0", "MIT"] }
//   gguf = {}
//   instruct = {}
//   maintained = { max_months = 24 }      # released or renewed at most so many months ago
//   context = { min = 4096 }
//   tools = {}                            # the chat template takes tools
//
//   [[evidence]]                          # published figures prune only here, by a stated threshold
//   figure = "tuned rank"
//   max = 9
//
//   [[suite]]
//   task = "../tasks/arith.toml"
//   weight = 1
//
//   [trainability]                        # step 4: every candidate is tuned on the same data; docs/policies.md
//   tasks = ["../tasks/arith.toml"]       # of the suites: each gets an adapter of its own, from its training items
//   rungs = [200, 400, 800]               # examples; after each the worse half leaves
//   learning_rates = [1e-4, 3e-4]         # tried at the first rung; each candidate keeps its best
//   seeds = 3                             # of the finalists' last rung
//
//   [bars]                                # what a measured candidate must reach, with its lower confidence limit
//   score = 0.2
//   speed = 10                            # generated tokens a second
//   first_token = 2.0                     # seconds, at most
//   peak_memory = "6GB"
//   memory_stable = true
//   unknown = "reject"
//
//   [objective]
//   kind = "smallest-not-worse"           # or "lexicographic", with
//                                         #   order = ["tuned_score", "base_score", "first_token"]
//   margin = 0.03                         # what "not worse" means, as a share of right answers
//   alpha = 0.05
//   tolerance = 0.1                       # speeds and times this near count as equal
//   resamples = 2000
//   seed = 1
//
// Two objectives and no weights yet: `kind = "weighted"` is refused, not ignored. It deliberately does not open models
// or tasks; LoadPolicy only looks which files exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/file.h"

namespace loco {

// Facts that the policy itself states about a candidate, with where they are from.
struct DeclaredFacts {
  std::string licence;
  std::string released;  // "2025", "2025-04" or "2025-04-29"
  std::string source = "the policy";
};

struct PolicyCandidate {
  std::string id;       // unique: the given name, the catalog id or the file's stem
  std::string catalog;  // empty: not in the catalog
  Path file;            // empty: no file here. In a ParsePolicy result it may still hold a pattern with '*'
  DeclaredFacts declared;
  size_t line = 0;  // where the policy names it, from 1
  size_t column = 0;
};

struct PolicyHardware {
  std::optional<Bytes> ram;  // empty: this machine's
  Bytes os_reserve{1'500'000'000};
  uint64_t context = 4096;  // tokens
};

enum class RuleKind { kMemory, kFileSize, kLicence, kGguf, kInstruct, kMaintained, kContext, kTools };
std::string_view RuleName(RuleKind kind);

struct Rule {
  RuleKind kind = RuleKind::kGguf;
  bool keep_unknown = false;
  std::vector<std::string> allow;  // licence
  Bytes max_bytes;                 // file_size
  uint64_t min_context = 0;        // context, tokens
  int max_months = 0;              // maintained
  uint64_t adapter_rank = 0;       // memory
};

struct EvidenceRule {
  std::string figure;  // the name of a published figure, as the catalog's evidence has it
  std::optional<double> min;
  std::optional<double> max;
  size_t line = 0;  // where the policy names it, from 1
  size_t column = 0;
};

struct PolicySuite {
  Path task;
  double weight = 1;
  size_t line = 0;  // where the policy names it, from 1
  size_t column = 0;
};

// A suite that gets an adapter of its own, as a router would use it.
struct TunedSuite {
  Path task;               // a suite of the policy
  std::vector<Path> data;  // what is trained on: JSONL files, or a task (.toml) whose training items are meant
};

// Step 4: how candidates are tuned to be compared. Suites that are not tuned are answered by the base.
struct TrainabilityRules {
  std::vector<TunedSuite> suites;
  int64_t held_out = 100;                        // samples held out of a suite's data, whose loss compares candidates
  std::vector<int64_t> rungs = {200, 400, 800};  // examples, rising
  std::vector<double> learning_rates = {1e-4, 3e-4};
  int64_t seeds = 3;      // of the last rung
  int64_t finalists = 2;  // that reach it, at least
  int64_t rank = 16;
  int64_t epochs = 3;
  int64_t tokens_per_pass = 512;
  int64_t max_tokens = 1024;
  std::optional<double> target_bits;  // a byte; how many tokens it takes to get there is reported
};

struct Bars {
  std::optional<double> score;                // share of right answers, macro-average
  std::optional<double> tokens_per_second;    // generated
  std::optional<double> first_token_seconds;  // at most
  std::optional<Bytes> peak_memory;           // at most
  bool memory_stable = false;
  bool keep_unknown = false;
};

// What candidates are compared by. The table of names is in policy.cc.
enum class Criterion { kTunedScore, kTunability, kBaseScore, kSize, kMemory, kFirstToken, kSpeed };
std::string_view CriterionName(Criterion criterion);

enum class ObjectiveKind { kSmallestNotWorse, kLexicographic };

struct Objective {
  ObjectiveKind kind = ObjectiveKind::kSmallestNotWorse;
  // kSmallestNotWorse is the order base_score, size; written out here, so that one rule decides both kinds.
  std::vector<Criterion> order = {Criterion::kBaseScore, Criterion::kSize};
  double margin = 0.03;
  double alpha = 0.05;
  double tolerance = 0.1;
  int resamples = 2000;
  uint64_t seed = 1;
};

struct Policy {
  std::string name;
  std::string description;
  std::string hash;  // SHA-256 of the file's text
  Path path;
  PolicyHardware hardware;
  std::string shipped = "Q4_K_M";
  std::string reference = "F16";
  std::vector<PolicyCandidate> candidates;
  std::vector<Rule> rules;  // in the order of RuleKind
  std::vector<EvidenceRule> evidence;
  std::vector<PolicySuite> suites;
  std::optional<TrainabilityRules> trainability;  // empty: not measured
  Bars bars;
  Objective objective;
};

struct PolicyParse {
  Policy policy;
  std::vector<Diagnostic> mistakes;  // in the order of their places; empty: the policy is good
};

// Pure: `path` names the file in messages and is what relative paths are resolved against.
PolicyParse ParsePolicy(std::string_view text, const Path& path);

// Replaces each file pattern by its matches, sorted by name, and complains of models and tasks that are not there. A
// candidate of the catalog whose file is missing stays, without the file: its facts are still known.
void FindFiles(Policy& policy, std::vector<Diagnostic>& mistakes);

// Reads, parses and finds the files. Throws one Error that lists every mistake as "path:line:column: message".
Policy LoadPolicy(const Path& path);

}  // namespace loco
