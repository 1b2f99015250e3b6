#include "task/task.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/toml_file.h"
#include "task/item_reader.h"
#include "task/jsonl.h"
#include "task/score_settings.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// The field names in a message template, or what is wrong with it.
struct Placeholders {
  std::vector<std::string> names;
  std::string mistake;
};

// Calls text(piece) and field(name) in order. Returns what is wrong, or "".
template <typename TextPiece, typename Field>
std::string ForEachPiece(const std::string& pattern, TextPiece&& text, Field&& field) {
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if ((c == '{' || c == '}') && i + 1 < pattern.size() && pattern[i + 1] == c) {
      text(std::string(1, c));
      i += 2;
    } else if (c == '{') {
      const size_t end = pattern.find('}', i);
      if (end == std::string::npos) return "a { is never closed; write {{ for a literal brace";
      if (end == i + 1) return "{} names no field; write {{}} for literal braces";
      field(pattern.substr(i + 1, end - i - 1));
      i = end + 1;
    } else if (c == '}') {
      return "a } without {; write }} for a literal brace";
    } else {
      const size_t end = std::min(pattern.find_first_of("{}", i), pattern.size());
      text(pattern.substr(i, end - i));
      i = end;
    }
  }
  return "";
}

Placeholders PlaceholdersOf(const std::string& pattern) {
  Placeholders found;
  found.mistake = ForEachPiece(
      pattern, [](const std::string&) {}, [&](const std::string& name) { found.names.push_back(name); });
  return found;
}

// Mistakes of a file with thousands of lines are shown up to this number.
constexpr size_t kShownMistakes = 20;

// A template that items fill, and where the definition has it.
struct Pattern {
  const std::string& text;
  TomlTable& table;
  const char* key;
};

std::vector<Item> ReadItems(const Path& path, const std::string& content, const Task& task,
                            const std::vector<Pattern>& patterns, std::vector<Diagnostic>& definition_mistakes) {
  std::vector<Diagnostic> mistakes;
  ItemReader reader(task);
  for (const Pattern& pattern : patterns) {
    for (const std::string& name : PlaceholdersOf(pattern.text).names) reader.needed_fields.insert(name);
  }
  ReadJsonl(path, content, mistakes, [&](JsonLine& line) { reader.Read(line); });
  if (mistakes.empty() && reader.items.empty()) {
    throw Error(fmt::format("{}: there are no items", path.string()), "write one JSON object a line");
  }
  // A field that no item has is the prompt's mistake, once, and not every line's.
  for (const std::string& name : reader.needed_fields) {
    if (reader.seen_fields.empty() || reader.seen_fields.contains(name)) continue;
    const auto user = std::find_if(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
      return pattern.text.find("{" + name + "}") != std::string::npos;
    });
    user->table.Wrong(user->key,
                      fmt::format("no item has the field {}; {}", QuotedWord(name),
                                  SuggestWord(name, {reader.seen_fields.begin(), reader.seen_fields.end()})));
  }
  ThrowMistakes(definition_mistakes);
  ThrowMistakes(mistakes, kShownMistakes);
  return std::move(reader.items);
}

std::string Fill(const std::string& pattern, const Item& item) {
  std::string out;
  ForEachPiece(
      pattern, [&](const std::string& text) { out += text; },
      [&](const std::string& name) { out += item.fields.at(name); });
  return out;
}

}  // namespace

Task LoadTask(const Path& path) { return ParseTask(ReadFile(path), path, ReadFile); }

Task LoadTrainingTask(const Path& path) { return ParseTask(ReadFile(path), path, ReadFile, /*training=*/true); }

