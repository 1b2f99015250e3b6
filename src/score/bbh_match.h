// BIG-Bench Hard: whether an answer gives the target of one of its 27 tasks.
//
//   MarkBbh(" (B)\n", "(B)").outcome == Outcome::kRight;                                  // the benchmark's own rule
//   MarkBbh("So the answer is B.", "(B)", BbhReading::kOption).outcome == Outcome::kRight;
//   MarkBbh(answer, target, *FindBbhReading("web_of_lies"));                              // kYesNo
//
// The benchmark's rule is kExact: the trimmed answer equals the target, case included. Source: Suzgun et al.,
// "Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them" (2022); with it the published answers of
// code-davinci-002 have the published accuracies.
//
// The other readings are for models that explain. An answer that is exact is right in all of them; otherwise they take
// the choice that the answer gives, from the first of these places that has one:
//   1. after the last "answer is" or "answer:" (in the last 32 KiB);
//   2. the last line, when it is a choice and nothing else;
//   3. the start, when a sign or a line break follows the choice ("Yes, because", "B) the owl");
//   4. anywhere, when one choice alone is named (options in parentheses) and nothing is denied ("not", "never", "n't").
// Without any it is unparsed. A target that is no choice of the reading needs an exact answer.
//
// It does not look at the question, so an option's text instead of its letter is not read; arithmetic and counting are
// the numeric scorer's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "score/marking.h"

namespace loco {

enum class BbhReading {
  kExact,      // the trimmed answer
  kOption,     // (A) to (Z), also A, A. and A); capital letters alone, since "a" is a word
  kYesNo,      // yes or no, in any case
  kTrueFalse,  // True or False, in any case
  kValidity,   // valid or invalid, in any case
  kWordList,   // the words in their order after the last "answer is" or colon, without commas, list numbers and quotes
};

struct BbhTask {
  const char* name;
  BbhReading reading;
};

// All tasks of the benchmark, by name.
std::span<const BbhTask> BbhTasks();
std::optional<BbhReading> FindBbhReading(std::string_view task);

// `extracted` is what was read: "(B)", "yes", "invalid", the words with a blank between them, or the trimmed answer.
Marking MarkBbh(std::string_view answer, std::string_view target, BbhReading reading = BbhReading::kExact);

}  // namespace loco
