#include "cli/eval_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "base/error.h"
#include "base/hostile_text.h"
#include "cli/scores.h"
#include "cli/terminal.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

const char* LengthVerdictName(LengthVerdict verdict) {
  switch (verdict) {
    case LengthVerdict::kReference:
      return "reference";
    case LengthVerdict::kHolds:
      return "holds";
    case LengthVerdict::kUndecided:
      return "undecided";
    case LengthVerdict::kFails:
      return "fails";
  }
  LOCO_CHECK(false);
}

}  // namespace

Json AnswersJson(const Store& store, RowId run, const std::string& scorer) {
  Json list = Json::array();
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    list.push_back({{"answer", fmt::format("answer-{}", answer.answer.id)},
                    {"item", answer.answer.item},
                    {"sample", answer.answer.sample},
                    {"text", answer.answer.text},
                    {"thinking", answer.answer.thinking},
                    {"finish", FinishName(answer.answer.finish)},
                    {"outcome", OutcomeName(answer.mark.outcome)},
                    {"extracted", answer.mark.extracted},
                    {"value", answer.mark.value ? Json(*answer.mark.value) : Json()},
                    {"prompt_tokens", answer.answer.prompt_tokens},
                    {"generated_tokens", answer.answer.generated_tokens},
                    {"thinking_tokens", answer.answer.thinking_tokens},
                    {"detail", Json::parse(answer.answer.detail)}});
  }
  return list;
}

Json BudgetJson(const BudgetCurve& curve) {
  Json points = Json::array();
  for (const BudgetPoint& point : curve.points) {
    points.push_back({{"budget", point.budget}, {"right", point.right}, {"cut", point.cut}});
  }
  return {{"enough", curve.enough}, {"right", curve.right}, {"still_cut", curve.still_cut}, {"points", points}};
}

std::vector<std::string> BudgetLines(const std::string& task, const BudgetCurve& curve, int of_task) {
  if (curve.enough == 0) return {fmt::format("{}  budget: nothing was right, so none is enough", task)};
  std::vector<std::string> parts;
  for (const BudgetPoint& point : curve.points) {
    parts.push_back(
        fmt::format("{}: {:.1f} % right, {:.0f} % cut", FormatCount(point.budget), 100 * point.right, 100 * point.cut));
  }
  std::vector<std::string> lines = {fmt::format("{}  budget: {} tokens keep every right answer (the task allows {})",
                                                task, FormatCount(curve.enough), FormatCount(of_task)),
                                    fmt::format("{}  {}", task, fmt::join(parts, " · "))};
  if (curve.still_cut > 0) {
    lines.push_back(fmt::format("{}  {} cut off even by the whole context: a larger --context may change them", task,
                                Counted(curve.still_cut, "answer was", "answers were")));
  }
  return lines;
}

std::vector<LengthItem> LengthItems(const Store& store, RowId run, const Task& task, const std::string& scorer) {
  std::map<std::string, std::string> clusters;
  for (const Item& item : task.items) {
    const auto found = item.fields.find("family");
    if (found != item.fields.end()) clusters[item.id] = found->second;
  }
  std::vector<LengthItem> items;
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    if (answer.answer.sample > 0) continue;
    items.push_back(
        {answer.answer.prompt_tokens, answer.mark.outcome == Outcome::kRight, clusters[answer.answer.item]});
  }
  return items;
}

Json LengthJson(const LengthReport& report) {
  Json buckets = Json::array();
  for (const LengthBucket& bucket : report.buckets) {
    buckets.push_back({{"shortest", bucket.shortest},
                       {"longest", bucket.longest},
                       {"right", bucket.right},
                       {"items", bucket.n},
                       {"interval95", {bucket.interval.low, bucket.interval.high}},
                       {"difference", {bucket.difference.low, bucket.difference.high}},
                       {"verdict", LengthVerdictName(bucket.verdict)}});
  }
  return {{"buckets", buckets},
          {"holds_up_to", report.holds_up_to ? Json(*report.holds_up_to) : Json()},
          {"fails_from", report.fails_from ? Json(*report.fails_from) : Json()},
          {"says", LengthSentence(report)}};
}

std::string LengthText(const std::string& name, const LengthReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const LengthBucket& bucket : report.buckets) {
    rows.push_back({fmt::format("{} to {}", FormatCount(bucket.shortest), FormatCount(bucket.longest)),
                    ShareText(bucket.right, bucket.n), FormatCount(bucket.n),
                    bucket.verdict == LengthVerdict::kReference
                        ? ""
                        : fmt::format("[{:+.1f}, {:+.1f}]", 100 * bucket.difference.low, 100 * bucket.difference.high),
                    report.outcome == LengthOutcome::kMeasured ? LengthVerdictName(bucket.verdict) : ""});
  }
  return fmt::format("\n{} by prompt length\n{}{}\n", ForTerminal(name),
                     FormatTable({"tokens", "right %  95 % interval", "items", "difference", ""}, rows),
                     LengthSentence(report));
}

ThinkingTotals ThinkingOfRun(const Store& store, RowId run, const std::string& scorer) {
  ThinkingTotals totals;
  for (const MarkedAnswer& answer : store.Answers(run, scorer)) {
    if (answer.answer.thinking_tokens == 0) continue;
    ++totals.answers;
    totals.mean_tokens += static_cast<double>(answer.answer.thinking_tokens);
    totals.cut += Json::parse(answer.answer.detail).value("thinking_cut", false) ? 1 : 0;
  }
  if (totals.answers > 0) totals.mean_tokens /= static_cast<double>(totals.answers);
  return totals;
}

}  // namespace loco
