#include "eval/run_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "score/answer_filters.h"
#include "score/classify.h"
#include "stats/pass_at_k.h"
#include "task/scorers.h"

namespace loco {
namespace {

struct Mean {
  double sum = 0;
  int64_t items = 0;

  void Add(double value) {
    sum += value;
    ++items;
  }
  RunMetric As(std::string name) const {
    return {std::move(name), items > 0 ? sum / static_cast<double>(items) : 0, items};
  }
};

std::vector<RunMetric> MetricsOfValues(const std::vector<MarkedAnswer>& answers, const Task& task, const char* name) {
  std::map<std::string, const Item*> items;
  for (const Item& item : task.items) items[item.id] = &item;
  Mean all;
  Mean with_answer;
  Mean without;
  for (const MarkedAnswer& answer : answers) {
    const double value = answer.mark.value.value_or(0);
    all.Add(value);
    (items.at(answer.answer.item)->references.empty() ? without : with_answer).Add(value);
  }
  if (without.items == 0 || with_answer.items == 0) return {all.As(name)};
  return {all.As(name), with_answer.As(std::string(name) + " with an answer"), without.As("none where there is none")};
}

std::vector<RunMetric> MetricsOfLabels(const std::vector<MarkedAnswer>& answers, const Task& task) {
  const LabelSet& labels = *task.score.labels;
  std::map<std::string, size_t> truth;
  for (const Item& item : task.items) truth[item.id] = *labels.Find(item.answer);
  Confusion confusion(labels.size());
  for (const MarkedAnswer& answer : answers) {
    const bool read = answer.mark.outcome == Outcome::kRight || answer.mark.outcome == Outcome::kWrong;
    confusion.Add(truth.at(answer.answer.item), read ? labels.Find(answer.mark.extracted) : std::nullopt);
  }
  const std::vector<size_t> abstentions = labels.Abstentions();
  const ClassScores scores = ComputeClassScores(confusion, {.abstentions = abstentions});
  std::vector<RunMetric> metrics = {{"macro-F1", scores.macro_f1, scores.items}};
  if (!abstentions.empty()) metrics.push_back({"declined", scores.abstention_rate, scores.items});
  return metrics;
}

std::vector<RunMetric> MetricsOfJson(const std::vector<MarkedAnswer>& answers) {
  Mean syntax;
  Mean schema;
  Mean commands;
  Mean exact;
  Mean safe;
  Mean quiet;
  for (const MarkedAnswer& answer : answers) {
    const JsonVerdicts verdicts = JsonVerdictsOf(answer.mark.extracted);
    syntax.Add(verdicts.syntax_valid ? 1 : 0);
    schema.Add(verdicts.schema_valid ? 1 : 0);
    commands.Add(verdicts.command_match ? 1 : 0);
    exact.Add(verdicts.exact_match ? 1 : 0);
    safe.Add(verdicts.safe ? 1 : 0);
    quiet.Add(verdicts.acts_unasked ? 0 : 1);
  }
  return {commands.As("command match"), exact.As("exact match"), syntax.As("syntax valid"),
          schema.As("schema valid"),    safe.As("safe"),         quiet.As("no gratuitous action")};
}

}  // namespace

std::vector<RunMetric> MetricsOfSamples(const Store& store, RowId run, const std::string& scorer) {
  struct ItemSamples {
    ProblemSamples counts;
    std::vector<std::optional<std::string>> readings;
    std::map<std::string, bool> right;  // of each reading
  };
  std::map<std::string, ItemSamples> items;
  int64_t most = 0;
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    ItemSamples& item = items[answer.answer.item];
    const Outcome outcome = answer.mark.outcome;
    if (outcome == Outcome::kNotRun) continue;
    ++item.counts.samples;
    item.counts.passed += outcome == Outcome::kRight ? 1 : 0;
    most = std::max(most, item.counts.samples);
    const bool read = outcome == Outcome::kRight || outcome == Outcome::kWrong;
    item.readings.push_back(read ? std::optional(answer.mark.extracted) : std::nullopt);
    if (read) item.right[answer.mark.extracted] = outcome == Outcome::kRight;
  }
  std::vector<ProblemSamples> problems;
  Mean vote;
  for (const auto& [id, item] : items) {
    problems.push_back(item.counts);
    const Vote result = CountVotes(item.readings);
    vote.Add(result.leaders.size() == 1 && item.right.at(result.leaders.front()) ? 1 : 0);
  }
  std::vector<RunMetric> metrics;
  for (const int64_t k : {int64_t{1}, int64_t{2}, int64_t{5}, int64_t{10}, int64_t{100}}) {
    if (k > most) break;
    const auto estimate = PassAtKOver(problems, k);
    if (!estimate) continue;
    metrics.push_back({fmt::format("pass@{}", k), estimate->value, static_cast<int64_t>(problems.size())});
  }
  metrics.push_back(vote.As("vote"));
  return metrics;
}

std::vector<RunMetric> MetricsOf(const Store& store, RowId run, const Task& task) {
  const Scorer& scorer = FindScorer(task.scorer);
  if (store.FindRun(run)->items > static_cast<int64_t>(task.items.size())) {
    return MetricsOfSamples(store, run, ScorerId(scorer));
  }
  if (scorer.value_name == nullptr && !task.score.labels && !task.score.contract) return {};
  const std::vector<MarkedAnswer> answers = store.Answers(run, ScorerId(scorer));
  if (task.score.contract) return MetricsOfJson(answers);
  return task.score.labels ? MetricsOfLabels(answers, task) : MetricsOfValues(answers, task, scorer.value_name);
}

}  // namespace loco
