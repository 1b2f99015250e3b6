#include "store/columns.h"

#include <string>

#include "base/error.h"

namespace loco {
namespace {

using sqlite::Query;

Finish ParseFinish(const std::string& name) {
  for (const Finish finish : {Finish::kStop, Finish::kLength, Finish::kTooLong, Finish::kChoice, Finish::kRefused,
                              Finish::kTimeout, Finish::kError}) {
    if (name == FinishName(finish)) return finish;
  }
  LOCO_CHECK(false);  // the table's CHECK allows no other value
}

Outcome ParseOutcome(const std::string& name) {
  for (const Outcome outcome : kOutcomes) {
    if (name == OutcomeName(outcome)) return outcome;
  }
  LOCO_CHECK(false);  // the table's CHECK allows no other value
}

}  // namespace

ModelRow Columns<ModelRow>::Read(Query& query) {
  ModelRow row;
  row.id = query.Integer();
  row.hash = query.Text();
  row.name = query.Text();
  row.architecture = query.Text();
  row.quantization = query.Text();
  row.parameters = query.Integer();
  row.file_bytes = Bytes{static_cast<uint64_t>(query.Integer())};
  row.facts = query.Text();
  row.base_hash = query.Text();
  row.created_at = query.Text();
  return row;
}

MachineRow Columns<MachineRow>::Read(Query& query) {
  MachineRow row;
  row.id = query.Integer();
  row.fingerprint = query.Text();
  row.processor = query.Text();
  row.cores = static_cast<int>(query.Integer());
  row.memory = Bytes{static_cast<uint64_t>(query.Integer())};
  row.system = query.Text();
  row.created_at = query.Text();
  return row;
}

TaskRow Columns<TaskRow>::Read(Query& query) {
  TaskRow row;
  row.id = query.Integer();
  row.hash = query.Text();
  row.name = query.Text();
  row.scorer = query.Text();
  row.items = query.Integer();
  row.created_at = query.Text();
  return row;
}

RunRow Columns<RunRow>::Read(Query& query) {
  RunRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.model_id = query.Integer();
  row.task_id = query.Integer();
  row.engine = query.Text();
  row.template_hash = query.Text();
  row.sampler = query.Text();
  row.settings = query.Text();
  row.items = query.Integer();
  row.created_at = query.Text();
  row.adapter_id = query.Integer();
  return row;
}

AdapterRow Columns<AdapterRow>::Read(Query& query) {
  AdapterRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.model_id = query.Integer();
  row.machine_id = query.Integer();
  row.name = query.Text();
  row.hash = query.Text();
  row.data = query.Text();
  row.data_hash = query.Text();
  row.recipe = query.Text();
  row.result = query.Text();
  row.created_at = query.Text();
  return row;
}

AnswerRow Columns<AnswerRow>::Read(Query& query) {
  AnswerRow row;
  row.id = query.Integer();
  row.run_id = query.Integer();
  row.item = query.Text();
  row.sample = query.Integer();
  row.prompt_hash = query.Text();
  row.prompt_tokens = query.Integer();
  row.text = query.Text();
  row.thinking = query.Text();
  row.finish = ParseFinish(query.Text());
  row.generated_tokens = query.Integer();
  row.thinking_tokens = query.Integer();
  row.seconds = query.Real();
  row.detail = query.Text();
  row.created_at = query.Text();
  return row;
}

MarkRow Columns<MarkRow>::Read(Query& query) {
  MarkRow row;
  row.id = query.Integer();
  row.answer_id = query.Integer();
  row.scorer = query.Text();
  row.outcome = ParseOutcome(query.Text());
  row.extracted = query.Text();
  const bool graded = query.Integer() != 0;
  const double value = query.Real();
  if (graded) row.value = value;
  return row;
}

MeasurementRow Columns<MeasurementRow>::Read(Query& query) {
  MeasurementRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.model_id = query.Integer();
  row.machine_id = query.Integer();
  row.kind = query.Text();
  row.engine = query.Text();
  row.result = query.Text();
  row.created_at = query.Text();
  return row;
}

FitRow Columns<FitRow>::Read(Query& query) {
  FitRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.model_id = query.Integer();
  row.result = query.Text();
  row.created_at = query.Text();
  return row;
}

EvidenceRow Columns<EvidenceRow>::Read(Query& query) {
  EvidenceRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.candidate = query.Text();
  row.what = query.Text();
  row.row = query.Text();
  row.created_at = query.Text();
  return row;
}

VerdictRow Columns<VerdictRow>::Read(Query& query) {
  VerdictRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.candidate = query.Text();
  row.rule = query.Text();
  row.outcome = query.Text();
  row.result = query.Text();
  row.created_at = query.Text();
  return row;
}

DecisionRow Columns<DecisionRow>::Read(Query& query) {
  DecisionRow row;
  row.id = query.Integer();
  row.key = query.Text();
  row.policy = query.Text();
  row.policy_hash = query.Text();
  row.record = query.Text();
  row.created_at = query.Text();
  return row;
}

}  // namespace loco
