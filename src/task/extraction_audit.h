// Would another reading of an answer have changed its mark? For people who check by hand what a score rests on.
//
//   for (const Reading& reading : OtherReadings(task, item, answer.text)) …   // {"last line", "42", kRight}
//   const Extraction extraction = ExplainExtraction(task, answer.text);       // which filter, which pattern, what it
//   took
//
// Harnesses disagree about the same answers because they look in different places: the whole text, its last line, what
// follows the last "answer", what stands in bold or in \boxed{}. Each of these is marked by the task's scorer; readings
// that lead to another outcome than the task's own point at answers worth a look. None of them is used for a score.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "task/task.h"

namespace loco {

struct Reading {
  std::string rule;  // "last line"
  std::string text;  // what it takes; hostile
  Outcome outcome = Outcome::kWrong;
};

// Readings that find something and are not what the task's own filters leave. Empty for scorers that read no text.
std::vector<Reading> OtherReadings(const Task& task, const Item& item, std::string_view answer);

struct Extraction {
  std::vector<std::string> steps;  // "last_match, pattern 2", "strip_thinking: nothing to remove"
  std::string text;                // what the scorer is given; hostile
  bool parsed = true;
};

Extraction ExplainExtraction(const Task& task, std::string_view answer);

}  // namespace loco
