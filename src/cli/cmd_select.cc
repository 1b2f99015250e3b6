// loco select POLICY: the main job. Five steps, then a decision and its record.
#include <fmt/format.h>

#include <memory>

#include "base/hash.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/study.h"
#include "decide/decide.h"
#include "decide/policy.h"
#include "report/html.h"
#include "report/json.h"
#include "report/markdown.h"
#include "report/text.h"

namespace loco {
namespace {

struct SelectArguments {
  Path policy;
  Path out = "decisions";
  bool filter_only = false;
};

std::string CountsLine(const StudyCounts& counts) {
  if (counts.generated + counts.stored == 0 && counts.measured + counts.reused == 0) {
    return "measured nothing: no candidate that meets the hard rules has a file here";
  }
  if (counts.generated == 0 && counts.measured == 0) {
    return fmt::format("stored   all {} and {} were in the store; nothing was measured anew",
                       Counted(counts.stored, "answer", "answers"),
                       Counted(counts.reused, "practical test", "practical tests"));
  }
  return fmt::format("measured {} and {} now; {} and {} were stored before",
                     Counted(counts.generated, "answer", "answers"),
                     Counted(counts.measured, "practical test", "practical tests"),
                     Counted(counts.stored, "answer", "answers"), Counted(counts.reused, "test", "tests"));
}

// Writes the record in three forms and returns their paths.
std::vector<std::string> WriteRecord(const Path& folder, const std::string& stem, const Decision& decision,
                                     const std::string& json, const std::string& row, const std::string& date,
                                     std::vector<AnswerSample> samples) {
  const std::string program = fmt::format("loco {}, {}", Version(), EngineVersion());
  const Path markdown = folder / (stem + ".md");
  const Path html = folder / (stem + ".html");
  const Path data = folder / (stem + ".json");
  WriteFileAtomically(markdown, DecisionMarkdown(decision, {.date = date, .decision = row, .program = program}));
  WriteFileAtomically(
      html, DecisionHtml(decision, {.date = date, .decision = row, .program = program, .samples = std::move(samples)}));
  WriteFileAtomically(data, json + "\n");
  return {markdown.string(), html.string(), data.string()};
}

// The name of a policy as a file name: letters, digits and dashes.
std::string FileStem(const std::string& name) {
  std::string stem;
  for (const char c : name) stem += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  return stem.substr(0, 80);
}

ExitCode RunSelect(const SelectArguments& arguments, Session& session) {
  const Policy policy = LoadPolicy(arguments.policy);
  Store store = session.OpenStore();
  Study study(store, policy, session);
  study.Filter();
  if (!arguments.filter_only) {
    study.MeasureScores();
    study.MeasurePractical();
  }
  const Decision decision = Decide(policy, study.results(), {.machine = study.MachineLine()});
  const std::string json = DecisionJson(decision);
  const std::string date = session.clock().Now().substr(0, 10);
  const RowId id = store.AddDecision(
      {.key = HashOfParts({"decision/1", json}), .policy = policy.name, .policy_hash = policy.hash, .record = json},
      decision.rests_on);
  const std::string row = fmt::format("decision-{}", id);
  const std::vector<std::string> files =
      WriteRecord(arguments.out, date + "-" + FileStem(policy.name), decision, json, row, date, study.Samples());
  Terminal& terminal = session.terminal();
  if (session.json) {
    terminal.PrintLine(json);
  } else {
    const Style style{.colour = terminal.color(), .width = static_cast<size_t>(terminal.width())};
    terminal.Print(DecisionText(decision, style, {.decision = row, .files = files}));
    if (!arguments.filter_only) terminal.PrintLine(CountsLine(study.counts()));
  }
  return decision.kind == DecisionKind::kChosen ? ExitCode::kDone : ExitCode::kNothingQualifies;
}

}  // namespace

Action DeclareSelect(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<SelectArguments>();
  app.add_option("policy", arguments->policy, "Policy file (.toml)")->required();
  app.add_option("--out", arguments->out, "Folder for the record: DATE-POLICY.md, .html and .json");
  app.add_flag("--filter-only", arguments->filter_only,
               "Stop after the hard filter and the external evidence: nothing is generated");
  return [arguments, &session] { return RunSelect(*arguments, session); };
}

}  // namespace loco
