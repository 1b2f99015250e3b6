// Text that a model, a file or a server wrote is hostile wherever it is shown. Each place has its own escaping.
#pragma once

#include <string>
#include <string_view>

namespace loco {

// For terminals: control characters, escape sequences, bidirectional overrides and invalid UTF-8 become visible
// symbols (␛, �, \u202e). Newlines and tabs stay when `keep_lines`, otherwise they become ⏎ and a blank.
std::string ForTerminal(std::string_view text, bool keep_lines = false);

// For HTML text and quoted attributes: & < > " ' escaped, controls and bidirectional overrides made visible.
std::string ForHtml(std::string_view text);

// For Markdown tables and paragraphs: as ForTerminal on one line, with Markdown's and HTML's own characters escaped.
std::string ForMarkdown(std::string_view text);

// For JSON placed inside an HTML <script> element: `json` must be valid JSON; < > & and the line separators
// U+2028/2029 become \u escapes, so that "</script>" cannot close the element.
std::string ForScript(std::string_view json);

// As one word of a command that somebody copies into a shell: quoted where a shell would read it otherwise, controls as
// escapes. For a terminal, ForTerminal(ForShell(word)).
std::string ForShell(std::string_view word);

// The longest valid prefix of at most `columns` characters, with … when something was cut. Not for bytes: a cut
// never splits a code point.
std::string Shorten(std::string_view text, size_t columns);

// Number of terminal columns, counting each code point as one, wide East Asian ones as two, combining ones as none.
size_t DisplayWidth(std::string_view text);

}  // namespace loco
