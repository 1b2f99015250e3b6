#include "task/fetch_definition.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/toml_file.h"

namespace loco {
namespace {

// Where the first [fetch] or [[fetch.…]] line begins; npos: there is none.
size_t BeginOfFetch(const std::string& text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    if (line.starts_with("[fetch]") || line.starts_with("[fetch.") || line.starts_with("[[fetch.")) return begin;
    begin = end + 1;
  }
  return std::string::npos;
}

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string ReadSha256(TomlTable& table) {
  const std::string sha256 = table.Text("sha256").value_or("");
  if (!sha256.empty() && !IsSha256(sha256))
    table.Wrong("sha256", "'sha256' must be 64 hexadecimal digits in lower case; leave it out where it is not known");
  return sha256;
}

std::string ReadUrl(TomlTable& table) {
  const std::string url = table.RequiredText("url");
  if (!url.empty() && !url.starts_with("https://") && !url.starts_with("http://"))
    table.Wrong("url", "'url' must begin with https://");
  return url;
}

void CheckPattern(TomlTable& table, const char* key, const std::string& pattern, int groups) {
  const RE2 compiled(pattern, RE2::Quiet);
  if (!compiled.ok()) {
    table.Wrong(key, fmt::format("not an RE2 pattern: {}", compiled.error()));
  } else if (compiled.NumberOfCapturingGroups() < groups) {
    table.Wrong(key, fmt::format("'{}' needs a group in ( ): what it takes out", key));
  }
}

void ReadAnswer(TomlTable table, RowMapping& mapping) {
  static const std::vector<std::string> kKinds = {"text", "choice", "instructions", "code"};
  mapping.answer = static_cast<AnswerKind>(table.OneOf("kind", kKinds).value_or(0));
  mapping.from = table.Text("from").value_or("");
  mapping.extract = table.Text("extract").value_or("");
  if (!mapping.extract.empty()) CheckPattern(table, "extract", mapping.extract, 1);
  mapping.remove = table.Text("remove").value_or("");
  mapping.arguments = table.Text("arguments").value_or("");
  mapping.tests = table.Text("tests").value_or("");
  mapping.entry_point = table.Text("entry_point").value_or("");
  mapping.prompt = table.Text("prompt").value_or("");
  const bool code = mapping.answer == AnswerKind::kCode;
  if (code && mapping.tests.empty()) table.Wrong("tests", "'tests' is missing: what the program must pass");
  if (!code && mapping.from.empty()) table.Wrong("from", "'from' is missing: where the answer stands in a row");
  if (mapping.answer == AnswerKind::kInstructions && mapping.arguments.empty())
    table.Wrong("arguments", "'arguments' is missing: the field with the instructions' arguments");
}

RowMapping ReadMapping(TomlTable& fetch) {
  RowMapping mapping;
  TomlTable item = fetch.Table("item");
  for (const std::string& key : item.Keys()) {
    if (key == "answer" || key == "choices") {
      item.Wrong(key, fmt::format("'{}' has a table of its own: [fetch.{}]", key, key));
    } else {
      mapping.item.emplace_back(key, item.RequiredText(key));
    }
  }
  if (mapping.item.empty()) fetch.Wrong("item", "[fetch.item] is missing: the fields of the items");
  ReadAnswer(fetch.Table("answer"), mapping);
  TomlTable choices = fetch.Table("choices");
  mapping.choices_from = choices.Text("from").value_or("");
  mapping.choices = choices.Texts("texts");
  if (choices.present() && mapping.choices_from.empty() == mapping.choices.empty())
    choices.Wrong("from", "give either 'from', a field, or 'texts', a template for each choice");
  if (mapping.answer == AnswerKind::kChoice && !choices.present())
    fetch.Wrong("choices", "[fetch.choices] is missing: what there is to choose from");
  for (TomlTable table : fetch.Tables("replace")) {
    RowReplacement replacement;
    replacement.field = table.Text("field").value_or("");
    replacement.pattern = table.RequiredText("pattern");
    replacement.with = table.Text("with").value_or("");
    CheckPattern(table, "pattern", replacement.pattern, 0);
    std::string problem;
    if (const RE2 pattern(replacement.pattern, RE2::Quiet);
        pattern.ok() && !pattern.CheckRewriteString(replacement.with, &problem)) {
      table.Wrong("with", problem);
    }
    mapping.replace.push_back(std::move(replacement));
  }
  TomlTable keep = fetch.Table("keep");
  if (keep.present()) {
    RowRange range{.field = keep.RequiredText("field")};
    range.least = keep.Integer("least").value_or(std::numeric_limits<int64_t>::min());
    range.most = keep.Integer("most").value_or(std::numeric_limits<int64_t>::max());
    mapping.keep = std::move(range);
  }
  return mapping;
}

std::string WithValues(std::string text, const FetchPart& part) {
  const auto replace = [&](const std::string& name, const std::string& value) {
    const std::string mark = "<" + name + ">";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  };
  if (part.name.empty()) return text;
  replace("part", part.name);
  for (const auto& [name, value] : part.values) replace(name, value);
  return text;
}

std::vector<FetchPart> ReadParts(TomlTable& fetch, const std::string& url, const std::string& task) {
  std::vector<FetchPart> parts;
  for (TomlTable table : fetch.Tables("part")) {
    FetchPart part;
    part.name = table.RequiredText("name");
    const bool plain = part.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
    if (!plain) table.Wrong("name", "a part's name is made of a-z, 0-9, _ and -: it becomes a file's name");
    const auto same = [&](const FetchPart& other) { return other.name == part.name; };
    if (std::any_of(parts.begin(), parts.end(), same)) table.Wrong("name", "there is another part of this name");
    part.sha256 = ReadSha256(table);
    part.count = table.Count("count");
    TomlTable values = table.Table("values");
    for (const std::string& key : values.Keys()) {
      part.values[key] = values.RequiredText(key);
      if (part.values[key].find_first_of("\"\\\n\r") != std::string::npos)
        values.Wrong(key, "a value must fit into a text in quotes: without \", \\ and line breaks");
      if (task.find("<" + key + ">") == std::string::npos)
        values.Wrong(key, fmt::format("<{}> stands nowhere above [fetch]", key));
    }
    part.url = WithValues(url, part);
    parts.push_back(std::move(part));
  }
  if (!parts.empty() && url.find("<part>") == std::string::npos)
    fetch.Wrong("url", "<part> is missing: every part has a file of its own");
  return parts;
}

}  // namespace

