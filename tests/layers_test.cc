// The layer rule: src/LAYERS is the table of allowed edges between modules, and every #include line of src/ must follow
// it. A wrong edge is a failing test with its file and line, not a remark in a review.
//
// Also checked: the table has no cycle and names exactly the folders that there are; the engine's headers are included
// by src/engine alone; the modules that a CMakeLists.txt links follow the table too.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace loco {
namespace {

namespace fs = std::filesystem;

using Table = std::map<std::string, std::set<std::string>>;

// "module : module module …" lines; '*' stands for every other module, and base is allowed everywhere.
Table ReadTable(std::istream& in) {
  Table table;
  for (std::string line; std::getline(in, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string module;
    std::string colon;
    if (!(words >> module >> colon)) continue;
    std::set<std::string>& allowed = table[module];
    for (std::string name; words >> name;) allowed.insert(name);
  }
  for (auto& [module, allowed] : table) {
    if (module != "base") allowed.insert("base");
    if (allowed.erase("*") == 0) continue;
    for (const auto& [other, ignored] : table) {
      if (other != module) allowed.insert(other);
    }
  }
  return table;
}

// The modules of a cycle in the order of its edges, or nothing.
std::vector<std::string> FindCycle(const Table& table) {
  std::set<std::string> done;
  std::vector<std::string> path;
  const auto visit = [&](const auto& self, const std::string& module) -> bool {
    if (const auto it = std::find(path.begin(), path.end(), module); it != path.end()) {
      path.erase(path.begin(), it);
      return true;
    }
    if (done.contains(module)) return false;
    path.push_back(module);
    if (const auto it = table.find(module); it != table.end()) {
      for (const std::string& next : it->second) {
        if (self(self, next)) return true;
      }
    }
    path.pop_back();
    done.insert(module);
    return false;
  };
  for (const auto& [module, ignored] : table) {
    if (visit(visit, module)) return path;
  }
  return {};
}

struct Include {
  std::string header;
  bool quoted = false;
};

// The header of an #include line, or an empty one for any other line.
Include ParseInclude(std::string_view line) {
  const auto skip_blanks = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_blanks();
  if (!line.starts_with('#')) return {};
  line.remove_prefix(1);
  skip_blanks();
  if (!line.starts_with("include")) return {};
  line.remove_prefix(7);
  skip_blanks();
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return {};
  const char close = line[0] == '"' ? '"' : '>';
  const size_t end = line.find(close, 1);
  if (end == std::string_view::npos) return {};
  return {.header = std::string(line.substr(1, end - 1)), .quoted = close == '"'};
}

// llama.cpp's own headers: its library, ggml, and the llama-common headers, which have plain names.
bool IsEngineHeader(const std::string& header) {
  static const std::set<std::string> kCommon = {"arg.h",  "chat.h",        "common.h",   "console.h",
                                                "log.h",  "ngram-cache.h", "sampling.h", "speculative.h",
                                                "gguf.h", "peg-parser.h",  "http.h"};
  return header.starts_with("llama") || header.starts_with("ggml") || header.starts_with("jinja/") ||
         header.starts_with("common/") || header.starts_with("json-schema-to-grammar") || kCommon.contains(header);
}

std::string ModuleOf(const std::string& header) { return header.substr(0, header.find('/')); }

// llama-common's chat-template interpreter works on text alone, without a model: src/template is its place.
bool IsTemplateInterpreter(const std::string& header) { return header.starts_with("jinja/"); }

// The weight types and how to read them, without a model or a context: src/net computes on them.
bool IsTensorLibrary(const std::string& header) { return header == "ggml.h"; }

// What is wrong with one #include of a module's file, or nothing.
std::string Complaint(const Table& table, const std::string& module, const Include& include, bool exists) {
  if (IsTemplateInterpreter(include.header) && module == "template") return "";
  if (IsTensorLibrary(include.header) && module == "net") return "";
  if (IsEngineHeader(include.header)) {
    return module == "engine" ? "" : "only src/engine includes the engine's headers; use what engine/ offers";
  }
  if (!include.quoted) return "";
  if (include.header.find('/') == std::string::npos) return "own headers are included by their path from src/";
  const std::string target = ModuleOf(include.header);
  if (target == module) return "";
  if (!table.contains(target)) return exists ? "" : "there is no such module";
  return table.at(module).contains(target) ? "" : module + " may not use " + target + " (src/LAYERS)";
}

const fs::path kSource = fs::path(LOCO_SOURCE_DIR) / "src";

std::vector<fs::path> FilesBelow(const fs::path& folder, const std::set<std::string>& extensions) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && extensions.contains(entry.path().extension().string()))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Table ReadProjectTable() {
  std::ifstream file(kSource / "LAYERS");
  REQUIRE(file.good());
  return ReadTable(file);
}

}  // namespace

