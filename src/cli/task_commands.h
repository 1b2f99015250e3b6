// The subcommands of 'loco task', a file each: task_NAME.cc.
#pragma once

#include "cli/commands.h"

namespace loco {

Action DeclareTaskCheck(CLI::App& app, Session& session);
Action DeclareTaskFetch(CLI::App& app, Session& session);

}  // namespace loco
