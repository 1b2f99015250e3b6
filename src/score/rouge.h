// ROUGE-L of a candidate text against a reference: how much of both is one common subsequence of words.
//
//   const RougeScore score = ScoreRougeL("police killed the gunman", "police kill the gunman");
//   score.f == 0.75;     // 3 of 4 words on both sides
//
// With an LCS of L words, a reference of m and a candidate of n: recall R = L/m, precision P = L/n,
// F = (1 + β²)·R·P / (R + β²·P). Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), section
// 3.1 (sentence-level LCS). β is 1 here, as in the implementations in use (rouge-score 0.1.2, and ROUGE-1.5.5 with its
// default α = 0.5): F is then the harmonic mean and does not change when the texts change places. The paper takes
// β = P/R, DUC a β so large that F is the recall.
//
// Words are runs of letters and digits in lower case. An empty text scores 0, also against another empty one.
//
// Cost: the LCS is computed 64 words at a time (Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004): m·n/64
// steps and memory linear in m + n. Words past `max_words` of a text match nothing but count in its length, so that no
// text takes more than max_words²/64 steps (0.1 s), and a cut score is never above the real one; `cut` tells.
//
// It does not stem, knows no synonyms, does not split summaries into sentences (ROUGE-Lsum), and counts no n-grams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

enum class RougeWords {
  kAscii,    // a-z and 0-9 alone, as the implementations in use: "naïve" is "na" and "ve"; for published figures
  kUnicode,  // letters, digits and marks of every script; for texts that are not English
};

struct RougeSettings {
  double beta = 1;  // weight of the recall, 0 (precision alone) to 1e6 (recall alone)
  RougeWords words = RougeWords::kAscii;
  size_t max_words = 65'536;
};

struct RougeScore {
  double precision = 0;
  double recall = 0;
  double f = 0;
  size_t common = 0;  // words of the longest common subsequence
  bool cut = false;   // a text was longer than max_words
};

RougeScore ScoreRougeL(std::string_view reference, std::string_view candidate, const RougeSettings& settings = {});

// The score of the reference with the highest F (the first of them); all 0 without references.
RougeScore BestRougeL(std::span<const std::string> references, std::string_view candidate,
                      const RougeSettings& settings = {});

std::vector<std::string> SplitRougeWords(std::string_view text, RougeWords words);

// Length of the longest common subsequence; symbols are compared by value.
size_t LongestCommonSubsequence(std::span<const uint32_t> a, std::span<const uint32_t> b);

}  // namespace loco
