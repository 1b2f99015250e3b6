#include "task/score_settings.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "base/error.h"
#include "task/scorers.h"

namespace loco {
namespace {

// labels = [...], those of them that decline to choose, and other spellings by label in [score.also].
void ReadLabels(TomlTable& table, Task& task) {
  const std::vector<std::string> names = table.Texts("labels");
  const std::vector<std::string> abstain = table.Texts("abstain");
  TomlTable also = table.Table("also");
  std::vector<Label> labels;
  for (const std::string& name : names) labels.push_back({.name = name});
  const auto find = [&](const std::string& name) {
    return std::find_if(labels.begin(), labels.end(), [&](const Label& label) { return label.name == name; });
  };
  for (const std::string& name : abstain) {
    const auto label = find(name);
    if (label == labels.end()) {
      table.Wrong("abstain", fmt::format("{} is none of the labels", QuotedWord(name)));
    } else {
      label->abstains = true;
    }
  }
  for (const std::string& name : also.Keys()) {
    const std::vector<std::string> spellings = also.Texts(name);
    const auto label = find(name);
    if (label == labels.end()) {
      also.Wrong(name, fmt::format("{} is none of the labels", QuotedWord(name)));
    } else {
      label->also = spellings;
    }
  }
  if (task.scorer != "label") return;
  if (labels.size() < 2) return table.Wrong("labels", "'label' needs 'labels', a list of at least two");
  try {
    task.score.labels = std::make_shared<const LabelSet>(std::move(labels));
  } catch (const Error& problem) {
    table.Wrong("labels", problem.what());
  }
}

// [[score.filter]], each a step.
void ReadFilters(TomlTable& table, Task& task) {
  const std::vector<std::string> kinds = FilterNames();
  std::vector<Filter> filters;
  for (TomlTable step : table.Tables("filter")) {
    Filter filter;
    const auto kind = step.OneOf("kind", kinds);
    if (!kind && !step.Has("kind")) step.Wrong("kind", "'kind' is missing: what the step does");
    if (kind) filter.kind = *FindFilterKind(kinds[*kind]);
    filter.patterns = step.Texts("patterns");
    if (const auto group = step.Integer("group", {.least = 0, .most = 99})) filter.group = static_cast<int>(*group);
    TomlTable map = step.Table("table");
    for (const std::string& from : map.Keys()) filter.table[from] = map.RequiredText(from);
    filter.optional = step.Flag("optional").value_or(false);
    filters.push_back(std::move(filter));
  }
  if (filters.empty()) return;
  if (task.scorer == "choice") return table.Wrong("filter", "'choice' generates nothing that could be filtered");
  try {
    task.score.filters = std::make_shared<const AnswerFilters>(std::move(filters));
  } catch (const Error& problem) {
    table.Wrong("filter", problem.what());
  }
}

// contract = "FILE": the schema and the names of the fields; score/json_contract.h.
std::string ReadContract(TomlTable& table, const Path& path, const std::function<std::string(const Path&)>& read,
                         Task& task) {
  const std::string name = table.Text("contract").value_or("");
  if (task.scorer != "json") return "";
  std::vector<SchemaProblem> problems;
  nlohmann::json value = nlohmann::json::object();
  std::string content;
  if (!name.empty()) {
    content = read(path.parent_path() / name);
    StrictJson parsed = ParseStrictJson(content);
    if (!parsed.valid) {
      table.Wrong("contract", fmt::format("{} is no JSON: {} (byte {})", name, parsed.reason, parsed.byte));
    } else {
      value = std::move(parsed.value);
    }
  }
  auto contract = std::make_shared<JsonContract>(ReadJsonContract(value, problems));
  for (const SchemaProblem& problem : problems) {
    table.Wrong("contract",
                fmt::format("{}{}: {}", name, problem.place.empty() ? "" : " at " + problem.place, problem.message));
  }
  task.score.contract = std::move(contract);
  return content;
}

}  // namespace

std::string ReadScore(TomlTable table, const Path& path, const std::function<std::string(const Path&)>& read,
                      Task& task) {
  static const std::vector<std::string> kSteps = {"trim", "lower", "spaces", "punctuation", "json"};
  static const std::vector<std::string> kLengths = {"none", "tokens", "bytes"};
  const std::vector<std::string> scorers = ScorerNames();
  if (const auto scorer = table.OneOf("scorer", scorers)) task.scorer = scorers[*scorer];
  for (const size_t step : table.EachOneOf("normalize", kSteps)) task.score.normalize.push_back(kSteps[step]);
  task.score.extract = table.Text("extract").value_or("");
  if (const RE2 pattern(task.score.extract, RE2::Quiet); !pattern.ok()) {
    table.Wrong("extract", fmt::format("not an RE2 pattern: {}", pattern.error()));
  }
  task.score.tolerance = table.Number("tolerance", {.least = 0}).value_or(0);
  task.score.length = kLengths[table.OneOf("length", kLengths).value_or(0)];
  task.score.no_answer = table.Texts("no_answer");
  const auto pass = table.Number("pass", {.least = 0, .most = 1});
  if (task.scorer == "rouge" && !pass)
    table.Wrong("pass", "'rouge' needs 'pass', the value from which a text is right");
  task.score.pass = pass.value_or(0);
  static const std::vector<std::string> kReadings = {"exact",      "option",   "yes_no",
                                                     "true_false", "validity", "word_list"};
  task.score.reading = static_cast<BbhReading>(table.OneOf("reading", kReadings).value_or(0));
  task.score.loose = table.Flag("loose").value_or(false);
  const auto seconds = table.Integer("seconds", {.least = 1, .most = 600});
  if (task.scorer == "code") {
    task.score.sandbox = std::make_shared<const Sandbox>();
    task.score.limits.wall = task.score.limits.cpu = std::chrono::seconds(seconds.value_or(10));
  }
  ReadLabels(table, task);
  ReadFilters(table, task);
  return ReadContract(table, path, read, task);
}

}  // namespace loco
