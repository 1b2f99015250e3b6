#include <algorithm>
#include <array>

#include "score/instruction_checks.h"
#include "score/python_text.h"
#include "score/sentences.h"

namespace loco {
namespace {

using namespace std::string_view_literals;

int64_t CountWords(std::string_view text) {
  int64_t words = 0;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const bool continues = IsPythonWord(NextCodePoint(text, i));
    if (continues && !in_word) ++words;
    in_word = continues;
  }
  return words;
}

bool IsQuotationMark(char32_t c) {
  return c == U'“' || c == U'”' || c == U'„' || c == U'‘' || c == U'’' || c == U'«' || c == U'»';
}

// Whether the character `c` parts words; `next` is the byte behind it.
bool PartsWords(char32_t c, char next) {
  if (c == 0 || c > 0x7F) return IsQuotationMark(c);
  const auto ascii = static_cast<char>(c);
  if (";@#$%&?!*[](){}<>\"`"sv.find(ascii) != std::string_view::npos) return true;
  if (ascii == ':' || ascii == ',') return next < '0' || next > '9';  // 10:30 and 1,000 are one word
  return (ascii == '.' || ascii == '-') && next == ascii;
}

// The end of a word that the Penn Treebank's tokenization makes a word of its own: 'LL, N'T, and all single letters but
// T and N behind an apostrophe. Empty when there is none.
std::string_view FindClitic(std::string_view word) {
  constexpr std::array<std::string_view, 8> kClitics = {"'LL", "'RE", "'VE", "N'T", "'ll", "'re", "'ve", "n't"};
  for (const std::string_view clitic : kClitics) {
    if (word.size() > clitic.size() && word.ends_with(clitic)) return word.substr(word.size() - clitic.size());
  }
  const size_t mark = word.size() > 2 ? word.size() - 2 : 0;
  const bool is_letter = mark > 0 && word[mark] == '\'' && IsLetter(static_cast<unsigned char>(word[mark + 1]));
  return is_letter && !Contains("TtNn", word.substr(mark + 1)) ? word.substr(mark) : std::string_view();
}

// How many words in capitals the Treebank makes of `piece`, which nothing above parts.
int64_t CountCapitalPieces(std::string_view piece) {
  piece = piece.substr(0, piece.find_last_not_of(".'") + 1);  // the end of a sentence or quotation
  constexpr std::array<std::string_view, 8> kDoubles = {"CANNOT", "GIMME", "GONNA", "GOTTA",
                                                        "LEMME",  "WANNA", "'TIS",  "'TWAS"};
  if (std::find(kDoubles.begin(), kDoubles.end(), piece) != kDoubles.end()) return 2;
  const std::string_view clitic = FindClitic(piece);
  return int64_t{IsUpper(piece.substr(0, piece.size() - clitic.size()))} + int64_t{IsUpper(clitic)};
}

int64_t CountCapitalWords(std::string_view text) {
  int64_t count = 0;
  for (const std::string_view word : SplitBlanks(text)) {
    size_t begin = 0;
    for (size_t i = 0; i < word.size();) {
      const size_t start = i;
      const char32_t c = NextCodePoint(word, i);
      if (!PartsWords(c, i < word.size() ? word[i] : '\0')) continue;
      count += CountCapitalPieces(word.substr(begin, start - begin));
      begin = i;
    }
    count += CountCapitalPieces(word.substr(begin));
  }
  return count;
}

}  // namespace

bool HasCapitalWords(const std::string& response, const nlohmann::json& arguments) {
  return IsWithin(CountCapitalWords(response), arguments, "capital_relation", "capital_frequency");
}

bool HasLetterCount(const std::string& response, const nlohmann::json& arguments) {
  const std::string letter = ToLower(TextArgument(arguments, "letter"));
  return IsWithin(CountOccurrences(ToLower(response), letter), arguments, "let_relation", "let_frequency");
}

bool HasSentenceCount(const std::string& response, const nlohmann::json& arguments) {
  return IsWithin(static_cast<int64_t>(CountSentences(response)), arguments, "relation", "num_sentences");
}

bool HasWordCount(const std::string& response, const nlohmann::json& arguments) {
  return IsWithin(CountWords(response), arguments, "relation", "num_words");
}

}  // namespace loco
