// The decision as a Markdown record that a team can commit beside its code: question, answer, evidence, doubt.
//
//   WriteFileAtomically("decisions/2026-11-21-demo.md", DecisionMarkdown(decision, {.date = "2026-11-21"}));
//
// Names and values of files are escaped for Markdown and HTML. It deliberately leaves out raw answers: they are in the
// HTML report and in the store.
#pragma once

#include <string>

#include "decide/decide.h"

namespace loco {

struct RecordHead {
  std::string date;      // "2026-11-21"
  std::string decision;  // its row: "decision-7"
  std::string program;   // "loco 0.1.0, llama.cpp v0.5.0"
};

std::string DecisionMarkdown(const Decision& decision, const RecordHead& head);

}  // namespace loco
