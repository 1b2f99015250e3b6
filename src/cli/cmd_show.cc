// loco show ROW: one row of the store and what it rests on.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/eval_lines.h"
#include "cli/practical_lines.h"
#include "cli/scores.h"
#include "cli/training_lines.h"
#include "eval/evaluate.h"
#include "eval/practical.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct ShowArguments {
  std::string row;
  int answers = 10;
};

[[noreturn]] void NoSuchRow(const RowRef& ref) {
  throw Error(fmt::format("there is no {}", ref.Text()), "'loco runs' lists the runs; a decision names its rows");
}

template <typename Row>
Row Found(std::optional<Row> row, const RowRef& ref) {
  if (!row) NoSuchRow(ref);
  return *std::move(row);
}

// A JSON column as indented "key: value" lines; nested objects are indented further.
std::string JsonLines(const Json& json, int indent) {
  std::string out;
  const std::string margin(static_cast<size_t>(indent), ' ');
  for (const auto& [key, value] : json.items()) {
    const std::string name = json.is_array() ? "-" : ForTerminal(key) + ":";
    if (value.is_structured() && !value.empty() && (value.is_object() || value.begin()->is_structured())) {
      out += fmt::format("{}{}\n{}", margin, name, JsonLines(value, indent + 2));
    } else {
      const std::string text =
          value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
      out += fmt::format("{}{} {}\n", margin, name, ForTerminal(text));
    }
  }
  return out;
}

// What a row shows: pairs of a label and a line; `json` holds the same for --json.
struct Shown {
  Json json;
  std::string text;
};

void Add(Shown& shown, const std::string& name, const Json& value) {
  shown.json[name] = value;
  const std::string text =
      value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  shown.text += fmt::format("{:<16}{}\n", name, ForTerminal(text));
}

void AddJsonColumn(Shown& shown, const std::string& name, const std::string& column) {
  const Json json = Json::parse(column);
  shown.json[name] = json;
  if (!json.empty()) shown.text += JsonLines(json, 2);
}

Shown ShowModel(const ModelRow& row) {
  Shown shown;
  Add(shown, "name", row.name);
  Add(shown, "architecture", row.architecture);
  Add(shown, "quantization", row.quantization);
  Add(shown, "parameters", row.parameters);
  Add(shown, "file_bytes", row.file_bytes.value);
  Add(shown, "sha256", row.hash);
  if (!row.base_hash.empty()) Add(shown, "quantized_from", row.base_hash);
  AddJsonColumn(shown, "facts", row.facts);
  return shown;
}

Shown ShowRun(const Store& store, const RunRow& row, int answers) {
  Shown shown;
  const RunScore score = ScoreOf(store, row.id);
  const auto task = store.FindTask(row.task_id);
  Add(shown, "model", fmt::format("model-{} {}", row.model_id, store.FindModel(row.model_id)->name));
  Add(shown, "task", fmt::format("task-{} {} ({})", row.task_id, task->name, task->scorer));
  if (row.adapter_id > 0) {
    Add(shown, "adapter", fmt::format("adapter-{} {}", row.adapter_id, store.FindAdapter(row.adapter_id)->name));
  }
  Add(shown, "engine", row.engine);
  Add(shown, "sampler", row.sampler);
  Add(shown, "settings", Json::parse(row.settings));
  Add(shown, "template_hash", row.template_hash);
  Add(shown, "answered", fmt::format("{} of {}", score.answered, row.items));
  Add(shown, "right", fmt::format("{} %", ShareText(score)));
  Add(shown, "not_right", OutcomesText(score));
  std::vector<std::vector<std::string>> rows;
  const std::string scorer = ScorerId(FindScorer(task->scorer));
  shown.json["answers"] = AnswersJson(store, row.id, scorer);
  for (const MarkedAnswer& answer : store.Answers(row.id, scorer)) {
    if (static_cast<int>(rows.size()) < answers) {
      rows.push_back({fmt::format("answer-{}", answer.answer.id), ForTerminal(answer.answer.item),
                      OutcomeName(answer.mark.outcome), Shorten(ForTerminal(answer.answer.text), 60)});
    }
  }
  shown.text += "\n" + FormatTable({"row", "item", "outcome", "answer"}, rows);
  if (score.answered > static_cast<int64_t>(rows.size()))
    shown.text += fmt::format("… {} more; --answers N or --json shows them\n",
                              score.answered - static_cast<int64_t>(rows.size()));
  return shown;
}

Shown ShowAdapter(const Store& store, const AdapterRow& row) {
  Shown shown;
  Add(shown, "name", row.name);
  Add(shown, "base", fmt::format("model-{} {}", row.model_id, store.FindModel(row.model_id)->name));
  Add(shown, "machine", fmt::format("machine-{}", row.machine_id));
  Add(shown, "sha256", row.hash.empty() ? "none: training diverged" : row.hash);
  if (row.data.empty()) {
    Add(shown, "trained", "elsewhere");
    return shown;
  }
  Add(shown, "data", row.data);
  Add(shown, "data_hash", row.data_hash);
  AddJsonColumn(shown, "recipe", row.recipe);
  shown.json["result"] = Json::parse(row.result);
  shown.text += "\n" + ResultLines(TrainedAdapterFromJson(row.result), 90);
  return shown;
}