Task ParseTask(const std::string& definition, const Path& path, const std::function<std::string(const Path&)>& read,
               bool training) {
  std::vector<Diagnostic> mistakes;
  TomlFile file(path, definition, mistakes);
  TomlTable top = file.root();
  Task task;
  task.path = path;
  task.name = top.RequiredText("name");
  task.version = top.Integer("version", {.least = 1}).value_or(1);
  task.description = top.Text("description").value_or("");
  task.licence = top.Text("licence").value_or("");
  task.source = top.Text("source").value_or("");
  const std::string items = top.RequiredText("items");
  const std::string train = top.Text("train").value_or("");
  if (top.Has("fetch")) {
    throw Error(fmt::format("{}: a public task, whose data are not here", path.string()),
                fmt::format("'loco task fetch {}' gets them, and says where the task then lies", path.stem().string()));
  }
  TomlTable prompt = top.Table("prompt");
  task.system = prompt.Text("system").value_or("");
  task.user = prompt.Text("user").value_or("{question}");
  for (const char* key : {"system", "user"}) {
    const std::string mistake = PlaceholdersOf(key == std::string("system") ? task.system : task.user).mistake;
    if (!mistake.empty()) prompt.Wrong(key, mistake);
  }
  static const std::vector<std::string> kStyles = {"chat", "raw"};
  task.raw = prompt.OneOf("style", kStyles).value_or(0) == 1;
  TomlTable few = top.Table("few_shot");
  const std::string shots = few.Text("items").value_or("");
  const auto shot_count = few.Integer("count", {.least = 1, .most = 1000});
  task.shot_answer = few.Text("answer").value_or("{answer}");
  if (const std::string mistake = PlaceholdersOf(task.shot_answer).mistake; !mistake.empty())
    few.Wrong("answer", mistake);
  if (shots.empty() && (shot_count || few.Has("answer")))
    few.Wrong("items", "'items' is missing: the file of the examples");
  TomlTable generate = top.Table("generate");
  task.max_tokens = static_cast<int>(generate.Integer("max_tokens", {.least = 1, .most = 1 << 20}).value_or(512));
  task.thinking_tokens =
      static_cast<int>(generate.Integer("thinking_tokens", {.least = 0, .most = 1 << 20}).value_or(1024));
  task.stop = generate.Texts("stop");
  if (std::any_of(task.stop.begin(), task.stop.end(), [](const std::string& text) { return text.empty(); }))
    generate.Wrong("stop", "an empty text would stop everything");
  const std::string contract = ReadScore(top.Table("score"), path, read, task);
  file.Finish();
  ThrowMistakes(mistakes);

  if (training && train.empty()) {
    throw Error(fmt::format("{}: the task has no training items", path.string()),
                "name their file with 'train = \"…\"', or train on a JSONL file");
  }
  if (training &&
      (task.scorer == "json" || task.scorer == "instructions" || task.scorer == "code" || task.scorer == "assert")) {
    throw Error(fmt::format("{}: the items say what an answer must hold, not how it is written", path.string()),
                "train on a JSONL file with the answers themselves");
  }
  const Path item_path = path.parent_path() / (training ? train : items);
  const std::string content = read(item_path);
  task.items =
      ReadItems(item_path, content, task, {{task.system, prompt, "system"}, {task.user, prompt, "user"}}, mistakes);
  std::vector<std::string> parts = {definition, content};
  if (!contract.empty()) parts.push_back(contract);
  if (!shots.empty() && !training) {
    const Path shot_path = path.parent_path() / shots;
    parts.push_back(read(shot_path));
    task.shots = ReadItems(shot_path, parts.back(), task,
                           {{task.user, prompt, "user"}, {task.shot_answer, few, "answer"}}, mistakes);
    const auto count = static_cast<size_t>(shot_count.value_or(static_cast<int64_t>(task.shots.size())));
    if (count > task.shots.size()) {
      throw Error(
          fmt::format("{}: the task wants {} examples and there are {}", shot_path.string(), count, task.shots.size()),
          "write more of them, or lower 'count' in [few_shot]");
    }
    task.shots.erase(task.shots.begin() + static_cast<std::ptrdiff_t>(count), task.shots.end());
  }
  const std::vector<std::string_view> views(parts.begin(), parts.end());
  task.hash = HashOfParts(views);
  return task;
}

std::vector<Message> BuildMessages(const Task& task, const Item& item) {
  std::vector<Message> messages;
  if (!task.system.empty()) messages.push_back({"system", Fill(task.system, item)});
  for (const Item& shot : task.shots) {
    messages.push_back({"user", Fill(task.user, shot)});
    messages.push_back({"assistant", Fill(task.shot_answer, shot)});
  }
  messages.insert(messages.end(), item.history.begin(), item.history.end());
  messages.push_back({"user", Fill(task.user, item)});
  return messages;
}

}  // namespace loco
