#include "score/answer_filters.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>

#include "base/diagnostic.h"
#include "base/error.h"
#include "score/fold.h"

namespace loco {
namespace {

struct NamedFilter {
  FilterKind kind;
  const char* name;
};

constexpr std::array<NamedFilter, 9> kFilters = {{
    {FilterKind::kFirstMatch, "first_match"},
    {FilterKind::kLastMatch, "last_match"},
    {FilterKind::kLastLine, "last_line"},
    {FilterKind::kMap, "map"},
    {FilterKind::kStripThinking, "strip_thinking"},
    {FilterKind::kStripFences, "strip_fences"},
    {FilterKind::kPlainNumber, "plain_number"},
    {FilterKind::kTrim, "trim"},
    {FilterKind::kLower, "lower"},
}};

bool UsesPatterns(FilterKind kind) { return kind == FilterKind::kFirstMatch || kind == FilterKind::kLastMatch; }

bool Selects(FilterKind kind) {
  return UsesPatterns(kind) || kind == FilterKind::kLastLine || kind == FilterKind::kMap;
}

std::shared_ptr<const RE2> CompilePattern(const std::string& pattern, const std::string& where) {
  auto compiled = std::make_shared<const RE2>(pattern, RE2::Quiet);
  if (!compiled->ok()) {
    throw Error(fmt::format("{}: {} is not an RE2 pattern: {}", where, QuotedWord(pattern), compiled->error()),
                "RE2 has no look-around and no back-references; \\ is written twice in a quoted text");
  }
  return compiled;
}

int GroupOf(const Filter& filter, const RE2& pattern) {
  return filter.group.value_or(pattern.NumberOfCapturingGroups() > 0 ? 1 : 0);
}

// One search from `begin`; `groups` holds the match and its groups up to the one that is wanted.
bool Search(const RE2& pattern, std::string_view text, size_t begin, std::vector<re2::StringPiece>& groups) {
  return pattern.Match(re2::StringPiece(text.data(), text.size()), begin, text.size(), RE2::UNANCHORED, groups.data(),
                       static_cast<int>(groups.size()));
}

std::optional<std::string> AsText(const re2::StringPiece& group) {
  if (group.data() == nullptr) return std::nullopt;
  return std::string(group.data(), group.size());
}

bool Replace(std::string& text, std::string with) {
  if (text == with) return false;
  text = std::move(with);
  return true;
}

// The characters of a fence at the start of a line: three or more ` or ~. 0: no fence.
size_t FenceLength(std::string_view line) {
  if (line.empty() || (line.front() != '`' && line.front() != '~')) return 0;
  const size_t length = std::min(line.find_first_not_of(line.front()), line.size());
  return length >= 3 ? length : 0;
}

bool IsDigitAt(std::string_view text, size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }

// A comma between a digit and exactly three more.
bool IsThousandsComma(std::string_view text, size_t at) {
  return text[at] == ',' && at > 0 && IsDigitAt(text, at - 1) && IsDigitAt(text, at + 1) && IsDigitAt(text, at + 2) &&
         IsDigitAt(text, at + 3) && !IsDigitAt(text, at + 4);
}

}  // namespace

const char* FilterName(FilterKind kind) {
  for (const NamedFilter& filter : kFilters) {
    if (filter.kind == kind) return filter.name;
  }
  LOCO_CHECK(false);
}

std::optional<FilterKind> FindFilterKind(std::string_view name) {
  for (const NamedFilter& filter : kFilters) {
    if (name == filter.name) return filter.kind;
  }
  return std::nullopt;
}

std::vector<std::string> FilterNames() {
  std::vector<std::string> names;
  for (const NamedFilter& filter : kFilters) names.emplace_back(filter.name);
  return names;
}

std::optional<std::string> FirstGroup(const RE2& pattern, int group, std::string_view text) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(group) + 1);
  if (!Search(pattern, text, 0, groups)) return std::nullopt;
  return AsText(groups.back());
}

std::optional<std::string> LastGroup(const RE2& pattern, int group, std::string_view text) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(group) + 1);
  std::optional<std::string> last;
  for (size_t begin = text.size() - std::min(text.size(), kLastMatchBytes); begin <= text.size();) {
    if (!Search(pattern, text, begin, groups)) break;
    last = AsText(groups.back());
    const auto end = static_cast<size_t>(groups.front().data() - text.data()) + groups.front().size();
    begin = groups.front().empty() ? end + 1 : end;
  }
  return last;
}

bool StripThinking(std::string& text) {
  constexpr std::string_view kOpen = "<think>";
  constexpr std::string_view kClose = "</think>";
  const std::string_view whole = text;
  std::string kept;
  bool found = false;
  bool thinking = false;
  size_t begin = 0;  // of what is not decided yet
  for (size_t at = whole.find('<'); at != std::string_view::npos; at = whole.find('<', at + 1)) {
    if (whole.substr(at, kClose.size()) == kClose) {
      // Without an opening tag (chat templates write it for the model) all that was kept is thinking too.
      if (!thinking) kept.clear();
      thinking = false;
      begin = at + kClose.size();
      found = true;
    } else if (!thinking && whole.substr(at, kOpen.size()) == kOpen) {
      kept.append(whole.substr(begin, at - begin));
      thinking = true;
      found = true;
    }
  }
  if (!found) return false;
  if (!thinking) kept.append(whole.substr(begin));
  text = std::move(kept);
  return true;
}

