// Gets the data of a task that ships without them: downloads what the definition names, checks it, turns its rows into
// items, and writes a complete task that 'loco eval' reads.
//
//   const FetchDefinition definition = LoadFetchDefinition("tasks/public/gsm8k.toml");
//   const FetchResult result = FetchTask(definition, {.to = UserCacheFolder() / "tasks"});
//   result.tasks[0].definition        // ~/.cache/locollm/tasks/gsm8k.toml, with gsm8k.jsonl beside it
//
// In the folder lie besides them: source/gsm8k/test.jsonl, the published file byte for byte, so that a later call needs
// no network; and gsm8k.lock, the checksums of what was fetched. A file whose checksum the definition does not know is
// trusted when it is fetched for the first time, and refused when it is another one later.
//
// Without a network the file may be put at its place in source/ by hand, or `from` names a folder or a mirror with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "http/download.h"
#include "task/fetch_definition.h"

namespace loco {

struct FetchOptions {
  Path to;  // the folder for everything
  std::string
      from;  // a folder or the beginning of a URL that has files of the same names; empty: the definition's URLs
  bool force = false;        // load again what is there
  DownloadOptions download;  // waits, limits, progress; checksum and label are set here
};

struct FetchedFile {
  std::string url;
  Path path;
  std::string sha256;
  uint64_t bytes = 0;
  bool downloaded = false;  // false: it was there
  bool trusted = false;     // nobody had said before which checksum it should have
};

struct FetchedTask {
  std::string name;
  Path definition;
  Path items;
  size_t count = 0;
};

struct FetchResult {
  std::vector<FetchedTask> tasks;
  std::vector<FetchedFile> files;
  Path lock;
};

// Throws Error, and leaves what was there before as it was.
FetchResult FetchTask(const FetchDefinition& definition, const FetchOptions& options);

// Where a part's published file lies below the folder.
Path SourceFileOf(const FetchDefinition& definition, const FetchPart& part, const Path& folder);

}  // namespace loco
