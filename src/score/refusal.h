// Whether an answer declines to answer: "I'm sorry, but I can't help with that."
//
//   IsRefusal("I cannot assist with this request.")     // true
//   IsRefusal("I can't find the error in line 3, but …")   // false: "find" is no help that is refused
//
// Only what an answer begins with counts (the first 300 bytes, after an apology or "As an AI"), since a text may speak
// of refusing anywhere else. The phrases are those with which instruction-tuned models of the common families decline,
// in English, German, French and Spanish.
//
// It deliberately judges no mark: a task may ask for a refusal, and then it is right (see MarkResponse). It misses
// refusals in other languages and in a character's own words; those stay wrong.
#pragma once

#include <string_view>

namespace loco {

// Any bytes; linear time.
bool IsRefusal(std::string_view answer);

}  // namespace loco
