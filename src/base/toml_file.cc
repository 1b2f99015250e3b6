#include "base/toml_file.h"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.h"
#include "base/hostile_text.h"

namespace loco {

struct TomlTable::Node {
  TomlFile::State* file;
  const toml::table* table;  // null: the table is absent
  std::string name;          // "[prompt]", "[[candidate]]"; empty for the root
  toml::source_position place;
  std::vector<std::string> known;

  // The value of a key, which is known from now on; null when it is absent.
  const toml::node* Ask(std::string_view key) {
    if (std::find(known.begin(), known.end(), key) == known.end()) known.emplace_back(key);
    return table == nullptr ? nullptr : table->get(key);
  }
  template <typename Work>
  void EachElement(std::string_view key, std::string_view kind, const Work& work);
  std::optional<int64_t> IntegerOf(const toml::node& value, std::string_view key, IntegerRange range);
  std::optional<double> NumberOf(const toml::node& value, std::string_view key, NumberRange range);
  void Complain(const toml::source_position& where, std::string message) const;
  void ComplainOfKind(const toml::node& value, std::string_view key, std::string_view wanted) const;
  std::string In() const { return name.empty() ? "" : " in " + name; }
};

struct TomlFile::State {
  Path path;
  std::vector<Diagnostic>* mistakes;
  size_t first_mistake;  // of this file
  bool is_toml = true;
  toml::table table;
  std::deque<TomlTable::Node> nodes;  // a deque: handles point into it

  TomlTable::Node* Add(const toml::table* found, std::string name, const toml::source_position& place) {
    nodes.push_back({this, found, std::move(name), place, {}});
    return &nodes.back();
  }
};

namespace {

std::string_view KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time (put it in quotes)";
  }
  return "something else";
}

// "between 1 and 9", or "at least 1" when there is no upper end.
template <typename Number, typename Range>
std::string InWords(const Range& range) {
  if (range.most >= std::numeric_limits<Number>::max()) return fmt::format("at least {}", range.least);
  return fmt::format("between {} and {}", range.least, range.most);
}

}  // namespace

void TomlTable::Node::Complain(const toml::source_position& where, std::string message) const {
  file->mistakes->push_back({file->path, where.line, where.column, std::move(message)});
}

void TomlTable::Node::ComplainOfKind(const toml::node& value, std::string_view key, std::string_view wanted) const {
  Complain(value.source().begin, fmt::format("'{}' must be {}, not {}", key, wanted, KindOf(value)));
}

bool TomlTable::present() const { return node_->table != nullptr; }
bool TomlTable::Has(std::string_view key) const { return present() && node_->table->contains(key); }
size_t TomlTable::line() const { return node_->place.line; }
size_t TomlTable::column() const { return node_->place.column; }

void TomlTable::Wrong(std::string_view key, std::string message) {
  node_->Complain(Has(key) ? node_->table->get(key)->source().begin : node_->place, std::move(message));
}

std::optional<std::string> TomlTable::Text(std::string_view key) {
  const toml::node* value = node_->Ask(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = value->as_string()) return text->get();
  node_->ComplainOfKind(*value, key, "a text in quotes");
  return std::nullopt;
}

bool TomlTable::IsText(std::string_view key, std::string_view word) {
  const toml::node* value = node_->Ask(key);
  return value != nullptr && value->is_string() && value->as_string()->get() == word;
}

std::string TomlTable::RequiredText(std::string_view key) {
  std::optional<std::string> text = Text(key);
  if (!Has(key)) Wrong(key, fmt::format("'{}' is missing{}", key, node_->In()));
  return std::move(text).value_or("");
}

template <typename Work>
void TomlTable::Node::EachElement(std::string_view key, std::string_view kind, const Work& work) {
  const toml::node* value = Ask(key);
  if (value == nullptr) return;
  const toml::array* array = value->as_array();
  if (array == nullptr) return ComplainOfKind(*value, key, kind);
  for (const toml::node& element : *array) work(element);
}

std::optional<int64_t> TomlTable::Integer(std::string_view key, IntegerRange range) {
  const toml::node* value = node_->Ask(key);
  return value == nullptr ? std::nullopt : node_->IntegerOf(*value, key, range);
}

