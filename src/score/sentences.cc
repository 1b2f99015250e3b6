#include "score/sentences.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "score/python_text.h"

namespace loco {
namespace {

using namespace std::string_view_literals;

// In alphabetical order, without the last full stop.
constexpr auto kAbbreviations = std::to_array<std::string_view>({
    "a.d",  "a.m",  "adm",  "approx", "apr", "aug",   "ave", "b.a",  "b.c",    "b.c.e", "b.s", "blvd",
    "bros", "c.e",  "capt", "co",     "col", "corp",  "d.c", "dec",  "dept",   "dr",    "e.g", "est",
    "etc",  "feb",  "fig",  "fri",    "ft",  "gen",   "gov", "hon",  "i.e",    "inc",   "jan", "jr",
    "jul",  "jun",  "lt",   "ltd",    "m.a", "m.d",   "m.s", "maj",  "messrs", "mr",    "mrs", "ms",
    "mt",   "n.y",  "nov",  "oct",    "p.m", "p.p.s", "p.s", "ph.d", "pp",     "prof",  "rep", "rev",
    "sen",  "sept", "sgt",  "sr",     "st",  "u.k",   "u.n", "u.s",  "u.s.a",  "viz",   "vol", "vs",
});

// Words that stand in lower case unless they begin a sentence; in alphabetical order.
constexpr auto kStarters = std::to_array<std::string_view>({
    "a",      "after", "all",  "also",  "although", "an",   "and",     "another", "as",      "at",      "because",
    "before", "both",  "but",  "by",    "do",       "each", "even",    "every",   "finally", "first",   "for",
    "from",   "he",    "her",  "here",  "his",      "how",  "however", "if",      "in",      "instead", "is",
    "it",     "its",   "let",  "like",  "many",     "more", "most",    "my",      "no",      "not",     "now",
    "of",     "on",    "once", "one",   "or",       "our",  "she",     "since",   "so",      "some",    "that",
    "the",    "their", "then", "there", "these",    "they", "this",    "those",   "thus",    "to",      "use",
    "we",     "what",  "when", "where", "while",    "who",  "why",     "with",    "yet",     "you",     "your",
});

static_assert(std::is_sorted(kAbbreviations.begin(), kAbbreviations.end()));
static_assert(std::is_sorted(kStarters.begin(), kStarters.end()));

// Brackets, quotation marks and the like: they end a word, and an end of a sentence may stand right before them.
bool IsSeparator(char c) { return ")\";}]*:@'({[!?"sv.find(c) != std::string_view::npos; }
bool IsFinal(char c) { return c == '.' || c == '?' || c == '!'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view FirstCharacter(std::string_view word) {
  size_t end = 0;
  if (!word.empty()) NextCodePoint(word, end);
  return word.substr(0, end);
}

bool IsStarter(std::string_view word) {
  if (!IsUpper(FirstCharacter(word))) return false;
  const auto end = std::find_if_not(word.begin(), word.end(), IsAsciiLetter);
  const std::string lower = ToLower(word.substr(0, static_cast<size_t>(end - word.begin())));
  return std::binary_search(kStarters.begin(), kStarters.end(), lower);
}

// "7", "3.5" or "1,000".
bool IsNumber(std::string_view token) {
  return !token.empty() && std::any_of(token.begin(), token.end(), IsDigit) &&
         std::all_of(token.begin(), token.end(), [](char c) { return IsDigit(c) || c == '.' || c == ',' || c == '-'; });
}

// Whether `token`, which ends in a full stop, ends a sentence when `next` follows.
bool IsEnd(std::string_view token, std::string_view next) {
  if (token.size() == 1) return true;
  if (token.ends_with("..")) return IsStarter(next);
  token.remove_suffix(1);
  if (IsNumber(token)) return !IsLower(FirstCharacter(next));  // "1. Rinse" is a list, "in 1990. the" is careless
  const std::string lower = ToLower(token.substr(token.rfind('-') + 1));
  const bool initial = lower.size() == 1 && IsAsciiLetter(lower[0]);
  if (initial || std::binary_search(kAbbreviations.begin(), kAbbreviations.end(), lower)) return IsStarter(next);
  return true;
}

// Whether a sentence ends at the end of `head`, the beginning of a word; `tail` is the word's rest.
bool EndsSentence(std::string_view head, std::string_view tail, std::string_view next) {
  size_t begin = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '?' || head[i] == '!') return true;
    if (!IsSeparator(head[i])) continue;
    const std::string_view token = head.substr(begin, i - begin);
    if (token.ends_with('.') && IsEnd(token, head.substr(i, 1))) return true;
    begin = i + 1;
  }
  return IsEnd(head.substr(begin), tail.empty() ? next : tail.substr(0, 1));
}

// The place of the character that may end a sentence, npos when there is none.
size_t FindPossibleEnd(std::string_view word, bool is_last) {
  for (size_t i = word.size(); i-- > 0;) {
    if (!IsFinal(word[i])) continue;
    if (i + 1 == word.size() ? !is_last : IsSeparator(word[i + 1])) return i;
  }
  return std::string_view::npos;
}

}  // namespace

size_t CountSentences(std::string_view text) {
  const std::vector<std::string_view> words = SplitBlanks(text);
  size_t sentences = words.empty() ? 0 : 1;  // the one that the text's end ends
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_last = i + 1 == words.size();
    const size_t end = FindPossibleEnd(words[i], is_last);
    if (end == std::string_view::npos) continue;
    const std::string_view tail = words[i].substr(end + 1);
    if (!EndsSentence(words[i].substr(0, end + 1), tail, is_last ? "" : words[i + 1])) continue;
    // A closing bracket at the very end belongs to the sentence that it closes; an asterisk counts as one more.
    const bool only_closes = is_last && tail.find_first_not_of("\"')]}") == std::string_view::npos;
    if (!only_closes) ++sentences;
  }
  return sentences;
}

}  // namespace loco
