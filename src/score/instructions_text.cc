#include <algorithm>

#include "score/instruction_checks.h"
#include "score/language.h"
#include "score/python_text.h"

namespace loco {
namespace {

std::vector<std::string> FoldedTexts(const nlohmann::json& arguments, const char* name) {
  std::vector<std::string> texts;
  for (const nlohmann::json& text : arguments.at(name))
    texts.push_back(FoldCharacters(ValidUtf8(text.get<std::string>())));
  return texts;
}

// Whether `word` stands in `text` and no word character continues it.
bool ContainsWord(std::string_view text, std::string_view word) {
  size_t i = 0;
  const bool begins_as_word = IsPythonWord(NextCodePoint(word, i));
  const bool ends_as_word = IsPythonWord(CodePointBefore(word, word.size()));
  for (size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; ++at) {
    size_t end = at + word.size();
    const bool continued_before = begins_as_word && at > 0 && IsPythonWord(CodePointBefore(text, at));
    const bool continued_behind = ends_as_word && end < text.size() && IsPythonWord(NextCodePoint(text, end));
    if (!continued_before && !continued_behind) return true;
  }
  return false;
}

bool HasLetters(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (IsLetter(NextCodePoint(text, i))) return true;
  }
  return false;
}

}  // namespace

bool EndsWithPhrase(const std::string& response, const nlohmann::json& arguments) {
  std::string_view text = Strip(response);
  text.remove_prefix(std::min(text.find_first_not_of('"'), text.size()));
  text = text.substr(0, text.find_last_not_of('"') + 1);
  const std::string phrase = TextArgument(arguments, "end_phrase");
  return ToLower(text).ends_with(ToLower(Strip(phrase)));
}

bool HasConstrainedResponse(const std::string& response, const nlohmann::json& /*arguments*/) {
  return Contains(response, "My answer is yes.") || Contains(response, "My answer is no.") ||
         Contains(response, "My answer is maybe.");
}

bool HasKeywordCount(const std::string& response, const nlohmann::json& arguments) {
  const std::string keyword = TextArgument(arguments, "keyword");
  const int64_t count = CountOccurrences(FoldCharacters(response), FoldCharacters(Strip(keyword)));
  return IsWithin(count, arguments, "relation", "frequency");
}

bool HasKeywords(const std::string& response, const nlohmann::json& arguments) {
  const std::string text = FoldCharacters(response);
  const std::vector<std::string> keywords = FoldedTexts(arguments, "keywords");
  return std::all_of(keywords.begin(), keywords.end(), [&](const std::string& word) { return Contains(text, word); });
}

bool HasNoComma(const std::string& response, const nlohmann::json& /*arguments*/) { return !Contains(response, ","); }

bool HasNoForbiddenWord(const std::string& response, const nlohmann::json& arguments) {
  const std::string text = FoldCharacters(response);
  const std::vector<std::string> words = FoldedTexts(arguments, "forbidden_words");
  return std::none_of(words.begin(), words.end(), [&](const std::string& word) { return ContainsWord(text, word); });
}

bool IsCapitalEnglish(const std::string& response, const nlohmann::json& /*arguments*/) {
  return IsUpper(response) && DetectLanguage(response) == "en";
}

bool IsInLanguage(const std::string& response, const nlohmann::json& arguments) {
  // Digits and signs alone are in every language: the paper's program counts what has no language as followed.
  return !HasLetters(response) || DetectLanguage(response) == TextArgument(arguments, "language");
}

bool IsLowercaseEnglish(const std::string& response, const nlohmann::json& /*arguments*/) {
  return IsLower(response) && DetectLanguage(response) == "en";
}

bool IsQuoted(const std::string& response, const nlohmann::json& /*arguments*/) {
  const std::string_view text = Strip(response);
  return text.size() > 1 && text.starts_with('"') && text.ends_with('"');
}

bool RepeatsPrompt(const std::string& response, const nlohmann::json& arguments) {
  const std::string prompt = TextArgument(arguments, "prompt_to_repeat");
  return ToLower(Strip(response)).starts_with(ToLower(Strip(prompt)));
}

}  // namespace loco
