// Scorers: pure functions from an answer to an outcome. A scorer is one file (score_NAME.cc) and one row here.
//
//   Marking marking = MarkResponse(task, item, {.text = " 42", .finish = Finish::kStop});
//
// A cut-off, empty or unreadable answer has an outcome of its own and is never right. Changing what a scorer does
// means raising its version: old marks stay, answers are marked again without being generated again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "score/marking.h"
#include "task/task.h"

namespace loco {

struct Scorer {
  const char* name;
  int version;
  bool uses_choices;       // needs log-likelihoods instead of generated text
  const char* value_name;  // what the mean of Marking::value is called; null: the scorer knows right and wrong only
  Marking (*mark)(const Item& item, const ScoreSettings& settings, const Response& response);
};

// Nothing but blanks.
bool IsBlank(std::string_view text);

const Scorer& FindScorer(const std::string& name);  // the name must be known
std::vector<std::string> ScorerNames();
std::string ScorerId(const Scorer& scorer);  // "numeric/1", as marks carry it

// Deals with answers that no scorer should see (cut, empty, too long, failed) and lets the task's scorer mark the rest.
Marking MarkResponse(const Task& task, const Item& item, const Response& response);

Marking ScoreExact(const Item& item, const ScoreSettings& settings, const Response& response);
Marking ScoreNumeric(const Item& item, const ScoreSettings& settings, const Response& response);
Marking ScoreChoice(const Item& item, const ScoreSettings& settings, const Response& response);
// Extractive answers; qa_match.h. The value is token F1, right is an exact match.
Marking ScoreQaAnswer(const Item& item, const ScoreSettings& settings, const Response& response);
// Texts; rouge.h. The value is the F of ROUGE-L, right from `pass` on.
Marking ScoreRouge(const Item& item, const ScoreSettings& settings, const Response& response);
// Labels; classify.h.
Marking ScoreLabel(const Item& item, const ScoreSettings& settings, const Response& response);
// Instructions that can be checked, as IFEval has them; instructions.h. The value is the share that is followed.
Marking ScoreInstructions(const Item& item, const ScoreSettings& settings, const Response& response);
// Commands in JSON; json_contract.h. Right: the commands and fields that were expected, nothing forbidden, and the
// schema kept. `extracted` holds the verdicts, which JsonVerdictsOf() reads.
Marking ScoreJsonAnswer(const Item& item, const ScoreSettings& settings, const Response& response);
struct JsonVerdicts {
  bool syntax_valid = false;
  bool schema_valid = false;
  bool command_match = false;
  bool exact_match = false;
  bool safe = false;
  bool acts_unasked = true;
};
// Of an answer that was cut off, or in which there was no JSON: nothing is as it should be.
JsonVerdicts JsonVerdictsOf(const std::string& extracted);
// What a person wrote down that must hold; assertions.h. The value is the share of the weight that does.
Marking ScoreAssertions(const Item& item, const ScoreSettings& settings, const Response& response);
// Programs; code_check.h. `extracted` says what happened. Outcome kNotRun where there is no sandbox.
Marking ScoreCode(const Item& item, const ScoreSettings& settings, const Response& response);
// BIG-Bench Hard; bbh_match.h.
Marking ScoreBbh(const Item& item, const ScoreSettings& settings, const Response& response);

// The last match of `pattern` in `text` (its first group when it has one). Empty pattern: the text itself.
// Returns false when nothing matches.
bool ExtractLast(const std::string& text, const std::string& pattern, std::string* found);

}  // namespace loco
