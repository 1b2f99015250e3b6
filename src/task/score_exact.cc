// Exact match after normalisation. Steps, in the order given: trim (blanks at the ends), lower (Unicode), spaces (runs
// of blanks become one), punctuation (dropped), json (parsed and written again with sorted keys, so that spacing and
// key order do not matter; what does not parse is "unparsed").
#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <nlohmann/json.hpp>

#include "task/jsonl.h"
#include "task/scorers.h"

namespace loco {
namespace {

std::string Trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string Lower(const std::string& text) {
  std::string out;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
  return out;
}

std::string CollapseSpaces(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      out += c;
    } else if (out.empty() || out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

std::string DropPunctuation(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (!std::ispunct(static_cast<unsigned char>(c))) out += c;
  }
  return out;
}

// False when a step cannot be applied.
bool Normalize(std::string& text, const std::vector<std::string>& steps) {
  for (const std::string& step : steps) {
    if (step == "trim") text = Trim(text);
    if (step == "lower") text = Lower(text);
    if (step == "spaces") text = CollapseSpaces(text);
    if (step == "punctuation") text = DropPunctuation(text);
    if (step == "json") {
      if (IsTooDeepJson(text)) return false;  // the library writes by recursion

      const auto value = nlohmann::json::parse(text, nullptr, false);  // json (not ordered_json) sorts its keys
      if (value.is_discarded()) return false;
      text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  return true;
}

}  // namespace

Marking ScoreExact(const Item& item, const ScoreSettings& settings, const Response& response) {
  std::string given;
  if (!ExtractLast(response.text, settings.extract, &given) || !Normalize(given, settings.normalize)) {
    return {Outcome::kUnparsed, ""};
  }
  std::string expected = item.answer;
  Normalize(expected, settings.normalize);
  return {given == expected ? Outcome::kRight : Outcome::kWrong, given};
}

}  // namespace loco
