#include "task/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "base/toml_file.h"
#include "task/fetch_convert.h"
#include "task/fetch_rows.h"
#include "task/task.h"

namespace loco {
namespace {

// NAME.lock: which checksum every URL had when it was fetched.
class FetchLock {
 public:
  explicit FetchLock(Path path) : path_(std::move(path)) {
    std::error_code none;
    if (!std::filesystem::exists(path_, none)) return;
    std::vector<Diagnostic> mistakes;
    TomlFile file(path_, ReadFile(path_), mistakes);
    TomlTable top = file.root();
    for (TomlTable table : top.Tables("file")) {
      const std::string url = table.RequiredText("url");
      files_[url] = table.RequiredText("sha256");
    }
    file.Finish();
    ThrowMistakes(mistakes);
  }

  const Path& path() const { return path_; }
  // Empty: it was never fetched.
  std::string Sha256Of(const std::string& url) const {
    const auto found = files_.find(url);
    return found == files_.end() ? "" : found->second;
  }

  void Write(const std::string& url, const std::string& sha256) {
    if (files_[url] == sha256) return;
    files_[url] = sha256;
    std::string text =
        "# What 'loco task fetch' has fetched. A file that has another checksum later is refused; to trust it all the\n"
        "# same, delete its entry here.\n";
    for (const auto& [name, hash] : files_)
      text += fmt::format("\n[[file]]\nurl = \"{}\"\nsha256 = \"{}\"\n", name, hash);
    WriteFileAtomically(path_, text);
  }

