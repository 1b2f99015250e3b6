#include "score/classify.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/diagnostic.h"
#include "base/error.h"
#include "score/fold.h"

namespace loco {
namespace {

bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
bool IsBlankCharacter(char32_t c) { return c == ' ' || c == '\t' || c == U'\u00a0' || c == U'\u202f'; }
// What makes one compound of the words on both sides.
bool IsJoiner(char32_t c) { return c == '_' || c == '-' || c == '\'' || c == U'\u2019' || c == U'\u2011'; }

std::optional<double> Share(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

// `key` is the word in folded case; with a leading newline when more than blanks and joiners part it from the word
// before, so that "card. Arrival" is not "card_arrival".
struct LabelSet::Word {
  std::string key;
  bool joined = false;  // to the word before, by joiners alone
};

std::vector<LabelSet::Word> LabelSet::SplitWords(std::string_view text) {
  const std::string folded = FoldCase(text);
  std::vector<Word> words;
  bool inside = false;
  bool blank = false;  // since the last word
  bool other = true;
  char32_t before = ' ';
  for (size_t at = 0; at < folded.size();) {
    const char32_t c = NextCodePoint(folded, at);
    // "c++" and "c#" are words, and so are "+1" and "-1": without their signs they would be other labels.
    const bool suffix = inside && (c == '+' || c == '#');
    const bool sign = !inside && !IsJoiner(before) && (c == '+' || c == '-') && at < folded.size() &&
                      IsDigit(static_cast<unsigned char>(folded[at]));
    if (IsWordCharacter(c) || suffix || sign) {
      if (!inside) words.push_back({.key = other ? "\n" : "", .joined = !blank && !other});
      AppendCodePoint(c, words.back().key);
      inside = true;
      blank = other = false;
    } else {
      inside = false;
      blank = blank || IsBlankCharacter(c);
      other = other || !(IsBlankCharacter(c) || IsJoiner(c));
    }
    before = c;
  }
  return words;
}

LabelSet::LabelSet(std::vector<Label> labels) : labels_(std::move(labels)), ends_(1) {
  for (size_t i = 0; i < labels_.size(); ++i) {
    by_name_.emplace(labels_[i].name, i);
    AddSpelling(i, labels_[i].name);
    for (const std::string& spelling : labels_[i].also) AddSpelling(i, spelling);
  }
}

void LabelSet::AddSpelling(size_t label, const std::string& spelling) {
  const std::vector<Word> words = SplitWords(spelling);
  if (words.empty()) {
    throw Error(fmt::format("the label {} has no letter and no digit to be found by", QuotedWord(spelling)),
                "give it a name in words");
  }
  size_t node = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    // What stands before a label's first word is the answer's affair.
    const std::string key = i == 0 ? words[i].key.substr(1) : words[i].key;
    const size_t word = words_.emplace(key, words_.size()).first->second;
    const auto [edge, added] = next_.emplace(std::pair{node, word}, ends_.size());
    if (added) ends_.emplace_back();
    node = edge->second;
  }
  if (ends_[node] && *ends_[node] != label) {
    throw Error(fmt::format("the labels {} and {} cannot be told apart in an answer",
                            QuotedWord(labels_[*ends_[node]].name), QuotedWord(labels_[label].name)),
                "rename one so that they differ in more than case and signs");
  }
  ends_[node] = label;
}

std::vector<size_t> LabelSet::Abstentions() const {
  std::vector<size_t> abstentions;
  for (size_t i = 0; i < labels_.size(); ++i) {
    if (labels_[i].abstains) abstentions.push_back(i);
  }
  return abstentions;
}

std::optional<size_t> LabelSet::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

// The end of the longest label that begins at word `begin`; `begin` itself when there is none.
size_t LabelSet::LongestAt(const std::vector<Word>& words, size_t begin, size_t* label) const {
  size_t end = begin;
  size_t node = 0;
  for (size_t i = begin; i < words.size(); ++i) {
    std::string_view key = words[i].key;
    if (i == begin && key.front() == '\n') key.remove_prefix(1);
    const auto word = words_.find(key);
    if (word == words_.end()) break;
    const auto edge = next_.find({node, word->second});
    if (edge == next_.end()) break;
    node = edge->second;
    const bool compound_goes_on = i + 1 < words.size() && words[i + 1].joined;
    if (ends_[node] && !compound_goes_on) {
      end = i + 1;
      *label = *ends_[node];
    }
  }
  return end;
}

LabelReading LabelSet::Read(std::string_view answer) const {
  const std::string_view trimmed = TrimBlanks(answer);
  if (const auto exact = Find(trimmed)) return {LabelReadingKind::kExact, exact, {*exact}};

  LabelReading reading;
  std::vector<bool> seen(labels_.size(), false);
  const std::vector<Word> words = SplitWords(trimmed);
  size_t covered = 0;  // words before it belong to labels found
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].joined) continue;
    size_t label = 0;
    const size_t end = LongestAt(words, i, &label);
    if (end == i || end <= covered) continue;
    covered = end;
    if (!seen[label]) reading.named.push_back(label);
    seen[label] = true;
  }
  if (reading.named.size() > 1) reading.kind = LabelReadingKind::kSeveral;
  if (reading.named.size() == 1) {
    reading.kind = LabelReadingKind::kNamed;
    reading.label = reading.named.front();
  }
  return reading;
}

