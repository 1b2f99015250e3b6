#include "task/fetch_convert.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/diagnostic.h"
#include "base/error.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownRows = 20;

// What is wrong with a row; it goes no further than ConvertRows.
struct RowMistake {
  std::string message;
};

// "question.stem" in objects; a column may have a dot in its name, too.
const Json* FindInRow(const Json& row, const std::string& path) {
  if (const auto found = row.find(path); found != row.end()) return &*found;
  const Json* value = &row;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    if (!value->is_object()) return nullptr;
    const auto found = value->find(path.substr(begin, end - begin));
    if (found == value->end()) return nullptr;
    value = &*found;
    begin = end + 1;
  }
  return value;
}

// The first of "a|b" that the row has. Null: "a|" names nothing as the last resort.
const Json* FindFirst(const Json& row, const std::string& names) {
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find('|', begin), names.size());
    if (begin == end && begin > 0) return nullptr;
    const Json* value = FindInRow(row, names.substr(begin, end - begin));
    if (value != nullptr && !value->is_null()) return value;
    begin = end + 1;
  }
  throw RowMistake{fmt::format("there is no field {}", QuotedWord(names))};
}

std::string TextOfValue(const Json& value, const std::string& names) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  const bool texts =
      value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& line) { return line.is_string(); });
  if (!texts) throw RowMistake{fmt::format("the field {} is neither a text nor a list of texts", QuotedWord(names))};
  std::string lines;
  for (size_t i = 0; i < value.size(); ++i) lines += (i == 0 ? "" : "\n") + value[i].get<std::string>();
  return lines;
}

std::string FillFromRow(const std::string& pattern, const Json& row) {
  std::string text;
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if ((c == '{' || c == '}') && i + 1 < pattern.size() && pattern[i + 1] == c) {
      text += c;
      i += 2;
    } else if (c == '{') {
      const size_t end = pattern.find('}', i);
      LOCO_CHECK(end != std::string::npos);  // CheckTemplate refused the others
      const std::string names = pattern.substr(i + 1, end - i - 1);
      if (const Json* value = FindFirst(row, names)) text += TextOfValue(*value, names);
      i = end + 1;
    } else {
      text += c;
      ++i;
    }
  }
  return text;
}

// `from = "{gold}"` names one field and nothing else.
const Json& FieldOf(const std::string& pattern, const Json& row) {
  const bool one = pattern.size() > 2 && pattern.front() == '{' && pattern.back() == '}' &&
                   pattern.find_first_of("{}", 1) == pattern.size() - 1;
  if (!one) throw RowMistake{fmt::format("{} must name one field: \"{{field}}\"", QuotedWord(pattern))};
  const Json* value = FindFirst(row, pattern.substr(1, pattern.size() - 2));
  if (value == nullptr) throw RowMistake{fmt::format("there is no field {}", QuotedWord(pattern))};
  return *value;
}

bool MarksRight(const Json& value) {
  return (value.is_boolean() && value.get<bool>()) || (value.is_number_integer() && value.get<int64_t>() == 1);
}

