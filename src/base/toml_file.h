// Strict reading of our own TOML files: every mistake is collected with line and column, a misspelt key with the right
// one, and reading goes on after it.
//
//   std::vector<Diagnostic> mistakes;
//   TomlFile file("tasks/arith.toml", text, mistakes);
//   TomlTable top = file.root();
//   std::string name = top.RequiredText("name");
//   int64_t limit = top.Integer("max_tokens", {.least = 1}).value_or(512);
//   std::string user = top.Table("prompt").Text("user").value_or("{question}");   // an absent table has no keys
//   file.Finish();                                         // the keys that nobody asked for
//   ThrowMistakes(mistakes);
//
// Keys that nobody asked for are the mistake that matters most: a misspelt limit that is silently ignored.
//
// It deliberately keeps toml++ out of this header (the library costs seconds of every compilation) and offers only the
// kinds of value that our files use. An empty result means that the key is absent, or wrong and complained about.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/file.h"

namespace loco {

struct IntegerRange {
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
};
struct NumberRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};

// One table of a file; a handle that must not outlive its TomlFile. Every getter marks its key as known.
class TomlTable {
 public:
  // False when the file has no such table: then every key is absent and mistakes are reported at the parent's place.
  bool present() const;
  bool Has(std::string_view key) const;

  std::optional<std::string> Text(std::string_view key);
  // For a key that takes a word as well as a value of another kind. Says nothing about other kinds.
  bool IsText(std::string_view key, std::string_view word);
  // A missing key is a mistake, and reads as "".
  std::string RequiredText(std::string_view key);
  std::optional<int64_t> Integer(std::string_view key, IntegerRange range = {});
  std::optional<uint64_t> Count(std::string_view key);                         // a whole number, not negative
  std::optional<double> Number(std::string_view key, NumberRange range = {});  // finite; integers count as numbers
  std::optional<bool> Flag(std::string_view key);
  std::optional<Bytes> Size(std::string_view key);  // "8GB", or a number of bytes from a million on
  std::vector<std::string> Texts(std::string_view key);
  std::vector<int64_t> Integers(std::string_view key, IntegerRange range = {});
  std::vector<double> Numbers(std::string_view key, NumberRange range = {});
  // A text that must be one of `names`: its index. The nearest is suggested otherwise.
  std::optional<size_t> OneOf(std::string_view key, const std::vector<std::string>& names);
  // The same for a list of texts; wrong elements are left out.
  std::vector<size_t> EachOneOf(std::string_view key, const std::vector<std::string>& names);

  TomlTable Table(std::string_view key);                // [key]
  std::vector<TomlTable> Tables(std::string_view key);  // [[key]]
  // The keys of a table whose keys are free (names of tasks, of candidates); marks all of them as known.
  std::vector<std::string> Keys();

  // Reports a mistake at the value of `key`, or at the table when it has no such key.
  void Wrong(std::string_view key, std::string message);
  size_t line() const;
  size_t column() const;

 private:
  friend class TomlFile;
  struct Node;
  explicit TomlTable(Node* node) : node_(node) {}
  Node* node_;
};

class TomlFile {
 public:
  // Text that is no TOML is one mistake, and an empty root. `mistakes` must outlive the file.
  TomlFile(const Path& path, std::string_view text, std::vector<Diagnostic>& mistakes);
  ~TomlFile();
  TomlFile(const TomlFile&) = delete;
  TomlFile& operator=(const TomlFile&) = delete;

  bool is_toml() const;
  TomlTable root();
  // Reports the unknown keys of all tables that were looked at, and sorts this file's mistakes by place. Says nothing
  // about the keys of what is no TOML.
  void Finish();

 private:
  friend class TomlTable;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loco