std::vector<int64_t> TomlTable::Integers(std::string_view key, IntegerRange range) {
  std::vector<int64_t> numbers;
  node_->EachElement(key, "a list of whole numbers: [200, 400]", [&](const toml::node& element) {
    if (const auto number = node_->IntegerOf(element, key, range)) numbers.push_back(*number);
  });
  return numbers;
}

std::vector<double> TomlTable::Numbers(std::string_view key, NumberRange range) {
  std::vector<double> numbers;
  node_->EachElement(key, "a list of numbers: [0.1, 0.3]", [&](const toml::node& element) {
    if (const auto number = node_->NumberOf(element, key, range)) numbers.push_back(*number);
  });
  return numbers;
}

std::optional<int64_t> TomlTable::Node::IntegerOf(const toml::node& value, std::string_view key, IntegerRange range) {
  const auto* integer = value.as_integer();
  if (integer == nullptr) {
    ComplainOfKind(value, key, "a whole number");
    return std::nullopt;
  }
  if (range.least <= integer->get() && integer->get() <= range.most) return integer->get();
  Complain(value.source().begin,
           fmt::format("'{}' is {}, but must be {}", key, integer->get(), InWords<int64_t>(range)));
  return std::nullopt;
}

std::optional<uint64_t> TomlTable::Count(std::string_view key) {
  const auto integer = Integer(key, {.least = 0});
  return integer ? std::optional<uint64_t>(static_cast<uint64_t>(*integer)) : std::nullopt;
}

std::optional<double> TomlTable::Number(std::string_view key, NumberRange range) {
  const toml::node* value = node_->Ask(key);
  return value == nullptr ? std::nullopt : node_->NumberOf(*value, key, range);
}

std::optional<double> TomlTable::Node::NumberOf(const toml::node& value, std::string_view key, NumberRange range) {
  const auto* integer = value.as_integer();
  const auto* floating = value.as_floating_point();
  if (integer == nullptr && floating == nullptr) {
    ComplainOfKind(value, key, "a number");
    return std::nullopt;
  }
  const double number = integer != nullptr ? static_cast<double>(integer->get()) : floating->get();
  if (!std::isfinite(number)) {
    Complain(value.source().begin, fmt::format("'{}' must be a finite number", key));
    return std::nullopt;
  }
  if (range.least <= number && number <= range.most) return number;
  Complain(value.source().begin, fmt::format("'{}' is {}, but must be {}", key, number, InWords<double>(range)));
  return std::nullopt;
}

std::optional<bool> TomlTable::Flag(std::string_view key) {
  const toml::node* value = node_->Ask(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* flag = value->as_boolean()) return flag->get();
  node_->ComplainOfKind(*value, key, "true or false");
  return std::nullopt;
}

std::optional<Bytes> TomlTable::Size(std::string_view key) {
  const toml::node* value = node_->Ask(key);
  if (value == nullptr) return std::nullopt;
  const std::string number = value->is_integer() ? std::to_string(value->as_integer()->get()) : "";
  const auto* text = value->as_string();
  if (text == nullptr && number.empty()) {
    Wrong(key, fmt::format("'{}' must be a size such as \"8GB\"", key));
    return std::nullopt;
  }
  try {
    return ParseMemorySize(number.empty() ? text->get() : number);
  } catch (
      const Error& problem) {  // one mistake among others here, with the place that the parser of sizes cannot know
    Wrong(key, fmt::format("'{}': {} ({})", key, problem.what(), problem.hint()));
    return std::nullopt;
  }
}

std::vector<std::string> TomlTable::Texts(std::string_view key) {
  std::vector<std::string> texts;
  node_->EachElement(key, "a list of texts: [\"…\", \"…\"]", [&](const toml::node& element) {
    if (const auto* text = element.as_string()) {
      texts.push_back(text->get());
    } else {
      node_->ComplainOfKind(element, key, "a list of texts in quotes");
    }
  });
  return texts;
}

