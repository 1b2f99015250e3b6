// A task: a suite of items, how to ask them, and how to mark the answers. Data, not code: tasks/NAME.toml and JSONL.
//
//   Task task = LoadTask("tasks/pocket/arith.toml");
//   for (const Item& item : task.items) { … BuildMessages(task, item) … }
//
// Loading reports every mistake of the definition with line and column, and every bad item line of the JSONL.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/sandbox.h"
#include "score/answer_filters.h"
#include "score/assertions.h"
#include "score/bbh_match.h"
#include "score/classify.h"
#include "score/code_check.h"
#include "score/instructions.h"
#include "score/json_contract.h"
#include "template/chat_template.h"

namespace loco {

struct Item {
  std::string id;
  std::map<std::string, std::string> fields;  // every text or number of the line, for {placeholders}
  std::string answer;                         // expected text; for multiple choice the right choice's text
  std::shared_ptr<const JsonCase> json_case;  // json: what the answer must and must not hold
  std::vector<Instruction> instructions;      // instructions: what the answer must follow
  std::vector<std::string> references;        // qa, rouge: every text that is right; qa: none where there is no answer
  std::vector<std::string> choices;           // multiple choice only
  size_t right_choice = 0;
  std::shared_ptr<const CodeProblem> code;  // code: the tests that a program must pass
  std::vector<Assertion> assertions;        // assert: what must hold of the answer
  std::vector<Message> history;             // the conversation before the question
  // Answers whose marks are known: 'loco task check' marks them.
  std::vector<std::string> right_samples;
  std::vector<std::string> wrong_samples;
  std::string edge;        // what is special about it; empty: nothing
  std::string category;    // may be empty
  std::string difficulty;  // may be empty
};

// How a scorer reads an answer; each scorer uses the settings that concern it.
struct ScoreSettings {
  std::vector<std::string> normalize;  // exact: any of trim, lower, spaces, punctuation, json
  std::string extract;          // exact, numeric: RE2 pattern, the last match counts; its first group if it has one
  double tolerance = 0;         // numeric: largest absolute difference that is right
  std::string length = "none";  // choice: divide the log-likelihood by "none", "tokens" or "bytes"
  std::vector<std::string> no_answer;            // qa: texts that say that there is no answer
  double pass = 0;                               // rouge: the value that counts as right
  BbhReading reading = BbhReading::kExact;       // bbh
  bool loose = false;                            // instructions: loosened forms of the answer count, too
  std::shared_ptr<const JsonContract> contract;  // json
  std::shared_ptr<const LabelSet> labels;        // label
  std::shared_ptr<const AnswerFilters> filters;  // what the answer goes through before it is marked; null: nothing
  std::shared_ptr<const Sandbox> sandbox;        // code: where programs run
  SandboxLimits limits;                          // code
};

struct Task {
  std::string name;
  int64_t version = 1;
  std::string description;
  std::string licence;
  std::string source;
  std::string system;  // system message template; empty: none
  std::string user;    // user message template
  bool raw = false;    // the texts go to the model as they are, without its chat template
  // Examples in front of the question, the few shots: each an item of its own file with the answer it should get.
  std::vector<Item> shots;
  std::string shot_answer;        // template of their answers
  int max_tokens = 512;           // of the answer
  int thinking_tokens = 1024;     // of what a model thinks before it
  std::vector<std::string> stop;  // texts that end the answer
  std::string scorer = "exact";   // a name of scorers.h
  ScoreSettings score;
  std::vector<Item> items;
  std::string hash;  // SHA-256 over the definition and the items as written
  Path path;
};

Task LoadTask(const Path& path);
// The task's training items instead of its own: `train` names their file. Throws Error when the task has none.
Task LoadTrainingTask(const Path& path);

// The same from a definition in memory; `read` fetches the file of items that it names. `path` names the definition in
// messages and is what relative paths are resolved against.
Task ParseTask(const std::string& definition, const Path& path, const std::function<std::string(const Path&)>& read,
               bool training = false);

// The conversation that asks an item: system message, shots, the item's history, its question. {field} is replaced by
// the item's field, {{ and }} are literal braces; LoadTask made sure that every field exists.
std::vector<Message> BuildMessages(const Task& task, const Item& item);

}  // namespace loco