 private:
  Path path_;
  std::map<std::string, std::string> files_;
};

// "test.jsonl" of "https://host/data/test.jsonl?download=true".
std::string FileNameOf(const std::string& url) {
  const std::string path = url.substr(0, url.find_first_of("?#"));
  return path.substr(path.rfind('/') + 1);
}

bool IsUrl(const std::string& text) { return text.starts_with("https://") || text.starts_with("http://"); }

// Which checksum a file should have, and who says so.
struct ExpectedFile {
  std::string sha256;  // empty: nobody knows
  std::string cure;    // when it has another one
};

ExpectedFile ExpectationOf(const FetchDefinition& definition, const FetchPart& part, const FetchLock& lock) {
  if (!part.sha256.empty()) {
    return {part.sha256, fmt::format("this is not the file that {} means: fetch it again with --force, or from another "
                                     "place with --from",
                                     definition.path.string())};
  }
  return {
      lock.Sha256Of(part.url),
      fmt::format("the first file fetched had that checksum: if the publisher has changed it and you mean the new one, "
                  "delete its entry in {} and use --force",
                  lock.path().string())};
}

void CheckFile(const Path& path, const std::string& sha256, const ExpectedFile& expected) {
  if (expected.sha256.empty() || sha256 == expected.sha256) return;
  throw Error(fmt::format("{}: the file has the SHA-256 {} and should have {}", path.string(), sha256, expected.sha256),
              expected.cure);
}

// The file in a folder that a user names: below a folder of the task's name, or right there.
Path FindInFolder(const FetchDefinition& definition, const std::string& folder, const std::string& name) {
  for (const Path& path : {Path(folder) / definition.name / name, Path(folder) / name}) {
    std::error_code none;
    if (std::filesystem::is_regular_file(path, none)) return path;
  }
  throw Error(fmt::format("{}: there is no {}", (Path(folder) / name).string(), name),
              fmt::format("put the file there, or into the folder {} in it, under this very name", definition.name));
}

FetchedFile GetSource(const FetchDefinition& definition, const FetchPart& part, const FetchOptions& options,
                      FetchLock& lock) {
  const ExpectedFile expected = ExpectationOf(definition, part, lock);
  FetchedFile file{.url = part.url, .path = SourceFileOf(definition, part, options.to)};
  std::error_code none;
  const std::string name = FileNameOf(part.url);
  if (!options.force && std::filesystem::is_regular_file(file.path, none)) {
    file.sha256 = Sha256OfFile(file.path);
    CheckFile(file.path, file.sha256, expected);
  } else if (!options.from.empty() && !IsUrl(options.from)) {
    const Path path = FindInFolder(definition, options.from, name);
    const std::string content = ReadFile(path);
    file.sha256 = Sha256Hex(content);
    CheckFile(path, file.sha256, expected);
    WriteFileAtomically(file.path, content);
  } else {
    DownloadOptions download = options.download;
    download.sha256 = expected.sha256;
    download.again = options.force;
    download.wrong_checksum = expected.cure;
    download.label = definition.name + (part.name.empty() ? "" : "-" + part.name);
    download.elsewhere = "or name a folder or a mirror that has it with --from";
    const std::string slash = options.from.ends_with('/') ? "" : "/";
    const std::string url = options.from.empty() ? part.url : options.from + slash + name;
    const DownloadResult result = Download(url, file.path, download);
    file.sha256 = result.sha256;
    file.downloaded = !result.already_there;
  }
  file.bytes = std::filesystem::file_size(file.path, none);
  file.trusted = expected.sha256.empty();
  return file;
}

// The name of the items' file in a definition; it lies beside it.
std::string ItemFileOf(const FetchDefinition& definition, const std::string& text) {
  std::vector<Diagnostic> mistakes;
  TomlFile file(definition.path, text, mistakes);
  TomlTable top = file.root();
  const std::string name = top.RequiredText("items");
  if (name.find('/') != std::string::npos) top.Wrong("items", "'items' must be the name of a file, without folders");
  ThrowMistakes(mistakes);
  return name;
}

void WriteWhereNew(const Path& path, const std::string& content) {
  std::error_code none;
  if (std::filesystem::is_regular_file(path, none) && ReadFile(path) == content) return;
  WriteFileAtomically(path, content);
}

FetchedTask WriteTask(const FetchDefinition& definition, const FetchPart& part, const FetchedFile& file,
                      const FetchOptions& options) {
  const std::string text = TaskTextOf(definition, part);
  FetchedTask task{.definition = options.to / TaskFileOf(definition, part)};
  task.items = options.to / ItemFileOf(definition, text);
  const std::string content = Unpacked(file.path, ReadFile(file.path));
  const ConvertedItems items =
      ConvertRows(file.path, ReadDataRows(file.path, content, definition.format, definition.rows), definition.mapping);
  if (part.count && items.count != *part.count) {
    throw Error(fmt::format("{}: {} items, and there should be {}", file.path.string(), items.count, *part.count),
                "the file is cut off or another edition: fetch it again with --force, or correct 'count' in the "
                "definition");
  }
  // Everything that the task's own reader asks of a definition and its items, before anything is written.
  const Task read = [&] {
    try {
      return ParseTask(text, task.definition,
                       [&](const Path& path) { return path == task.items ? items.jsonl : ReadFile(path); });
    } catch (const Error& problem) {
      throw Error(fmt::format("{}: what it becomes does not fit the task\n{}", file.path.string(), problem.what()),
                  fmt::format("correct {}", definition.path.string()));
    }
  }();
  task.name = read.name;
  task.count = read.items.size();
  WriteWhereNew(task.items, items.jsonl);
  WriteWhereNew(task.definition, text);
  return task;
}

}  // namespace

Path SourceFileOf(const FetchDefinition& definition, const FetchPart& part, const Path& folder) {
  return folder / "source" / definition.name / FileNameOf(part.url);
}

FetchResult FetchTask(const FetchDefinition& definition, const FetchOptions& options) {
  FetchResult result;
  FetchLock lock(options.to / (definition.name + ".lock"));
  result.lock = lock.path();
  for (const FetchPart& part : definition.parts) {
    ThrowIfInterrupted();
    FetchedFile file = GetSource(definition, part, options, lock);
    // What cannot be converted is not trusted: the next call may bring the right file.
    result.tasks.push_back(WriteTask(definition, part, file, options));
    lock.Write(part.url, file.sha256);
    result.files.push_back(std::move(file));
  }
  return result;
}

}  // namespace loco
