// loco audit RUN TASK: how answers were read, for a person to check.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "base/random.h"
#include "cli/commands.h"
#include "task/extraction_audit.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct AuditArguments {
  std::string run;
  Path task;
  int sample = 10;
  int disagreements = 20;
  uint64_t seed = 1;
};

// An answer whose mark would be another under other rules.
struct Disagreement {
  const MarkedAnswer* answer;
  std::vector<Reading> readings;  // those that would have been right, or wrong
};

// The end of a text says more than its beginning: answers stand there.
std::string Tail(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return ForTerminal(text, true);
  size_t begin = text.size() - bytes;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) ++begin;
  return "…" + ForTerminal(text.substr(begin), true);
}

std::vector<Disagreement> FindDisagreements(const Task& task, const std::map<std::string, const Item*>& items,
                                            const std::vector<MarkedAnswer>& answers) {
  std::vector<Disagreement> found;
  for (const MarkedAnswer& answer : answers) {
    if (answer.answer.finish != Finish::kStop) continue;
    const bool right = answer.mark.outcome == Outcome::kRight;
    std::vector<Reading> readings = OtherReadings(task, *items.at(answer.answer.item), answer.answer.text);
    std::erase_if(readings, [&](const Reading& reading) { return (reading.outcome == Outcome::kRight) == right; });
    if (!readings.empty()) found.push_back({&answer, std::move(readings)});
  }
  // What might have been right first: that is where points are lost.
  std::stable_partition(found.begin(), found.end(), [](const Disagreement& disagreement) {
    return disagreement.answer->mark.outcome != Outcome::kRight;
  });
  return found;
}

std::vector<const MarkedAnswer*> DrawSample(const std::vector<MarkedAnswer>& answers, int count, uint64_t seed) {
  std::vector<const MarkedAnswer*> drawn;
  for (const MarkedAnswer& answer : answers) drawn.push_back(&answer);
  Random(seed).Shuffle(drawn);
  drawn.resize(std::min(drawn.size(), static_cast<size_t>(count)));
  std::sort(drawn.begin(), drawn.end(),
            [](const MarkedAnswer* a, const MarkedAnswer* b) { return a->answer.item < b->answer.item; });
  return drawn;
}

Json ReadingsJson(const std::vector<Reading>& readings) {
  Json list = Json::array();
  for (const Reading& reading : readings) {
    list.push_back({{"rule", reading.rule}, {"text", reading.text}, {"outcome", OutcomeName(reading.outcome)}});
  }
  return list;
}

Json AnswerJson(const Task& task, const Item& item, const MarkedAnswer& answer) {
  const Extraction extraction = ExplainExtraction(task, answer.answer.text);
  return {{"answer", fmt::format("answer-{}", answer.answer.id)},
          {"item", item.id},
          {"expected", item.answer},
          {"outcome", OutcomeName(answer.mark.outcome)},
          {"steps", extraction.steps},
          {"given_to_scorer", extraction.text},
          {"extracted", answer.mark.extracted},
          {"text", answer.answer.text}};
}

void PrintAnswer(const Task& task, const Item& item, const MarkedAnswer& answer, Terminal& terminal) {
  const Extraction extraction = ExplainExtraction(task, answer.answer.text);
  terminal.PrintLine(fmt::format("{} · item {} · {}",
                                 terminal.Painted(fmt::format("answer-{}", answer.answer.id), Paint::kBold),
                                 ForTerminal(item.id), OutcomeName(answer.mark.outcome)));
  if (!item.answer.empty()) terminal.PrintLine(fmt::format("  expected   {}", Shorten(ForTerminal(item.answer), 100)));
  terminal.PrintLine(fmt::format(
      "  read as    {}", answer.mark.extracted.empty() ? "nothing" : Shorten(ForTerminal(answer.mark.extracted), 100)));
  if (!extraction.steps.empty()) terminal.PrintLine(fmt::format("  by         {}", fmt::join(extraction.steps, " → ")));
  std::string text = Tail(answer.answer.text, 400);
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 13) text.replace(at, 1, "\n             ");
  terminal.PrintLine(fmt::format("  written    {}", text));
}

