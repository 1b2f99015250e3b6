// The [score] table of a task's definition: which scorer, and its settings.
//
//   ReadScore(top.Table("score"), path, read, task);    // mistakes are reported at their places
//
// For the files of this module.
#pragma once

#include <functional>
#include <string>

#include "base/file.h"
#include "base/toml_file.h"
#include "task/task.h"

namespace loco {

// Fills task.scorer and task.score. `read` fetches the file that a setting names, relative to `path`, the definition;
// returns its content, "" when none is named: it is part of what the task is.
std::string ReadScore(TomlTable table, const Path& path, const std::function<std::string(const Path&)>& read,
                      Task& task);

}  // namespace loco
