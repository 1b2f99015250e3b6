// Extractive question answering, marked as SQuAD 2.0 does: exact match and token F1 after normalisation, the best over
// the reference answers, and credit for saying nothing where there is no answer.
//
//   const QaScore score = ScoreQa({"France", "in France"}, "The France.");   // exact, F1 1
//   const QaScore none = ScoreQa({}, "unanswerable", {.no_answer = {"unanswerable"}});   // exact, F1 1
//   const QaSummary summary = SummarizeQa(scores);     // summary.all.f1, summary.unanswerable.exact
//
// Normalisation: lower case, without ASCII punctuation, without the words a, an and the, one blank between words.
// Source: Rajpurkar, Jia, Liang, "Know What You Don't Know" (2018), and the rules of the data set's evaluation script
// (version 2.0); every row of that script's output in the shared data agrees.
//
// It does not find the answer inside a longer one ("The answer is …": take that away before), does not know
// other languages' articles, and does not choose a threshold for a probability of no answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

struct QaSettings {
  // Answers that say there is none, compared after normalisation; a reference with these words comes first. An answer
  // that is empty after normalisation always says so.
  std::vector<std::string> no_answer;
};

struct QaScore {
  bool exact = false;
  double f1 = 0;           // 0 to 1
  bool answerable = true;  // a reference holds more than punctuation and articles
  bool answered = true;    // the prediction gave an answer
};

std::string NormalizeQaAnswer(std::string_view text);

// References that normalise to nothing are not used; without any other one the right answer is none.
QaScore ScoreQa(const std::vector<std::string>& references, std::string_view prediction,
                const QaSettings& settings = {});

struct QaMeans {
  int64_t items = 0;
  double exact = 0;  // share of the items; 0 when there are none
  double f1 = 0;     // mean
};

struct QaSummary {
  QaMeans all;
  QaMeans answerable;
  QaMeans unanswerable;  // here both figures are the share of items on which nothing was answered
};

QaSummary SummarizeQa(std::span<const QaScore> scores);

}  // namespace loco
