#include "task/jsonl.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 64;

// The byte after the text in quotes that begins at text[begin].
size_t EndOfText(std::string_view text, size_t begin) {
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

// Walks over JSON without parsing it: calls text(begin, end, depth) for every text in quotes. Returns where the nesting
// passes the limit.
template <typename Text>
std::optional<size_t> Walk(std::string_view json, Text&& text) {
  int depth = 0;
  for (size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (c == '"') {
      const size_t end = EndOfText(json, i);
      text(i, end, depth);
      i = end;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDeepest) return i;
    ++i;
  }
  return std::nullopt;
}

// The column of a byte: one for each character before it, as an editor counts.
size_t ColumnOf(const std::string& line, size_t byte) {
  size_t column = 1;
  for (size_t i = 0; i < std::min(byte, line.size()); ++i) column += (line[i] & 0xC0) != 0x80 ? 1 : 0;
  return column;
}

// The library speaks of parser states ("syntax error while parsing object separator - unexpected …"); what a person
// needs is what to write. The first row whose words occur in its message counts.
struct JsonMistake {
  std::string_view theirs;
  std::string_view ours;
};
constexpr JsonMistake kJsonMistakes[] = {
    {"unexpected end of input", "the line ends inside the object; an item is one JSON object on one line"},
    {"missing closing quote", "a text is not closed: a \" is missing"},
    {"control character", "a control character inside a text: write \\n for a new line, \\t for a tab"},
    {"ill-formed UTF-8", "the text is not UTF-8: save the file as UTF-8"},
    {"backslash",
     "a backslash begins none of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX; write \\\\ for a backslash itself"},
    {"surrogate", "half of a \\u pair; write the character itself, or both halves"},
    {"expected end of input", "something follows the object: one JSON object a line"},
    {"parsing object separator", "a : is missing between a key and its value"},
    {"parsing object key", "a key in \"quotes\" must stand here"},
    {"parsing object -", "a , or a } is missing here"},
    {"parsing array -", "a , or a ] is missing here"},
    {"number overflow", "a number is too large"},
    {"invalid number", "not a number as JSON writes it"},
    {"invalid literal", "no JSON value: texts stand in \"quotes\", and true, false and null are lower case"},
};

std::string InOurWords(const std::string& message) {
  for (const JsonMistake& mistake : kJsonMistakes) {
    if (message.find(mistake.theirs) != std::string::npos) return std::string(mistake.ours);
  }
  return "a value is missing here: a text in \"quotes\", a number, a list or an object";
}

bool IsBlank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

class JsonlReader {
 public:
  JsonlReader(const Path& path, std::vector<Diagnostic>& mistakes) : path_(path), mistakes_(mistakes) {}

  void ReadLine(const std::string& text, size_t number, const std::function<void(JsonLine&)>& object) {
    JsonLine line;
    line.path_ = &path_;
    line.text_ = &text;
    line.mistakes_ = &mistakes_;
    line.number_ = number;
    const auto too_deep = Walk(text, [&](size_t begin, size_t end, int depth) {
      const size_t colon = std::min(text.find_first_not_of(" \t", end), text.size());
      if (depth != 1 || colon == text.size() || text[colon] != ':') return;
      const size_t value = std::min(text.find_first_not_of(" \t", colon + 1), text.size());
      line.fields_.push_back({text.substr(begin + 1, end - begin - 2), begin, value});
    });
    if (too_deep) {
      return line.WrongAt(*too_deep, fmt::format("lists and objects inside each other, more than {}", kDeepest));
    }
    try {
      line.value_ = Json::parse(text);
    } catch (const Json::parse_error& problem) {
      return line.WrongAt(problem.byte == 0 ? 0 : problem.byte - 1, InOurWords(problem.what()));
    } catch (const Json::exception& problem) {  // a number that no machine can hold
      return line.WrongAt(0, InOurWords(problem.what()));
    }
    if (!line.value_.is_object()) return line.WrongAt(0, "a line must be a JSON object: {\"id\": …}");
    for (const JsonLine::Field& field : line.fields_) {
      if (line.Find(field.name) != &field)
        return line.WrongAt(field.key, fmt::format("the key {} stands twice", QuotedWord(field.name)));
    }
    object(line);
  }

 private:
  const Path& path_;
  std::vector<Diagnostic>& mistakes_;
};

const JsonLine::Field* JsonLine::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

void JsonLine::WrongAt(size_t byte, std::string message) {
  mistakes_->push_back({*path_, number_, ColumnOf(*text_, byte), std::move(message)});
}

void JsonLine::Wrong(std::string_view key, std::string message) {
  const Field* field = Find(key);
  WrongAt(field == nullptr ? 0 : field->value, std::move(message));
}

void ReadJsonl(const Path& path, const std::string& content, std::vector<Diagnostic>& mistakes,
               const std::function<void(JsonLine&)>& object) {
  const size_t first = content.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && content[first] == '[') {
    const auto begin = content.begin();
    const auto line = static_cast<size_t>(1 + std::count(begin, begin + static_cast<std::ptrdiff_t>(first), '\n'));
    mistakes.push_back({path, line, 1, "this is a JSON list; write one JSON object a line, without [ and the commas"});
    return;
  }
  JsonlReader reader(path, mistakes);
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    ++number;
    const std::string text = content.substr(begin, end - begin);
    if (!IsBlank(text)) reader.ReadLine(text, number, object);
    begin = end + 1;
  }
}

bool IsTooDeepJson(std::string_view text) {
  return Walk(text, [](size_t, size_t, int) {}).has_value();
}

}  // namespace loco
