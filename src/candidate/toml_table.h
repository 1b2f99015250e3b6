// Strict reading of our own TOML data: every mistake is reported with file, line and column, a misspelt key with the
// right one, and reading goes on after it, so that one run shows all mistakes.
//
//   std::vector<Diagnostic> mistakes;
//   TomlTable root = TomlTable::Parse(text, "catalog/qwen3.toml", mistakes);
//   for (TomlTable& model : root.Children("model")) {
//     std::string id = model.RequiredText("id");
//     std::optional<uint64_t> layers = model.Count("layers");
//     model.Finish();                       // "unknown key 'layer'; did you mean 'layers'?"
//   }
//   root.Finish();
//   ThrowMistakes(mistakes);                // one Error that lists them all; nothing when there are none
//
// It deliberately keeps toml++ out of this header (the library costs seconds of every compilation) and offers only the
// value kinds that our data uses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace loco {

struct Diagnostic {
  Path file;
  size_t line = 0;  // from 1
  size_t column = 0;
  std::string message;
};

// Throws one Error with all of them, a line each; does nothing when there are none.
void ThrowMistakes(const std::vector<Diagnostic>& mistakes);

class TomlTable {
 public:
  // A text that is no TOML gives one mistake and an empty table. `mistakes` must outlive the table and its children.
  static TomlTable Parse(std::string_view text, const Path& file, std::vector<Diagnostic>& mistakes);

  // The value of a key. Empty when the key is absent; a value of the wrong kind is a mistake and reads as absent.
  std::string Text(std::string_view key);
  std::optional<uint64_t> Count(std::string_view key);  // a whole number, not negative
  std::optional<double> Number(std::string_view key);
  std::optional<bool> Flag(std::string_view key);
  std::string RequiredText(std::string_view key);

  std::optional<TomlTable> Child(std::string_view key);   // [table]
  std::vector<TomlTable> Children(std::string_view key);  // [[table]]

  bool Has(std::string_view key) const;
  size_t line() const;
  // Reports a mistake at the place of `key`, or of the table when it has no such key.
  void Report(std::string_view key, std::string message);
  // Reports the keys that nobody asked for. Call after the last access.
  void Finish();

 private:
  struct State;
  explicit TomlTable(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace loco
