// What may be wrong with a rendered prompt, for people who look at one.
//
//   for (const std::string& problem : FindPromptProblems(model, renderer, messages, prompt, context)) …
//
// Each of these has cost published comparisons points: a beginning-of-sequence token that comes twice, a system
// message that the template has no place for, control tokens inside the text of an item, a prompt that does not fit.
#pragma once

#include <string>
#include <vector>

#include "engine/language_model.h"
#include "template/prompt.h"

namespace loco {

// `context`: tokens for prompt and answer together. A line each, most severe first; hostile where it quotes.
std::vector<std::string> FindPromptProblems(const LanguageModel& model, const PromptRenderer& renderer,
                                            const std::vector<Message>& messages, const Prompt& prompt, int context);

}  // namespace loco
