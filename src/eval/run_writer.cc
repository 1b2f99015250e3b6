#include "eval/run_writer.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "task/scorers.h"

namespace loco {
namespace {

// Empty where the answer cannot be marked on this machine.
std::optional<MarkRow> MarkOf(const Task& task, const Item& item, const Response& response) {
  const Marking marking = MarkResponse(task, item, response);
  if (marking.outcome == Outcome::kNotRun) return std::nullopt;
  return MarkRow{.scorer = ScorerId(FindScorer(task.scorer)),
                 .outcome = marking.outcome,
                 .extracted = marking.extracted,
                 .value = marking.value};
}

}  // namespace

RunWriter::RunWriter(Store& store, const Task& task, RowId run, Progress& progress, const Clock& clock)
    : store_(store),
      task_(task),
      run_(run),
      progress_(progress),
      clock_(clock),
      answered_(store.AnsweredItems(run)),
      done_(static_cast<int64_t>(answered_.size())),
      started_(clock.Seconds()) {}

void RunWriter::Write(const Item& item, AnswerRow answer, const Response& response) {
  answer.run_id = run_;
  answer.item = item.id;
  answer.text = response.text;
  answer.thinking = response.thinking;
  answer.finish = response.finish;
  if (IsAnswered({answer.item, answer.sample})) return;  // computed again for the sake of its group
  store_.AddAnswer(answer, MarkOf(task_, item, response));
  ++done_;
  ++written_;
  tokens_ += answer.prompt_tokens + answer.generated_tokens;
  const double seconds = clock_.Seconds() - started_;
  progress_.Update(done_, seconds > 0 ? fmt::format("{:.0f} tok/s", static_cast<double>(tokens_) / seconds) : "");
  ThrowIfInterrupted();
}

// Marks stored answers that the present version of the scorer has not seen.
void MarkStoredAnswers(Store& store, const Task& task, RowId run) {
  const Scorer& scorer = FindScorer(task.scorer);
  const std::vector<AnswerRow> unmarked = store.UnmarkedAnswers(run, ScorerId(scorer));
  if (unmarked.empty()) return;
  std::map<std::string, const Item*> items;
  for (const Item& item : task.items) items[item.id] = &item;
  for (const AnswerRow& answer : unmarked) {
    Response response{.text = answer.text, .thinking = answer.thinking, .finish = answer.finish};
    const auto detail = nlohmann::json::parse(answer.detail);
    if (detail.contains("log_likelihood")) {
      response.log_likelihood = detail["log_likelihood"].get<std::vector<double>>();
      response.choice_tokens = detail["choice_tokens"].get<std::vector<int>>();
    }
    std::optional<MarkRow> mark = MarkOf(task, *items.at(answer.item), response);
    if (!mark) continue;
    mark->answer_id = answer.id;
    store.AddMark(*mark);
  }
}

}  // namespace loco
