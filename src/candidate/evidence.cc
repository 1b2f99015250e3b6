#include "candidate/evidence.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/toml_file.h"

namespace loco {
namespace {

// The keys that a file may give once for all its rows.
struct Defaults {
  std::string source;
  std::string date;
  std::string precision;
  std::string revision;
  std::string unit;
  std::optional<uint64_t> n;
};
Defaults ReadDefaults(TomlTable& table, const Defaults& from) {
  const auto text = [&](std::string_view key, const std::string& fallback) {
    return table.Text(key).value_or(fallback);
  };
  Defaults read;
  read.source = text("source", from.source);
  read.date = text("date", from.date);
  read.precision = text("precision", from.precision);
  read.revision = text("revision", from.revision);
  read.unit = text("unit", from.unit);
  read.n = table.Count("n");
  if (!read.n) read.n = from.n;
  return read;
}

Evidence ReadRow(TomlTable& table, const Defaults& defaults) {
  Evidence row;
  row.line = table.line();
  row.model = table.RequiredText("model");
  row.what = table.RequiredText("what");
  row.value = table.Number("value");
  row.text = table.Text("text").value_or("");
  row.low = table.Number("low");
  row.high = table.Number("high");
  const auto margin = table.Number("plus_minus");
  if (margin && row.value) {
    row.low = *row.value - *margin;
    row.high = *row.value + *margin;
  }
  row.note = table.Text("note").value_or("");
  const Defaults own = ReadDefaults(table, defaults);
  row.source = own.source;
  row.date = own.date;
  row.precision = own.precision;
  row.revision = own.revision;
  row.unit = own.unit;
  row.n = own.n;
  for (const auto& [key, value] : {std::pair("source", row.source), std::pair("date", row.date),
                                   std::pair("precision", row.precision), std::pair("revision", row.revision)}) {
    if (value.empty()) table.Wrong(key, fmt::format("'{}' is missing: write \"unknown\" when nobody stated it", key));
  }
  if (!row.value && row.text.empty() && !row.low)
    table.Wrong("value", "the row has neither 'value', 'text' nor a range");
  if (row.low && row.high && *row.low > *row.high) table.Wrong("low", "'low' is above 'high'");
  return row;
}

}  // namespace

void ParseEvidence(std::string_view text, const Path& file, std::vector<Evidence>& rows,
                   std::vector<Diagnostic>& mistakes) {
  TomlFile document(file, text, mistakes);
  TomlTable root = document.root();
  const Defaults defaults = ReadDefaults(root, {});
  for (TomlTable& table : root.Tables("row")) {
    rows.push_back(ReadRow(table, defaults));
    rows.back().file = file;
  }
  document.Finish();
}

std::vector<Evidence> LoadEvidence(const Path& folder) {
  if (std::error_code none; !std::filesystem::is_directory(folder, none))
    throw Error(fmt::format("{}: no evidence here", folder.string()), "give the folder that holds its .toml files");
  std::vector<Evidence> rows;
  std::vector<Diagnostic> mistakes;
  for (const Path& file : FilesMatching(folder / "*.toml")) ParseEvidence(ReadFile(file), file, rows, mistakes);
  ThrowMistakes(mistakes);
  return rows;
}

}  // namespace loco
