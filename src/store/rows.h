// The rows of the store as plain structs: one for each table of schema.sql, the same names.
//
// JSON columns stay text here; the module that owns a noun writes and reads its own JSON.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace loco {

using RowId = int64_t;  // 0: not stored yet

struct ModelRow {
  RowId id = 0;
  std::string hash;  // SHA-256 of the file, 64 hex digits
  std::string name;
  std::string architecture;
  std::string quantization;
  int64_t parameters = 0;
  Bytes file_bytes;
  std::string facts = "{}";
  std::string base_hash;  // empty: not made by us from another file
  std::string created_at;
};

struct MachineRow {
  RowId id = 0;
  std::string fingerprint;
  std::string processor;
  int cores = 0;
  Bytes memory;
  std::string system;
  std::string created_at;
};

struct TaskRow {
  RowId id = 0;
  std::string hash;
  std::string name;
  std::string scorer;
  int64_t items = 0;
  std::string created_at;
};

struct RunRow {
  RowId id = 0;
  std::string key;
  RowId model_id = 0;
  RowId task_id = 0;
  std::string engine;
  std::string template_hash;
  std::string sampler;
  std::string settings = "{}";
  int64_t items = 0;  // of the task; the run is complete when it has as many answers
  std::string created_at;
  RowId adapter_id = 0;  // 0: the base alone
};

struct AdapterRow {
  RowId id = 0;
  std::string key;
  RowId model_id = 0;  // the base
  RowId machine_id = 0;
  std::string name;
  std::string hash;  // SHA-256 of the adapter's file
  std::string data;
  std::string data_hash;
  std::string recipe = "{}";
  std::string result = "{}";
  std::string created_at;
};

// How an answer ended.
enum class Finish {
  kStop,     // the model ended its turn
  kLength,   // cut at the token limit
  kTooLong,  // the prompt does not fit the context: nothing was generated
  kChoice,   // log-likelihoods of given choices; nothing was generated
  kRefused,  // a server's filter withheld the answer
  kTimeout,  // a server did not answer in time
  kError,    // the engine failed on this item
};
const char* FinishName(Finish finish);

struct AnswerRow {
  RowId id = 0;
  RowId run_id = 0;
  std::string item;
  int64_t sample = 0;  // which of several sampled answers
  std::string prompt_hash;
  int64_t prompt_tokens = 0;
  std::string text;      // hostile
  std::string thinking;  // what it wrote between the marks of thinking, apart from `text`; hostile
  Finish finish = Finish::kStop;
  int64_t generated_tokens = 0;  // of both
  int64_t thinking_tokens = 0;
  double seconds = 0;
  std::string detail = "{}";
  std::string created_at;
};

// An answer within its run.
struct AnswerPlace {
  std::string item;
  int64_t sample = 0;

  auto operator<=>(const AnswerPlace&) const = default;
};

// What an answer was worth. Everything but kRight counts as not right; each is reported by itself.
enum class Outcome {
  kRight,
  kWrong,
  kUnparsed,      // the scorer found nothing to compare
  kTruncated,     // cut at the token limit
  kEmpty,         // nothing, or blanks
  kThinkingOnly,  // it thought, and never came to an answer
  kRefused,       // it declined, or a server's filter withheld it
  kTooLong,       // the prompt does not fit the context
  kTimedOut,      // a server did not answer in time
  kError,         // the engine or the server failed
  kNotRun,        // it could not be marked here: a program without a sandbox. Never stored: the mark is missing
};
const char* OutcomeName(Outcome outcome);   // "too_long": as stored
const char* OutcomeWords(Outcome outcome);  // "cut at the token limit": for people
// Outcomes in the order in which they are listed.
inline constexpr Outcome kOutcomes[] = {Outcome::kRight,     Outcome::kWrong,   Outcome::kUnparsed,
                                        Outcome::kTruncated, Outcome::kEmpty,   Outcome::kThinkingOnly,
                                        Outcome::kRefused,   Outcome::kTooLong, Outcome::kTimedOut,
                                        Outcome::kError,     Outcome::kNotRun};

struct MarkRow {
  RowId id = 0;
  RowId answer_id = 0;
  std::string scorer;  // "numeric/1"
  Outcome outcome = Outcome::kWrong;
  std::string extracted;
  std::optional<double> value;  // 0 to 1, from scorers that know degrees (F1, ROUGE-L)
};

// An answer with its mark, as reports and comparisons need them.
struct MarkedAnswer {
  AnswerRow answer;
  MarkRow mark;
};

struct MeasurementRow {
  RowId id = 0;
  std::string key;
  RowId model_id = 0;
  RowId machine_id = 0;
  std::string kind;
  std::string engine;
  std::string result = "{}";
  std::string created_at;
};

struct FitRow {
  RowId id = 0;
  std::string key;
  RowId model_id = 0;
  std::string result = "{}";
  std::string created_at;
};

struct EvidenceRow {
  RowId id = 0;
  std::string key;
  std::string candidate;
  std::string what;
  std::string row = "{}";
  std::string created_at;
};

struct VerdictRow {
  RowId id = 0;
  std::string key;
  std::string candidate;
  std::string rule;
  std::string outcome;  // "pass", "fail", "unknown"
  std::string result = "{}";
  std::string created_at;
};

struct DecisionRow {
  RowId id = 0;
  std::string key;
  std::string policy;
  std::string policy_hash;
  std::string record = "{}";
  std::string created_at;
};

// A row by its table and id: how people name it ("run-12") and how a decision lists what it rests on.
struct RowRef {
  std::string kind;
  RowId id = 0;

  bool operator==(const RowRef&) const = default;
  std::string Text() const { return kind + "-" + std::to_string(id); }
};
// Parses "run-12". Throws Error for anything else, naming the known kinds.
RowRef ParseRowRef(const std::string& text);

}  // namespace loco
