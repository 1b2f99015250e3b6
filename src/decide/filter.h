// The hard filter: every rule of the policy on one candidate gives pass, fail or unknown, with the reason.
//
//   KnownFacts known = MergeFacts(candidate, facts, model, fit, policy);    // file, catalog and policy, with sources
//   std::vector<RuleVerdict> verdicts = ApplyRules(policy, known, "2026-11-21");
//   Qualifies(verdicts);                     // every rule passed, or is unknown and the policy keeps unknowns of it
//   verdicts[2].would_pass_if;               // "the policy allows 'gemma'"
//
// Pure: today's date is passed in, files were read before. Unknown never passes silently: it fails the candidate,
// unless the rule says unknown = "keep", and then the verdict says that it was kept.
//
// It deliberately compares no two candidates, and looks at no score.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "candidate/catalog.h"
#include "candidate/facts.h"
#include "candidate/fit.h"
#include "decide/policy.h"
#include "store/rows.h"

namespace loco {

// A fact with where it stands. `conflict` says what another source states instead; it is shown, never resolved
// silently.
template <typename T>
struct Known {
  T value{};
  std::string source;
  std::string date;  // when it was read or published; empty when the source has none
  std::string conflict;
};

// What the rules need to know about one candidate. Empty: unknown.
struct KnownFacts {
  std::string id;
  std::optional<Known<Bytes>> file_size;  // at the shipped quantization
  std::optional<Known<std::string>> licence;
  std::optional<Known<bool>> gguf;
  std::optional<Known<bool>> instruct;
  std::optional<Known<bool>> tools;
  std::optional<Known<std::string>> released;  // "2025", "2025-04" or "2025-04-29"
  std::optional<Known<uint64_t>> context;      // tokens
  std::optional<Fit> fit;                      // with the policy's context, reserve, memory and adapter
  RowRef fit_row;
};

// The options with which a policy wants a candidate's fit computed; `machine_memory` where it says "this machine".
FitOptions FitOptionsOf(const Policy& policy, Bytes machine_memory);

struct FactSources {
  const Facts* facts = nullptr;         // of the local file, when there is one
  const CatalogModel* model = nullptr;  // when it is in the catalog
  std::optional<Fit> fit;
  RowRef fit_row;
  // Size of the file at the shipped quantization, when the local file is of another one and that file was made.
  std::optional<Bytes> shipped_size;
};

// The policy's declarations win over the catalog, and for sizes, template and context the file wins over both; where
// two sources state different things, `conflict` says so.
KnownFacts MergeFacts(const Policy& policy, const PolicyCandidate& candidate, const FactSources& sources);

enum class RuleOutcome { kPass, kFail, kUnknown };
const char* RuleOutcomeName(RuleOutcome outcome);  // "pass", "fail", "unknown"

// One row of the verdict table. All texts may quote files: hostile.
struct RuleVerdict {
  std::string rule;  // "licence"
  RuleOutcome outcome = RuleOutcome::kUnknown;
  bool kept = false;   // unknown, and the policy keeps it
  std::string value;   // "gemma", "7.90 GB at 4,096 tokens", "unknown"
  std::string limit;   // "in [Apache-2.0, MIT]"
  std::string margin;  // "0.52 GB to spare", "0.30 GB too much"; empty where there is no distance
  std::string source;
  std::string date;
  std::string would_pass_if;  // of a fail or an unknown
  double miss = 0;            // how far beyond the limit, as a share of it; 1 where there is no distance; 0: passed
  RowRef row;                 // filled by who stores it
};

std::vector<RuleVerdict> ApplyRules(const Policy& policy, const KnownFacts& known, const std::string& today);

bool Qualifies(const std::vector<RuleVerdict>& verdicts);

// Whole months from one date to another ("2025-04" counts as its first day); negative when `to` is earlier.
int MonthsBetween(const std::string& from, const std::string& to);

// The JSON of a verdict row's `result` column, keys in the order of the struct.
std::string RuleVerdictJson(const RuleVerdict& verdict);

}  // namespace loco
