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
#include "task/jsonl.h"
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

// What a JSON value looks like inside a prompt: texts as they are, everything else as JSON.
std::string FieldText(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// As the scorer reads the expected number.
bool IsNumber(std::string text) {
  std::erase(text, ',');
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Turns the lines of the JSONL into items.
class ItemReader {
 public:
  explicit ItemReader(const Task& task) : task_(task) {
    for (const std::string& step : task.score.normalize) json_answers_ = json_answers_ || step == "json";
  }

  void Read(JsonLine& line) {
    const Json& value = line.value();
    Item item;
    for (const auto& [key, field] : value.items()) {
      seen_fields.insert(key);
      if (!field.is_structured()) item.fields[key] = FieldText(field);
    }
    if (!ReadId(line, item)) return;
    item.category = item.fields["category"];
    item.difficulty = item.fields["difficulty"];
    if (!value.contains("answer")) return line.Wrong("", "'answer' is missing");
    const bool references = task_.scorer == "qa" || task_.scorer == "rouge";
    const bool read = task_.scorer == "choice"         ? ReadChoices(line, item)
                      : references                     ? ReadReferences(line, item)
                      : task_.scorer == "instructions" ? ReadInstructions(line, item)
                                                       : ReadAnswer(line, item);
    if (!read) return;
    for (const std::string& name : needed_fields) {
      if (item.fields.contains(name)) continue;
      if (value.contains(name))
        return line.Wrong(name, fmt::format("the prompt uses '{}', which must be a text or a number", name));
      return line.Wrong("", fmt::format("the field '{}' is missing: the prompt of the task needs it", name));
    }
    items.push_back(std::move(item));
  }

  std::set<std::string> needed_fields;
  std::set<std::string> seen_fields;  // of any object
  std::vector<Item> items;

 private:
  bool ReadId(JsonLine& line, Item& item) {
    const Json& value = line.value();
    item.id = fmt::format("line-{:06}", line.number());
    if (value.contains("id")) {
      const Json& id = value["id"];
      if ((!id.is_string() && !id.is_number()) || FieldText(id).empty()) {
        line.Wrong("id", "'id' must be a text or a number; leave it out to number the lines");
        return false;
      }
      item.id = FieldText(id);
    }
    if (ids_.insert(item.id).second) return true;
    line.Wrong("id", fmt::format("the id '{}' is used twice", item.id));
    return false;
  }

  bool ReadAnswer(JsonLine& line, Item& item) {
    const Json& answer = line.value()["answer"];
    const std::string mistake = MistakeOfAnswer(answer);
    if (!mistake.empty()) {
      line.Wrong("answer", mistake);
      return false;
    }
    item.answer = FieldText(answer);
    return true;
  }

  // [{"follow": "length_constraints:number_words", "relation": "at least", "num_words": 300}, …]
  bool ReadInstructions(JsonLine& line, Item& item) {
    const Json& answer = line.value()["answer"];
    const auto wrong = [&](const std::string& message) {
      line.Wrong("answer", message);
      return false;
    };
    if (!answer.is_array() || answer.empty()) return wrong("'answer' must be a list of instructions");
    for (const Json& entry : answer) {
      if (!entry.is_object() || !entry.contains("follow") || !entry["follow"].is_string())
        return wrong("an instruction is an object with 'follow', the name of its type, and its arguments");
      Instruction instruction{.id = entry["follow"].get<std::string>()};
      for (const auto& [name, value] : entry.items()) {
        if (name != "follow") instruction.arguments[name] = value;
      }
      for (const InstructionProblem& problem : FindInstructionProblems(instruction)) return wrong(problem.message);
      item.instructions.push_back(std::move(instruction));
    }
    return true;
  }

  // One text or a list of them; for qa an empty list, where the right answer is none.
  bool ReadReferences(JsonLine& line, Item& item) {
    const Json& answer = line.value()["answer"];
    if (answer.is_string()) item.references = {answer.get<std::string>()};
    if (answer.is_array()) {
      for (const Json& text : answer) {
        if (text.is_string()) item.references.push_back(text.get<std::string>());
      }
    }
    const bool texts = answer.is_string() || (answer.is_array() && answer.size() == item.references.size());
    const bool blank = std::any_of(item.references.begin(), item.references.end(), IsBlank);
    if (!texts || blank || (item.references.empty() && task_.scorer != "qa")) {
      line.Wrong("answer", task_.scorer == "qa"
                               ? "'answer' must be a text or a list of texts; an empty list where there is no answer"
                               : "'answer' must be a text or a list of texts, none of them empty");
      return false;
    }
    item.answer = item.references.empty() ? "" : item.references.front();
    return true;
  }

  // Why no answer of a model could be right; "" when one can.
  std::string MistakeOfAnswer(const Json& answer) const {
    if (answer.is_null()) return "'answer' must not be null";
    if (answer.is_structured() && (task_.scorer != "exact" || !json_answers_))
      return "'answer' is a list or an object, which needs scorer = \"exact\" with normalize = [\"json\"]";
    const std::string text = FieldText(answer);
    if (IsBlank(text)) return "'answer' is empty, and an empty answer of a model never counts as right";
    if (task_.scorer == "numeric" && !IsNumber(text)) return "'answer' must be a number for the scorer 'numeric'";
    if (task_.score.labels && !task_.score.labels->Find(text)) return "'answer' is none of the task's labels";
    if (!answer.is_string() || task_.scorer != "exact" || !json_answers_) return "";
    if (IsTooDeepJson(text) || !Json::accept(text))
      return "'answer' is no JSON, but the task's normalize has \"json\"; write an object, or JSON in the text";
    return "";
  }

  bool ReadChoices(JsonLine& line, Item& item) {
    const Json& value = line.value();
    if (!value.contains("choices") || !value["choices"].is_array() || value["choices"].size() < 2) {
      line.Wrong("choices", "'choices' must be a list of at least two texts");
      return false;
    }
    for (const Json& choice : value["choices"]) {
      if (!choice.is_string() || choice.get<std::string>().empty()) {
        line.Wrong("choices", "every choice must be a text that is not empty");
        return false;
      }
      item.choices.push_back(choice.get<std::string>());
    }
    const Json& answer = value["answer"];
    if (!answer.is_number_unsigned() || answer.get<size_t>() >= item.choices.size()) {
      line.Wrong("answer",
                 fmt::format("'answer' must be the number of the right choice, 0 to {}", item.choices.size() - 1));
      return false;
    }
    item.right_choice = answer.get<size_t>();
    item.answer = item.choices[item.right_choice];
    return true;
  }

  const Task& task_;
  bool json_answers_ = false;
  std::set<std::string> ids_;
};

// labels = [...], those of them that decline to choose, and other spellings by label in [score.also].
void ReadLabels(TomlTable& table, Task& task) {
  const std::vector<std::string> names = table.Texts("labels");
  const std::vector<std::string> abstain = table.Texts("abstain");
  TomlTable also = table.Table("also");
  std::vector<Label> labels;
  for (const std::string& name : names) labels.push_back({.name = name});
  const auto find = [&](const std::string& name) {
    return std::find_if(labels.begin(), labels.end(), [&](const Label& label) { return label.name == name; });
  };
  for (const std::string& name : abstain) {
    const auto label = find(name);
    if (label == labels.end()) {
      table.Wrong("abstain", fmt::format("{} is none of the labels", QuotedWord(name)));
    } else {
      label->abstains = true;
    }
  }
  for (const std::string& name : also.Keys()) {
    const std::vector<std::string> spellings = also.Texts(name);
    const auto label = find(name);
    if (label == labels.end()) {
      also.Wrong(name, fmt::format("{} is none of the labels", QuotedWord(name)));
    } else {
      label->also = spellings;
    }
  }
  if (task.scorer != "label") return;
  if (labels.size() < 2) return table.Wrong("labels", "'label' needs 'labels', a list of at least two");
  try {
    task.score.labels = std::make_shared<const LabelSet>(std::move(labels));
  } catch (const Error& problem) {
    table.Wrong("labels", problem.what());
  }
}

// [[score.filter]], each a step.
void ReadFilters(TomlTable& table, Task& task) {
  const std::vector<std::string> kinds = FilterNames();
  std::vector<Filter> filters;
  for (TomlTable step : table.Tables("filter")) {
    Filter filter;
    const auto kind = step.OneOf("kind", kinds);
    if (!kind && !step.Has("kind")) step.Wrong("kind", "'kind' is missing: what the step does");
    if (kind) filter.kind = *FindFilterKind(kinds[*kind]);
    filter.patterns = step.Texts("patterns");
    if (const auto group = step.Integer("group", {.least = 0, .most = 99})) filter.group = static_cast<int>(*group);
    TomlTable map = step.Table("table");
    for (const std::string& from : map.Keys()) filter.table[from] = map.RequiredText(from);
    filter.optional = step.Flag("optional").value_or(false);
    filters.push_back(std::move(filter));
  }
  if (filters.empty()) return;
  if (task.scorer == "choice") return table.Wrong("filter", "'choice' generates nothing that could be filtered");
  try {
    task.score.filters = std::make_shared<const AnswerFilters>(std::move(filters));
  } catch (const Error& problem) {
    table.Wrong("filter", problem.what());
  }
}

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
  task.score.no_answer = table.Texts("no_answer");
  const auto pass = table.Number("pass", {.least = 0, .most = 1});
  if (task.scorer == "rouge" && !pass)
    table.Wrong("pass", "'rouge' needs 'pass', the value from which a text is right");
  task.score.pass = pass.value_or(0);
  static const std::vector<std::string> kReadings = {"exact",      "option",   "yes_no",
                                                     "true_false", "validity", "word_list"};
  task.score.reading = static_cast<BbhReading>(table.OneOf("reading", kReadings).value_or(0));
  task.score.loose = table.Flag("loose").value_or(false);
  ReadLabels(table, task);
  ReadFilters(table, task);
}

// Mistakes of a file with thousands of lines are shown up to this number.
constexpr size_t kShownMistakes = 20;

void ReadItems(const Path& path, const std::string& content, Task& task, TomlTable& prompt,
               std::vector<Diagnostic>& definition_mistakes) {
  std::vector<Diagnostic> mistakes;
  ItemReader reader(task);
  for (const std::string* pattern : {&task.system, &task.user}) {
    for (const std::string& name : PlaceholdersOf(*pattern).names) reader.needed_fields.insert(name);
  }
  ReadJsonl(path, content, mistakes, [&](JsonLine& line) { reader.Read(line); });
  if (mistakes.empty() && reader.items.empty()) {
    throw Error(fmt::format("{}: there are no items", path.string()), "write one JSON object a line");
  }
  // A field that no item has is the prompt's mistake, once, and not every line's.
  for (const std::string& name : reader.needed_fields) {
    if (reader.seen_fields.empty() || reader.seen_fields.contains(name)) continue;
    const bool in_user = task.user.find("{" + name + "}") != std::string::npos;
    prompt.Wrong(in_user ? "user" : "system",
                 fmt::format("no item has the field {}; {}", QuotedWord(name),
                             SuggestWord(name, {reader.seen_fields.begin(), reader.seen_fields.end()})));
  }
  ThrowMistakes(definition_mistakes);
  ThrowMistakes(mistakes, kShownMistakes);
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

  if (training && train.empty()) {
    throw Error(fmt::format("{}: the task has no training items", path.string()),
                "name their file with 'train = \"…\"', or train on a JSONL file");
  }
  const Path item_path = path.parent_path() / (training ? train : items);
  const std::string content = read(item_path);
  ReadItems(item_path, content, task, prompt, mistakes);
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
