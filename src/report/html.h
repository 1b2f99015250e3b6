// The decision as one self-contained HTML page: no script, no network, light and dark, prints well.
//
//   WriteFileAtomically("report.html", DecisionHtml(decision, {.date = "2026-11-21", .samples = samples}));
//
// Everything that a file or a model wrote goes through ForHtml, and a content-security policy forbids every script,
// image, font, form and connection; the one style sheet is allowed by its hash. What a browser shows is what the
// decision says: the page computes nothing.
#pragma once

#include <string>
#include <vector>

#include "decide/decide.h"

namespace loco {

// One raw answer to look at. All texts are hostile.
struct AnswerSample {
  std::string candidate;  // id
  std::string task;
  std::string item;
  std::string prompt;  // what was asked, as the model saw it or as the user message
  std::string answer;  // raw
  std::string expected;
  std::string extracted;  // what the scorer read
  Outcome outcome = Outcome::kWrong;
  RowRef row;  // the answer
};

struct ReportContent {
  std::string date;      // "2026-11-21"
  std::string decision;  // its row: "decision-7"
  std::string program;   // "loco 0.1.0, llama.cpp v0.5.0"
  std::vector<AnswerSample> samples;
};

std::string DecisionHtml(const Decision& decision, const ReportContent& content);

}  // namespace loco