TEST_CASE("every #include follows src/LAYERS") {
  const Table table = ReadProjectTable();
  std::set<std::pair<std::string, std::string>> edges;
  int includes = 0;
  int files = 0;
  for (const fs::path& path : FilesBelow(kSource, {".h", ".cc"})) {
    const std::string module = path.lexically_relative(kSource).begin()->string();
    REQUIRE_MESSAGE(table.contains(module), "src/" << module << " has no line in src/LAYERS");
    ++files;
    std::ifstream file(path);
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      const Include include = ParseInclude(line);
      if (include.header.empty()) continue;
      ++includes;
      const std::string complaint = Complaint(table, module, include, fs::exists(kSource / include.header));
      CHECK_MESSAGE(complaint.empty(), path.lexically_relative(LOCO_SOURCE_DIR).string()
                                           << ":" << number << ": " << line << ": " << complaint);
      const std::string target = ModuleOf(include.header);
      if (include.quoted && target != module && table.contains(target)) edges.insert({module, target});
    }
  }
  CHECK(files > 20);
  MESSAGE("checked " << includes << " includes in " << files << " files: " << edges.size() << " edges between "
                     << table.size() << " modules");
}

TEST_CASE("every module that is linked is allowed by src/LAYERS") {
  const Table table = ReadProjectTable();
  int links = 0;
  for (const auto& entry : table) {
    const std::string& module = entry.first;  // clang 14 cannot use a structured binding inside CHECK_MESSAGE
    const std::set<std::string>& allowed = entry.second;
    std::ifstream file(kSource / module / "CMakeLists.txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line.substr(0, line.find('#')));
      for (std::string word; words >> word;) {
        if (!word.starts_with("loco_")) continue;
        const std::string target = word.substr(5, word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", 5) - 5);
        if (target == module || !table.contains(target)) continue;
        ++links;
        CHECK_MESSAGE(allowed.contains(target), "src/" << module << "/CMakeLists.txt links loco_" << target);
      }
    }
  }
  CHECK(links > 0);
}

TEST_CASE("the table has no cycle and names the folders that there are") {
  const Table table = ReadProjectTable();
  const std::vector<std::string> cycle = FindCycle(table);
  std::string words;
  for (const std::string& module : cycle) words += module + " → ";
  CHECK_MESSAGE(cycle.empty(), "cycle: " << words << (cycle.empty() ? "" : cycle.front()));
  for (const auto& entry : table) {
    const std::string& module = entry.first;
    CHECK_MESSAGE(fs::is_directory(kSource / module), "src/LAYERS names " << module << ", which is not there");
    for (const std::string& other : entry.second) {
      CHECK_MESSAGE(table.contains(other), "src/LAYERS lets " << module << " use " << other << ", which has no line");
    }
  }
}

// A rule that accepts everything would pass the tests above: these show that it refuses.
TEST_CASE("the rule refuses what it should") {
  std::istringstream text(
      "# comment\n"
      "base   :\n"
      "engine :\n"
      "task   : engine   # reason\n"
      "cli    : *\n");
  const Table table = ReadTable(text);
  REQUIRE(table.size() == 4);
  CHECK(table.at("task") == std::set<std::string>{"base", "engine"});
  CHECK(table.at("cli") == std::set<std::string>{"base", "engine", "task"});
  CHECK(FindCycle(table).empty());

  const auto complains = [&](const std::string& module, const std::string& line) {
    const Include include = ParseInclude(line);
    REQUIRE_FALSE(include.header.empty());
    return !Complaint(table, module, include, false).empty();
  };
  CHECK_FALSE(complains("task", "#include \"engine/model.h\""));
  CHECK_FALSE(complains("task", "  #  include \"task/task.h\"  // why"));
  CHECK_FALSE(complains("engine", "#include <llama.h>"));
  CHECK_FALSE(complains("base", "#include <vector>"));
  CHECK(complains("engine", "#include \"task/task.h\""));
  CHECK(complains("base", "#include \"engine/model.h\""));
  CHECK(complains("task", "#include <llama.h>"));
  CHECK(complains("task", "#include \"common.h\""));
  CHECK(complains("cli", "#include <ggml-cpu.h>"));
  CHECK(complains("task", "#include <jinja/parser.h>"));
  CHECK(complains("task", "#include \"task.h\""));
  CHECK(complains("task", "#include \"utils/strings.h\""));
  CHECK(ParseInclude("// #include \"x/y.h\"").header.empty());

  CHECK(FindCycle({{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}}) == std::vector<std::string>{"b", "c"});
}

}  // namespace loco
