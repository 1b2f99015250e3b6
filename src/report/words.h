// Numbers as words, the same in terminal, Markdown and HTML: "41.4 %", "[39.2, 43.7]", "−0.8", "12 ms".
//
// A minus is the typographic one (U+2212), as wide as the plus. A share that rounds to 0 or 100 but is not says
// "< 1 %" or "> 99 %". Nothing here escapes: the texts contain digits and units only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "decide/decide.h"

namespace loco {

std::string PercentWords(double share);                 // "41.4 %"
std::string PercentInterval(const Interval& interval);  // "[39.2, 43.7]", in points
std::string SignedWords(double value);                  // "+3.2", "−0.8", "0.0"
std::string SignedPoints(double share);                 // "+3.2", "−0.8", "0.0"
std::string SignedInterval(const Interval& interval);   // "[−1.6, +0.1]"
std::string ShareWords(double share);                   // "91 %", "< 1 %"
std::string SecondsWords(double seconds);               // "12 ms", "0.81 s", "14 s"
std::string SpeedWords(double tokens_per_second);       // "412 tok/s", "14.2 tok/s"
std::string SpeedInterval(const Interval& interval);    // "[400, 1,025]", "[13.9, 14.4]"
std::string PWords(double p);                           // "p = .14", "p < .001"

// What is known of a candidate's speed and memory, in one line; empty when nothing was measured.
std::string PracticalWords(const Practical& practical);

// "chosen in 91 % of resamples; pocket-l in 9 %": everyone with at least 1 %.
std::string StabilityWords(const Decision& decision);

// "at a margin of 1 point: pocket-l; from 10 points: pocket-xs"; empty when no margin changes the choice.
std::string MarginWords(const Decision& decision);

// "pocket-m Q4_K_M"
std::string FullName(const CandidateSummary& candidate);

// Indices of scored candidates, best score first.
std::vector<size_t> ByScore(const Decision& decision);

// "400 examples, 3 seeds: 61.2 to 63.0 · 32 s · peak 61 MB", of the last rung.
std::string TuningWords(const Tuning& tuning);

// Step 4, a row for every training run of every candidate, in the order of the policy. Names are as the policy has
// them, not yet safe for where they will be shown. No rows: nothing was trained.
struct CellTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> numbers;  // columns that are numbers
};
CellTable TuningTable(const std::vector<CandidateSummary>& candidates);

}  // namespace loco
