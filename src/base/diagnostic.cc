#include "base/diagnostic.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/suggest.h"

namespace loco {

void ThrowMistakes(const std::vector<Diagnostic>& mistakes, size_t shown) {
  if (mistakes.empty()) return;
  std::string text;
  for (size_t i = 0; i < std::min(shown, mistakes.size()); ++i) {
    const Diagnostic& mistake = mistakes[i];
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}:{}: {}", mistake.file.string(), mistake.line, mistake.column, mistake.message);
  }
  if (mistakes.size() > shown) text += fmt::format("\n… and {} more", mistakes.size() - shown);
  throw Error(text, mistakes.size() == 1 ? "correct this line" : "correct these lines");
}

void SortByPlace(std::vector<Diagnostic>& mistakes, size_t first) {
  std::stable_sort(
      mistakes.begin() + static_cast<std::ptrdiff_t>(first), mistakes.end(),
      [](const Diagnostic& a, const Diagnostic& b) { return std::tie(a.line, a.column) < std::tie(b.line, b.column); });
}

std::string QuotedWord(std::string_view word) { return fmt::format("'{}'", Shorten(ForTerminal(word), 60)); }

std::string SuggestWord(std::string_view word, const std::vector<std::string>& known) {
  if (const auto nearest = Nearest(word, known)) return fmt::format("did you mean '{}'?", *nearest);
  return fmt::format("known are {}", fmt::join(known, ", "));
}

}  // namespace loco
