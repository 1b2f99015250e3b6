// One check an instruction type: whether a response, which is valid UTF-8 and not blank, does what the arguments say,
// which are known to be good. For instructions.cc, whose header says what each means; not for anybody else.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace loco {

using InstructionCheck = bool(const std::string& response, const nlohmann::json& arguments);

// instructions_count.cc
InstructionCheck HasCapitalWords;
InstructionCheck HasLetterCount;
InstructionCheck HasSentenceCount;
InstructionCheck HasWordCount;

// instructions_format.cc
InstructionCheck HasBullets;
InstructionCheck HasHighlights;
InstructionCheck HasPlaceholders;
InstructionCheck HasPostscript;
InstructionCheck HasSections;
InstructionCheck HasTitle;
InstructionCheck IsJson;

// instructions_structure.cc
InstructionCheck HasFirstWord;
InstructionCheck HasParagraphs;
InstructionCheck HasTwoResponses;

// instructions_text.cc
InstructionCheck EndsWithPhrase;
InstructionCheck HasConstrainedResponse;
InstructionCheck HasKeywordCount;
InstructionCheck HasKeywords;
InstructionCheck HasNoComma;
InstructionCheck HasNoForbiddenWord;
InstructionCheck IsCapitalEnglish;
InstructionCheck IsInLanguage;
InstructionCheck IsLowercaseEnglish;
InstructionCheck IsQuoted;
InstructionCheck RepeatsPrompt;

// Arguments, for the checks above.
int64_t CountArgument(const nlohmann::json& arguments, const char* name);
std::string TextArgument(const nlohmann::json& arguments, const char* name);
// Whether `count` stands in the relation `relation` (its argument's name) to the number of argument `limit`.
bool IsWithin(int64_t count, const nlohmann::json& arguments, const char* relation, const char* limit);

}  // namespace loco
