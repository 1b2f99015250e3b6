#include "base/toml_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/suggest.h"

namespace loco {
namespace {

struct Mistake {
  int line;
  int column;
  std::string message;
};

}  // namespace

struct TomlSection::Node {
  const toml::table* table;  // null: the table is absent
  std::string name;          // "prompt", "candidate[2]"; empty for the root
  int line;
  int column;
  std::set<std::string> known;
};

struct TomlFile::State {
  Path path;
  std::string content;
  toml::table table;
  std::vector<Mistake> mistakes;
  std::vector<std::shared_ptr<TomlSection::Node>> sections;
};

TomlFile::TomlFile(const Path& path) : TomlFile(path, ReadFile(path)) {}

TomlFile::TomlFile(const Path& path, std::string content) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->content = std::move(content);
  try {
    state_->table = toml::parse(state_->content, path.string());
  } catch (const toml::parse_error& problem) {
    const auto& where = problem.source().begin;
    throw Error(
        fmt::format("{}:{}:{}: {}", path.string(), where.line, where.column, std::string(problem.description())),
        "correct the TOML at this place");
  }
}

TomlFile::~TomlFile() = default;

TomlSection TomlFile::root() {
  auto node = std::make_shared<TomlSection::Node>(TomlSection::Node{&state_->table, "", 1, 1, {}});
  state_->sections.push_back(node);
  return TomlSection(this, node);
}

const Path& TomlFile::path() const { return state_->path; }
const std::string& TomlFile::content() const { return state_->content; }