Shown ShowAnswer(const Store& store, const AnswerRow& row) {
  Shown shown;
  Add(shown, "run", fmt::format("run-{}", row.run_id));
  Add(shown, "item", row.item);
  Add(shown, "finish", FinishName(row.finish));
  Add(shown, "prompt_tokens", row.prompt_tokens);
  Add(shown, "generated", row.generated_tokens);
  Add(shown, "prompt_hash", row.prompt_hash);
  for (const MarkRow& mark : store.MarksOfAnswer(row.id)) {
    Add(shown, "mark",
        fmt::format("{} by {}{}", OutcomeName(mark.outcome), mark.scorer,
                    mark.extracted.empty() ? "" : ", read as '" + mark.extracted + "'"));
  }
  shown.json["text"] = row.text;
  shown.json["thinking"] = row.thinking;
  if (row.sample > 0) Add(shown, "sample", row.sample);
  AddJsonColumn(shown, "detail", row.detail);
  if (!row.thinking.empty()) {
    shown.text += fmt::format("thinking ({}):\n{}\n", Counted(row.thinking_tokens, "token", "tokens"),
                              ForTerminal(row.thinking, true));
  }
  shown.text += "answer:\n" + ForTerminal(row.text, true) + "\n";
  return shown;
}

Shown ShowMeasurement(const Store& store, const MeasurementRow& row) {
  Shown shown;
  Add(shown, "model", fmt::format("model-{} {}", row.model_id, store.FindModel(row.model_id)->name));
  Add(shown, "machine", fmt::format("machine-{} {}", row.machine_id, store.FindMachine(row.machine_id)->processor));
  Add(shown, "kind", row.kind);
  Add(shown, "engine", row.engine);
  shown.json["result"] = Json::parse(row.result);
  shown.text +=
      row.kind == "practical" ? PracticalLines(PracticalFromJson(row.result)) : JsonLines(Json::parse(row.result), 2);
  return shown;
}

Shown ShowDecision(const Store& store, const DecisionRow& row) {
  Shown shown;
  Add(shown, "policy", row.policy);
  Add(shown, "policy_hash", row.policy_hash);
  std::vector<std::string> refs;
  for (const RowRef& ref : store.RowsOfDecision(row.id)) refs.push_back(ref.Text());
  Add(shown, "rests_on", Json(refs));
  AddJsonColumn(shown, "record", row.record);
  return shown;
}

Shown ShowMachine(const MachineRow& row) {
  Shown shown;
  Add(shown, "processor", row.processor);
  Add(shown, "cores", row.cores);
  Add(shown, "memory_bytes", row.memory.value);
  Add(shown, "system", row.system);
  Add(shown, "fingerprint", row.fingerprint);
  return shown;
}

Shown ShowTask(const TaskRow& row) {
  Shown shown;
  Add(shown, "name", row.name);
  Add(shown, "scorer", row.scorer);
  Add(shown, "items", row.items);
  Add(shown, "hash", row.hash);
  return shown;
}

Shown ShowFit(const Store& store, const FitRow& row) {
  Shown shown;
  Add(shown, "model", fmt::format("model-{} {}", row.model_id, store.FindModel(row.model_id)->name));
  AddJsonColumn(shown, "result", row.result);
  return shown;
}

Shown ShowEvidence(const EvidenceRow& row) {
  Shown shown;
  Add(shown, "candidate", row.candidate);
  Add(shown, "what", row.what);
  AddJsonColumn(shown, "row", row.row);
  return shown;
}

Shown ShowVerdict(const VerdictRow& row) {
  Shown shown;
  Add(shown, "candidate", row.candidate);
  Add(shown, "rule", row.rule);
  Add(shown, "outcome", row.outcome);
  AddJsonColumn(shown, "result", row.result);
  return shown;
}

Shown ShowRow(const Store& store, const RowRef& ref, int answers) {
  if (ref.kind == "model") return ShowModel(Found(store.FindModel(ref.id), ref));
  if (ref.kind == "machine") return ShowMachine(Found(store.FindMachine(ref.id), ref));
  if (ref.kind == "task") return ShowTask(Found(store.FindTask(ref.id), ref));
  if (ref.kind == "run") return ShowRun(store, Found(store.FindRun(ref.id), ref), answers);
  if (ref.kind == "answer") return ShowAnswer(store, Found(store.FindAnswer(ref.id), ref));
  if (ref.kind == "adapter") return ShowAdapter(store, Found(store.FindAdapter(ref.id), ref));
  if (ref.kind == "measurement") return ShowMeasurement(store, Found(store.FindMeasurement(ref.id), ref));
  if (ref.kind == "fit") return ShowFit(store, Found(store.FindFit(ref.id), ref));
  if (ref.kind == "evidence") return ShowEvidence(Found(store.FindEvidence(ref.id), ref));
  if (ref.kind == "verdict") return ShowVerdict(Found(store.FindVerdict(ref.id), ref));
  if (ref.kind == "decision") return ShowDecision(store, Found(store.FindDecision(ref.id), ref));
  LOCO_CHECK(false);  // ParseRowRef knows the same kinds
}

ExitCode RunShow(const ShowArguments& arguments, Session& session) {
  const RowRef ref = ParseRowRef(arguments.row);
  const Store store = session.ReadStore();
  Shown shown = ShowRow(store, ref, arguments.answers);
  if (session.json) {
    Json document = {{"row", ref.Text()}};
    document.update(shown.json);
    session.terminal().PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    session.terminal().PrintLine(session.terminal().Painted(ref.Text(), Paint::kBold));
    session.terminal().Print(shown.text);
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareShow(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ShowArguments>();
  app.add_option("row", arguments->row, "A row by its name, for example run-3, answer-17, decision-1")->required();
  app.add_option("--answers", arguments->answers, "How many answers of a run to list")->check(CLI::Range(0, 1 << 30));
  return [arguments, &session] { return RunShow(*arguments, session); };
}

}  // namespace loco
