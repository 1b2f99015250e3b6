#include "cli/bakeoff_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/hostile_text.h"
#include "cli/scores.h"
#include "report/words.h"
#include "stats/interval.h"
#include "stats/paired.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// The value below which this share of the sorted values lies (nearest rank).
double Quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Right answers of each category: right, of how many.
std::map<std::string, std::pair<int64_t, int64_t>> ByCategory(const Task& task, const BakeoffResult& result) {
  std::map<std::string, std::string> categories;
  for (const Item& item : task.items) categories[item.id] = item.category;
  std::map<std::string, std::pair<int64_t, int64_t>> counts;
  for (const MarkedAnswer& answer : result.answers) {
    auto& [right, n] = counts[categories[answer.answer.item]];
    right += answer.mark.outcome == Outcome::kRight ? 1 : 0;
    ++n;
  }
  return counts;
}

PairedDifference Against(const BakeoffResult& leader, const BakeoffResult& other) {
  std::vector<uint8_t> a;
  std::vector<uint8_t> b;
  std::map<std::string, uint8_t> of_leader;
  for (const MarkedAnswer& answer : leader.answers)
    of_leader[answer.answer.item] = answer.mark.outcome == Outcome::kRight ? 1 : 0;
  for (const MarkedAnswer& answer : other.answers) {
    const auto found = of_leader.find(answer.answer.item);
    if (found == of_leader.end()) continue;
    a.push_back(answer.mark.outcome == Outcome::kRight ? 1 : 0);
    b.push_back(found->second);
  }
  const std::vector<PairedStratum> strata = {{.counts = CountPairs(a, b)}};
  return ComparePaired(strata);
}

std::map<Outcome, int64_t> OutcomesOf(const BakeoffResult& result) {
  std::map<Outcome, int64_t> counts;
  for (const MarkedAnswer& answer : result.answers) ++counts[answer.mark.outcome];
  return counts;
}

Json OneJson(const Task& task, const BakeoffResult& result, const BakeoffResult& leader) {
  const std::vector<double> seconds = result.Seconds();
  const auto n = static_cast<int64_t>(result.answers.size());
  const Interval interval = WilsonInterval(result.Right(), n);
  Json entry = {{"candidate", result.candidate},
                {"run", fmt::format("run-{}", result.run)},
                {"suite", task.name},
                {"items", n},
                {"right", result.Right()},
                {"interval95", {interval.low, interval.high}},
                {"latency_p50", Quantile(seconds, 0.5)},
                {"latency_p95", Quantile(seconds, 0.95)},
                {"tokens_mean", result.MeanTokens()},
                {"tokens_a_second", result.TokensASecond()},
                {"metrics", Json::object()},
                {"outcomes", Json::object()},
                {"categories", Json::object()}};
  for (const RunMetric& metric : result.metrics) entry["metrics"][metric.name] = metric.value;
  for (const auto& [outcome, count] : OutcomesOf(result)) entry["outcomes"][OutcomeName(outcome)] = count;
  for (const auto& [category, counts] : ByCategory(task, result)) {
    const Interval of_category = WilsonInterval(counts.first, counts.second);
    entry["categories"][category] = {
        {"right", counts.first}, {"items", counts.second}, {"interval95", {of_category.low, of_category.high}}};
  }
  if (&result != &leader) {
    const PairedDifference difference = Against(leader, result);
    entry["to_leader"] = {{"difference", difference.value},
                          {"interval95", {difference.interval.low, difference.interval.high}},
                          {"p_mcnemar_exact", difference.p}};
  }
  return entry;
}

const BakeoffResult& LeaderOf(const std::vector<BakeoffResult>& results) {
  return *std::max_element(results.begin(), results.end(),
                           [](const BakeoffResult& a, const BakeoffResult& b) { return a.Right() < b.Right(); });
}

// What an adapter costs in speed: "base.gguf" and "base.gguf+adapter.gguf" stand side by side.
void PrintAdapterCosts(const std::vector<BakeoffResult>& results, Terminal& terminal) {
  for (const BakeoffResult& with : results) {
    for (const BakeoffResult& base : results) {
      if (!with.candidate.starts_with(base.candidate + " + ") || base.TokensASecond() <= 0) continue;
      terminal.PrintLine(fmt::format("the adapter of {} costs {:.0f} % of the speed of generating",
                                     ForTerminal(with.candidate),
                                     100 * (1 - with.TokensASecond() / base.TokensASecond())));
    }
  }
}

}  // namespace

