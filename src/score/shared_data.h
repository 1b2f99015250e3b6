// For tests alone: the real public data beside the checkout ($LOCO_SHARED, by default ../shared).
//
//   const auto folder = SharedData("gsm8k");
//   if (!folder) return;                                   // the message of the skipped test is out already
//   for (const auto& row : ReadRows(*folder / "x.jsonl")) …
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"

namespace loco {

inline std::optional<Path> SharedData(const char* name) {
  const char* shared = std::getenv("LOCO_SHARED");
  const Path folder = Path(shared != nullptr ? shared : LOCO_SOURCE_DIR "/../shared") / "data" / name;
  if (std::filesystem::is_directory(folder)) return folder;
  MESSAGE("skipped: " << folder.string() << " is not here");
  return std::nullopt;
}

inline std::vector<nlohmann::json> ReadRows(const Path& jsonl) {
  std::vector<nlohmann::json> rows;
  std::istringstream lines(ReadFile(jsonl));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  return rows;
}

}  // namespace loco
