// Counts sentences of English text by rules, to agree with counts that NLTK's Punkt tokenizer gave.
//
//   CountSentences("Dr. Smith left at 5 p.m. on Monday. \"Why?\" she asked.")   // 3: Punkt ends one at a quoted "?"
//
// The scheme is that of Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection", Computational
// Linguistics 32(4): each word (piece between blanks) has at most one end, at its last . ? or ! that stands before the
// next word or before a bracket, quotation mark or asterisk. ? and ! always end a sentence; a full stop does unless it
// belongs to an abbreviation, an initial, an ellipsis or a number, where the next word decides.
//
// Where Punkt has tables learned from newspapers, this has short lists written by hand: it does not agree everywhere,
// knows no other language, and does not say where sentences begin. Linear time.
#pragma once

#include <cstddef>
#include <string_view>

namespace loco {

// 0 for text without words. `text` must be valid UTF-8.
size_t CountSentences(std::string_view text);

}  // namespace loco