FetchDefinition ParseFetchDefinition(const Path& path, const std::string& text) {
  FetchDefinition definition;
  definition.name = path.stem().string();
  definition.path = path;
  const size_t begin = BeginOfFetch(text);
  if (begin == std::string::npos) {
    throw Error(fmt::format("{}: there is no [fetch] table that says where the data are", path.string()),
                "'loco eval' reads such a task as it is, when its items lie beside it");
  }
  definition.task = text.substr(0, begin);
  while (definition.task.ends_with("\n\n")) definition.task.pop_back();
  std::vector<Diagnostic> mistakes;
  std::vector<std::string> keys;
  {
    // Only the names are read here: the rest is the task's, which is checked together with its items.
    std::vector<Diagnostic> others;
    TomlFile file(path, definition.task, others);
    TomlTable top = file.root();
    keys = top.Keys();
    definition.description = top.Text("description").value_or("");
    definition.licence = top.Text("licence").value_or("");
    definition.source = top.Text("source").value_or("");
  }
  TomlFile file(path, text, mistakes);
  TomlTable top = file.root();
  for (const std::string& key : top.Keys()) {
    // A table after [fetch] would be lost with it.
    if (key != "fetch" && std::find(keys.begin(), keys.end(), key) == keys.end())
      top.Wrong(key, fmt::format("'{}' stands below [fetch], which must be the last table", key));
  }
  TomlTable fetch = top.Table("fetch");
  const std::string url = ReadUrl(fetch);
  const std::string sha256 = ReadSha256(fetch);
  static const std::vector<std::string> kFormats = {"jsonl", "json", "csv"};
  if (fetch.IsText("format", "parquet")) {
    fetch.Wrong("format", "Parquet is not read here; give the address of a JSONL, JSON or CSV form");
  } else {
    definition.format = static_cast<RowFormat>(fetch.OneOf("format", kFormats).value_or(0));
  }
  definition.rows = fetch.Text("rows").value_or("");
  const auto count = fetch.Count("count");
  definition.mapping = ReadMapping(fetch);
  definition.parts = ReadParts(fetch, url, definition.task);
  if (definition.parts.empty()) {
    definition.parts.push_back({.url = url, .sha256 = sha256, .count = count});
  } else if (!sha256.empty() || count) {
    fetch.Wrong(sha256.empty() ? "count" : "sha256", "each [[fetch.part]] has its own");
  }
  file.Finish();
  ThrowMistakes(mistakes);
  return definition;
}

FetchDefinition LoadFetchDefinition(const Path& path) { return ParseFetchDefinition(path, ReadFile(path)); }

std::string TaskTextOf(const FetchDefinition& definition, const FetchPart& part) {
  return WithValues(definition.task, part);
}

std::string TaskFileOf(const FetchDefinition& definition, const FetchPart& part) {
  return definition.name + (part.name.empty() ? "" : "-" + part.name) + ".toml";
}

}  // namespace loco
