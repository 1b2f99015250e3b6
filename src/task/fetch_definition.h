// The definition of a task that ships without its data: an ordinary task (docs/tasks.md), and below it a [fetch] table
// that says where the data are published and how their rows become items.
//
//   name = "gsm8k"
//   items = "gsm8k.jsonl"
//   …
//   [fetch]                        # the last thing in the file
//   url = "https://host/test.jsonl"
//   sha256 = "3730…"               # left out where nobody knows it: then the first fetch is trusted, see fetch.h
//   format = "jsonl"               # "jsonl", "json" or "csv"; any of them may be packed with gzip
//   count = 1319                   # of the items
//   [fetch.item]                   # fields of the items, as templates over those of a row
//   question = "{question}"
//   [fetch.answer]
//   from = "{answer}"
//   extract = '#### (.+)'          # RE2; its first group
//   remove = ","
//
// One definition may stand for several tasks that differ in little: each [[fetch.part]] is one, and <part> and the
// names in its `values` are replaced by its own texts everywhere above the [fetch] table and in the URL.
//
// A template takes {field}, {field.inner} of nested objects, {a|b} for the first of these that the row has, and {a|}
// for nothing where it has none; a list of texts becomes its lines. The mapping deliberately has no conditions and no
// arithmetic: what needs them is better converted once, by hand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace loco {

enum class RowFormat { kJsonl, kJson, kCsv };

enum class AnswerKind {
  kText,    // the template `from`, then `extract` and `remove`
  kChoice,  // `from` names a field: the number of the right choice from 0, its letter, or a list or an object with
            // one 1 or true, at the right choice's place
  kInstructions,  // `from` names a list of instructions' types, `arguments` a list of objects with their arguments
  kCode,          // templates `tests`, `entry_point` and `prompt`
};

// A change to the texts of rows before they are used.
struct RowReplacement {
  std::string field;    // empty: every text of the row
  std::string pattern;  // RE2
  std::string with;     // \1 is its first group
};

// Rows whose number in `field` is outside are left out.
struct RowRange {
  std::string field;
  int64_t least = 0;
  int64_t most = 0;
};

struct RowMapping {
  std::vector<RowReplacement> replace;
  std::optional<RowRange> keep;
  std::vector<std::pair<std::string, std::string>> item;  // field and template
  AnswerKind answer = AnswerKind::kText;
  std::string from;
  std::string extract;  // RE2; empty: everything
  std::string remove;   // each of its characters
  std::string arguments;
  std::string tests, entry_point, prompt;
  std::string choices_from;          // names a list of texts, or an object whose keys are the choices
  std::vector<std::string> choices;  // templates, when they stand in fields of their own
};

struct FetchPart {
  std::string name;                           // empty: the definition is one task
  std::map<std::string, std::string> values;  // for <name>
  std::string url;
  std::string sha256;  // empty: not known
  std::optional<uint64_t> count;
};

struct FetchDefinition {
  std::string name;  // of the file, without ".toml"
  Path path;
  std::string description, licence, source;
  std::string task;  // the text above the [fetch] table
  RowFormat format = RowFormat::kJsonl;
  std::string rows;  // json: the field that holds the list; empty: the document is the list
  RowMapping mapping;
  std::vector<FetchPart> parts;  // at least one
};

// Throws Error with every mistake of the [fetch] table, with line and column. Those of the task itself are found when
// its data are there.
FetchDefinition ParseFetchDefinition(const Path& path, const std::string& text);
FetchDefinition LoadFetchDefinition(const Path& path);

// The definition of a part as a task of its own, without the [fetch] table, and the name of its file.
std::string TaskTextOf(const FetchDefinition& definition, const FetchPart& part);
std::string TaskFileOf(const FetchDefinition& definition, const FetchPart& part);

}  // namespace loco
