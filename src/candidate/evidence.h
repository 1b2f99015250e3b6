// Published figures about models, each with what makes it usable: source, date, precision, model revision.
//
//   for (const Evidence& row : LoadEvidence(share / "catalog" / "evidence")) …
//   row.model;      // "qwen3-1.7b"
//   row.what;       // "mean tuned rank"
//   row.value;      // 4.44, with row.low and row.high when an interval was published
//   row.precision;  // "16-bit", "Q4", "unknown"
//
// External evidence prunes, it never decides: most leaderboards measure 16-bit models without fine-tuning on other
// people's tasks. That is why the precision is a field, and why "unknown" is written out.
//
// It deliberately keeps figures as published; nothing is rescaled, averaged or compared here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.h"
#include "base/file.h"

namespace loco {

struct Evidence {
  std::string model;  // an id of the catalog, or the name that the source uses
  std::string what;   // "mean tuned rank", "command match"
  std::optional<double> value;
  std::string text;           // a finding that is no number
  std::string unit;           // "%", "GB", "rank"; empty for a bare number
  std::optional<double> low;  // published interval, or bounds of a range
  std::optional<double> high;
  std::optional<uint64_t> n;  // items, tasks or cases behind the value
  std::string source;
  std::string date;       // of the figure; "unknown" when not stated
  std::string precision;  // of the weights that were measured
  std::string revision;   // of the model; "unknown" when not stated
  std::string note;
  Path file;
  size_t line = 0;
};

// Every *.toml of the folder, in the order of names. Throws one Error with every mistake.
std::vector<Evidence> LoadEvidence(const Path& folder);

// One file's rows. Keys before the first [[row]] are defaults for all of them.
void ParseEvidence(std::string_view text, const Path& file, std::vector<Evidence>& rows,
                   std::vector<Diagnostic>& mistakes);

}  // namespace loco
