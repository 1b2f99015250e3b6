#include "score/qa_match.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "score/fold.h"

namespace loco {
namespace {

// The script is Python's; these three are its notions of punctuation, of \w and of a blank.
bool IsAsciiPunctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

bool IsPythonWord(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  return (U_GET_GC_MASK(code_point) & U_GC_L_MASK) != 0 || u_getNumericValue(code_point) != U_NO_NUMERIC_VALUE;
}

bool IsPythonBlank(char32_t c) { return (c >= 0x1c && c <= 0x1f) || u_isUWhiteSpace(static_cast<UChar32>(c)); }

// Builds the normalised text: words arrive whole, because only a whole word is an article.
class Normalizer {
 public:
  void Add(char32_t c) {
    if (IsPythonWord(c)) {
      AppendCodePoint(c, word_);
      return;
    }
    EndWord();
    if (IsPythonBlank(c)) {
      blank_ = true;
    } else {
      std::string sign;
      AppendCodePoint(c, sign);
      Put(sign);
    }
  }
  std::string Finish() {
    EndWord();
    return std::move(out_);
  }

 private:
  void EndWord() {
    if (word_ == "a" || word_ == "an" || word_ == "the") {
      blank_ = true;  // an article leaves a blank, also inside what had none
    } else if (!word_.empty()) {
      Put(word_);
    }
    word_.clear();
  }
  void Put(const std::string& text) {
    if (blank_ && !out_.empty()) out_ += ' ';
    blank_ = false;
    out_ += text;
  }

  std::string out_;
  std::string word_;
  bool blank_ = false;
};

std::vector<std::string_view> SortedTokens(std::string_view normalized) {
  std::vector<std::string_view> tokens;
  for (size_t begin = 0; begin < normalized.size();) {
    const size_t end = std::min(normalized.find(' ', begin), normalized.size());
    tokens.push_back(normalized.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

// Of two sorted lists: how many tokens they share, each as often as in both.
size_t CountCommon(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  size_t common = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const int order = a[i].compare(b[j]);
    common += order == 0;
    i += order <= 0;
    j += order >= 0;
  }
  return common;
}

double TokenF1(const std::vector<std::string_view>& reference, const std::vector<std::string_view>& prediction) {
  const size_t common = CountCommon(reference, prediction);
  if (common == 0) return 0;
  const double precision = static_cast<double>(common) / static_cast<double>(prediction.size());
  const double recall = static_cast<double>(common) / static_cast<double>(reference.size());
  return 2 * precision * recall / (precision + recall);
}

bool SaysNoAnswer(const std::string& normalized, const QaSettings& settings) {
  return normalized.empty() || std::any_of(settings.no_answer.begin(), settings.no_answer.end(),
                                           [&](const auto& text) { return NormalizeQaAnswer(text) == normalized; });
}

void AddTo(QaMeans& means, const QaScore& score) {
  ++means.items;
  means.exact += score.exact ? 1 : 0;
  means.f1 += score.f1;
}

void Divide(QaMeans& means) {
  if (means.items == 0) return;
  means.exact /= static_cast<double>(means.items);
  means.f1 /= static_cast<double>(means.items);
}

}  // namespace

std::string NormalizeQaAnswer(std::string_view text) {
  const std::string lower = LowerCase(text);
  Normalizer normalizer;
  for (size_t at = 0; at < lower.size();) {
    const char32_t c = NextCodePoint(lower, at);
    if (!IsAsciiPunctuation(c)) normalizer.Add(c);
  }
  return normalizer.Finish();
}

QaScore ScoreQa(const std::vector<std::string>& references, std::string_view prediction, const QaSettings& settings) {
  std::vector<std::string> expected;
  for (const std::string& reference : references) {
    std::string normalized = NormalizeQaAnswer(reference);
    if (!normalized.empty()) expected.push_back(std::move(normalized));
  }
  const std::string given = NormalizeQaAnswer(prediction);
  QaScore score{.answerable = !expected.empty()};
  score.exact = std::find(expected.begin(), expected.end(), given) != expected.end();
  score.answered = score.exact || !SaysNoAnswer(given, settings);
  if (!score.answerable) score.exact = !score.answered;
  if (score.exact) score.f1 = 1;
  if (score.exact || !score.answered) return score;
  const auto tokens = SortedTokens(given);
  for (const std::string& reference : expected) {
    score.f1 = std::max(score.f1, TokenF1(SortedTokens(reference), tokens));
  }
  return score;
}

QaSummary SummarizeQa(std::span<const QaScore> scores) {
  QaSummary summary;
  for (const QaScore& score : scores) {
    AddTo(summary.all, score);
    AddTo(score.answerable ? summary.answerable : summary.unanswerable, score);
  }
  Divide(summary.all);
  Divide(summary.answerable);
  Divide(summary.unanswerable);
  return summary;
}

}  // namespace loco
