#include "task/task.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/toml_file.h"
#include "task/scorers.h"

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

// What a JSON value looks like inside a prompt: texts as they are, everything else as JSON.
std::string FieldText(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// One line of the JSONL. Mistakes are added with the place of the line.
class ItemReader {
 public:
  ItemReader(const Path& path, const Task& task) : path_(path), task_(task) {}

  void ReadLine(const std::string& line, size_t number) {
    number_ = number;
    Json value;
    try {
      value = Json::parse(line);
    } catch (const Json::parse_error& problem) {
      // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error …": the reason is the last
      // part.
      const std::string text = problem.what();
      const size_t reason = text.find(": ");
      Wrong(problem.byte, reason == std::string::npos ? text : text.substr(reason + 2));
      return;
    }
    if (!value.is_object()) return Wrong(1, "a line must be a JSON object: {\"id\": …}");
    Item item;
    for (const auto& [key, field] : value.items()) {
      if (!field.is_array() && !field.is_object()) item.fields[key] = FieldText(field);
    }
    item.id = item.fields.contains("id") ? item.fields["id"] : fmt::format("line-{:06}", number);
    if (!ids_.insert(item.id).second) return Wrong(1, fmt::format("the id '{}' is used twice", item.id));
    item.category = item.fields["category"];
    item.difficulty = item.fields["difficulty"];
    if (!value.contains("answer")) return Wrong(1, "'answer' is missing");
    if (task_.scorer == "choice") {
      if (!ReadChoices(value, item)) return;
    } else {
      item.answer = FieldText(value["answer"]);
    }
    for (const std::string& name : needed_fields) {
      if (!item.fields.contains(name))
        return Wrong(1, fmt::format("the field '{}' is missing: the prompt of the task needs it", name));
    }
    items.push_back(std::move(item));
  }

  void Wrong(size_t column, const std::string& message) { mistakes.push_back({path_, number_, column, message}); }

  std::set<std::string> needed_fields;
  std::vector<Item> items;
  std::vector<Diagnostic> mistakes;

 private:
  bool ReadChoices(const Json& value, Item& item) {
    if (!value.contains("choices") || !value["choices"].is_array() || value["choices"].size() < 2) {
      Wrong(1, "'choices' must be a list of at least two texts");
      return false;
    }
    for (const Json& choice : value["choices"]) {
      if (!choice.is_string() || choice.get<std::string>().empty()) {
        Wrong(1, "every choice must be a text that is not empty");
        return false;
      }
      item.choices.push_back(choice.get<std::string>());
    }
    const Json& answer = value["answer"];
    if (!answer.is_number_unsigned() || answer.get<size_t>() >= item.choices.size()) {
      Wrong(1, fmt::format("'answer' must be the number of the right choice, 0 to {}", item.choices.size() - 1));
      return false;
    }
    item.right_choice = answer.get<size_t>();
    item.answer = item.choices[item.right_choice];
    return true;
  }

  const Path& path_;
  const Task& task_;
  size_t number_ = 0;
  std::set<std::string> ids_;
};

void ReadScore(TomlTable table, Task& task) {
  static const std::vector<std::string> kSteps = {"trim", "lower", "spaces", "punctuation", "json"};
  static const std::vector<std::string> kLengths = {"none", "tokens", "bytes"};
  const std::vector<std::string> scorers = ScorerNames();
  if (const auto scorer = table.OneOf("scorer", scorers)) task.scorer = scorers[*scorer];
  for (const size_t step : table.EachOneOf("normalize", kSteps)) task.score.normalize.push_back(kSteps[step]);
  task.score.extract = table.Text("extract").value_or("");
  if (const RE2 pattern(task.score.extract, RE2::Quiet); !pattern.ok()) {
    table.Wrong("extract", fmt::format("not an RE2 pattern: {}", pattern.error()));
  }
  task.score.tolerance = table.Number("tolerance", {.least = 0}).value_or(0);
  task.score.length = kLengths[table.OneOf("length", kLengths).value_or(0)];
}

// Mistakes of a file with thousands of lines are shown up to this number.
constexpr size_t kShownMistakes = 20;

void ReadItems(const Path& path, const std::string& content, Task& task) {
  ItemReader reader(path, task);
  for (const std::string* pattern : {&task.system, &task.user}) {
    for (const std::string& name : PlaceholdersOf(*pattern).names) reader.needed_fields.insert(name);
  }
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    ++number;
    const std::string line = content.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string::npos) reader.ReadLine(line, number);
    begin = end + 1;
  }
  if (reader.mistakes.empty() && reader.items.empty()) {
    throw Error(fmt::format("{}: there are no items", path.string()), "write one JSON object a line");
  }
  ThrowMistakes(reader.mistakes, kShownMistakes);
  task.items = std::move(reader.items);
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

Task ParseTask(const std::string& definition, const Path& path, const std::function<std::string(const Path&)>& read) {
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
  top.Text("train");  // for training, not for evaluation
  TomlTable prompt = top.Table("prompt");
  task.system = prompt.Text("system").value_or("");
  task.user = prompt.Text("user").value_or("{question}");
  for (const char* key : {"system", "user"}) {
    const std::string mistake = PlaceholdersOf(key == std::string("system") ? task.system : task.user).mistake;
    if (!mistake.empty()) prompt.Wrong(key, mistake);
  }
  const auto max_tokens = top.Table("generate").Integer("max_tokens", {.least = 1, .most = 1 << 20});
  task.max_tokens = static_cast<int>(max_tokens.value_or(512));
  ReadScore(top.Table("score"), task);
  file.Finish();
  ThrowMistakes(mistakes);

  const Path item_path = path.parent_path() / items;
  const std::string content = read(item_path);
  ReadItems(item_path, content, task);
  task.hash = HashOfParts({definition, content});
  return task;
}

std::vector<Message> BuildMessages(const Task& task, const Item& item) {
  std::vector<Message> messages;
  if (!task.system.empty()) messages.push_back({"system", Fill(task.system, item)});
  messages.push_back({"user", Fill(task.user, item)});
  return messages;
}

}  // namespace loco
