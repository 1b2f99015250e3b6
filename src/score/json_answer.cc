#include "score/json_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/diagnostic.h"
#include "base/error.h"

namespace loco {
namespace {

constexpr const char* kNoJson = "no JSON";
constexpr int kMostBeginnings = 64;

// Builds the value from the parser's events, without recursion, and refuses what the library lets pass.
class StrictBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  nlohmann::json root;
  std::string reason;
  size_t byte = 0;

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == std::string::npos) return Refuse("an integer is beyond 64 bits");
    return Add(value);
  }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Refuse(kNoJson); }
  bool start_object(size_t) override { return Open(nlohmann::json::object()); }
  bool start_array(size_t) override { return Open(nlohmann::json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name)) return Refuse(fmt::format("the key {} stands twice", QuotedWord(name)));
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& problem) override {
    byte = position == 0 ? 0 : position - 1;
    return Refuse(problem.id == 406 ? "a number is too large" : kNoJson);
  }

 private:
  bool Refuse(std::string why) {
    if (reason.empty()) reason = std::move(why);
    return false;
  }
  nlohmann::json* Place(nlohmann::json value) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    return &((*open_.back())[key_] = std::move(value));
  }
  bool Add(nlohmann::json value) {
    Place(std::move(value));
    return true;
  }
  bool Open(nlohmann::json value) {
    if (open_.size() == kDeepestJson) return Refuse(fmt::format("nested more than {} deep", kDeepestJson));
    open_.push_back(Place(std::move(value)));  // a container does not grow while one of its values is open
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  std::vector<nlohmann::json*> open_;
  std::string key_;
};

std::string_view TrimJsonBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The contents of blocks between lines that begin with ``` or ~~~.
std::vector<std::string_view> FencedBlocks(std::string_view answer) {
  std::vector<std::string_view> blocks;
  size_t begin = std::string_view::npos;  // of the open block
  char mark = 0;
  for (size_t i = 0; i < answer.size();) {
    const size_t end = std::min(answer.find('\n', i), answer.size());
    const std::string_view line = TrimJsonBlanks(answer.substr(i, end - i));
    if (line.starts_with("```") || line.starts_with("~~~")) {
      if (begin == std::string_view::npos) {
        mark = line[0];
        begin = std::min(end + 1, answer.size());
      } else if (line[0] == mark) {
        blocks.push_back(answer.substr(begin, i - begin));
        begin = std::string_view::npos;
      }
    }
    i = end + 1;
  }
  if (begin != std::string_view::npos) blocks.push_back(answer.substr(begin));
  return blocks;
}

// The object that begins at the { at the front, up to the } that closes it; empty when nothing does.
std::string_view ObjectAtFront(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return "";
}

// Keeps the first reason that says more than that there is none.
void Note(std::string& reason, const std::string& why) {
  if (reason.empty() || reason == kNoJson) reason = why;
}

// Calls found(object) for every object in the text. What lies within braces that are refused is no answer either: the
// inner object of a broken or unfinished one is a part of what was meant.
template <typename Found>
void FindObjects(std::string_view text, std::string& reason, Found&& found) {
  int beginnings = 0;
  for (size_t i = text.find('{'); i != std::string_view::npos && beginnings < kMostBeginnings; i = text.find('{', i)) {
    ++beginnings;
    const std::string_view object = ObjectAtFront(text.substr(i));
    if (object.empty()) {
      const size_t next = text.find_first_not_of(" \t\r\n", i + 1);
      const bool like_json = next != std::string_view::npos && text[next] == '"';
      if (like_json) return Note(reason, "an object is not closed");
      ++i;
      continue;
    }
    StrictJson parsed = ParseStrictJson(object);
    if (parsed.valid) {
      found(FoundJson{std::move(parsed.value), object});
    } else {
      Note(reason, parsed.reason);
    }
    i += object.size();
  }
}

}  // namespace

StrictJson ParseStrictJson(std::string_view text) {
  StrictBuilder builder;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    return {.valid = true, .value = std::move(builder.root)};
  return {.reason = builder.reason, .byte = std::min(builder.byte, text.size())};
}

const char* NameOf(JsonPlace place) {
  switch (place) {
    case JsonPlace::kNone:
      return "none";
    case JsonPlace::kBare:
      return "bare";
    case JsonPlace::kFenced:
      return "fenced";
    case JsonPlace::kInProse:
      return "in prose";
  }
  LOCO_CHECK(false);
}

JsonAnswer FindJson(std::string_view answer) {
  StrictJson whole = ParseStrictJson(answer);
  if (whole.valid) return {.place = JsonPlace::kBare, .found = {std::move(whole.value), answer}};
  JsonAnswer result;
  for (const std::string_view block : FencedBlocks(answer)) {
    StrictJson parsed = ParseStrictJson(block);
    if (parsed.valid) {
      result.place = JsonPlace::kFenced;
      result.found = {std::move(parsed.value), block};
      break;
    }
    if (TrimJsonBlanks(block).starts_with('{')) Note(result.reason, parsed.reason);
  }
  Note(result.reason, whole.reason);
  FindObjects(answer, result.reason, [&](FoundJson found) {
    if (result.place == JsonPlace::kNone) {
      result.place = JsonPlace::kInProse;
      result.found = std::move(found);
    } else if (found.text.data() < result.found.text.data() ||
               found.text.data() >= result.found.text.data() + result.found.text.size()) {
      result.others.push_back(std::move(found));
    }
  });
  if (result.place != JsonPlace::kNone) result.reason.clear();
  return result;
}

std::string JsonPointerStep(std::string_view name) {
  std::string text = "/";
  for (const char c : name) text += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return text;
}

bool IsTooDeep(const nlohmann::json& value, int levels) {
  if (!value.is_structured()) return false;
  if (levels == 0) return true;
  return std::any_of(value.begin(), value.end(),
                     [=](const nlohmann::json& member) { return IsTooDeep(member, levels - 1); });
}

std::string CanonicalJson(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::object: {
      std::string text = "{";
      for (const auto& [name, member] : value.items())
        text += nlohmann::json(name).dump() + ':' + CanonicalJson(member) + ',';
      return text + '}';
    }
    case nlohmann::json::value_t::array: {
      std::string text = "[";
      for (const nlohmann::json& member : value) text += CanonicalJson(member) + ',';
      return text + ']';
    }
    case nlohmann::json::value_t::number_float: {
      const double number = value.get<double>();
      // Above 2^53 doubles are no longer next to each other; as integers they would equal what they are not.
      if (number == std::floor(number) && std::fabs(number) <= 9007199254740992.0) {
        return std::to_string(static_cast<int64_t>(number));
      }
      return value.dump();
    }
    case nlohmann::json::value_t::null:
    case nlohmann::json::value_t::string:
    case nlohmann::json::value_t::boolean:
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
    case nlohmann::json::value_t::binary:
    case nlohmann::json::value_t::discarded:
      break;
  }
  return value.dump();
}

}  // namespace loco
