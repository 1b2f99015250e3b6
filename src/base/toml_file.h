// Reading a TOML file strictly: every mistake is collected with line and column, misspelt keys get a suggestion, and
// the file is refused once, with the whole list.
//
//   TomlFile file(path);                                  // Error at once when it is not TOML
//   TomlSection top = file.root();
//   std::string name = top.RequiredText("name");
//   int64_t limit = top.Integer("max_tokens", 128, {.least = 1});
//   TomlSection prompt = top.Section("prompt");           // empty when absent
//   file.Finish();                                        // throws Error when anything was wrong or left unread
//
// Keys that nobody asked for are the mistake that matters most: a misspelt limit that is silently ignored.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

class TomlFile;

// One table of the file. Every getter marks its key as known.
class TomlSection {
 public:
  bool Has(std::string_view key) const;

  std::string Text(std::string_view key, std::string fallback);
  std::string RequiredText(std::string_view key);
  // A text that must be one of `allowed`; a near miss is suggested.
  std::string Choice(std::string_view key, std::string fallback, const std::vector<std::string>& allowed);
  int64_t Integer(std::string_view key, int64_t fallback, IntegerRange range);
  double Number(std::string_view key, double fallback, NumberRange range);
  bool Flag(std::string_view key, bool fallback);
  std::vector<std::string> Texts(std::string_view key);
  // "8GB" or a number of bytes.
  Bytes Size(std::string_view key, Bytes fallback);
  // Empty when the key is absent.
  std::optional<std::string> OptionalText(std::string_view key);
  std::optional<double> OptionalNumber(std::string_view key, NumberRange range);

  TomlSection Section(std::string_view key);
  std::vector<TomlSection> Sections(std::string_view key);  // [[key]]
  // The keys of a table whose keys are free (names of tasks, of candidates); marks all of them as known.
  std::vector<std::string> Keys();

  // Adds a mistake at the value of `key`, or at the table itself when the key is absent or empty.
  void Wrong(std::string_view key, const std::string& message);
  int line() const;

 private:
  friend class TomlFile;
  struct Node;
  TomlSection(TomlFile* file, std::shared_ptr<Node> node) : file_(file), node_(std::move(node)) {}
  TomlFile* file_;
  std::shared_ptr<Node> node_;
};

class TomlFile {
 public:
  // Throws Error when the file cannot be read or is not TOML.
  explicit TomlFile(const Path& path);
  TomlFile(const Path& path, std::string content);  // for tests and text from elsewhere
  ~TomlFile();
  TomlFile(const TomlFile&) = delete;
  TomlFile& operator=(const TomlFile&) = delete;

  TomlSection root();
  const Path& path() const;
  const std::string& content() const;

  // Throws an Error with all mistakes, unknown keys among them, in the order of lines.
  void Finish();

 private:
  friend class TomlSection;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loco
