// Rows of a published data file as items of a task, by the mapping of its definition (fetch_definition.h).
//
//   const ConvertedItems items = ConvertRows(path, rows, definition.mapping);
//   WriteFileAtomically("gsm8k.jsonl", items.jsonl);
//
// Pure. A row that the mapping does not fit is a mistake with its place, never an item with a hole in it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/file.h"
#include "task/fetch_definition.h"
#include "task/fetch_rows.h"

namespace loco {

struct ConvertedItems {
  std::string jsonl;  // a line each
  size_t count = 0;
  size_t left_out = 0;  // by `keep`
};

// `path` names the file in messages. Throws Error with the mistakes of up to 20 rows.
ConvertedItems ConvertRows(const Path& path, std::vector<DataRow> rows, const RowMapping& mapping);

}  // namespace loco
