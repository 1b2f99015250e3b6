// Instructions that a program can check: the 25 types of IFEval (Zhou et al. 2023, "Instruction-Following Evaluation
// for Large Language Models", arXiv 2311.07911), such as "answer in at least 300 words" or "use no commas".
//
//   Instruction instruction{"length_constraints:number_words", {{"relation", "at least"}, {"num_words", 300}}};
//   for (const InstructionProblem& problem : FindInstructionProblems(instruction)) … report while loading …
//   bool strict = Follows(instruction, response);
//   bool loose = FollowsLoosely(instruction, response);
//
// COUNT below is a whole number from 0, RELATION "at least" or "less than", TEXT and TEXTS are not empty.
//
//   change_case:capital_word_frequency       capital_frequency COUNT, capital_relation RELATION: words in capitals only
//                                            ("I" is one; a hyphen joins, an apostrophe or & parts words)
//   change_case:english_capital              English, no lower-case letter
//   change_case:english_lowercase            English, no upper-case letter
//   combination:repeat_prompt                prompt_to_repeat TEXT: begins with it
//   combination:two_responses                two different texts, parted by ******
//   detectable_content:number_placeholders   num_placeholders COUNT: at least so many [texts in brackets]
//   detectable_content:postscript            postscript_marker TEXT: has it; "P.S." and "P.P.S" may have blanks inside
//   detectable_format:constrained_response   has "My answer is yes.", "My answer is no." or "My answer is maybe."
//   detectable_format:json_format            is JSON, which may stand in a ``` block
//   detectable_format:multiple_sections      section_spliter TEXT, num_sections COUNT: at least so many "TEXT number"
//   detectable_format:number_bullet_lists    num_bullets COUNT: exactly so many lines that begin with * or -
//   detectable_format:number_highlighted_sections  num_highlights COUNT: at least so many *texts* or **texts**
//   detectable_format:title                  has a <<title>>
//   keywords:existence                       keywords TEXTS: has all, anywhere in words
//   keywords:forbidden_words                 forbidden_words TEXTS: has none as a word
//   keywords:frequency                       keyword TEXT, frequency COUNT, relation RELATION: anywhere in words
//   keywords:letter_frequency                letter TEXT of one character, let_frequency COUNT, let_relation RELATION
//   language:response_language               language: an ISO 639-1 code of LanguageCodes()
//   length_constraints:nth_paragraph_first_word  num_paragraphs COUNT, nth_paragraph COUNT from 1, first_word TEXT:
//                                            exactly so many texts parted by blank lines, and how that one begins
//   length_constraints:number_paragraphs     num_paragraphs COUNT: exactly so many texts parted by ***
//   length_constraints:number_sentences      num_sentences COUNT, relation RELATION
//   length_constraints:number_words          num_words COUNT, relation RELATION: words are runs of letters, digits, _
//   punctuation:no_comma                     has no ","
//   startend:end_checker                     end_phrase TEXT: ends with it; " may follow
//   startend:quotation                       begins and ends with "
//
// Texts are compared without regard to case, except section_spliter and the three answers. A response of nothing but
// blanks follows no instruction.
//
// Verdicts agree with those that the program of the paper's authors gave to 541 responses of Llama-3.1-8B: all 685 of
// the types that need no model, strict and loose; of the 147 that count sentences or tell languages apart (there by
// NLTK and langdetect, here by sentences.h and language.h), 144 strict and 144 loose. instructions_data_test.cc prints
// the figures of each type and says why the others differ. On purpose that program is not followed where it is random
// (a letter_frequency of what is no letter: here that character is counted), and keywords and markers are texts here,
// there regular expressions.
//
// Not here: reading data sets, accuracy of whole prompts, other checks than the paper's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

struct Instruction {
  std::string id;                                       // "punctuation:no_comma"
  nlohmann::json arguments = nlohmann::json::object();  // by name
};

struct InstructionProblem {
  std::string argument;  // its name; empty: the instruction itself
  std::string message;
};

// What stops an instruction from being checked, for whoever wrote it; empty when nothing does. An argument that another
// type uses may stand there as null, as published copies of the data have it.
std::vector<InstructionProblem> FindInstructionProblems(const Instruction& instruction);

// The strict verdict. `instruction` must have no problems; `response` may be any bytes.
bool Follows(const Instruction& instruction, std::string_view response);

// The loose verdict: whether the response follows the instruction as it is, without its first line, without its last,
// or without both, each with all asterisks or without any.
bool FollowsLoosely(const Instruction& instruction, std::string_view response);

// All ids, in alphabetical order.
std::vector<std::string> InstructionIds();

}  // namespace loco