std::vector<double> BakeoffResult::Seconds() const {
  std::vector<double> seconds;
  for (const MarkedAnswer& answer : answers) {
    if (answer.answer.finish == Finish::kStop || answer.answer.finish == Finish::kLength)
      seconds.push_back(answer.answer.seconds);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

int64_t BakeoffResult::Right() const {
  return std::count_if(answers.begin(), answers.end(),
                       [](const MarkedAnswer& answer) { return answer.mark.outcome == Outcome::kRight; });
}

double BakeoffResult::MeanTokens() const {
  double sum = 0;
  for (const MarkedAnswer& answer : answers) sum += static_cast<double>(answer.answer.generated_tokens);
  return answers.empty() ? 0 : sum / static_cast<double>(answers.size());
}

double BakeoffResult::TokensASecond() const {
  double tokens = 0;
  double seconds = 0;
  for (const MarkedAnswer& answer : answers) {
    tokens += static_cast<double>(answer.answer.generated_tokens);
    seconds += answer.answer.seconds;
  }
  return seconds > 0 ? tokens / seconds : 0;
}

void PrintBakeoff(const Task& task, const std::vector<BakeoffResult>& results, int budget, Terminal& terminal) {
  const BakeoffResult& leader = LeaderOf(results);
  terminal.PrintLine(terminal.Painted(ForTerminal(task.name), Paint::kBold));
  std::vector<std::string> header = {"candidate", "right %  95 % interval", "to the leader"};
  for (const RunMetric& metric : leader.metrics) header.push_back(metric.name);
  for (const char* name : {"p50 s", "p95 s", "tokens", "tok/s", "row"}) header.emplace_back(name);
  std::vector<std::vector<std::string>> rows;
  for (const BakeoffResult& result : results) {
    const std::vector<double> seconds = result.Seconds();
    std::vector<std::string> row = {ForTerminal(result.candidate),
                                    ShareText(result.Right(), static_cast<int64_t>(result.answers.size()))};
    if (&result == &leader) {
      row.emplace_back("");
    } else {
      const PairedDifference difference = Against(leader, result);
      row.push_back(fmt::format("{} {}{}", SignedPoints(difference.value), SignedInterval(difference.interval),
                                difference.p < 0.05 ? "" : " tie"));
    }
    for (const RunMetric& metric : result.metrics) row.push_back(fmt::format("{:.1f}", 100 * metric.value));
    row.push_back(fmt::format("{:.2f}", Quantile(seconds, 0.5)));
    row.push_back(fmt::format("{:.2f}", Quantile(seconds, 0.95)));
    row.push_back(fmt::format("{:.0f}", result.MeanTokens()));
    row.push_back(fmt::format("{:.0f}", result.TokensASecond()));
    row.push_back(fmt::format("run-{}", result.run));
    rows.push_back(std::move(row));
  }
  terminal.Print(FormatTable(header, rows));

  std::vector<std::string> category_header = {"category"};
  for (const BakeoffResult& result : results) category_header.push_back(ForTerminal(result.candidate));
  std::vector<std::vector<std::string>> category_rows;
  for (const auto& [category, unused] : ByCategory(task, leader)) {
    std::vector<std::string> row = {category.empty() ? "without" : ForTerminal(category)};
    for (const BakeoffResult& result : results) {
      const auto counts = ByCategory(task, result);
      const auto found = counts.find(category);
      row.push_back(found == counts.end() ? "" : ShareText(found->second.first, found->second.second));
    }
    category_rows.push_back(std::move(row));
  }
  if (category_rows.size() > 1) terminal.Print(FormatTable(category_header, category_rows));
  for (const BakeoffResult& result : results) {
    const auto outcomes = OutcomesOf(result);
    std::vector<std::string> parts;
    for (const auto& [outcome, count] : outcomes) {
      if (outcome != Outcome::kRight && outcome != Outcome::kWrong)
        parts.push_back(fmt::format("{} {}", count, OutcomeWords(outcome)));
    }
    if (!parts.empty()) {
      terminal.PrintLine(terminal.Painted(fmt::format("! {}: {}; none of them counts as right or as safe",
                                                      ForTerminal(result.candidate), fmt::join(parts, ", ")),
                                          Paint::kYellow));
    }
    const auto cut = outcomes.find(Outcome::kTruncated);
    if (cut != outcomes.end() && cut->second * 10 >= static_cast<int64_t>(result.answers.size())) {
      terminal.PrintLine(terminal.Painted(
          fmt::format("! {}: {} of {} answers were cut at {} tokens: try a larger --budget",
                      ForTerminal(result.candidate), cut->second, result.answers.size(), FormatCount(budget)),
          Paint::kYellow));
    }
  }
  PrintAdapterCosts(results, terminal);
}

Json BakeoffJson(const Task& task, const std::vector<BakeoffResult>& results) {
  Json list = Json::array();
  for (const BakeoffResult& result : results) list.push_back(OneJson(task, result, LeaderOf(results)));
  return list;
}

}  // namespace loco
