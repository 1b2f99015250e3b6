// The decision in the terminal: the answer first, the doubt beside the number, the next command at the end.
//
//   std::string text = DecisionText(decision, {.colour = IsTerminal(1), .width = 100},
//                                   {.decision = "decision-7", .files = {"decisions/2026-11-21-demo.md",
//                                   "report.html"}});
//
// Returns the text; printing is the command line's. Every name and value that a file or a model may have written goes
// through ForTerminal. Colour carries nothing that the words do not, and no line is wider than `width` unless one word
// alone is. Details stand in the record files, so that nothing a person needs scrolls away.
#pragma once

#include <string>
#include <vector>

#include "decide/decide.h"

namespace loco {

struct Style {
  bool colour = false;
  size_t width = 100;  // columns
};

struct DecisionLinks {
  std::string decision;            // its row: "decision-7"
  std::vector<std::string> files;  // where the record and the report lie
};

std::string DecisionText(const Decision& decision, const Style& style, const DecisionLinks& links = {});

// The parts, for a command that shows the steps as they end, or the filter alone.
std::string FunnelText(const Decision& decision, const Style& style);
std::string FilterText(const Decision& decision, const Style& style);

}  // namespace loco
