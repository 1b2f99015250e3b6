// JSONL, one JSON object a line, read strictly: every mistake is collected with line and column, in words for people
// who edit such files and not in those of a parser.
//
//   ReadJsonl(path, content, mistakes, [&](JsonLine& line) {
//     if (!line.value().contains("answer")) line.Wrong("", "'answer' is missing");
//   });
//   ThrowMistakes(mistakes);
//
// Refused besides what is no JSON: lines that are no object, keys that stand twice (the last one would win without a
// word), values nested more than 64 deep (the JSON library walks them by recursion), and a file that is one JSON list.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.h"
#include "base/file.h"

namespace loco {

// One object of the file, good JSON already.
class JsonLine {
 public:
  const nlohmann::ordered_json& value() const { return value_; }
  size_t number() const { return number_; }  // of the line, from 1
  // Reports a mistake at the value of `key`, or at the line when it has no such key.
  void Wrong(std::string_view key, std::string message);

 private:
  friend class JsonlReader;
  struct Field {
    std::string name;  // as written, escapes included
    size_t key = 0;    // bytes from the start of the line
    size_t value = 0;
  };
  const Field* Find(std::string_view name) const;
  void WrongAt(size_t byte, std::string message);

  const Path* path_ = nullptr;
  const std::string* text_ = nullptr;
  std::vector<Diagnostic>* mistakes_ = nullptr;
  size_t number_ = 0;
  std::vector<Field> fields_;  // of the object itself, not of what it holds
  nlohmann::ordered_json value_;
};

// Calls `object` for every line that is one; blank lines are passed over. `path` names the file in messages.
void ReadJsonl(const Path& path, const std::string& content, std::vector<Diagnostic>& mistakes,
               const std::function<void(JsonLine&)>& object);

// Whether lists and objects lie inside each other deeper than the limit above. `text` need not be JSON.
bool IsTooDeepJson(std::string_view text);

}  // namespace loco
