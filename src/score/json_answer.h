// The JSON of an answer that a model wrote: found, and read strictly.
//
//   const JsonAnswer answer = FindJson("Sure!\n```json\n{\"commands\": []}\n```");
//   answer.place;              // JsonPlace::kFenced
//   answer.found.value["commands"];
//   FindJson("{\"a\": 1, \"a\": 2}").reason;   // "the key 'a' stands twice"
//
// Where it is looked for, in this order: the answer as a whole; the fenced blocks; then every outermost { … } of the
// text. The first that is JSON counts, and the others are kept, because a program that acts on answers may pick another
// one. The inner object of a broken or unfinished one never counts.
//
// Refused, besides what is no JSON (NaN, comments, trailing commas, invalid UTF-8): keys that stand twice, since
// readers disagree on which counts; more than 64 levels, since many readers recurse; integers beyond 64 bits and
// numbers beyond a double, since readers round them differently.
//
// It deliberately repairs nothing: an answer that a strict reader refuses would have failed its user. Any bytes are an
// input; the time is linear in them (at most 64 beginnings are tried within a text).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

struct StrictJson {
  bool valid = false;
  nlohmann::json value;
  std::string reason;  // when not valid; hostile
  size_t byte = 0;     // where, from 0, as far as that is known
};

// The whole text is one JSON value, with blanks around it at most.
StrictJson ParseStrictJson(std::string_view text);

enum class JsonPlace {
  kNone,
  kBare,     // the answer is the JSON
  kFenced,   // in a fenced block
  kInProse,  // between other words
};

// "none", "bare", "fenced", "in prose".
const char* NameOf(JsonPlace place);

struct FoundJson {
  nlohmann::json value;
  std::string_view text;  // the part of the answer that it is; knows the order in which fields were written
};

struct JsonAnswer {
  JsonPlace place = JsonPlace::kNone;
  FoundJson found;
  std::vector<FoundJson> others;  // further objects of the answer
  std::string reason;             // why there is none
};

JsonAnswer FindJson(std::string_view answer);

// What is deeper is refused everywhere: code that walks values recurses.
constexpr int kDeepestJson = 64;
bool IsTooDeep(const nlohmann::json& value, int levels = kDeepestJson);

// "/" and the name of a field as JSON pointers write it. Source: RFC 6901.
std::string JsonPointerStep(std::string_view name);

// Values that JSON Schema calls equal have the same text: keys sorted, 1.0 as 1.
std::string CanonicalJson(const nlohmann::json& value);

}  // namespace loco
