#include "candidate/toml_table.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/suggest.h"

namespace loco {

struct TomlTable::State {
  std::shared_ptr<const toml::table> owner;  // keeps the whole document alive
  const toml::table* table;
  Path file;
  std::vector<Diagnostic>* mistakes;
  std::vector<std::string> asked;

  const toml::node* Ask(std::string_view key) {
    if (std::find(asked.begin(), asked.end(), key) == asked.end()) asked.emplace_back(key);
    return table->get(key);
  }
  void Report(const toml::source_position& place, std::string message) {
    mistakes->push_back({file, place.line, place.column, std::move(message)});
  }
  void WrongKind(const toml::node& node, std::string_view key, std::string_view wanted) {
    Report(node.source().begin, fmt::format("'{}' must be {}", key, wanted));
  }
};

void ThrowMistakes(const std::vector<Diagnostic>& mistakes) {
  if (mistakes.empty()) return;
  std::string text;
  for (const Diagnostic& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}:{}: {}", mistake.file.string(), mistake.line, mistake.column, mistake.message);
  }
  throw Error(text, mistakes.size() == 1 ? "correct this line" : "correct these lines");
}

TomlTable::TomlTable(std::shared_ptr<State> state) : state_(std::move(state)) {}

TomlTable TomlTable::Parse(std::string_view text, const Path& file, std::vector<Diagnostic>& mistakes) {
  auto document = std::make_shared<toml::table>();
  try {
    *document = toml::parse(text, file.string());
  } catch (const toml::parse_error& error) {
    const toml::source_position place = error.source().begin;
    mistakes.push_back({file, place.line, place.column, ForTerminal(error.description())});
  }
  auto state = std::make_shared<State>();
  state->table = document.get();
  state->owner = std::move(document);
  state->file = file;
  state->mistakes = &mistakes;
  return TomlTable(std::move(state));
}

std::string TomlTable::Text(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) return "";
  if (const auto* value = node->as_string()) return value->get();
  state_->WrongKind(*node, key, "text in quotes");
  return "";
}

std::optional<uint64_t> TomlTable::Count(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_integer(); value != nullptr && value->get() >= 0) {
    return static_cast<uint64_t>(value->get());
  }
  state_->WrongKind(*node, key, "a whole number from 0");
  return std::nullopt;
}

std::optional<double> TomlTable::Number(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_floating_point()) return value->get();
  if (const auto* value = node->as_integer()) return static_cast<double>(value->get());
  state_->WrongKind(*node, key, "a number");
  return std::nullopt;
}

std::optional<bool> TomlTable::Flag(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return value->get();
  state_->WrongKind(*node, key, "true or false");
  return std::nullopt;
}

std::string TomlTable::RequiredText(std::string_view key) {
  std::string text = Text(key);
  if (text.empty() && !Has(key)) Report(key, fmt::format("'{}' is missing", key));
  return text;
}

std::optional<TomlTable> TomlTable::Child(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) return std::nullopt;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    state_->WrongKind(*node, key, "a table");
    return std::nullopt;
  }
  return TomlTable(std::make_shared<State>(State{state_->owner, table, state_->file, state_->mistakes, {}}));
}

std::vector<TomlTable> TomlTable::Children(std::string_view key) {
  const toml::node* node = state_->Ask(key);
  std::vector<TomlTable> children;
  if (node == nullptr) return children;
  const toml::array* array = node->as_array();
  if (array == nullptr) state_->WrongKind(*node, key, fmt::format("a list of tables: write [[{}]]", key));
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const toml::node& element = *array->get(i);
    if (const toml::table* table = element.as_table()) {
      children.push_back(
          TomlTable(std::make_shared<State>(State{state_->owner, table, state_->file, state_->mistakes, {}})));
    } else {
      state_->WrongKind(element, key, fmt::format("a list of tables: write [[{}]]", key));
    }
  }
  return children;
}

bool TomlTable::Has(std::string_view key) const { return state_->table->get(key) != nullptr; }

size_t TomlTable::line() const { return state_->table->source().begin.line; }

void TomlTable::Report(std::string_view key, std::string message) {
  const toml::node* node = state_->table->get(key);
  state_->Report(node == nullptr ? state_->table->source().begin : node->source().begin, std::move(message));
}

void TomlTable::Finish() {
  for (const auto& [key, node] : *state_->table) {
    const std::string name(key.str());
    if (std::find(state_->asked.begin(), state_->asked.end(), name) != state_->asked.end()) continue;
    std::string message = fmt::format("unknown key '{}'", ForTerminal(name));
    if (const auto nearest = Nearest(name, state_->asked)) message += fmt::format("; did you mean '{}'?", *nearest);
    state_->Report(key.source().begin, std::move(message));
  }
}

}  // namespace loco