std::optional<size_t> WholeNumberOf(const std::string& text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The number of the right choice, from 0.
size_t RightChoice(const Json& value) {
  if (value.is_structured()) {
    std::optional<size_t> right;
    size_t at = 0;
    for (const auto& mark : value) {
      if (MarksRight(mark) && right) throw RowMistake{"several choices are marked as right"};
      if (MarksRight(mark)) right = at;
      ++at;
    }
    if (!right) throw RowMistake{"no choice is marked as right"};
    return *right;
  }
  const std::string text = TextOfValue(value, "");
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z') return static_cast<size_t>(text[0] - 'A');
  if (const auto number = WholeNumberOf(text)) return *number;
  throw RowMistake{fmt::format("{} is neither the number nor the letter of a choice", QuotedWord(text))};
}

class RowConverter {
 public:
  explicit RowConverter(const RowMapping& mapping) : mapping_(mapping) {
    for (const RowReplacement& replacement : mapping.replace)
      patterns_.push_back(std::make_unique<RE2>(replacement.pattern, RE2::Quiet));
    if (!mapping.extract.empty()) extract_ = std::make_unique<RE2>(mapping.extract, RE2::Quiet);
  }

  bool Keeps(const Json& row) const {
    if (!mapping_.keep) return true;
    const Json* value = FindFirst(row, mapping_.keep->field);
    const auto number = WholeNumberOf(value == nullptr ? "" : TextOfValue(*value, mapping_.keep->field));
    if (!number) throw RowMistake{fmt::format("the field {} is no number", QuotedWord(mapping_.keep->field))};
    const auto at = static_cast<int64_t>(*number);
    return mapping_.keep->least <= at && at <= mapping_.keep->most;
  }

  Json Convert(Json row) const {
    for (size_t i = 0; i < patterns_.size(); ++i) {
      const RowReplacement& replacement = mapping_.replace[i];
      for (auto& [name, value] : row.items()) {
        if (replacement.field.empty() || replacement.field == name) Replace(value, *patterns_[i], replacement.with);
      }
    }
    Json item = Json::object();
    for (const auto& [name, pattern] : mapping_.item) item[name] = FillFromRow(pattern, row);
    if (!mapping_.choices_from.empty() || !mapping_.choices.empty()) item["choices"] = Choices(row);
    item["answer"] = Answer(row);
    if (mapping_.answer == AnswerKind::kChoice && item["answer"].get<size_t>() >= item["choices"].size())
      throw RowMistake{fmt::format("choice {} of {} should be right", item["answer"].dump(), item["choices"].size())};
    return item;
  }

 private:
  static void Replace(Json& value, const RE2& pattern, const std::string& with) {
    if (value.is_string()) {
      std::string text = value.get<std::string>();
      if (RE2::GlobalReplace(&text, pattern, with) > 0) value = std::move(text);
    } else if (value.is_structured()) {
      for (Json& element : value) Replace(element, pattern, with);
    }
  }

  Json Choices(const Json& row) const {
    Json choices = Json::array();
    for (const std::string& pattern : mapping_.choices) choices.push_back(FillFromRow(pattern, row));
    if (mapping_.choices_from.empty()) return choices;
    const Json& value = FieldOf(mapping_.choices_from, row);
    if (!value.is_structured()) throw RowMistake{"the choices are neither a list nor an object"};
    for (const auto& [name, text] : value.items()) {
      if (value.is_array() && !text.is_string()) throw RowMistake{"a choice is no text"};
      choices.push_back(value.is_array() ? text : Json(name));
    }
    return choices;
  }

  Json Answer(const Json& row) const {
    switch (mapping_.answer) {
      case AnswerKind::kText:
        return Extracted(FillFromRow(mapping_.from, row));
      case AnswerKind::kChoice:
        return RightChoice(FieldOf(mapping_.from, row));
      case AnswerKind::kInstructions:
        return Instructions(FieldOf(mapping_.from, row), FieldOf(mapping_.arguments, row));
      case AnswerKind::kCode:
        break;
    }
    Json answer = Json::object();
    const auto add = [&](const char* key, const std::string& pattern) {
      if (std::string text = FillFromRow(pattern, row); !text.empty()) answer[key] = std::move(text);
    };
    add("entry_point", mapping_.entry_point);
    add("tests", mapping_.tests);
    add("prompt", mapping_.prompt);
    return answer;
  }

  std::string Extracted(std::string text) const {
    if (extract_) {
      std::string found;
      if (!RE2::PartialMatch(text, *extract_, &found))
        throw RowMistake{fmt::format("the answer {} does not match 'extract'", QuotedWord(text))};
      text = std::move(found);
    }
    std::erase_if(text, [&](char c) { return mapping_.remove.find(c) != std::string::npos; });
    return text;
  }

  // [{"follow": "punctuation:no_comma"}, …]; published copies write the arguments of other types as null.
  static Json Instructions(const Json& types, const Json& arguments) {
    if (!types.is_array() || !arguments.is_array() || types.size() != arguments.size())
      throw RowMistake{"the instructions and their arguments are not two lists of the same length"};
    Json answer = Json::array();
    for (size_t i = 0; i < types.size(); ++i) {
      if (!types[i].is_string() || !arguments[i].is_object())
        throw RowMistake{"an instruction is no text, or its arguments are no object"};
      Json instruction = {{"follow", types[i]}};
      for (const auto& [name, value] : arguments[i].items()) {
        if (!value.is_null()) instruction[name] = value;
      }
      answer.push_back(std::move(instruction));
    }
    return answer;
  }

  const RowMapping& mapping_;
  std::vector<std::unique_ptr<RE2>> patterns_;
  std::unique_ptr<RE2> extract_;
};

}  // namespace

ConvertedItems ConvertRows(const Path& path, std::vector<DataRow> rows, const RowMapping& mapping) {
  const RowConverter converter(mapping);
  ConvertedItems items;
  std::vector<Diagnostic> mistakes;
  for (DataRow& row : rows) {
    try {
      if (!converter.Keeps(row.value)) {
        ++items.left_out;
        continue;
      }
      const Json item = converter.Convert(std::move(row.value));
      // Bytes that are no UTF-8 (a CSV in another encoding) must not pass for text.
      items.jsonl += item.dump(-1, ' ', false, Json::error_handler_t::strict) + "\n";
      ++items.count;
    } catch (const RowMistake& mistake) {
      mistakes.push_back({path, row.number, 1, mistake.message});
    } catch (const Json::exception&) {
      mistakes.push_back({path, row.number, 1, "the text is not UTF-8"});
    }
  }
  ThrowMistakes(mistakes, kShownRows);
  return items;
}

}  // namespace loco