std::optional<size_t> TomlTable::OneOf(std::string_view key, const std::vector<std::string>& names) {
  const auto word = Text(key);
  if (!word) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), *word);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  Wrong(key, fmt::format("unknown {} {}; {}", key, QuotedWord(*word), SuggestWord(*word, names)));
  return std::nullopt;
}

std::vector<size_t> TomlTable::EachOneOf(std::string_view key, const std::vector<std::string>& names) {
  std::vector<size_t> indices;
  const std::vector<std::string> words = Texts(key);
  for (const std::string& word : words) {
    const auto found = std::find(names.begin(), names.end(), word);
    if (found != names.end()) {
      indices.push_back(static_cast<size_t>(found - names.begin()));
    } else {
      Wrong(key, fmt::format("unknown word {} in '{}'; {}", QuotedWord(word), key, SuggestWord(word, names)));
    }
  }
  return indices;
}

TomlTable TomlTable::Table(std::string_view key) {
  const toml::node* value = node_->Ask(key);
  // "[score.normalize]" inside "[score]"; the tables of an array are not numbered, their lines say which is meant.
  const bool nested = node_->name.starts_with('[') && !node_->name.starts_with("[[");
  std::string name =
      nested ? fmt::format("{}.{}]", node_->name.substr(0, node_->name.size() - 1), key) : fmt::format("[{}]", key);
  if (value == nullptr) return TomlTable(node_->file->Add(nullptr, std::move(name), node_->place));
  if (!value->is_table()) node_->ComplainOfKind(*value, key, fmt::format("a table: {}", name));
  return TomlTable(node_->file->Add(value->as_table(), std::move(name), value->source().begin));
}

std::vector<TomlTable> TomlTable::Tables(std::string_view key) {
  std::vector<TomlTable> tables;
  const toml::node* value = node_->Ask(key);
  if (value == nullptr) return tables;
  const toml::array* array = value->as_array();
  if (array == nullptr) {
    node_->ComplainOfKind(*value, key, fmt::format("a list of tables: write [[{}]] above each", key));
    return tables;
  }
  for (const toml::node& element : *array) {
    if (const toml::table* table = element.as_table()) {
      tables.push_back(TomlTable(node_->file->Add(table, fmt::format("[[{}]]", key), element.source().begin)));
    } else {
      node_->ComplainOfKind(element, key, fmt::format("a list of tables: write [[{}]] above each", key));
    }
  }
  return tables;
}

std::vector<std::string> TomlTable::Keys() {
  std::vector<std::string> keys;
  if (!present()) return keys;
  for (const auto& [key, value] : *node_->table) {
    keys.emplace_back(key.str());
    node_->Ask(key.str());
  }
  return keys;
}

TomlFile::TomlFile(const Path& path, std::string_view text, std::vector<Diagnostic>& mistakes)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->mistakes = &mistakes;
  state_->first_mistake = mistakes.size();
  try {
    state_->table = toml::parse(text, path.string());
  } catch (const toml::parse_error& problem) {  // the library stops at the first; the place is what it knows
    const toml::source_position place = problem.source().begin;
    mistakes.push_back({path, place.line, place.column, ForTerminal(problem.description())});
    state_->is_toml = false;
  }
}

TomlFile::~TomlFile() = default;

bool TomlFile::is_toml() const { return state_->is_toml; }

TomlTable TomlFile::root() { return TomlTable(state_->Add(&state_->table, "", {1, 1})); }

void TomlFile::Finish() {
  if (!state_->is_toml) {
    // Whatever else was found missing follows from that.
    state_->mistakes->resize(state_->first_mistake + 1);
    return;
  }
  for (const TomlTable::Node& node : state_->nodes) {
    if (node.table == nullptr) continue;
    for (const auto& [key, value] : *node.table) {
      if (std::find(node.known.begin(), node.known.end(), key.str()) != node.known.end()) continue;
      node.Complain(key.source().begin, fmt::format("unknown key {}{}; {}", QuotedWord(key.str()), node.In(),
                                                    SuggestWord(key.str(), node.known)));
    }
  }
  SortByPlace(*state_->mistakes, state_->first_mistake);
}

}  // namespace loco
