// loco task fetch: the data of tasks that ship without them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "base/hostile_text.h"
#include "cli/task_commands.h"
#include "task/fetch.h"

namespace loco {
namespace {

using nlohmann::ordered_json;

struct TaskFetchArguments {
  std::vector<std::string> names;
  Path to;
  std::string from;
  bool force = false;
  bool list = false;
};

Path FolderOfFetched(const TaskFetchArguments& arguments) {
  return arguments.to.empty() ? UserCacheFolder() / "tasks" : arguments.to;
}

std::vector<FetchDefinition> PublicDefinitions(const Session& session) {
  std::vector<FetchDefinition> definitions;
  for (const Path& path : FilesMatching(session.DataFolder() / "tasks" / "public" / "*.toml"))
    definitions.push_back(LoadFetchDefinition(path));
  return definitions;
}

// A name of --list, or the path of a definition.
FetchDefinition DefinitionNamed(const std::string& name, const std::vector<FetchDefinition>& known) {
  if (name.ends_with(".toml")) return LoadFetchDefinition(name);
  std::vector<std::string> names;
  for (const FetchDefinition& definition : known) {
    if (definition.name == name) return definition;
    names.push_back(definition.name);
  }
  throw Error(fmt::format("there is no public task {}; {}", QuotedWord(name), SuggestWord(name, names)),
              "'loco task fetch --list' shows them; a definition of your own is given by its path, NAME.toml");
}

// All of its tasks lie in the folder.
bool IsFetched(const FetchDefinition& definition, const Path& folder) {
  return std::all_of(definition.parts.begin(), definition.parts.end(), [&](const FetchPart& part) {
    std::error_code none;
    return std::filesystem::is_regular_file(folder / TaskFileOf(definition, part), none);
  });
}

bool ChecksumIsKnown(const FetchDefinition& definition) {
  return std::none_of(definition.parts.begin(), definition.parts.end(),
                      [](const FetchPart& part) { return part.sha256.empty(); });
}

ExitCode ListPublicTasks(const TaskFetchArguments& arguments, Session& session) {
  const Path folder = FolderOfFetched(arguments);
  ordered_json document = ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const FetchDefinition& definition : PublicDefinitions(session)) {
    const bool fetched = IsFetched(definition, folder);
    const bool known = ChecksumIsKnown(definition);
    document.push_back({{"name", definition.name},
                        {"tasks", definition.parts.size()},
                        {"licence", definition.licence},
                        {"source", definition.source},
                        {"checksum_known", known},
                        {"fetched", fetched}});
    const std::string what =
        definition.parts.size() == 1 ? definition.description : fmt::format("{} tasks", definition.parts.size());
    rows.push_back({definition.name, fetched ? "yes" : "no", known ? "known" : "first use",
                    ForTerminal(definition.licence), ForTerminal(what)});
  }
  if (session.json) {
    session.terminal().PrintLine(document.dump(2));
  } else {
    session.terminal().Print(FormatTable({"name", "fetched", "checksum", "licence", "what"}, rows));
  }
  return ExitCode::kDone;
}

void PrintFetched(const FetchDefinition& definition, const FetchResult& result, Terminal& terminal) {
  for (const FetchedTask& task : result.tasks) {
    terminal.PrintLine(fmt::format("{}  {}  {}", ForTerminal(task.name),
                                   Counted(static_cast<int64_t>(task.count), "item", "items"),
                                   ForTerminal(task.definition.string())));
  }
  for (const FetchedFile& file : result.files) {
    if (!file.trusted) continue;
    terminal.Note(ForTerminal(
        fmt::format("{}: nobody has written down the checksum of {}, so it is trusted as it came now (SHA-256 {}); "
                    "another one later is refused: {}",
                    definition.name, file.url, file.sha256, result.lock.string())));
  }
}

void AddToDocument(const FetchDefinition& definition, const FetchResult& result, ordered_json& document) {
  for (const FetchedTask& task : result.tasks) {
    document["tasks"].push_back({{"name", task.name},
                                 {"definition", task.definition.string()},
                                 {"items", task.items.string()},
                                 {"count", task.count},
                                 {"licence", definition.licence}});
  }
  for (const FetchedFile& file : result.files) {
    document["files"].push_back({{"url", file.url},
                                 {"path", file.path.string()},
                                 {"sha256", file.sha256},
                                 {"bytes", file.bytes},
                                 {"downloaded", file.downloaded},
                                 {"trusted_on_first_use", file.trusted}});
  }
}

ExitCode RunTaskFetch(const TaskFetchArguments& arguments, Session& session) {
  if (arguments.list) return ListPublicTasks(arguments, session);
  if (arguments.names.empty()) throw Error("no task is named", "'loco task fetch --list' shows them", ExitCode::kUsage);
  const std::vector<FetchDefinition> known = PublicDefinitions(session);
  std::vector<FetchDefinition> definitions;  // all of them, before the first is loaded
  for (const std::string& name : arguments.names) definitions.push_back(DefinitionNamed(name, known));
  FetchOptions options{.to = FolderOfFetched(arguments), .from = arguments.from, .force = arguments.force};
  options.download.progress = &session.terminal().progress();
  ordered_json document = {{"tasks", ordered_json::array()}, {"files", ordered_json::array()}};
  for (const FetchDefinition& definition : definitions) {
    const FetchResult result = FetchTask(definition, options);
    if (session.json) {
      AddToDocument(definition, result, document);
    } else {
      PrintFetched(definition, result, session.terminal());
    }
  }
  if (session.json) session.terminal().PrintLine(document.dump(2));
  return ExitCode::kDone;
}

}  // namespace

Action DeclareTaskFetch(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<TaskFetchArguments>();
  app.add_option("name", arguments->names, "Names of --list, or paths of definitions of your own");
  app.add_option("--to", arguments->to, "Folder for the tasks (default: tasks in the user's cache folder)");
  app.add_option("--from", arguments->from,
                 "Folder, or beginning of a URL, that has the published files under their own names");
  app.add_flag("-f,--force", arguments->force, "Load again what is there");
  app.add_flag("--list", arguments->list, "Only show which there are");
  app.footer(
      "Examples:\n  loco task fetch gsm8k\n  loco task fetch bbh --to my-tasks\n  loco task fetch mmlu --from "
      "/media/usb\n  loco eval model.gguf ~/.cache/locollm/tasks/gsm8k.toml\n");
  return [arguments, &session] { return RunTaskFetch(*arguments, session); };
}

}  // namespace loco