void TomlFile::Finish() {
  for (const auto& section : state_->sections) {
    if (section->table == nullptr) continue;
    for (const auto& [key, value] : *section->table) {
      const std::string name(key.str());
      if (section->known.contains(name)) continue;
      const std::vector<std::string> candidates(section->known.begin(), section->known.end());
      const auto nearest = Nearest(name, candidates);
      const std::string place = section->name.empty() ? "" : fmt::format(" in [{}]", section->name);
      const auto& where = key.source().begin;
      state_->mistakes.push_back(
          {static_cast<int>(where.line), static_cast<int>(where.column),
           nearest ? fmt::format("unknown key '{}'{}; did you mean '{}'?", name, place, *nearest)
                   : fmt::format("unknown key '{}'{}; known are {}", name, place, fmt::join(candidates, ", "))});
    }
  }
  if (state_->mistakes.empty()) return;
  std::stable_sort(state_->mistakes.begin(), state_->mistakes.end(), [](const Mistake& a, const Mistake& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  std::string all;
  for (const Mistake& mistake : state_->mistakes) {
    all += fmt::format("{}{}:{}:{}: {}", all.empty() ? "" : "\n", state_->path.string(), mistake.line, mistake.column,
                       mistake.message);
  }
  throw Error(all, state_->mistakes.size() == 1 ? "correct this line" : "correct these lines");
}

bool TomlSection::Has(std::string_view key) const { return node_->table != nullptr && node_->table->contains(key); }

void TomlSection::Wrong(std::string_view key, const std::string& message) {
  int line = node_->line;
  int column = node_->column;
  if (Has(key)) {
    const auto& where = node_->table->get(key)->source().begin;
    line = static_cast<int>(where.line);
    column = static_cast<int>(where.column);
  }
  file_->state_->mistakes.push_back({line, column, message});
}

int TomlSection::line() const { return node_->line; }

std::optional<std::string> TomlSection::OptionalText(std::string_view key) {
  node_->known.emplace(key);
  if (!Has(key)) return std::nullopt;
  if (const auto value = node_->table->get(key)->value_exact<std::string>()) return *value;
  Wrong(key, fmt::format("'{}' must be a text in quotes", key));
  return std::nullopt;
}

std::string TomlSection::Text(std::string_view key, std::string fallback) {
  return OptionalText(key).value_or(std::move(fallback));
}

std::string TomlSection::RequiredText(std::string_view key) {
  const bool present = Has(key);
  const std::string text = Text(key, "");
  if (!present)
    Wrong(key, fmt::format("'{}' is missing{}", key, node_->name.empty() ? "" : fmt::format(" in [{}]", node_->name)));
  return text;
}

std::string TomlSection::Choice(std::string_view key, std::string fallback, const std::vector<std::string>& allowed) {
  const std::string value = Text(key, std::move(fallback));
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    const auto nearest = Nearest(value, allowed);
    Wrong(key, nearest ? fmt::format("unknown {} '{}'; did you mean '{}'?", key, value, *nearest)
                       : fmt::format("unknown {} '{}'; one of {}", key, value, fmt::join(allowed, ", ")));
  }
  return value;
}

int64_t TomlSection::Integer(std::string_view key, int64_t fallback, IntegerRange range) {
  node_->known.emplace(key);
  if (!Has(key)) return fallback;
  const auto value = node_->table->get(key)->value_exact<int64_t>();
  if (!value) {
    Wrong(key, fmt::format("'{}' must be a whole number", key));
    return fallback;
  }
  if (*value < range.least || *value > range.most) {
    Wrong(key, range.most == std::numeric_limits<int64_t>::max()
                   ? fmt::format("'{}' must be at least {}", key, range.least)
                   : fmt::format("'{}' must be between {} and {}", key, range.least, range.most));
    return fallback;
  }
  return *value;
}

std::optional<double> TomlSection::OptionalNumber(std::string_view key, NumberRange range) {
  node_->known.emplace(key);
  if (!Has(key)) return std::nullopt;
  const auto value = node_->table->get(key)->value<double>();
  if (!value || !node_->table->get(key)->is_number()) {
    Wrong(key, fmt::format("'{}' must be a number", key));
    return std::nullopt;
  }
  if (!(*value >= range.least && *value <= range.most)) {
    Wrong(key, fmt::format("'{}' must be between {} and {}", key, range.least, range.most));
    return std::nullopt;
  }
  return *value;
}

double TomlSection::Number(std::string_view key, double fallback, NumberRange range) {
  return OptionalNumber(key, range).value_or(fallback);
}

bool TomlSection::Flag(std::string_view key, bool fallback) {
  node_->known.emplace(key);
  if (!Has(key)) return fallback;
  if (const auto value = node_->table->get(key)->value_exact<bool>()) return *value;
  Wrong(key, fmt::format("'{}' must be true or false", key));
  return fallback;
}

std::vector<std::string> TomlSection::Texts(std::string_view key) {
  node_->known.emplace(key);
  std::vector<std::string> texts;
  if (!Has(key)) return texts;
  const toml::array* array = node_->table->get(key)->as_array();
  if (array == nullptr) {
    Wrong(key, fmt::format("'{}' must be a list of texts: [\"…\", \"…\"]", key));
    return texts;
  }
  for (const auto& element : *array) {
    if (const auto value = element.value_exact<std::string>()) {
      texts.push_back(*value);
    } else {
      const auto& where = element.source().begin;
      file_->state_->mistakes.push_back({static_cast<int>(where.line), static_cast<int>(where.column),
                                         fmt::format("'{}' must hold texts in quotes only", key)});
    }
  }
  return texts;
}

Bytes TomlSection::Size(std::string_view key, Bytes fallback) {
  node_->known.emplace(key);
  if (!Has(key)) return fallback;
  const auto* value = node_->table->get(key);
  if (const auto number = value->value_exact<int64_t>(); number && *number >= 0)
    return Bytes{static_cast<uint64_t>(*number)};
  if (const auto text = value->value_exact<std::string>()) {
    try {
      return ParseBytes(*text);
    } catch (const Error& problem) {
      Wrong(key, fmt::format("{} ({})", problem.what(), problem.hint()));
      return fallback;
    }
  }
  Wrong(key, fmt::format("'{}' must be a size such as \"8GB\"", key));
  return fallback;
}

TomlSection TomlSection::Section(std::string_view key) {
  node_->known.emplace(key);
  const std::string name = node_->name.empty() ? std::string(key) : fmt::format("{}.{}", node_->name, key);
  auto node = std::make_shared<Node>(Node{nullptr, name, node_->line, node_->column, {}});
  if (Has(key)) {
    const toml::node* value = node_->table->get(key);
    node->table = value->as_table();
    node->line = static_cast<int>(value->source().begin.line);
    node->column = static_cast<int>(value->source().begin.column);
    if (node->table == nullptr) Wrong(key, fmt::format("'{}' must be a table: [{}]", key, name));
  }
  file_->state_->sections.push_back(node);
  return TomlSection(file_, node);
}

std::vector<TomlSection> TomlSection::Sections(std::string_view key) {
  node_->known.emplace(key);
  std::vector<TomlSection> sections;
  if (!Has(key)) return sections;
  const toml::array* array = node_->table->get(key)->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous(toml::node_type::table))) {
    Wrong(key, fmt::format("'{}' must be a list of tables: [[{}]]", key, key));
    return sections;
  }
  for (const auto& element : *array) {
    const auto& where = element.source().begin;
    auto node = std::make_shared<Node>(Node{element.as_table(),
                                            fmt::format("{}[{}]", key, sections.size() + 1),
                                            static_cast<int>(where.line),
                                            static_cast<int>(where.column),
                                            {}});
    file_->state_->sections.push_back(node);
    sections.push_back(TomlSection(file_, node));
  }
  return sections;
}

std::vector<std::string> TomlSection::Keys() {
  std::vector<std::string> keys;
  if (node_->table == nullptr) return keys;
  for (const auto& [key, value] : *node_->table) {
    keys.emplace_back(key.str());
    node_->known.emplace(key.str());
  }
  return keys;
}

}  // namespace loco
