// The commands of the program. A command is one file, cmd_NAME.cc, and one row of the table in commands.cc.
//
//   const Command kEval = {"eval", "score a model on tasks", "loco eval model.gguf tasks/pocket/arith.toml\n",
//   DeclareEval};
//
// A command declares its options on a CLI::App and returns what to run. It prints through the Session's terminal,
// throws Error for what the user must cure, and returns the exit code of base/error.h.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "store/store.h"

namespace loco {

// The options that every command knows, and what they open.
struct Session {
  Path store_path;    // --store, $LOCO_STORE, or the user's data folder
  bool json = false;  // --json: one JSON document on standard output, nothing else there
  std::string color = "auto";
  bool quiet = false;  // --quiet: no progress
  int threads = 0;     // --threads; 0: as many as the model is worth

  const Clock& clock() const { return clock_; }
  Terminal& terminal();
  Store OpenStore() const { return Store::Open(store_path, clock_); }
  Store ReadStore() const { return Store::OpenReadOnly(store_path, clock_); }
  // The folder of shipped data (catalog, policies, tasks): beside the program when installed, or the source tree.
  Path DataFolder() const;

 private:
  SystemClock clock_;
  std::unique_ptr<Terminal> terminal_;
};

using Action = std::function<ExitCode()>;

// Checks that an option's value is a number from `least` to `most`; unlike CLI::Range it refuses "nan".
CLI::Validator NumberFrom(double least, double most);

struct Command {
  const char* name;
  const char* summary;   // one line, lower case, no full stop
  const char* examples;  // lines that start with "loco"
  Action (*declare)(CLI::App& app, Session& session);
};

std::span<const Command> Commands();
// The whole command line as a CLI::App tree; `action` is set to the chosen command's.
std::unique_ptr<CLI::App> BuildApp(Session& session, Action& action);

Action DeclareInspect(CLI::App& app, Session& session);
Action DeclareCatalog(CLI::App& app, Session& session);
Action DeclareFit(CLI::App& app, Session& session);
Action DeclareEval(CLI::App& app, Session& session);
Action DeclareAudit(CLI::App& app, Session& session);
Action DeclarePrompt(CLI::App& app, Session& session);
Action DeclareBakeoff(CLI::App& app, Session& session);
Action DeclareCompare(CLI::App& app, Session& session);
Action DeclareQuantize(CLI::App& app, Session& session);
Action DeclareQuants(CLI::App& app, Session& session);
Action DeclareTrain(CLI::App& app, Session& session);
Action DeclareAdapter(CLI::App& app, Session& session);
Action DeclareTrainability(CLI::App& app, Session& session);
Action DeclareBench(CLI::App& app, Session& session);
Action DeclareSelect(CLI::App& app, Session& session);
Action DeclareShow(CLI::App& app, Session& session);
Action DeclareRuns(CLI::App& app, Session& session);
Action DeclareTask(CLI::App& app, Session& session);
Action DeclareTokenize(CLI::App& app, Session& session);
Action DeclareCompletion(CLI::App& app, Session& session);
Action DeclareManual(CLI::App& app, Session& session);

}  // namespace loco
