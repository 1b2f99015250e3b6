#include <algorithm>

#include "score/instruction_checks.h"
#include "score/python_text.h"

namespace loco {
namespace {

// The pieces between separators that are not blank; empty when a blank one stands between others.
std::vector<std::string_view> PiecesWithText(std::string_view text, std::string_view separator) {
  const std::vector<std::string_view> pieces = SplitAt(text, separator);
  std::vector<std::string_view> out;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool is_outer = i == 0 || i + 1 == pieces.size();
    if (!IsAllBlank(pieces[i])) {
      out.push_back(Strip(pieces[i]));
    } else if (!is_outer) {
      return {};
    }
  }
  return out;
}

// The word that a paragraph begins with, in lower case, without quotation marks and what follows punctuation.
std::string FirstWord(std::string_view paragraph) {
  const std::vector<std::string_view> words = SplitBlanks(paragraph);
  std::string_view word = words.empty() ? std::string_view() : words[0];
  for (const char mark : {'\'', '"'}) word.remove_prefix(std::min(word.find_first_not_of(mark), word.size()));
  return ToLower(word.substr(0, word.find_first_of(".,?!'\"")));
}

}  // namespace

bool HasFirstWord(const std::string& response, const nlohmann::json& arguments) {
  const std::vector<std::string_view> pieces = SplitAt(response, "\n\n");
  const auto paragraphs = std::count_if(pieces.begin(), pieces.end(), [](auto piece) { return !IsAllBlank(piece); });
  const int64_t place = CountArgument(arguments, "nth_paragraph");
  // Blank pieces, which more than two line ends in a row make, are not counted as paragraphs but do take up a place:
  // the verdicts have it so.
  return paragraphs == CountArgument(arguments, "num_paragraphs") && place <= paragraphs &&
         FirstWord(pieces[place - 1]) == ToLower(TextArgument(arguments, "first_word"));
}

bool HasParagraphs(const std::string& response, const nlohmann::json& arguments) {
  const auto pieces = static_cast<int64_t>(PiecesWithText(response, "***").size());
  return pieces == CountArgument(arguments, "num_paragraphs");
}

bool HasTwoResponses(const std::string& response, const nlohmann::json& /*arguments*/) {
  const std::vector<std::string_view> pieces = PiecesWithText(response, "******");
  return pieces.size() == 2 && pieces[0] != pieces[1];
}

}  // namespace loco
