// Checks one answer against assertions that a person wrote for it: "contains this", "is JSON", "at most 50 words".
//
//   std::vector<SchemaProblem> problems;
//   const auto assertions = ReadAssertions(json, problems);
//       // [{"assert": "icontains", "value": "paris"}, {"assert": "not-regex", "value": "(?i)sorry", "weight": 2}]
//   const AssertionResult result = CheckAssertions(assertions, "The capital is Paris.");
//   result.holds;    // all of them
//   result.share;    // of the weight that holds: 1
//   result.failed;   // {"not-regex '(?i)sorry'"} where that one does not
//
//   assert                                           what it says of the answer
//   contains, icontains                              "value" TEXT stands in it
//   contains-any, contains-all, icontains-any, …     one of, all of "value" TEXTS
//   equals, iequals                                  it is "value" TEXT
//   starts-with, istarts-with, ends-with, iends-with begins, ends with "value" TEXT
//   regex                                            "value", an RE2 pattern, matches somewhere
//   number                                           its last number is "value", give or take "tolerance" (0)
//   word-count, length, line-count                   from "min" to "max" (one of them may be missing) words: pieces
//                                                    between blanks that have a letter or digit; characters: Unicode
//                                                    code points; lines that are not blank
//   is-json                                          it is one JSON value and nothing else, which keeps "schema"
//
// The answer is read without the blanks at its ends. An `i` in front ignores case as Unicode folds it (fold.h), "ß" as
// "ss". `not-` in front of any of them turns it round: where it holds, the other does not. "weight" is 1 unless it says
// more; it counts in the share only.
//
// Assertions are read once, with every problem named: also those that every answer or none would pass, such as an
// empty text, a pattern that matches anything or a "min" above "max". Any bytes are an answer; the time is linear in
// them, times the assertions.
//
// It deliberately asks no model and runs nothing, and does not look for JSON within other words: a task's filters cut
// that out first.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "score/json_schema.h"

namespace loco {

enum class AssertionTest {
  kContainsAny,
  kContainsAll,
  kEquals,
  kStartsWith,
  kEndsWith,
  kRegex,
  kNumber,
  kWordCount,
  kLength,
  kLineCount,
  kIsJson,
};

struct Assertion {
  std::string label;  // "not-contains 'sorry'"
  AssertionTest test = AssertionTest::kContainsAll;
  bool negated = false;
  double weight = 1;

  std::vector<std::string> texts;  // case-folded where `folds`
  bool folds = false;
  std::shared_ptr<const re2::RE2> pattern;
  double number = 0;
  double tolerance = 0;
  size_t min = 0;
  std::optional<size_t> max;
  JsonSchema schema;
};

// Appends what is wrong, with its place in `value`; with problems, what comes back is not to be used.
std::vector<Assertion> ReadAssertions(const nlohmann::json& value, std::vector<SchemaProblem>& problems);

struct AssertionResult {
  bool holds = false;               // every one does
  double share = 0;                 // 0 to 1
  std::vector<std::string> failed;  // labels, in order
};

// There must be an assertion.
AssertionResult CheckAssertions(const std::vector<Assertion>& assertions, std::string_view answer);

// All names without `not-`, in the order above.
std::vector<std::string> AssertionNames();

}  // namespace loco
