// Turns the lines of a task's JSONL into items: what each scorer needs of them, and every mistake with its place.
//
//   ItemReader reader(task);                 // the definition, read before
//   reader.needed_fields = {"question"};     // that the prompt uses
//   ReadJsonl(path, content, mistakes, [&](JsonLine& line) { reader.Read(line); });
//   task.items = std::move(reader.items);
//
// For the files of this module.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "task/jsonl.h"
#include "task/task.h"

namespace loco {

class ItemReader {
 public:
  // The task must outlive the object.
  explicit ItemReader(const Task& task);

  void Read(JsonLine& line);

  std::set<std::string> needed_fields;
  std::set<std::string> seen_fields;  // of any object
  std::vector<Item> items;

 private:
  using Json = nlohmann::ordered_json;

  // Each reports what is wrong, and returns whether nothing is.
  bool ReadId(JsonLine& line, Item& item);
  bool ReadExpected(JsonLine& line, Item& item);
  bool ReadAnswer(JsonLine& line, Item& item);
  bool ReadChoices(JsonLine& line, Item& item);
  bool ReadReferences(JsonLine& line, Item& item);
  bool ReadInstructions(JsonLine& line, Item& item);
  bool ReadJsonAnswer(JsonLine& line, Item& item);
  bool ReadAssertionList(JsonLine& line, Item& item);
  bool ReadCode(JsonLine& line, Item& item);
  bool ReadHistory(JsonLine& line, Item& item);
  bool ReadSamples(JsonLine& line, Item& item);
  std::string MistakeOfAnswer(const Json& answer) const;

  const Task& task_;
  bool json_answers_ = false;
  std::set<std::string> ids_;
};

}  // namespace loco
