#include "report/layout.h"

#include <algorithm>

#include "base/hostile_text.h"

namespace loco {

std::string PadRight(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(text) + std::string(width < columns ? columns - width : 0, ' ');
}

std::string PadLeft(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(width < columns ? columns - width : 0, ' ') + std::string(text);
}

std::string Wrap(std::string_view text, size_t width, size_t indent, size_t start) {
  std::string out;
  size_t column = start;
  bool line_is_empty = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    const size_t word_width = DisplayWidth(word);
    if (!line_is_empty && column + 1 + word_width > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
      line_is_empty = true;
    }
    if (!line_is_empty) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word_width;
    line_is_empty = false;
  }
  return out;
}

void TextTable::AddRow(std::vector<std::string> cells) {
  if (!rows_.empty()) cells.resize(rows_.front().size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> TextTable::Widths() const {
  std::vector<size_t> widths(rows_.empty() ? 0 : rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], DisplayWidth(row[c]));
  }
  return widths;
}

size_t TextTable::NaturalWidth(size_t indent) const {
  size_t width = indent;
  for (const size_t column : Widths()) width += column + 2;
  return width - (rows_.empty() ? 0 : 2);
}

std::string TextTable::Render(size_t indent, size_t width, const std::vector<size_t>& right) const {
  if (rows_.empty()) return "";
  const size_t columns = rows_.front().size();
  const std::vector<size_t> widths = Widths();
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    size_t used = indent;
    for (size_t c = 0; c < columns; ++c) {
      const bool last = c + 1 == columns;
      const bool to_the_right = std::find(right.begin(), right.end(), c) != right.end();
      if (last && !to_the_right) {
        line += Shorten(row[c], width > used + 8 ? width - used : 8);
      } else {
        line += to_the_right ? PadLeft(row[c], widths[c]) : PadRight(row[c], widths[c]);
        if (!last) line += "  ";
        used += widths[c] + 2;
      }
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + '\n';
  }
  return out;
}

}  // namespace loco
