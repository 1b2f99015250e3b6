// loco task: files that say what to ask and how to mark it.
#include <utility>
#include <vector>

#include "cli/task_commands.h"

namespace loco {

Action DeclareTask(CLI::App& app, Session& session) {
  CLI::App* check =
      app.add_subcommand("check", "every mistake with its place; sample answers marked; what the items can tell apart");
  CLI::App* fetch = app.add_subcommand("fetch", "get the data of public tasks, which ship without them");
  const std::vector<std::pair<CLI::App*, Action>> commands = {{check, DeclareTaskCheck(*check, session)},
                                                              {fetch, DeclareTaskFetch(*fetch, session)}};
  app.require_subcommand(1);
  return [commands] {
    for (const auto& [command, run] : commands) {
      if (command->parsed()) return run();
    }
    LOCO_CHECK(false);  // one is required
  };
}

}  // namespace loco
