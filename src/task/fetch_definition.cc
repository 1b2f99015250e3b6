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
  if (url.empty()) return url;
  const bool plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const std::string name = path.substr(path.rfind('/') + 1);
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    table.Wrong("url", "'url' must begin with https://");
  } else if (!plain) {
    table.Wrong("url", "'url' holds a character that no URL has: write it as %xx");
  } else if (name.empty() || name.starts_with('.')) {
    table.Wrong("url", "'url' must end with the name of a file");
  }
  return url;
}

// A template is checked here as far as it can be without a row.
void CheckTemplate(TomlTable& table, const std::string& key, const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' && text[i] != '}') continue;
    if (i + 1 < text.size() && text[i + 1] == text[i]) {
      ++i;
      continue;
    }
    const size_t end = text.find_first_of("{}", i + 1);
    if (text[i] == '}' || end == std::string::npos || text[end] == '{')
      return table.Wrong(key, "a { or } stands alone; write {field} for a field, {{ and }} for the braces themselves");
    i = end;
  }
}

std::string ReadTemplate(TomlTable& table, const std::string& key) {
  std::string text = table.Text(key).value_or("");
  CheckTemplate(table, key, text);
  return text;
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
  mapping.from = ReadTemplate(table, "from");
  mapping.extract = table.Text("extract").value_or("");
  if (!mapping.extract.empty()) CheckPattern(table, "extract", mapping.extract, 1);
  mapping.remove = table.Text("remove").value_or("");
  mapping.arguments = ReadTemplate(table, "arguments");
  mapping.tests = ReadTemplate(table, "tests");
  mapping.entry_point = ReadTemplate(table, "entry_point");
  mapping.prompt = ReadTemplate(table, "prompt");
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
      mapping.item.emplace_back(key, ReadTemplate(item, key));
    }
  }
  if (mapping.item.empty()) fetch.Wrong("item", "[fetch.item] is missing: the fields of the items");
  ReadAnswer(fetch.Table("answer"), mapping);
  TomlTable choices = fetch.Table("choices");
  mapping.choices_from = ReadTemplate(choices, "from");
  mapping.choices = choices.Texts("texts");
  for (const std::string& text : mapping.choices) CheckTemplate(choices, "texts", text);
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
