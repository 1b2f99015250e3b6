#include "task/check.h"

#include <fmt/format.h>

#include "stats/interval.h"
#include "task/scorers.h"

namespace loco {
namespace {

// The gates of adapters: this many held-out cases, this spread of difficulty, this many edge cases.
constexpr int64_t kLeastItems = 50;
constexpr int64_t kLeastEdges = 5;
constexpr double kShares[] = {0.3, 0.5, 0.2};
constexpr const char* kDifficulties[] = {"easy", "medium", "hard"};
constexpr double kShareSlack = 0.1;

void MarkSamples(const Task& task, const Item& item, bool right, TaskCheck& check) {
  size_t number = 0;
  for (const std::string& sample : right ? item.right_samples : item.wrong_samples) {
    ++number;
    const Marking marking = MarkResponse(task, item, {.text = sample});
    if (marking.outcome == Outcome::kNotRun) {
      ++check.not_run;
      check.not_run_because = marking.extracted;
      continue;
    }
    ++check.samples;
    if ((marking.outcome == Outcome::kRight) != right) {
      check.mistakes.push_back({item.id, right, number, marking.outcome, marking.extracted});
    }
  }
}

void AddWarnings(TaskCheck& check) {
  const auto warn = [&](std::string text) { check.warnings.push_back(std::move(text)); };
  if (check.items < kLeastItems) {
    warn(fmt::format("{} {}; an adapter's gate asks for {} at least", check.items, check.items == 1 ? "item" : "items",
                     kLeastItems));
  }
  int64_t named = 0;
  for (const char* name : kDifficulties) named += check.difficulties.contains(name) ? check.difficulties.at(name) : 0;
  if (named > 0 && named == check.items) {
    for (size_t i = 0; i < std::size(kShares); ++i) {
      const auto found = check.difficulties.find(kDifficulties[i]);
      const double share =
          found == check.difficulties.end() ? 0 : static_cast<double>(found->second) / static_cast<double>(named);
      if (share < kShares[i] - kShareSlack || share > kShares[i] + kShareSlack) {
        warn(fmt::format("{:.0f} % of the items are {}; a gate asks for about {:.0f} %", 100 * share, kDifficulties[i],
                         100 * kShares[i]));
      }
    }
    if (check.edges < kLeastEdges) {
      warn(fmt::format("{} edge cases ('edge'); a gate asks for {} at least", check.edges, kLeastEdges));
    }
  }
  for (const auto& group : check.same_question) {
    warn(fmt::format("items {} and {} ask the same{}", group[0], group[1],
                     group.size() > 2 ? fmt::format(", and {} more", group.size() - 2) : ""));
  }
}

}  // namespace

TaskCheck CheckTask(const Task& task) {
  TaskCheck check;
  check.items = static_cast<int64_t>(task.items.size());
  std::map<std::string, std::vector<std::string>> asked;  // items by what a model is asked
  for (const Item& item : task.items) {
    MarkSamples(task, item, true, check);
    MarkSamples(task, item, false, check);
    ++check.categories[item.category];
    ++check.difficulties[item.difficulty];
    check.edges += item.edge.empty() ? 0 : 1;
    std::string key;
    for (const Message& message : BuildMessages(task, item)) key += message.role + '\0' + message.content + '\0';
    for (const std::string& choice : item.choices) key += choice + '\0';
    asked[key].push_back(item.id);
  }
  for (auto& [key, items] : asked) {
    if (items.size() > 1) check.same_question.push_back(std::move(items));
  }
  const Interval interval = WilsonInterval(check.items / 2, check.items);
  check.half_width = 50 * (interval.high - interval.low);
  AddWarnings(check);
  return check;
}

}  // namespace loco
