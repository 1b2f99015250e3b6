// loco compare RUN RUN: two runs of one task, item by item.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/scores.h"
#include "eval/evaluate.h"
#include "report/words.h"
#include "stats/paired.h"

namespace loco {
namespace {

struct CompareArguments {
  std::string first;
  std::string second;
};

struct Side {
  RunRow run;
  std::string label;
  RunScore score;
};

Side LoadSide(const Store& store, const std::string& name) {
  const RowRef ref = ParseRowRef(name);
  if (ref.kind != "run")
    throw Error(fmt::format("'{}' is not a run", name), "'loco runs' lists the runs of the store", ExitCode::kUsage);
  Side side{.score = ScoreOf(store, ref.id)};
  side.run = *store.FindRun(ref.id);
  side.label = RunSubject(store, side.run);
  return side;
}

ExitCode RunCompare(const CompareArguments& arguments, Session& session) {
  const Store store = session.ReadStore();
  if (arguments.first == arguments.second)
    throw Error(fmt::format("{} is compared with itself", arguments.first),
                "name two runs of one task; 'loco runs' lists them", ExitCode::kUsage);
  const Side a = LoadSide(store, arguments.first);
  const Side b = LoadSide(store, arguments.second);
  if (a.run.task_id != b.run.task_id) {
    throw Error(fmt::format("{} and {} are runs of different tasks", arguments.first, arguments.second),
                "compare runs of the same task version; 'loco runs' shows the tasks", ExitCode::kUsage);
  }
  // Only items that both have answered, in the same order.
  std::vector<uint8_t> left;
  std::vector<uint8_t> right;
  size_t j = 0;
  for (size_t i = 0; i < a.score.ids.size(); ++i) {
    while (j < b.score.ids.size() && b.score.ids[j] < a.score.ids[i]) ++j;
    if (j == b.score.ids.size() || b.score.ids[j] != a.score.ids[i]) continue;
    left.push_back(static_cast<uint8_t>(a.score.right[i]));
    right.push_back(static_cast<uint8_t>(b.score.right[j]));
  }
  if (left.empty()) throw Error("the runs have no answered item in common", "finish them with 'loco eval' first");
  const PairedCounts counts = CountPairs(left, right);
  const std::vector<PairedStratum> strata = {{.counts = counts}};
  const PairedDifference difference = ComparePaired(strata);
  const bool told_apart = difference.p < 0.05;
  Terminal& terminal = session.terminal();
  if (session.json) {
    const nlohmann::ordered_json document = {{"a", arguments.first},
                                             {"a_name", a.label},
                                             {"b", arguments.second},
                                             {"b_name", b.label},
                                             {"items", counts.n()},
                                             {"both_right", counts.both},
                                             {"only_a", counts.wins},
                                             {"only_b", counts.losses},
                                             {"neither", counts.neither},
                                             {"difference", difference.value},
                                             {"interval95", {difference.interval.low, difference.interval.high}},
                                             {"p_mcnemar_exact", difference.p},
                                             {"verdict", told_apart ? "differ" : "tie"}};
    terminal.PrintLine(document.dump(2));
    return ExitCode::kDone;
  }
  const auto n = counts.n();
  terminal.Print(FormatTable({"", "right %  95 % interval", "only this one right"},
                             {{fmt::format("{} ({})", ForTerminal(a.label), arguments.first),
                               ShareText(counts.both + counts.wins, n), FormatCount(counts.wins)},
                              {fmt::format("{} ({})", ForTerminal(b.label), arguments.second),
                               ShareText(counts.both + counts.losses, n), FormatCount(counts.losses)}}));
  terminal.PrintLine(fmt::format("difference {} points  {} on {}, exact McNemar {}", SignedPoints(difference.value),
                                 SignedInterval(difference.interval), Counted(n, "shared item", "shared items"),
                                 PWords(difference.p)));
  terminal.PrintLine(
      told_apart ? fmt::format("→ {} is better on this task", ForTerminal(difference.value > 0 ? a.label : b.label))
                 : "→ a tie: these items cannot tell the two apart");
  return ExitCode::kDone;
}

}  // namespace

Action DeclareCompare(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CompareArguments>();
  app.add_option("first", arguments->first, "A run, for example run-1")->required();
  app.add_option("second", arguments->second, "Another run of the same task")->required();
  return [arguments, &session] { return RunCompare(*arguments, session); };
}

}  // namespace loco
