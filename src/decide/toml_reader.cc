#include "decide/toml_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/suggest.h"

namespace loco {
namespace {

// Words of the file inside our messages: short, and with nothing that steers a terminal.
std::string Quoted(std::string_view word) { return fmt::format("'{}'", Shorten(ForTerminal(word), 60)); }

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time (put it in quotes)";
  }
  return "something else";
}

}  // namespace

void TomlReader::ExpectKeys(const toml::table& table, std::string_view section, const std::vector<std::string>& known) {
  for (const auto& [key, node] : table) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
    const auto nearest = Nearest(key.str(), known);
    Complain(key.source(), "unknown key {} in {}; {}", Quoted(key.str()), section,
             nearest ? fmt::format("did you mean '{}'?", *nearest) : fmt::format("known: {}", fmt::join(known, ", ")));
  }
}

std::optional<std::string> TomlReader::Text(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* text = node->as_string()) return text->get();
  ComplainOfType(*node, key, "text");
  return std::nullopt;
}

std::optional<double> TomlReader::Number(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* number = node->as_floating_point(); number != nullptr && std::isfinite(number->get())) {
    return number->get();
  }
  if (const auto* integer = node->as_integer()) return static_cast<double>(integer->get());
  ComplainOfType(*node, key, "a finite number");
  return std::nullopt;
}

std::optional<int64_t> TomlReader::Integer(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* integer = node->as_integer()) return integer->get();
  ComplainOfType(*node, key, "an integer");
  return std::nullopt;
}

std::optional<bool> TomlReader::Flag(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* flag = node->as_boolean()) return flag->get();
  ComplainOfType(*node, key, "true or false");
  return std::nullopt;
}

std::optional<Bytes> TomlReader::Size(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* integer = node->as_integer(); integer != nullptr && integer->get() >= 0) {
    return Bytes{static_cast<uint64_t>(integer->get())};
  }
  const auto* text = node->as_string();
  if (text == nullptr) {
    ComplainOfType(*node, key, "a size such as \"8GB\"");
    return std::nullopt;
  }
  try {
    return ParseBytes(text->get());
  } catch (const Error& error) {  // one mistake among others here, with the place that ParseBytes cannot know
    Complain(node->source(), "'{}': {}", key, error.what());
    return std::nullopt;
  }
}

std::vector<std::string> TomlReader::Texts(const toml::table& table, std::string_view key) {
  std::vector<std::string> texts;
  const toml::node* node = table.get(key);
  if (node == nullptr) return texts;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    ComplainOfType(*node, key, "a list of texts");
    return texts;
  }
  for (const toml::node& element : *array) {
    if (const auto* text = element.as_string()) {
      texts.push_back(text->get());
    } else {
      ComplainOfType(element, key, "a list of texts");
    }
  }
  return texts;
}

const toml::table* TomlReader::Table(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) ComplainOfType(*node, key, "a table");
  return node->as_table();
}

std::vector<const toml::table*> TomlReader::Tables(const toml::table& table, std::string_view key) {
  std::vector<const toml::table*> tables;
  const toml::node* node = table.get(key);
  if (node == nullptr) return tables;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    Complain(node->source(), "'{}' must be a list of tables: write [[{}]] above each", key, key);
    return tables;
  }
  for (const toml::node& element : *array) {
    if (const toml::table* one = element.as_table()) {
      tables.push_back(one);
    } else {
      ComplainOfType(element, key, "a list of tables");
    }
  }
  return tables;
}

std::optional<double> TomlReader::NumberIn(const toml::table& table, std::string_view key, double low, double high) {
  const auto number = Number(table, key);
  if (!number || (low <= *number && *number <= high)) return number;
  Complain(table.get(key)->source(), "'{}' is {}, but must lie between {} and {}", key, *number, low, high);
  return std::nullopt;
}

std::optional<int64_t> TomlReader::IntegerIn(const toml::table& table, std::string_view key, int64_t low,
                                             int64_t high) {
  const auto integer = Integer(table, key);
  if (!integer || (low <= *integer && *integer <= high)) return integer;
  Complain(table.get(key)->source(), "'{}' is {}, but must lie between {} and {}", key, *integer, low, high);
  return std::nullopt;
}

std::optional<size_t> TomlReader::OneOf(const toml::table& table, std::string_view key,
                                        const std::vector<std::string>& names) {
  const auto word = Text(table, key);
  if (!word) return std::nullopt;
  return IndexOf(table.get(key)->source(), *word, key, names);
}

std::optional<size_t> TomlReader::IndexOf(const toml::source_region& where, std::string_view word,
                                          std::string_view what, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  const auto nearest = Nearest(word, names);
  Complain(where, "{} is no {}; {}", Quoted(word), what,
           nearest ? fmt::format("did you mean '{}'?", *nearest) : fmt::format("known: {}", fmt::join(names, ", ")));
  return std::nullopt;
}

void TomlReader::ComplainOfType(const toml::node& node, std::string_view key, std::string_view wanted) {
  Complain(node.source(), "'{}' must be {}, not {}", key, wanted, TypeName(node));
}

}  // namespace loco
