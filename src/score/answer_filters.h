// Filters that take the answer out of what a model wrote: a list of steps, each working on what the one before left.
//
//   const AnswerFilters filters({{.kind = FilterKind::kStripThinking},
//                                {.kind = FilterKind::kLastMatch, .patterns = {"answer is (.+)", "A: (.+)"}},
//                                {.kind = FilterKind::kPlainNumber}});
//   const FilteredAnswer answer = filters.Apply("<think>18?</think>The answer is $1,234");
//   answer.text == "1234";   answer.steps[1].pattern == 0;      // which pattern fired, for an audit
//   const Vote vote = CountVotes(samples);                      // self-consistency: the answer of most samples
//
// Two sorts of steps. Selecting ones (first and last match, last line, map) need something to select: where there is
// nothing the answer is not parsed and the list ends there, unless the step is optional. Removing ones (thinking,
// fences, signs of numbers, trim, lower) always succeed; `matched` tells whether they found something to remove.
//
// Time is linear in the answer for every step but kLastMatch, whose patterns are other people's and whose matches may
// each look at all the rest of the text. It therefore searches the last 32 KiB of a longer answer, where final answers
// stand; ^ without (?m) does not match there.
//
// It does not judge the answer, knows no markup but fences, and never looks at the expected answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace loco {

enum class FilterKind {
  kFirstMatch,     // selects the first match of a pattern
  kLastMatch,      // selects the last match of a pattern
  kLastLine,       // selects the last line that is not blank, without blanks at its ends
  kMap,            // selects the table's text for this text (without blanks at its ends)
  kStripThinking,  // removes <think>…</think>, and what one of the two tags leaves open
  kStripFences,    // removes the lines ``` and ```language, and keeps what stands between them
  kPlainNumber,    // removes currency signs, and the commas of 1,234,567
  kTrim,           // removes blanks at the ends
  kLower,          // makes lower case
};

// As task files spell it: "first_match", "strip_thinking". Find returns none for an unknown name.
const char* FilterName(FilterKind kind);
std::optional<FilterKind> FindFilterKind(std::string_view name);
std::vector<std::string> FilterNames();

struct Filter {
  FilterKind kind = FilterKind::kTrim;
  std::vector<std::string> patterns = {};         // matches: RE2 patterns, tried in order until one matches
  std::optional<int> group = {};                  // matches: by default the first group, 0 (all) when there is none
  std::map<std::string, std::string> table = {};  // map
  bool optional = false;                          // selecting steps: without a match the text stays as it is
};

struct FilterStep {
  FilterKind kind = FilterKind::kTrim;
  bool matched = false;
  std::optional<size_t> pattern;  // the one that matched, by its place in the list
};

struct FilteredAnswer {
  bool parsed = true;
  std::string text;               // empty unless parsed
  std::vector<FilterStep> steps;  // those that ran; the last one is the one that failed unless parsed
};

class AnswerFilters {
 public:
  // Throws Error, naming the step, for what is no RE2 pattern, a group that a pattern lacks, a step of matches without
  // patterns and a map without a table.
  explicit AnswerFilters(std::vector<Filter> filters);

  const std::vector<Filter>& filters() const { return filters_; }
  FilteredAnswer Apply(std::string_view answer) const;

 private:
  bool SelectMatch(size_t step, std::string& text, FilterStep& report) const;
  bool Run(size_t step, std::string& text, FilterStep& report) const;

  std::vector<Filter> filters_;
  std::vector<std::vector<std::shared_ptr<const re2::RE2>>> patterns_;  // of each step
};

// The single steps. Each tells whether it found something, and leaves the text alone when not.
bool StripThinking(std::string& text);
bool StripFences(std::string& text);
bool SelectLastLine(std::string& text);
bool MakePlainNumber(std::string& text);

// The group of the first match, and of the last of the matches that follow one another without overlap; none without a
// match or when the group took no part in it. LastGroup begins `kLastMatchBytes` before the end.
inline constexpr size_t kLastMatchBytes = 32 * 1024;
std::optional<std::string> FirstGroup(const re2::RE2& pattern, int group, std::string_view text);
std::optional<std::string> LastGroup(const re2::RE2& pattern, int group, std::string_view text);

// Several samples of one question.
struct Vote {
  std::vector<std::string> leaders;  // the texts with most votes, by first sample; several: a tie
  int64_t votes = 0;                 // of each leader
  int64_t cast = 0;                  // samples that gave an answer
  int64_t samples = 0;

  bool tied() const { return leaders.size() > 1; }
  // More than half of all samples, silent ones included.
  bool majority() const { return leaders.size() == 1 && 2 * votes > samples; }
};

// Equal texts are one answer; none is a sample that was not parsed, which has no vote.
Vote CountVotes(std::span<const std::optional<std::string>> samples);

}  // namespace loco
