// Columns and paragraphs of plain terminal text. Widths are display columns, not bytes.
//
//   TextTable table;
//   table.AddRow({"candidate", "score", "size"});
//   table.Render(3, 100, {1, 2});               // indent, width, columns set to the right
//   "label  " + Wrap("long text …", 80, 7, 7);    // begins at column 7, goes on at column 7
//
// Only report's own files use it. The text must be safe for a terminal already (base/hostile_text.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loco {

std::string PadRight(std::string_view text, size_t columns);
std::string PadLeft(std::string_view text, size_t columns);

// Lines of at most `width` columns, broken at blanks. The first line begins at column `start` (what stands before it is
// the caller's), every other is indented by `indent` columns. A longer word stands alone. No newline at the end.
std::string Wrap(std::string_view text, size_t width, size_t indent, size_t start = 0);

class TextTable {
 public:
  // The first row is the header. Cells beyond the header's are dropped, missing ones are empty.
  void AddRow(std::vector<std::string> cells);
  // How wide the table is when nothing is cut.
  size_t NaturalWidth(size_t indent) const;
  // Columns are as wide as their widest cell, two blanks apart; the last takes what is left of the width and is cut
  // with … . `right` lists the columns that hold numbers and are set to the right.
  std::string Render(size_t indent, size_t width, const std::vector<size_t>& right) const;

 private:
  std::vector<size_t> Widths() const;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace loco