bool StripFences(std::string& text) {
  std::string kept;
  bool found = false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::string_view bare = TrimBlanks(line);
    begin = end;
    const size_t fence = FenceLength(bare);
    if (fence == 0) {
      kept.append(line);
      continue;
    }
    found = true;
    // ```42``` on one line is its content; otherwise what follows the fence is a language.
    const std::string_view rest = bare.substr(fence);
    const size_t close = rest.find_last_not_of(bare.front());
    if (close == std::string_view::npos || rest.size() - close - 1 < 3) continue;
    kept.append(rest.substr(0, close + 1));
    if (line.back() == '\n') kept += '\n';
  }
  if (found) text = std::move(kept);
  return found;
}

bool SelectLastLine(std::string& text) {
  const std::string_view trimmed = TrimBlanks(text);
  if (trimmed.empty()) return false;
  const size_t line_break = trimmed.find_last_of("\r\n");
  text = std::string(TrimBlanks(trimmed.substr(line_break == std::string_view::npos ? 0 : line_break + 1)));
  return true;
}

bool MakePlainNumber(std::string& text) {
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = NextCodePoint(text, at);
    const bool drop = u_charType(static_cast<UChar32>(c)) == U_CURRENCY_SYMBOL || IsThousandsComma(text, begin);
    if (!drop) kept.append(text, begin, at - begin);
  }
  return Replace(text, std::move(kept));
}

AnswerFilters::AnswerFilters(std::vector<Filter> filters) : filters_(std::move(filters)) {
  for (size_t i = 0; i < filters_.size(); ++i) {
    const Filter& filter = filters_[i];
    const std::string where = fmt::format("filter {} ({})", i + 1, FilterName(filter.kind));
    if (UsesPatterns(filter.kind) && filter.patterns.empty()) {
      throw Error(where + ": it has no pattern", "give at least one RE2 pattern");
    }
    if (filter.kind == FilterKind::kMap && filter.table.empty()) {
      throw Error(where + ": its table is empty", "give the texts to read and what each stands for");
    }
    auto& compiled = patterns_.emplace_back();
    if (!UsesPatterns(filter.kind)) continue;
    for (const std::string& pattern : filter.patterns) {
      compiled.push_back(CompilePattern(pattern, where));
      const int groups = compiled.back()->NumberOfCapturingGroups();
      const int group = GroupOf(filter, *compiled.back());
      if (group < 0 || group > groups) {
        throw Error(fmt::format("{}: {} has no group {}", where, QuotedWord(pattern), group),
                    fmt::format("use a group from 0 (the whole match) to {}", groups));
      }
    }
  }
}

bool AnswerFilters::SelectMatch(size_t step, std::string& text, FilterStep& report) const {
  const bool first = filters_[step].kind == FilterKind::kFirstMatch;
  for (size_t i = 0; i < patterns_[step].size(); ++i) {
    const RE2& pattern = *patterns_[step][i];
    const int group = GroupOf(filters_[step], pattern);
    auto found = first ? FirstGroup(pattern, group, text) : LastGroup(pattern, group, text);
    if (!found) continue;
    text = std::move(*found);
    report.pattern = i;
    return true;
  }
  return false;
}

bool AnswerFilters::Run(size_t step, std::string& text, FilterStep& report) const {
  const Filter& filter = filters_[step];
  switch (filter.kind) {
    case FilterKind::kFirstMatch:
    case FilterKind::kLastMatch:
      return SelectMatch(step, text, report);
    case FilterKind::kLastLine:
      return SelectLastLine(text);
    case FilterKind::kMap: {
      const auto found = filter.table.find(std::string(TrimBlanks(text)));
      if (found == filter.table.end()) return false;
      text = found->second;
      return true;
    }
    case FilterKind::kStripThinking:
      return StripThinking(text);
    case FilterKind::kStripFences:
      return StripFences(text);
    case FilterKind::kPlainNumber:
      return MakePlainNumber(text);
    case FilterKind::kTrim:
      return Replace(text, std::string(TrimBlanks(text)));
    case FilterKind::kLower:
      return Replace(text, LowerCase(text));
  }
  LOCO_CHECK(false);
}

FilteredAnswer AnswerFilters::Apply(std::string_view answer) const {
  FilteredAnswer filtered{.text = std::string(answer)};
  for (size_t i = 0; i < filters_.size(); ++i) {
    FilterStep& report = filtered.steps.emplace_back();
    report.kind = filters_[i].kind;
    report.matched = Run(i, filtered.text, report);
    if (report.matched || filters_[i].optional || !Selects(filters_[i].kind)) continue;
    filtered.parsed = false;
    filtered.text.clear();
    break;
  }
  return filtered;
}

Vote CountVotes(std::span<const std::optional<std::string>> samples) {
  Vote vote{.samples = static_cast<int64_t>(samples.size())};
  std::map<std::string_view, int64_t> votes;
  for (const auto& sample : samples) {
    if (!sample) continue;
    ++vote.cast;
    vote.votes = std::max(vote.votes, ++votes[*sample]);
  }
  for (const auto& sample : samples) {
    if (!sample) continue;
    int64_t& count = votes[*sample];
    if (count != vote.votes) continue;
    vote.leaders.push_back(*sample);
    count = -1;  // named once
  }
  return vote;
}

}  // namespace loco
