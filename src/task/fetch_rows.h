// Published data files as rows: JSONL, a JSON list, or CSV, any of them packed with gzip.
//
//   const std::string text = Unpacked(path, ReadFile(path));
//   for (const DataRow& row : ReadDataRows(path, text, RowFormat::kCsv)) … row.number, row.value["Question"]
//
// A row is a JSON object; the columns of CSV are its texts. What is no such file is refused with its place, or by name
// where it is another thing that servers like to send: a web page, a Git LFS pointer, Parquet.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "task/fetch_definition.h"

namespace loco {

struct DataRow {
  size_t number = 0;  // of the line where it begins, from 1; JSON: of the element
  nlohmann::ordered_json value;
};

// What gzip packed, recognised by its first bytes; anything else as it is. At most 2 GB. Throws Error when it is
// broken.
std::string Unpacked(const Path& path, std::string content);

// `rows`: for kJson the field that holds the list. `path` names the file in messages.
std::vector<DataRow> ReadDataRows(const Path& path, const std::string& text, RowFormat format,
                                  const std::string& rows = "");

}  // namespace loco
