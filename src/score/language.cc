#include "score/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <algorithm>

namespace loco {

std::string DetectLanguage(std::string_view text) {
  // The library may read outside its buffer for text that is no "interchange valid" UTF-8, controls included.
  std::string plain(text);
  std::replace_if(
      plain.begin(), plain.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  const CLD2::CLDHints no_hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  // Not kCLDFlagBestEffort, which calls any letters English; what is not known must not pass.
  constexpr int kNoFlags = 0;
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int bytes = 0;
  bool is_reliable = false;
  int valid_bytes = 0;
  CLD2::ExtDetectLanguageSummaryCheckUTF8(plain.data(), static_cast<int>(plain.size()), true, &no_hints, kNoFlags,
                                          languages, percents, scores, nullptr, &bytes, &is_reliable, &valid_bytes);
  if (languages[0] == CLD2::UNKNOWN_LANGUAGE) return "";
  const std::string code = CLD2::LanguageCode(languages[0]);
  if (code == "iw") return "he";  // the code of before 1989
  if (code == "bs") return "hr";  // too alike to be told apart
  if (code.starts_with("zh")) return "zh";
  return code;
}

const std::vector<std::string>& LanguageCodes() {
  static const std::vector<std::string> kCodes = {
      "af", "ar", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "gu", "he",
      "hi", "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "lv", "mk", "ml", "mr", "ne", "nl", "no", "pa", "pl",
      "pt", "ro", "ru", "sk", "sl", "sq", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh"};
  return kCodes;
}

}  // namespace loco
