// loco runs: what is in the store.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/scores.h"
#include "eval/evaluate.h"

namespace loco {
namespace {

ExitCode ListRuns(Session& session) {
  const Store store = session.ReadStore();
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const RunRow& run : store.Runs()) {
    const auto model = store.FindModel(run.model_id);
    const auto task = store.FindTask(run.task_id);
    const RunScore score = ScoreOf(store, run.id);
    const int64_t right = score.Count(Outcome::kRight);
    rows.push_back({fmt::format("run-{}", run.id), ForTerminal(RunSubject(store, run)), model->quantization,
                    ForTerminal(task->name), fmt::format("{}/{}", score.answered, run.items), ShareText(score),
                    run.created_at.substr(0, 16)});
    document.push_back(
        {{"run", fmt::format("run-{}", run.id)},
         {"model", model->name},
         {"adapter", run.adapter_id > 0 ? nlohmann::ordered_json(fmt::format("adapter-{}", run.adapter_id))
                                        : nlohmann::ordered_json(nullptr)},
         {"quantization", model->quantization},
         {"task", task->name},
         {"items", run.items},
         {"answered", score.answered},
         {"right", right},
         {"engine", run.engine},
         {"created_at", run.created_at}});
  }
  if (session.json) {
    session.terminal().PrintLine(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (rows.empty()) {
    session.terminal().PrintLine(
        fmt::format("{} holds no runs yet; 'loco eval' makes one", ForTerminal(store.path().string())));
  } else {
    session.terminal().Print(
        FormatTable({"row", "model", "quant", "task", "answered", "right %  95 % interval", "started"}, rows));
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareRuns(CLI::App&, Session& session) {
  return [&session] { return ListRuns(session); };
}

}  // namespace loco