void Confusion::Add(size_t truth, std::optional<size_t> read, int64_t times) {
  LOCO_CHECK(truth < labels() && times >= 0 && (!read || *read < labels()));
  if (times == 0) return;
  if (read) {
    counts_[{truth, *read}] += times;
  } else {
    unread_[truth] += times;
  }
}

int64_t Confusion::Count(size_t truth, size_t read) const {
  const auto found = counts_.find({truth, read});
  return found == counts_.end() ? 0 : found->second;
}

namespace {

std::vector<LabelScore> ScoreLabels(const Confusion& confusion) {
  std::vector<LabelScore> labels(confusion.labels());
  for (size_t i = 0; i < labels.size(); ++i) labels[i].items = confusion.Unread(i);
  for (const auto& [pair, count] : confusion.counts()) {
    labels[pair.first].items += count;
    labels[pair.second].read += count;
    if (pair.first == pair.second) labels[pair.first].right += count;
  }
  for (LabelScore& label : labels) {
    label.precision = Share(label.right, label.read);
    label.recall = Share(label.right, label.items);
    label.f1 = Share(2 * label.right, label.items + label.read);  // items + read = 2·TP + FP + FN
  }
  return labels;
}

bool IsInMacro(const LabelScore& label, MacroOver over) {
  switch (over) {
    case MacroOver::kTrue:
      return label.items > 0;
    case MacroOver::kSeen:
      return label.items > 0 || label.read > 0;
    case MacroOver::kAll:
      return true;
  }
  LOCO_CHECK(false);
}

ScopeScores ScoreScope(const ClassScores& scores, int64_t right, size_t out_of_scope) {
  LOCO_CHECK(out_of_scope < scores.labels.size());
  const LabelScore& outside = scores.labels[out_of_scope];
  ScopeScores scope{.in_scope = scores.items - outside.items, .out_of_scope = outside.items};
  scope.in_scope_accuracy = Share(right - outside.right, scope.in_scope);
  scope.out_of_scope_recall = outside.recall;
  scope.out_of_scope_precision = outside.precision;
  return scope;
}

}  // namespace

ClassScores ComputeClassScores(const Confusion& confusion, const ClassSettings& settings) {
  ClassScores scores{.labels = ScoreLabels(confusion)};
  int64_t right = 0;
  int64_t read = 0;
  double f1_sum = 0;
  for (const LabelScore& label : scores.labels) {
    scores.items += label.items;
    right += label.right;
    read += label.read;
    if (!IsInMacro(label, settings.macro_over)) continue;
    ++scores.macro_labels;
    f1_sum += label.f1.value_or(0);
  }
  int64_t abstained = 0;
  for (const size_t label : settings.abstentions) {
    LOCO_CHECK(label < scores.labels.size());
    abstained += scores.labels[label].read;
  }
  scores.accuracy = Share(right, scores.items).value_or(0);
  scores.abstention_rate = Share(abstained, scores.items).value_or(0);
  scores.unread_rate = Share(scores.items - read, scores.items).value_or(0);
  if (scores.macro_labels > 0) scores.macro_f1 = f1_sum / static_cast<double>(scores.macro_labels);
  if (settings.out_of_scope) scores.scope = ScoreScope(scores, right, *settings.out_of_scope);
  return scores;
}

}  // namespace loco
