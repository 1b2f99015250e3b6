// Reads the tables of a policy and collects every mistake with its place, instead of stopping at the first.
//
//   TomlReader reader("policies/demo.toml", mistakes);
//   reader.ExpectKeys(table, "[rules]", {"memory", "licence"});     // "unknown key …; did you mean …?"
//   if (auto margin = reader.Number(table, "margin")) …             // empty: absent, or wrong and complained about
//
// candidate/toml_table.h reads the catalog in the same spirit; policies need lists of words, sizes, words out of a
// fixed set and ranges besides. Only for decide's own .cc files, because it shows toml++.
#pragma once

#include <fmt/format.h>
#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "candidate/toml_table.h"

namespace loco {

class TomlReader {
 public:
  TomlReader(const Path& file, std::vector<Diagnostic>& mistakes) : file_(file), mistakes_(mistakes) {}

  template <typename... Args>
  void Complain(const toml::source_region& where, fmt::format_string<Args...> format, Args&&... args) {
    mistakes_.push_back(
        {file_, where.begin.line, where.begin.column, fmt::format(format, std::forward<Args>(args)...)});
  }

  // `section` is how people call the table: "[rules]".
  void ExpectKeys(const toml::table& table, std::string_view section, const std::vector<std::string>& known);

  std::optional<std::string> Text(const toml::table& table, std::string_view key);
  std::optional<double> Number(const toml::table& table, std::string_view key);  // integers count as numbers
  std::optional<int64_t> Integer(const toml::table& table, std::string_view key);
  std::optional<bool> Flag(const toml::table& table, std::string_view key);
  std::optional<Bytes> Size(const toml::table& table, std::string_view key);  // "8GB" or a number of bytes
  std::vector<std::string> Texts(const toml::table& table, std::string_view key);
  const toml::table* Table(const toml::table& table, std::string_view key);
  // The tables of an array of tables; an absent key has none.
  std::vector<const toml::table*> Tables(const toml::table& table, std::string_view key);

  // A number that must lie in [low, high]; complains otherwise.
  std::optional<double> NumberIn(const toml::table& table, std::string_view key, double low, double high);
  std::optional<int64_t> IntegerIn(const toml::table& table, std::string_view key, int64_t low, int64_t high);
  // One of `names`: its index. Suggests the nearest otherwise.
  std::optional<size_t> OneOf(const toml::table& table, std::string_view key, const std::vector<std::string>& names);
  // The same for a word that was read already.
  std::optional<size_t> IndexOf(const toml::source_region& where, std::string_view word, std::string_view what,
                                const std::vector<std::string>& names);

 private:
  void ComplainOfType(const toml::node& node, std::string_view key, std::string_view wanted);

  Path file_;
  std::vector<Diagnostic>& mistakes_;
};

}  // namespace loco