ExitCode RunAudit(const AuditArguments& arguments, Session& session) {
  const RowRef ref = ParseRowRef(arguments.run);
  const Store store = session.ReadStore();
  const auto run = ref.kind == "run" ? store.FindRun(ref.id) : std::nullopt;
  if (!run) throw Error(fmt::format("there is no run '{}'", ForTerminal(arguments.run)), "'loco runs' lists them");
  const Task task = LoadTask(arguments.task);
  if (store.FindTask(run->task_id)->hash != task.hash) {
    throw Error(fmt::format("{}: not the task of {}, or changed since", arguments.task.string(), ref.Text()),
                "name the task file as it was; 'loco show' of the run says which it is");
  }
  const Scorer& scorer = FindScorer(task.scorer);
  if (scorer.uses_choices) {
    throw Error("the scorer 'choice' reads no text: there is nothing to audit", "'loco show' lists its likelihoods");
  }
  std::map<std::string, const Item*> items;
  for (const Item& item : task.items) items[item.id] = &item;
  const std::vector<MarkedAnswer> answers = store.Answers(run->id, ScorerId(scorer));
  const std::vector<const MarkedAnswer*> sample = DrawSample(answers, arguments.sample, arguments.seed);
  const std::vector<Disagreement> disagreements = FindDisagreements(task, items, answers);
  const auto lost = std::count_if(disagreements.begin(), disagreements.end(), [](const Disagreement& disagreement) {
    return disagreement.answer->mark.outcome != Outcome::kRight;
  });
  Terminal& terminal = session.terminal();
  if (session.json) {
    Json document = {
        {"run", ref.Text()}, {"answers", answers.size()}, {"sample", Json::array()}, {"disagreements", Json::array()}};
    for (const MarkedAnswer* answer : sample) {
      document["sample"].push_back(AnswerJson(task, *items.at(answer->answer.item), *answer));
    }
    for (const Disagreement& disagreement : disagreements) {
      Json entry = AnswerJson(task, *items.at(disagreement.answer->answer.item), *disagreement.answer);
      entry["other_readings"] = ReadingsJson(disagreement.readings);
      document["disagreements"].push_back(std::move(entry));
    }
    terminal.PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  terminal.PrintLine(fmt::format("{} of {} answers, drawn with seed {}: is each mark what you would give?",
                                 sample.size(), FormatCount(static_cast<int64_t>(answers.size())), arguments.seed));
  for (const MarkedAnswer* answer : sample) PrintAnswer(task, *items.at(answer->answer.item), *answer, terminal);
  terminal.PrintLine("");
  terminal.PrintLine(
      fmt::format("{} of {} answers would be marked otherwise by another rule: {} not right that one rule or another "
                  "finds right, {} "
                  "right that another rule would lose",
                  disagreements.size(), FormatCount(static_cast<int64_t>(answers.size())), lost,
                  static_cast<int64_t>(disagreements.size()) - lost));
  for (size_t i = 0; i < disagreements.size() && i < static_cast<size_t>(arguments.disagreements); ++i) {
    const Disagreement& disagreement = disagreements[i];
    PrintAnswer(task, *items.at(disagreement.answer->answer.item), *disagreement.answer, terminal);
    for (const Reading& reading : disagreement.readings) {
      terminal.PrintLine(fmt::format("  {:<16} '{}' would be {}", reading.rule, Shorten(ForTerminal(reading.text), 80),
                                     OutcomeName(reading.outcome)));
    }
  }
  if (disagreements.size() > static_cast<size_t>(arguments.disagreements)) {
    terminal.PrintLine(fmt::format("… {} more; --disagreements N or --json shows them",
                                   disagreements.size() - static_cast<size_t>(arguments.disagreements)));
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareAudit(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<AuditArguments>();
  app.add_option("run", arguments->run, "The run, for example run-3")->required();
  app.add_option("task", arguments->task, "Its task file (.toml)")->required();
  app.add_option("--sample", arguments->sample, "How many answers to draw for a person to check (default: 10)")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--disagreements", arguments->disagreements,
                 "How many answers to show on which rules of extraction disagree (default: 20)")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--seed", arguments->seed, "Of the draw (default: 1)");
  return [arguments, &session] { return RunAudit(*arguments, session); };
}

}  // namespace loco
