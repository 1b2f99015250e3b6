// How a row is read from its table: the columns to select, and the reader that takes them in that order.
//
//   Columns<ModelRow>::kTable, Columns<ModelRow>::kNames      // "model", "id, hash, name, …"
//   Columns<ModelRow>::Read(query)                            // the next columns of the current row
//
// Readers take columns one after the other, so a joined query is read by two of them.
#pragma once

#include "store/rows.h"
#include "store/sqlite.h"

namespace loco {

template <typename Row>
struct Columns;

template <>
struct Columns<ModelRow> {
  static constexpr const char* kTable = "model";
  static constexpr const char* kNames =
      "id, hash, name, architecture, quantization, parameters, file_bytes, facts, base_hash, created_at";
  static ModelRow Read(sqlite::Query& query);
};

template <>
struct Columns<MachineRow> {
  static constexpr const char* kTable = "machine";
  static constexpr const char* kNames = "id, fingerprint, processor, cores, memory_bytes, system, created_at";
  static MachineRow Read(sqlite::Query& query);
};

template <>
struct Columns<TaskRow> {
  static constexpr const char* kTable = "task";
  static constexpr const char* kNames = "id, hash, name, scorer, items, created_at";
  static TaskRow Read(sqlite::Query& query);
};

template <>
struct Columns<RunRow> {
  static constexpr const char* kTable = "run";
  static constexpr const char* kNames =
      "id, key, model_id, task_id, engine, template_hash, sampler, settings, items, created_at, ifnull(adapter_id, 0)";
  static RunRow Read(sqlite::Query& query);
};

template <>
struct Columns<AdapterRow> {
  static constexpr const char* kTable = "adapter";
  static constexpr const char* kNames =
      "id, key, model_id, machine_id, name, hash, data, data_hash, recipe, result, created_at";
  static AdapterRow Read(sqlite::Query& query);
};

template <>
struct Columns<AnswerRow> {
  static constexpr const char* kTable = "answer";
  static constexpr const char* kNames =
      "answer.id, run_id, item, sample, prompt_hash, prompt_tokens, text, thinking, finish, generated_tokens, "
      "thinking_tokens, seconds, detail, answer.created_at";
  static AnswerRow Read(sqlite::Query& query);
};

template <>
struct Columns<MarkRow> {
  static constexpr const char* kTable = "mark";
  static constexpr const char* kNames = "mark.id, answer_id, scorer, outcome, extracted, value IS NOT NULL, value";
  static MarkRow Read(sqlite::Query& query);
};

template <>
struct Columns<MeasurementRow> {
  static constexpr const char* kTable = "measurement";
  static constexpr const char* kNames = "id, key, model_id, machine_id, kind, engine, result, created_at";
  static MeasurementRow Read(sqlite::Query& query);
};

template <>
struct Columns<FitRow> {
  static constexpr const char* kTable = "fit";
  static constexpr const char* kNames = "id, key, model_id, result, created_at";
  static FitRow Read(sqlite::Query& query);
};

template <>
struct Columns<EvidenceRow> {
  static constexpr const char* kTable = "evidence";
  static constexpr const char* kNames = "id, key, candidate, what, row, created_at";
  static EvidenceRow Read(sqlite::Query& query);
};

template <>
struct Columns<VerdictRow> {
  static constexpr const char* kTable = "verdict";
  static constexpr const char* kNames = "id, key, candidate, rule, outcome, result, created_at";
  static VerdictRow Read(sqlite::Query& query);
};

template <>
struct Columns<DecisionRow> {
  static constexpr const char* kTable = "decision";
  static constexpr const char* kNames = "id, key, policy, policy_hash, record, created_at";
  static DecisionRow Read(sqlite::Query& query);
};

}  // namespace loco
