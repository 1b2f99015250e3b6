#include "decide/policy.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "base/hostile_text.h"
#include "decide/toml_reader.h"

namespace loco {
namespace {

// The open sets of the format: a new rule or criterion is a row here and a case where it is applied.
struct RuleEntry {
  RuleKind kind;
  std::string_view name;
  std::string_view own_key;  // the one key besides `unknown`, or empty
};
constexpr std::array kRules = {
    RuleEntry{RuleKind::kMemory, "memory", "adapter_rank"},
    RuleEntry{RuleKind::kFileSize, "file_size", "max"},
    RuleEntry{RuleKind::kLicence, "licence", "allow"},
    RuleEntry{RuleKind::kGguf, "gguf", ""},
    RuleEntry{RuleKind::kInstruct, "instruct", ""},
    RuleEntry{RuleKind::kMaintained, "maintained", "max_months"},
    RuleEntry{RuleKind::kContext, "context", "min"},
    RuleEntry{RuleKind::kTools, "tools", ""},
};

struct CriterionEntry {
  Criterion criterion;
  std::string_view name;
};
constexpr std::array kCriteria = {
    CriterionEntry{Criterion::kTunedScore, "tuned_score"},
    CriterionEntry{Criterion::kTunability, "tunability"},
    CriterionEntry{Criterion::kBaseScore, "base_score"},
    CriterionEntry{Criterion::kSize, "size"},
    CriterionEntry{Criterion::kMemory, "memory"},
    CriterionEntry{Criterion::kFirstToken, "first_token"},
    CriterionEntry{Criterion::kSpeed, "speed"},
};

template <typename Table>
std::vector<std::string> NamesOf(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return names;
}

// "2025", "2025-04" or "2025-04-29".
bool IsDate(std::string_view text) {
  const std::string_view shape = "0000-00-00";
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (shape[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

class PolicyReader {
 public:
  PolicyReader(const Path& path, PolicyParse& parse)
      : reader_(path, parse.mistakes), policy_(parse.policy), folder_(path.parent_path()) {}

  void Read(const toml::table& root) {
    reader_.ExpectKeys(root, "the policy",
                       {"name", "description", "hardware", "precision", "candidate", "rules", "evidence", "suite",
                        "bars", "objective"});
    policy_.name = reader_.Text(root, "name").value_or("");
    if (policy_.name.empty()) reader_.Complain(root.source(), "a policy needs a 'name'");
    policy_.description = reader_.Text(root, "description").value_or("");
    ReadHardware(root);
    ReadPrecision(root);
    ReadCandidates(root);
    ReadRules(root);
    ReadEvidence(root);
    ReadSuites(root);
    ReadBars(root);
    ReadObjective(root);
  }

 private:
  Path Resolve(const std::string& text) const { return (folder_ / text).lexically_normal(); }

  void ReadHardware(const toml::table& root) {
    const toml::table* table = reader_.Table(root, "hardware");
    if (table == nullptr) return;
    reader_.ExpectKeys(*table, "[hardware]", {"ram", "os_reserve", "context"});
    const auto* word = table->get_as<std::string>("ram");
    if (word == nullptr || word->get() != "this machine") policy_.hardware.ram = reader_.Size(*table, "ram");
    if (const auto reserve = reader_.Size(*table, "os_reserve")) policy_.hardware.os_reserve = *reserve;
    if (const auto context = reader_.IntegerIn(*table, "context", 1, int64_t{1} << 24)) {
      policy_.hardware.context = static_cast<uint64_t>(*context);
    }
  }

  void ReadPrecision(const toml::table& root) {
    const toml::table* table = reader_.Table(root, "precision");
    if (table == nullptr) return;
    reader_.ExpectKeys(*table, "[precision]", {"shipped", "reference"});
    if (const auto shipped = reader_.Text(*table, "shipped")) policy_.shipped = *shipped;
    if (const auto reference = reader_.Text(*table, "reference")) policy_.reference = *reference;
  }

  void ReadCandidates(const toml::table& root) {
    std::map<std::string, size_t> seen;  // id → line
    for (const toml::table* table : reader_.Tables(root, "candidate")) {
      PolicyCandidate candidate;
      candidate.line = table->source().begin.line;
      candidate.column = table->source().begin.column;
      reader_.ExpectKeys(*table, "[[candidate]]", {"name", "catalog", "file", "declared"});
      candidate.catalog = reader_.Text(*table, "catalog").value_or("");
      const std::string file = reader_.Text(*table, "file").value_or("");
      if (!file.empty()) candidate.file = Resolve(file);
      if (candidate.catalog.empty() && file.empty()) {
        reader_.Complain(table->source(), "a [[candidate]] needs 'catalog' or 'file'");
        continue;
      }
      candidate.id = candidate.catalog.empty() ? candidate.file.stem().string() : candidate.catalog;
      if (const auto name = reader_.Text(*table, "name")) candidate.id = *name;
      ReadDeclared(*table, candidate.declared);
      const auto [first, added] = seen.emplace(candidate.id, candidate.line);
      if (!added) {
        reader_.Complain(table->source(), "candidate '{}' is listed in line {} already; give one of them a 'name'",
                         Shorten(ForTerminal(candidate.id), 60), first->second);
      }
      policy_.candidates.push_back(std::move(candidate));
    }
    if (policy_.candidates.empty()) reader_.Complain(root.source(), "a policy needs at least one [[candidate]]");
  }

  void ReadDeclared(const toml::table& candidate, DeclaredFacts& declared) {
    const toml::table* table = reader_.Table(candidate, "declared");
    if (table == nullptr) return;
    reader_.ExpectKeys(*table, "'declared'", {"licence", "released", "source"});
    declared.licence = reader_.Text(*table, "licence").value_or("");
    declared.released = reader_.Text(*table, "released").value_or("");
    if (!declared.released.empty() && !IsDate(declared.released)) {
      reader_.Complain(table->get("released")->source(), "'released' must look like 2025, 2025-04 or 2025-04-29");
    }
    if (const auto source = reader_.Text(*table, "source")) declared.source = *source;
  }

  void ReadRules(const toml::table& root) {
    const toml::table* rules = reader_.Table(root, "rules");
    if (rules == nullptr) return;
    reader_.ExpectKeys(*rules, "[rules]", NamesOf(kRules));
    for (const RuleEntry& entry : kRules) {
      const toml::table* table = reader_.Table(*rules, entry.name);
      if (table == nullptr) continue;
      const std::string section = fmt::format("rule '{}'", entry.name);
      std::vector<std::string> keys = {"unknown"};
      if (!entry.own_key.empty()) keys.insert(keys.begin(), std::string(entry.own_key));
      reader_.ExpectKeys(*table, section, keys);
      Rule rule{.kind = entry.kind};
      rule.keep_unknown = reader_.OneOf(*table, "unknown", {"reject", "keep"}).value_or(0) == 1;
      ReadLimit(*table, section, rule);
      policy_.rules.push_back(std::move(rule));
    }
  }

  void ReadLimit(const toml::table& table, const std::string& section, Rule& rule) {
    const auto require = [&](bool present, std::string_view key) {
      if (!present && table.get(key) == nullptr) reader_.Complain(table.source(), "{} needs '{}'", section, key);
    };
    switch (rule.kind) {
      case RuleKind::kMemory:
        rule.adapter_rank = static_cast<uint64_t>(reader_.IntegerIn(table, "adapter_rank", 0, 4096).value_or(0));
        break;
      case RuleKind::kFileSize: {
        const auto max = reader_.Size(table, "max");
        require(max.has_value(), "max");
        rule.max_bytes = max.value_or(Bytes{});
        break;
      }
      case RuleKind::kLicence:
        rule.allow = reader_.Texts(table, "allow");
        require(!rule.allow.empty(), "allow");
        break;
      case RuleKind::kMaintained: {
        const auto months = reader_.IntegerIn(table, "max_months", 1, 1200);
        require(months.has_value(), "max_months");
        rule.max_months = static_cast<int>(months.value_or(0));
        break;
      }
      case RuleKind::kContext: {
        const auto min = reader_.IntegerIn(table, "min", 1, int64_t{1} << 24);
        require(min.has_value(), "min");
        rule.min_context = static_cast<uint64_t>(min.value_or(0));
        break;
      }
      case RuleKind::kGguf:
      case RuleKind::kInstruct:
      case RuleKind::kTools:
        break;
    }
  }

  void ReadEvidence(const toml::table& root) {
    for (const toml::table* table : reader_.Tables(root, "evidence")) {
      reader_.ExpectKeys(*table, "[[evidence]]", {"figure", "min", "max"});
      EvidenceRule rule;
      rule.figure = reader_.Text(*table, "figure").value_or("");
      rule.min = reader_.Number(*table, "min");
      rule.max = reader_.Number(*table, "max");
      if (rule.figure.empty()) reader_.Complain(table->source(), "[[evidence]] needs a 'figure'");
      if (!rule.min && !rule.max) {
        reader_.Complain(table->source(),
                         "[[evidence]] needs 'min' or 'max': a figure prunes by a stated threshold only");
      }
      policy_.evidence.push_back(std::move(rule));
    }
  }

  void ReadSuites(const toml::table& root) {
    double total = 0;
    const std::vector<const toml::table*> tables = reader_.Tables(root, "suite");
    for (const toml::table* table : tables) {
      reader_.ExpectKeys(*table, "[[suite]]", {"task", "weight"});
      const std::string task = reader_.Text(*table, "task").value_or("");
      if (task.empty()) reader_.Complain(table->source(), "a [[suite]] needs a 'task'");
      const double weight = reader_.NumberIn(*table, "weight", 0, 1e6).value_or(1);
      total += weight;
      policy_.suites.push_back({Resolve(task), weight});
    }
    if (!tables.empty() && total <= 0) reader_.Complain(tables.front()->source(), "all suites have weight 0");
  }

  void ReadBars(const toml::table& root) {
    const toml::table* table = reader_.Table(root, "bars");
    if (table == nullptr) return;
    reader_.ExpectKeys(*table, "[bars]", {"score", "speed", "first_token", "peak_memory", "memory_stable", "unknown"});
    Bars& bars = policy_.bars;
    bars.score = reader_.NumberIn(*table, "score", 0, 1);
    bars.tokens_per_second = reader_.NumberIn(*table, "speed", 0, 1e9);
    bars.first_token_seconds = reader_.NumberIn(*table, "first_token", 0, 1e9);
    bars.peak_memory = reader_.Size(*table, "peak_memory");
    bars.memory_stable = reader_.Flag(*table, "memory_stable").value_or(false);
    bars.keep_unknown = reader_.OneOf(*table, "unknown", {"reject", "keep"}).value_or(0) == 1;
  }

  void ReadObjective(const toml::table& root) {
    const toml::table* table = reader_.Table(root, "objective");
    if (table == nullptr) return;
    reader_.ExpectKeys(*table, "[objective]", {"kind", "order", "margin", "alpha", "tolerance", "resamples", "seed"});
    Objective& objective = policy_.objective;
    const auto kind = reader_.OneOf(*table, "kind", {"smallest-not-worse", "lexicographic"});
    if (kind == 1) objective.kind = ObjectiveKind::kLexicographic;
    if (objective.kind == ObjectiveKind::kLexicographic) {
      ReadOrder(*table, objective);
    } else if (table->get("order") != nullptr) {
      reader_.Complain(table->get("order")->source(), "'order' belongs to kind = \"lexicographic\"");
    }
    // A margin of 0 would ask for proof of equality, and 1 would call everything equal.
    objective.margin = reader_.NumberIn(*table, "margin", 0.001, 0.5).value_or(objective.margin);
    objective.alpha = reader_.NumberIn(*table, "alpha", 1e-6, 0.5).value_or(objective.alpha);
    objective.tolerance = reader_.NumberIn(*table, "tolerance", 0, 1).value_or(objective.tolerance);
    objective.resamples =
        static_cast<int>(reader_.IntegerIn(*table, "resamples", 100, 100'000).value_or(objective.resamples));
    objective.seed = static_cast<uint64_t>(
        reader_.IntegerIn(*table, "seed", 0, INT64_MAX).value_or(static_cast<int64_t>(objective.seed)));
  }

  void ReadOrder(const toml::table& table, Objective& objective) {
    objective.order.clear();
    const toml::array* array = table.get_as<toml::array>("order");
    if (array == nullptr) {
      reader_.Complain(table.source(), "kind = \"lexicographic\" needs order = [\"base_score\", …]");
      return;
    }
    for (const toml::node& node : *array) {
      const auto* word = node.as_string();
      const auto index =
          reader_.IndexOf(node.source(), word == nullptr ? "" : word->get(), "criterion", NamesOf(kCriteria));
      if (index) objective.order.push_back(kCriteria.at(*index).criterion);
    }
  }

  TomlReader reader_;
  Policy& policy_;
  Path folder_;
};

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*')
    return !name.empty() && name.front() == pattern.front() && MatchesPattern(name.substr(1), pattern.substr(1));
  for (size_t skip = 0; skip <= name.size(); ++skip) {
    if (MatchesPattern(name.substr(skip), pattern.substr(1))) return true;
  }
  return false;
}

std::vector<Path> FilesMatching(const Path& pattern) {
  std::vector<Path> files;
  std::error_code none;
  const Path folder = pattern.parent_path().empty() ? Path(".") : pattern.parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const bool matches = MatchesPattern(entry.path().filename().string(), pattern.filename().string());
    if (matches && entry.is_regular_file(none)) files.push_back((pattern.parent_path() / entry.path().filename()));
  }
  std::sort(files.begin(), files.end());  // the order of a folder is the file system's, not ours
  return files;
}

}  // namespace

std::string_view RuleName(RuleKind kind) {
  for (const RuleEntry& entry : kRules) {
    if (entry.kind == kind) return entry.name;
  }
  return "";
}

std::string_view CriterionName(Criterion criterion) {
  for (const CriterionEntry& entry : kCriteria) {
    if (entry.criterion == criterion) return entry.name;
  }
  return "";
}

PolicyParse ParsePolicy(std::string_view text, const Path& path) {
  PolicyParse parse;
  parse.policy.path = path;
  parse.policy.hash = Sha256Hex(text);
  try {
    const toml::table root = toml::parse(text, path.string());
    PolicyReader(path, parse).Read(root);
  } catch (const toml::parse_error& error) {  // the library stops at the first; the place is what it knows
    const toml::source_position place = error.source().begin;
    parse.mistakes.push_back({path, place.line, place.column, ForTerminal(error.description())});
  }
  std::stable_sort(parse.mistakes.begin(), parse.mistakes.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  return parse;
}

void FindCandidateFiles(Policy& policy, std::vector<Diagnostic>& mistakes) {
  std::vector<PolicyCandidate> found;
  for (const PolicyCandidate& candidate : policy.candidates) {
    const auto complain = [&](std::string_view what) {
      mistakes.push_back({policy.path, candidate.line, candidate.column,
                          fmt::format("{}: '{}'", what, ForTerminal(candidate.file.string()))});
    };
    const bool pattern = candidate.file.filename().string().find('*') != std::string::npos;
    if (pattern) {
      const std::vector<Path> files = FilesMatching(candidate.file);
      if (files.empty()) complain("no file matches");
      for (const Path& file : files) {
        PolicyCandidate one = candidate;
        one.file = file;
        one.id = file.stem().string();
        const auto same = [&](const PolicyCandidate& other) { return other.id == one.id; };
        const bool named = std::any_of(found.begin(), found.end(), same) ||
                           std::any_of(policy.candidates.begin(), policy.candidates.end(), same);
        if (!named) found.push_back(std::move(one));  // a candidate of its own says more than a pattern
      }
      continue;
    }
    std::error_code none;
    PolicyCandidate one = candidate;
    if (!one.file.empty() && !std::filesystem::is_regular_file(one.file, none)) {
      if (one.catalog.empty()) complain("there is no such file");
      one.file.clear();
    }
    found.push_back(std::move(one));
  }
  policy.candidates = std::move(found);
}

Policy LoadPolicy(const Path& path) {
  PolicyParse parse = ParsePolicy(ReadFile(path), path);
  FindCandidateFiles(parse.policy, parse.mistakes);
  ThrowMistakes(parse.mistakes);
  return std::move(parse.policy);
}

}  // namespace loco
