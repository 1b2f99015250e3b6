#include "decide/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "base/hostile_text.h"
#include "base/toml_file.h"

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

constexpr int64_t kLongestContext = int64_t{1} << 24;  // tokens; more is a typing mistake

// "2025", "2025-04" or "2025-04-29".
bool IsDate(std::string_view text) {
  const std::string_view shape = "0000-00-00";
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (shape[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

// What a file is called as a candidate: its name without the precision that quantized copies are made from, which says
// nothing about the candidate.
std::string IdOfFile(const Path& file) {
  std::string id = file.stem().string();
  for (const std::string_view precision : {"-F16", "-BF16", "-F32", "-f16", "-bf16", "-f32"}) {
    if (id.size() > precision.size() && id.ends_with(precision)) {
      id.resize(id.size() - precision.size());
      break;
    }
  }
  return id;
}

class PolicyReader {
 public:
  PolicyReader(const Path& path, Policy& policy) : policy_(policy), folder_(path.parent_path()) {}

  void Read(TomlTable root) {
    policy_.name = root.RequiredText("name");
    if (root.Has("name") && policy_.name.empty()) root.Wrong("name", "'name' is empty");
    policy_.description = root.Text("description").value_or("");
    ReadHardware(root.Table("hardware"));
    ReadPrecision(root.Table("precision"));
    ReadCandidates(root);
    ReadRules(root.Table("rules"));
    ReadEvidence(root);
    ReadSuites(root);
    if (TomlTable table = root.Table("trainability"); table.present()) ReadTrainability(table);
    ReadBars(root.Table("bars"));
    if (TomlTable objective = root.Table("objective"); objective.present()) ReadObjective(objective);
  }

 private:
  Path Resolve(const std::string& text) const { return (folder_ / text).lexically_normal(); }

  void ReadHardware(TomlTable table) {
    if (!table.IsText("ram", "this machine")) policy_.hardware.ram = table.Size("ram");
    policy_.hardware.os_reserve = table.Size("os_reserve").value_or(policy_.hardware.os_reserve);
    const auto context = table.Integer("context", {.least = 16, .most = kLongestContext});
    if (context) policy_.hardware.context = static_cast<uint64_t>(*context);
  }

  void ReadPrecision(TomlTable table) {
    policy_.shipped = table.Text("shipped").value_or(policy_.shipped);
    policy_.reference = table.Text("reference").value_or(policy_.reference);
  }

  void ReadCandidates(TomlTable root) {
    std::map<std::string, size_t> seen;  // id → line
    for (TomlTable& table : root.Tables("candidate")) {
      PolicyCandidate candidate;
      candidate.line = table.line();
      candidate.column = table.column();
      candidate.catalog = table.Text("catalog").value_or("");
      const std::string file = table.Text("file").value_or("");
      const auto name = table.Text("name");
      ReadDeclared(table.Table("declared"), candidate.declared);
      if (candidate.catalog.empty() && file.empty()) {
        table.Wrong("", "a [[candidate]] needs 'catalog' or 'file'");
        continue;
      }
      if (!file.empty()) candidate.file = Resolve(file);
      candidate.id = candidate.catalog.empty() ? IdOfFile(candidate.file) : candidate.catalog;
      if (name) candidate.id = *name;
      const auto [first, added] = seen.emplace(candidate.id, candidate.line);
      if (!added) {
        table.Wrong("", fmt::format("candidate {} is listed in line {} already; give one of them a 'name'",
                                    QuotedWord(candidate.id), first->second));
      }
      policy_.candidates.push_back(std::move(candidate));
    }
    if (policy_.candidates.empty()) root.Wrong("", "a policy needs at least one [[candidate]]");
  }

  void ReadDeclared(TomlTable table, DeclaredFacts& declared) {
    declared.licence = table.Text("licence").value_or("");
    declared.released = table.Text("released").value_or("");
    if (!declared.released.empty() && !IsDate(declared.released)) {
      table.Wrong("released", "'released' must look like 2025, 2025-04 or 2025-04-29");
    }
    declared.source = table.Text("source").value_or(declared.source);
  }

  void ReadRules(TomlTable rules) {
    for (const RuleEntry& entry : kRules) {
      TomlTable table = rules.Table(entry.name);
      if (!table.present()) continue;
      Rule rule{.kind = entry.kind};
      rule.keep_unknown = ReadKeepUnknown(table);
      ReadLimit(table, entry, rule);
      policy_.rules.push_back(std::move(rule));
    }
  }

  static bool ReadKeepUnknown(TomlTable& table) { return table.OneOf("unknown", {"reject", "keep"}).value_or(0) == 1; }

  void ReadLimit(TomlTable& table, const RuleEntry& entry, Rule& rule) {
    switch (rule.kind) {
      case RuleKind::kMemory:
        rule.adapter_rank =
            static_cast<uint64_t>(table.Integer("adapter_rank", {.least = 0, .most = 4096}).value_or(0));
        return;
      case RuleKind::kFileSize:
        rule.max_bytes = table.Size("max").value_or(Bytes{});
        break;
      case RuleKind::kLicence:
        rule.allow = table.Texts("allow");
        if (table.Has("allow") && rule.allow.empty()) table.Wrong("allow", "'allow' lists no licence: nobody can pass");
        break;
      case RuleKind::kMaintained:
        rule.max_months = static_cast<int>(table.Integer("max_months", {.least = 1, .most = 1200}).value_or(0));
        break;
      case RuleKind::kContext:
        rule.min_context =
            static_cast<uint64_t>(table.Integer("min", {.least = 1, .most = kLongestContext}).value_or(0));
        break;
      case RuleKind::kGguf:
      case RuleKind::kInstruct:
      case RuleKind::kTools:
        return;
    }
    if (!table.Has(entry.own_key)) table.Wrong("", fmt::format("rule '{}' needs '{}'", entry.name, entry.own_key));
  }

  void ReadEvidence(TomlTable root) {
    for (TomlTable& table : root.Tables("evidence")) {
      EvidenceRule rule{.line = table.line(), .column = table.column()};
      rule.figure = table.RequiredText("figure");
      rule.min = table.Number("min");
      rule.max = table.Number("max");
      if (!rule.min && !rule.max) {
        table.Wrong("", "[[evidence]] needs 'min' or 'max': a figure prunes by a stated threshold only");
      }
      policy_.evidence.push_back(std::move(rule));
    }
  }

  void ReadSuites(TomlTable root) {
    for (TomlTable& table : root.Tables("suite")) {
      const Path task = Resolve(table.RequiredText("task"));
      // 0 would count items that decide nothing; leaving the suite out says it better.
      const double weight = table.Number("weight", {.least = 1e-6, .most = 1e6}).value_or(1);
      const auto same = [&](const PolicySuite& other) { return other.task == task; };
      if (std::any_of(policy_.suites.begin(), policy_.suites.end(), same)) {
        table.Wrong("task",
                    "this suite is listed already: its items would count twice; give the first a larger weight");
      }
      policy_.suites.push_back({task, weight, table.line(), table.column()});
    }
  }

  // A suite that is to get an adapter, checked.
  Path TunedTask(TomlTable& table, const char* key, const std::string& file, const TrainabilityRules& rules) const {
    Path task = Resolve(file);
    const auto is_suite = [&](const PolicySuite& suite) { return suite.task == task; };
    if (!file.empty() && std::none_of(policy_.suites.begin(), policy_.suites.end(), is_suite)) {
      table.Wrong(key, fmt::format("{} is no [[suite]] of this policy: tuned candidates could not be compared on it",
                                   QuotedWord(file)));
    }
    const auto is_tuned = [&](const TunedSuite& suite) { return suite.task == task; };
    if (std::any_of(rules.suites.begin(), rules.suites.end(), is_tuned)) {
      table.Wrong(key, fmt::format("{} gets an adapter already; one for each suite", QuotedWord(file)));
    }
    return task;
  }

  void ReadTrainability(TomlTable& table) {
    TrainabilityRules rules;
    for (const std::string& file : table.Texts("tasks")) {
      const Path task = TunedTask(table, "tasks", file, rules);
      rules.suites.push_back({task, {task}});
    }
    for (TomlTable& adapter : table.Tables("adapter")) {
      const Path task = TunedTask(adapter, "task", adapter.RequiredText("task"), rules);
      TunedSuite suite{.task = task};
      for (const std::string& file : adapter.Texts("data")) suite.data.push_back(Resolve(file));
      if (suite.data.empty()) adapter.Wrong("data", "'data' must list the JSONL files to train on");
      rules.suites.push_back(std::move(suite));
    }
    if (rules.suites.empty()) table.Wrong("tasks", "'tasks' must list the suites that adapters are trained for");
    if (const auto rungs = table.Integers("rungs", {.least = 1, .most = 100'000'000}); !rungs.empty()) {
      rules.rungs = rungs;
      if (!std::is_sorted(rungs.begin(), rungs.end()) ||
          std::adjacent_find(rungs.begin(), rungs.end()) != rungs.end()) {
        table.Wrong("rungs", "'rungs' must rise: each is a larger number of examples");
      }
    }
    if (const auto rates = table.Numbers("learning_rates", {.least = 1e-9, .most = 10}); !rates.empty()) {
      rules.learning_rates = rates;
    }
    const auto set = [&](int64_t& value, const char* key, IntegerRange range) {
      value = table.Integer(key, range).value_or(value);
    };
    set(rules.held_out, "held_out", {.least = 1, .most = 1'000'000});
    set(rules.seeds, "seeds", {.least = 1, .most = 100});
    set(rules.finalists, "finalists", {.least = 1, .most = 1000});
    set(rules.rank, "rank", {.least = 1, .most = 1024});
    set(rules.epochs, "epochs", {.least = 1, .most = 10'000});
    set(rules.tokens_per_pass, "tokens_per_pass", {.least = 16, .most = 1 << 20});
    set(rules.max_tokens, "max_tokens", {.least = 8, .most = 1 << 20});
    rules.target_bits = table.Number("target_bits", {.least = 0});
    if (policy_.suites.empty()) table.Wrong("", "[trainability] needs a [[suite]] to score the tuned candidates on");
    policy_.trainability = std::move(rules);
    // Smallest that is not worse: by the score after tuning, now that there is one.
    policy_.objective.order = {Criterion::kTunedScore, Criterion::kSize};
  }

  void ReadBars(TomlTable table) {
    Bars& bars = policy_.bars;
    bars.score = table.Number("score", {.least = 0, .most = 1});
    bars.tokens_per_second = table.Number("speed", {.least = 0, .most = 1e9});
    bars.first_token_seconds = table.Number("first_token", {.least = 0, .most = 1e9});
    bars.peak_memory = table.Size("peak_memory");
    bars.memory_stable = table.Flag("memory_stable").value_or(false);
    bars.keep_unknown = ReadKeepUnknown(table);
    if (bars.score && policy_.suites.empty()) table.Wrong("score", "a bar on the score needs a [[suite]] to score");
  }

  void ReadObjective(TomlTable& table) {
    Objective& objective = policy_.objective;
    if (table.OneOf("kind", {"smallest-not-worse", "lexicographic"}) == 1) {
      objective.kind = ObjectiveKind::kLexicographic;
      objective.order.clear();
      for (const size_t index : table.EachOneOf("order", NamesOf(kCriteria))) {
        const Criterion criterion = kCriteria.at(index).criterion;
        if (std::find(objective.order.begin(), objective.order.end(), criterion) != objective.order.end()) {
          table.Wrong("order", fmt::format("'{}' is in the order twice", CriterionName(criterion)));
        }
        objective.order.push_back(criterion);
      }
      if (!table.Has("order")) table.Wrong("", "kind = \"lexicographic\" needs order = [\"base_score\", …]");
    } else if (table.Has("order")) {
      table.Texts("order");
      table.Wrong("order", "'order' belongs to kind = \"lexicographic\"");
    }
    // A margin of 0 would ask for proof of equality, and 1 would call everything equal.
    objective.margin = table.Number("margin", {.least = 0.001, .most = 0.5}).value_or(objective.margin);
    objective.alpha = table.Number("alpha", {.least = 1e-6, .most = 0.5}).value_or(objective.alpha);
    objective.tolerance = table.Number("tolerance", {.least = 0, .most = 1}).value_or(objective.tolerance);
    const auto resamples = table.Integer("resamples", {.least = 100, .most = 100'000});
    objective.resamples = static_cast<int>(resamples.value_or(objective.resamples));
    objective.seed = table.Count("seed").value_or(objective.seed);
  }

  Policy& policy_;
  Path folder_;
};

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
  TomlFile file(path, text, parse.mistakes);
  PolicyReader(path, parse.policy).Read(file.root());
  file.Finish();
  return parse;
}

void FindFiles(Policy& policy, std::vector<Diagnostic>& mistakes) {
  for (const PolicySuite& suite : policy.suites) {
    std::error_code none;
    if (!suite.task.empty() && std::filesystem::is_regular_file(suite.task, none)) continue;
    mistakes.push_back({policy.path, suite.line, suite.column,
                        fmt::format("there is no task file {}", QuotedWord(suite.task.string()))});
  }
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
      const auto any = [&](const auto& matches) {
        return std::any_of(found.begin(), found.end(), matches) ||
               std::any_of(policy.candidates.begin(), policy.candidates.end(), matches);
      };
      for (const Path& file : files) {
        // A candidate of its own says more than a pattern.
        if (any([&](const PolicyCandidate& other) { return other.file == file; })) continue;
        PolicyCandidate one = candidate;
        one.file = file;
        one.id = IdOfFile(file);
        // Two precisions of one model beside each other keep their whole names.
        const auto taken = [&](const PolicyCandidate& other) { return other.id == one.id; };
        if (any(taken)) one.id = file.stem().string();
        if (any(taken)) complain(fmt::format("a second candidate would be called '{}'", ForTerminal(one.id)));
        found.push_back(std::move(one));
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
  FindFiles(parse.policy, parse.mistakes);
  SortByPlace(parse.mistakes);
  ThrowMistakes(parse.mistakes);
  return std::move(parse.policy);
}

}  // namespace loco
