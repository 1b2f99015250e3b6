// loco task check FILE…: what a task is worth before any model runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "cli/task_commands.h"
#include "task/check.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownMistakes = 20;

std::string CountsText(const std::map<std::string, int64_t>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) {
    parts.push_back(fmt::format("{} {}", count, name.empty() ? "without" : ForTerminal(name)));
  }
  // The usual words in their usual order.
  const auto place = [](const std::string& part) {
    for (int i = 0; i < 3; ++i) {
      if (part.ends_with(std::array{" easy", " medium", " hard"}[static_cast<size_t>(i)])) return i;
    }
    return -1;
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string MistakeText(const SampleMistake& mistake) {
  return fmt::format(
      "item {}: the {} sample {} is marked {}{}", ForTerminal(mistake.item), mistake.right ? "right" : "wrong",
      mistake.number, OutcomeName(mistake.outcome),
      mistake.extracted.empty() ? "" : fmt::format(" ({})", Shorten(ForTerminal(mistake.extracted), 200)));
}

Json CheckJson(const Path& path, const Task& task, const TaskCheck& check) {
  Json mistakes = Json::array();
  for (const SampleMistake& mistake : check.mistakes) {
    mistakes.push_back({{"item", mistake.item},
                        {"sample", mistake.right ? "right" : "wrong"},
                        {"number", mistake.number},
                        {"outcome", OutcomeName(mistake.outcome)},
                        {"extracted", mistake.extracted}});
  }
  return {{"file", path.string()},
          {"name", task.name},
          {"scorer", task.scorer},
          {"hash", task.hash},
          {"items", check.items},
          {"categories", check.categories},
          {"difficulties", check.difficulties},
          {"edge_cases", check.edges},
          {"samples", check.samples},
          {"samples_not_run", check.not_run},
          {"mistakes", mistakes},
          {"half_width95", check.half_width / 100},
          {"warnings", check.warnings}};
}

void PrintCheck(const Path& path, const Task& task, const TaskCheck& check, Terminal& terminal) {
  terminal.PrintLine(terminal.Painted(path.string(), Paint::kBold));
  terminal.PrintLine(fmt::format("  {} for the scorer '{}'; a score of 50 % on them is known to ± {:.1f} points",
                                 Counted(check.items, "item", "items"), task.scorer, check.half_width));
  if (check.difficulties.size() > 1 || !check.difficulties.contains("")) {
    terminal.PrintLine(fmt::format("  difficulty: {}; {} edge cases", CountsText(check.difficulties), check.edges));
  }
  if (check.categories.size() > 1 || !check.categories.contains("")) {
    terminal.PrintLine(fmt::format("  category: {}", CountsText(check.categories)));
  }
  if (check.samples > 0) {
    const auto good = check.samples - static_cast<int64_t>(check.mistakes.size());
    terminal.PrintLine(
        fmt::format("  {} of {} sample answers are marked as they say", FormatCount(good), FormatCount(check.samples)));
  }
  if (check.not_run > 0) {
    terminal.PrintLine(terminal.Painted(
        fmt::format("  ! {} sample answers were not run: {}", check.not_run, ForTerminal(check.not_run_because)),
        Paint::kYellow));
  }
  for (const std::string& warning : check.warnings) {
    terminal.PrintLine(terminal.Painted("  ! " + ForTerminal(warning), Paint::kYellow));
  }
  for (size_t i = 0; i < check.mistakes.size() && i < kShownMistakes; ++i) {
    terminal.PrintLine(terminal.Painted("  ✗ " + MistakeText(check.mistakes[i]), Paint::kRed));
  }
  if (check.mistakes.size() > kShownMistakes) {
    terminal.PrintLine(fmt::format("  … and {} more", check.mistakes.size() - kShownMistakes));
  }
}

ExitCode RunTaskCheck(const std::vector<Path>& paths, Session& session) {
  Json document = Json::array();
  size_t mistakes = 0;
  for (const Path& path : paths) {
    const Task task = LoadTask(path);
    const TaskCheck check = CheckTask(task);
    mistakes += check.mistakes.size();
    if (session.json) {
      document.push_back(CheckJson(path, task, check));
    } else {
      PrintCheck(path, task, check, session.terminal());
    }
  }
  if (session.json) {
    session.terminal().PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
  } else if (mistakes == 0) {
    session.terminal().PrintLine("no mistakes");
  }
  return mistakes == 0 ? ExitCode::kDone : ExitCode::kFailed;
}

}  // namespace

Action DeclareTaskCheck(CLI::App& app, Session& session) {
  auto paths = std::make_shared<std::vector<Path>>();
  app.add_option("files", *paths, "Task files (.toml)")->required();
  app.footer("Examples:\n  loco task check tasks/math.toml\n  loco task check tasks/*.toml --json\n");
  return [paths, &session] { return RunTaskCheck(*paths, session); };
}

}  // namespace loco
