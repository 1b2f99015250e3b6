#include "task/item_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// What a JSON value looks like inside a prompt: texts as they are, everything else as JSON.
std::string FieldText(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// As the scorer reads the expected number.
bool IsNumber(std::string text) {
  std::erase(text, ',');
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

ItemReader::ItemReader(const Task& task) : task_(task) {
  for (const std::string& step : task.score.normalize) json_answers_ = json_answers_ || step == "json";
}

void ItemReader::Read(JsonLine& line) {
  const Json& value = line.value();
  Item item;
  for (const auto& [key, field] : value.items()) {
    seen_fields.insert(key);
    if (!field.is_structured()) item.fields[key] = FieldText(field);
  }
  if (!ReadId(line, item)) return;
  item.category = item.fields["category"];
  item.difficulty = item.fields["difficulty"];
  if (const auto edge = item.fields.find("edge"); edge != item.fields.end()) item.edge = edge->second;
  if (!ReadHistory(line, item) || !ReadSamples(line, item)) return;
  if (!value.contains("answer")) return line.Wrong("", "'answer' is missing");
  if (!ReadExpected(line, item)) return;
  for (const std::string& name : needed_fields) {
    if (item.fields.contains(name)) continue;
    if (value.contains(name))
      return line.Wrong(name, fmt::format("the prompt uses '{}', which must be a text or a number", name));
    return line.Wrong("", fmt::format("the field '{}' is missing: the prompt of the task needs it", name));
  }
  items.push_back(std::move(item));
}

bool ItemReader::ReadId(JsonLine& line, Item& item) {
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

bool ItemReader::ReadExpected(JsonLine& line, Item& item) {
  if (task_.scorer == "choice") return ReadChoices(line, item);
  if (task_.scorer == "qa" || task_.scorer == "rouge") return ReadReferences(line, item);
  if (task_.scorer == "instructions") return ReadInstructions(line, item);
  if (task_.scorer == "json") return ReadJsonAnswer(line, item);
  if (task_.scorer == "assert") return ReadAssertionList(line, item);
  if (task_.scorer == "code") return ReadCode(line, item);
  return ReadAnswer(line, item);
}

bool ItemReader::ReadAnswer(JsonLine& line, Item& item) {
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
bool ItemReader::ReadInstructions(JsonLine& line, Item& item) {
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

// {"expected": {"commands": [...], ...}, "forbidden": [...], "risk": 3, "match": "soft"}; score/json_contract.h.
bool ItemReader::ReadJsonAnswer(JsonLine& line, Item& item) {
  const Json& answer = line.value()["answer"];
  if (!answer.is_object()) {
    line.Wrong("answer", "'answer' must be an object with 'expected', what the JSON must hold");
    return false;
  }
  std::vector<SchemaProblem> problems;
  auto expected = std::make_shared<JsonCase>(ReadJsonCase(nlohmann::json(answer), *task_.score.contract, problems));
  for (const SchemaProblem& problem : problems) {
    line.Wrong("answer",
               problem.place.empty() ? problem.message : fmt::format("{}: {}", problem.place, problem.message));
    return false;
  }
  item.json_case = std::move(expected);
  return true;
}

// [{"assert": "contains", "value": "Rome"}, …]; score/assertions.h.
bool ItemReader::ReadAssertionList(JsonLine& line, Item& item) {
  std::vector<SchemaProblem> problems;
  item.assertions = ReadAssertions(nlohmann::json(line.value()["answer"]), problems);
  for (const SchemaProblem& problem : problems) {
    line.Wrong("answer",
               problem.place.empty() ? problem.message : fmt::format("{}: {}", problem.place, problem.message));
    return false;
  }
  return true;
}

// {"entry_point": "f", "tests": "assert f(1) == 2", "prompt": "import math"}; score/code_check.h.
bool ItemReader::ReadCode(JsonLine& line, Item& item) {
  const Json& answer = line.value()["answer"];
  CodeProblem problem;
  const auto wrong = [&](const std::string& message) {
    line.Wrong("answer", message);
    return false;
  };
  if (!answer.is_object()) return wrong("'answer' must be an object with 'tests', Python that a right program passes");
  for (const auto& [key, value] : answer.items()) {
    std::string* const text = key == "tests"         ? &problem.tests
                              : key == "entry_point" ? &problem.entry_point
                              : key == "prompt"      ? &problem.prompt
                                                     : nullptr;
    if (text == nullptr) return wrong(fmt::format("nobody knows '{}' here; 'tests', 'entry_point' or 'prompt'", key));
    if (!value.is_string()) return wrong(fmt::format("'{}' must be a text", key));
    *text = value.get<std::string>();
  }
  if (IsBlank(problem.tests)) return wrong("'tests' is missing: Python that a right program passes");
  item.code = std::make_shared<const CodeProblem>(std::move(problem));
  return true;
}

// [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}, …]
bool ItemReader::ReadHistory(JsonLine& line, Item& item) {
  if (!line.value().contains("history")) return true;
  const Json& history = line.value()["history"];
  const auto wrong = [&](const std::string& message) {
    line.Wrong("history", message);
    return false;
  };
  if (!history.is_array()) return wrong("'history' must be a list of messages");
  for (const Json& entry : history) {
    const bool texts = entry.is_object() && entry.size() == 2 && entry.contains("role") && entry["role"].is_string() &&
                       entry.contains("content") && entry["content"].is_string();
    if (!texts) return wrong("a message is an object with the texts 'role' and 'content'");
    const char* role = item.history.size() % 2 == 0 ? "user" : "assistant";
    if (entry["role"].get<std::string>() != role)
      return wrong(
          fmt::format("message {} must be the {}'s: they take turns, the user first", item.history.size() + 1, role));
    item.history.push_back({role, entry["content"].get<std::string>()});
  }
  if (item.history.size() % 2 != 0) return wrong("'history' must end with the assistant: the question follows");
  return true;
}

// {"right": ["…"], "wrong": ["…"]}: answers whose marks are known.
bool ItemReader::ReadSamples(JsonLine& line, Item& item) {
  if (!line.value().contains("samples")) return true;
  const Json& samples = line.value()["samples"];
  bool valid = samples.is_object();
  for (const auto& [key, list] : samples.items()) {
    valid = valid && (key == "right" || key == "wrong") && list.is_array();
    if (!valid) break;
    for (const Json& text : list) {
      valid = valid && text.is_string();
      if (valid) (key == "right" ? item.right_samples : item.wrong_samples).push_back(text.get<std::string>());
    }
  }
  if (!valid) line.Wrong("samples", "'samples' must be an object with lists of texts, 'right' and 'wrong'");
  return valid;
}

// One text or a list of them; for qa an empty list, where the right answer is none.
bool ItemReader::ReadReferences(JsonLine& line, Item& item) {
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
std::string ItemReader::MistakeOfAnswer(const Json& answer) const {
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

bool ItemReader::ReadChoices(JsonLine& line, Item& item) {
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
  item.fields["right_choice"] = item.answer;
  return true;
}

}  // namespace loco
