// A mistake in a file that a person wrote, with its place. Readers collect all of them before they give up, because
// somebody who edits a policy wants the whole list, not the first line of it.
//
//   std::vector<Diagnostic> mistakes;
//   mistakes.push_back({"p.toml", 4, 1, "unknown key 'usre'; did you mean 'user'?"});
//   ThrowMistakes(mistakes);     // one Error that lists them all; nothing when there are none
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace loco {

struct Diagnostic {
  Path file;
  size_t line = 0;    // from 1
  size_t column = 0;  // from 1, in characters
  std::string message;
};

// Throws one Error with all of them as "file:line:column: message", a line each, the first `shown` of them; does
// nothing when there are none.
void ThrowMistakes(const std::vector<Diagnostic>& mistakes, size_t shown = 50);

// Orders the mistakes from `first` on by line and column; those of earlier files stay where they are.
void SortByPlace(std::vector<Diagnostic>& mistakes, size_t first = 0);

// Words of a file inside our messages: in quotes, short, and with nothing that steers a terminal.
std::string QuotedWord(std::string_view word);

// "did you mean 'user'?" for a near miss, else "known are a, b, c".
std::string SuggestWord(std::string_view word, const std::vector<std::string>& known);

}  // namespace loco
