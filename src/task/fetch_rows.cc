#include "task/fetch_rows.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "task/jsonl.h"

namespace loco {
namespace {

constexpr size_t kMostUnpacked = size_t{2} << 30;
constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

[[noreturn]] void RefuseData(const Path& path, size_t line, const std::string& what) {
  throw Error(
      line == 0 ? fmt::format("{}: {}", path.string(), what) : fmt::format("{}:{}: {}", path.string(), line, what),
      "fetch the file again with --force; when it stays so, the published file has changed its form");
}

void RefuseOtherThings(const Path& path, const std::string& text) {
  const size_t first = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::string_view begin = std::string_view(text).substr(first, 64);
  if (begin.starts_with("PAR1")) {
    throw Error(fmt::format("{}: this is a Parquet file, which is not read here", path.string()),
                "give a JSONL, JSON or CSV form of the data");
  }
  if (begin.starts_with("<!DOCTYPE") || begin.starts_with("<!doctype") || begin.starts_with("<html"))
    RefuseData(path, 0, "this is a web page, not the data");
  if (begin.starts_with("version https://git-lfs"))
    RefuseData(path, 0, "this is a Git LFS pointer, not the data that it points to");
  if (begin.empty()) RefuseData(path, 0, "the file is empty");
}

// RFC 4180: fields in quotes may hold commas, line breaks and quotes written twice. Published files also have quotes
// inside of quotes that are not doubled (MMLU: "only "yet to be proven wrong"."), so a quote closes a field only where
// a comma, a line's end or the file's end follows, and is text otherwise. Such a file means something else by two
// quotes at the end of a field, too ("or "chirality"",): a record that is not as the RFC has it, or has not as many
// fields as the header, is read again without doubled quotes, and that reading counts when its number of fields is
// right.
class CsvReader {
 public:
  CsvReader(const Path& path, const std::string& text) : path_(path), text_(text) {
    if (text_.starts_with(kByteOrderMark)) at_ = 3;
  }

  bool AtEnd() const { return at_ >= text_.size(); }
  size_t line() const { return line_; }

  // `columns`: of the header; 0: this is the header.
  std::vector<std::string> ReadRecord(size_t columns) {
    const Place begin{at_, line_};
    Record record = ReadFields(/*doubled=*/true);
    const auto has_columns = [&](const Record& read) { return columns == 0 || read.fields.size() == columns; };
    if (record.proper && record.unclosed == 0 && has_columns(record)) return std::move(record.fields);
    const Place end{at_, line_};
    at_ = begin.at;
    line_ = begin.line;
    Record other = ReadFields(/*doubled=*/false);
    if (other.unclosed == 0 && has_columns(other)) return std::move(other.fields);
    at_ = end.at;
    line_ = end.line;
    if (record.unclosed != 0) RefuseData(path_, record.unclosed, "a text in quotes that begins here is not closed");
    return std::move(record.fields);
  }

 private:
  struct Place {
    size_t at = 0;
    size_t line = 0;
  };
  struct Record {
    std::vector<std::string> fields;
    bool proper = true;   // no quote is text that the RFC would not have there
    size_t unclosed = 0;  // the line where a field begins that the file's end cuts; 0: none
  };

  Record ReadFields(bool doubled) {
    Record record;
    for (;;) {
      record.fields.push_back(ReadField(doubled, record));
      if (AtEnd()) return record;
      const char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r' && !AtEnd() && text_[at_] == '\n') ++at_;
      ++line_;
      return record;
    }
  }

  std::string ReadField(bool doubled, Record& record) {
    std::string field;
    if (AtEnd() || text_[at_] != '"') {
      const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      field = text_.substr(at_, end - at_);
      at_ = end;
      return field;
    }
    const size_t begin = line_;
    ++at_;
    while (!AtEnd()) {
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"') {
        field += c;
      } else if (AtEnd() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n') {
        return field;
      } else if (doubled && text_[at_] == '"') {
        field += c;
        ++at_;
      } else {
        field += c;
        record.proper = false;
      }
    }
    record.unclosed = begin;
    return field;
  }

