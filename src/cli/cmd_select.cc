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
  // Adapters are named only where the policy has any trained.
  const auto with_adapters = [&](int64_t adapters, const std::string& rest) {
    return counts.trained + counts.kept == 0 ? rest : Counted(adapters, "adapter", "adapters") + ", " + rest;
  };
  if (counts.generated + counts.measured + counts.trained == 0) {
    return fmt::format("stored   all {} and {} were in the store; nothing was measured anew",
                       with_adapters(counts.kept, Counted(counts.stored, "answer", "answers")),
                       Counted(counts.reused, "practical test", "practical tests"));
  }
  return fmt::format("measured {} and {} now; {} and {} were stored before",
                     with_adapters(counts.trained, Counted(counts.generated, "answer", "answers")),
                     Counted(counts.measured, "practical test", "practical tests"),
                     with_adapters(counts.kept, Counted(counts.stored, "answer", "answers")),
                     Counted(counts.reused, "test", "tests"));
}

// The name of a policy as a file name: letters, digits and dashes.
std::string FileStem(const std::string& name) {
  std::string stem;
  for (const char c : name) stem += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  return stem.substr(0, 80);
}

// The record's three files. Their name has the decision's number: another decision of the same day and policy does not
// take its place.
struct RecordFiles {
  Path markdown;
  Path html;
  Path json;

  RecordFiles(const Path& folder, const std::string& date, const std::string& policy, RowId decision) {
    const std::string stem = fmt::format("{}-{}-{}", date, FileStem(policy), decision);
    markdown = folder / (stem + ".md");
    html = folder / (stem + ".html");
    json = folder / (stem + ".json");
  }
  std::vector<std::string> Names() const { return {markdown.string(), html.string(), json.string()}; }
};

// Before hours of measuring, not after: the folder exists and takes a file.
void CheckFolder(const Path& folder) {
  const Path probe = folder / fmt::format(".loco-{}", ::getpid());
  WriteFileAtomically(probe, "");
  std::error_code none;
  std::filesystem::remove(probe, none);
}

// Only rules and evidence: nothing is measured, so nothing is decided and nothing recorded.
ExitCode ShowFilter(const Decision& decision, Session& session) {
  Terminal& terminal = session.terminal();
  if (session.json) {
    terminal.PrintLine(DecisionJson(decision));
  } else {
    const Style style{.colour = terminal.color(), .width = static_cast<size_t>(terminal.width())};
    terminal.Print(FilterText(decision, style));
  }
  const bool anybody = std::any_of(decision.candidates.begin(), decision.candidates.end(), [](const auto& c) {
    return c.standing != Standing::kRejected && c.standing != Standing::kPruned;
  });
  return anybody ? ExitCode::kDone : ExitCode::kNothingQualifies;
}

ExitCode RunSelect(const SelectArguments& arguments, Session& session) {
  const Policy policy = LoadPolicy(arguments.policy);
  Store store = session.OpenStore();
  Study study(store, policy, session);
  if (arguments.filter_only) {
    study.Filter(/*make_files=*/false);
    return ShowFilter(Decide(policy, study.results(), {.machine = study.MachineLine()}), session);
  }
  CheckFolder(arguments.out);
  study.Filter(/*make_files=*/true);
  study.MeasureScores();
  study.MeasureTrainability();
  study.MeasurePractical();
  const Decision decision = Decide(policy, study.results(), {.machine = study.MachineLine()});
  const std::string json = DecisionJson(decision);
  const std::string date = session.clock().Now().substr(0, 10);
  const RowId id = store.AddDecision(
      {.key = HashOfParts({"decision/1", json}), .policy = policy.name, .policy_hash = policy.hash, .record = json},
      decision.rests_on);
  const std::string row = fmt::format("decision-{}", id);
  const RecordFiles files(arguments.out, date, policy.name, id);
  Terminal& terminal = session.terminal();
  // The answer first: it must not be lost with the files when the disk is full.
  if (session.json) {
    terminal.PrintLine(json);
  } else {
    const Style style{.colour = terminal.color(), .width = static_cast<size_t>(terminal.width())};
    terminal.Print(DecisionText(decision, style, {.decision = row, .files = files.Names()}));
    terminal.PrintLine(CountsLine(study.counts()));
  }
  const std::string program = fmt::format("loco {}, {}", Version(), EngineVersion());
  WriteFileAtomically(files.json, json + "\n");
  WriteFileAtomically(files.markdown, DecisionMarkdown(decision, {.date = date, .decision = row, .program = program}));
  WriteFileAtomically(
      files.html,
      DecisionHtml(decision, {.date = date, .decision = row, .program = program, .samples = study.Samples()}));
  return decision.kind == DecisionKind::kChosen ? ExitCode::kDone : ExitCode::kNothingQualifies;
}

}  // namespace

Action DeclareSelect(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<SelectArguments>();
  app.add_option("policy", arguments->policy, "Policy file (.toml)")->required();
  app.add_option("--out", arguments->out, "Folder for the record: DATE-POLICY-NUMBER.md, .html and .json");
  app.add_flag("--filter-only", arguments->filter_only,
               "Show the hard filter and the external evidence only: nothing is quantized, generated or recorded");
  return [arguments, &session] { return RunSelect(*arguments, session); };
}

}  // namespace loco