  const Path& path_;
  const std::string& text_;
  size_t at_ = 0;
  size_t line_ = 1;
};

std::vector<DataRow> ReadCsvRows(const Path& path, const std::string& text) {
  CsvReader reader(path, text);
  const std::vector<std::string> names = reader.ReadRecord(0);
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size())
    RefuseData(path, 1, "two columns have the same name");
  std::vector<DataRow> rows;
  while (!reader.AtEnd()) {
    DataRow row{.number = reader.line(), .value = nlohmann::ordered_json::object()};
    std::vector<std::string> fields = reader.ReadRecord(names.size());
    if (fields.size() == 1 && fields[0].empty()) continue;  // a blank line
    if (fields.size() != names.size())
      RefuseData(path, row.number, fmt::format("{} fields, and the header has {}", fields.size(), names.size()));
    for (size_t i = 0; i < names.size(); ++i) row.value[names[i]] = std::move(fields[i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<DataRow> ReadJsonRows(const Path& path, const std::string& text, const std::string& field) {
  if (IsTooDeepJson(text)) RefuseData(path, 0, "lists and objects inside each other, too many");
  nlohmann::ordered_json document;
  try {
    document = nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::ordered_json::parse_error& problem) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(problem.byte, text.size()));
    RefuseData(path, static_cast<size_t>(1 + std::count(text.begin(), end, '\n')),
               fmt::format("no JSON, or cut off (byte {})", problem.byte));
  } catch (const nlohmann::ordered_json::exception&) {  // a number that no machine can hold
    RefuseData(path, 0, "no JSON that can be read: a number is too large");
  }
  if (!field.empty()) {
    if (!document.is_object() || !document.contains(field))
      RefuseData(path, 0, fmt::format("there is no field '{}' with the rows", field));
    document = nlohmann::ordered_json(document[field]);
  }
  if (!document.is_array()) RefuseData(path, 0, "the rows are no JSON list");
  std::vector<DataRow> rows;
  for (nlohmann::ordered_json& value : document) {
    const size_t number = rows.size() + 1;
    if (!value.is_object()) RefuseData(path, 0, fmt::format("row {} is no JSON object", number));
    rows.push_back({.number = number, .value = std::move(value)});
  }
  return rows;
}

}  // namespace

std::string Unpacked(const Path& path, std::string content) {
  if (!content.starts_with("\x1f\x8b")) return content;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();  // 16: gzip's head and checksum
  stream.next_in = reinterpret_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(std::min<size_t>(content.size(), UINT32_MAX));
  std::string text;
  std::string piece(size_t{1} << 18, '\0');
  int code = Z_OK;
  while (code == Z_OK && text.size() < kMostUnpacked) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    code = inflate(&stream, Z_NO_FLUSH);
    text.append(piece, 0, piece.size() - stream.avail_out);
    // Several packed pieces one after the other are one file.
    if (code == Z_STREAM_END && stream.avail_in > 0) code = inflateReset(&stream);
  }
  inflateEnd(&stream);
  if (code == Z_OK) RefuseData(path, 0, "unpacked it is larger than 2 GB");
  if (code != Z_STREAM_END) RefuseData(path, 0, "the packed file is broken or cut off");
  return text;
}

std::vector<DataRow> ReadDataRows(const Path& path, const std::string& text, RowFormat format,
                                  const std::string& rows) {
  RefuseOtherThings(path, text);
  switch (format) {
    case RowFormat::kCsv:
      return ReadCsvRows(path, text);
    case RowFormat::kJson:
      return ReadJsonRows(path, text, rows);
    case RowFormat::kJsonl:
      break;
  }
  std::vector<DataRow> lines;
  std::vector<Diagnostic> mistakes;
  ReadJsonl(path, text, mistakes, [&](JsonLine& line) { lines.push_back({line.number(), line.value()}); });
  ThrowMistakes(mistakes, 20);
  return lines;
}

}  // namespace loco
