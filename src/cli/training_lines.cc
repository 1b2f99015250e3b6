#include "cli/training_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/hostile_text.h"
#include "report/plot.h"

namespace loco {
namespace {

std::string Size(int64_t bytes) { return FormatBytes(Bytes{static_cast<uint64_t>(std::max<int64_t>(0, bytes))}); }

std::string DataLine(const char* label, const DataSet& data) {
  std::string line = fmt::format("{:<9} {} · {} · {} tokens, {} of them learned", label, ForTerminal(data.name),
                                 Counted(static_cast<int64_t>(data.samples.size()), "sample", "samples"),
                                 FormatCount(data.tokens), FormatCount(data.learned));
  if (data.truncated > 0) {
    line += fmt::format("\n          ! {} cut at the limit; the longest has {} tokens",
                        Counted(data.truncated, "sample was", "samples were"), FormatCount(data.longest));
  }
  if (data.left_out > 0) {
    line += fmt::format("\n          ! {} left out: no answer begins within the limit",
                        Counted(data.left_out, "sample is", "samples are"));
  }
  if (data.one_answer_only > 0) {
    line += fmt::format("\n          ! {} only its last answer learned: the template renders earlier turns differently",
                        Counted(data.one_answer_only, "conversation has", "conversations have"));
  }
  return line + "\n";
}

}  // namespace

std::string DataLines(const DataSet& data, const DataSet* held_out) {
  if (held_out == nullptr) return DataLine("data", data);
  std::string text = DataLine("data", data) + DataLine("held out", *held_out);
  const int64_t seen = CountAlsoIn(*held_out, data);
  if (seen > 0) {
    text +=
        fmt::format("          ! {} in the training data, too: the loss on what is held out looks better than it is\n",
                    Counted(seen, "sample stands", "samples stand"));
  }
  return text;
}

std::string PlanLines(const MemoryPlan& plan, const Recipe& recipe, int64_t steps, int64_t tokens) {
  std::vector<std::vector<std::string>> rows;
  for (const MemoryTerm& term : plan.terms) rows.push_back({"  " + term.name, Size(term.bytes), term.detail});
  return fmt::format(
             "recipe    rank {} · alpha {:g}{} · learning rate {:g} {} · {} of {} tokens\nmemory    {} planned of {}\n",
             recipe.adapter.rank, recipe.adapter.alpha, recipe.adapter.rank_stabilized ? " (rsLoRA)" : "",
             recipe.learning_rate, DecayName(recipe.decay), Counted(steps, "step", "steps"),
             FormatCount(tokens / std::max<int64_t>(1, steps)), Size(plan.total), Size(plan.budget)) +
         FormatTable({}, rows) +
         (plan.reading > plan.total
              ? fmt::format("          ! reading the data took more: {}, before the run\n", Size(plan.reading))
              : "");
}

std::string ResultLines(const TrainedAdapter& adapter, size_t width) {
  std::string text;
  Curve loss{.name = "loss of each step, nats a token", .mark = '.'};
  for (const StepRecord& step : adapter.history) loss.points.emplace_back(step.step, step.loss);
  Curve held_out{.name = "held out", .mark = 'o'};
  for (const EvaluationRecord& e : adapter.evaluations) held_out.points.emplace_back(e.step, e.loss);
  text += TextPlot({loss, held_out}, {.width = std::min<size_t>(width, 90), .height = 9});
  const auto first = adapter.HeldOutBits(0);
  const auto last = adapter.HeldOutBits(adapter.evaluations.empty() ? 0 : adapter.evaluations.size() - 1);
  if (first && last) text += fmt::format("held out  {:.3f} → {:.3f} bits a byte\n", *first, *last);
  if (!adapter.history.empty()) {
    text += fmt::format("loss      {:.3f} → {:.3f} nats a token\n", adapter.history.front().loss,
                        adapter.history.back().loss);
  }
  text +=
      fmt::format("trained   {} · {} tokens · {} · {:.3g} tok/s with evaluations\n",
                  Counted(adapter.steps, "step", "steps"), FormatCount(adapter.tokens), FormatDuration(adapter.seconds),
                  adapter.seconds > 0 ? static_cast<double>(adapter.tokens) / adapter.seconds : 0);
  if (!adapter.diverged.empty()) return text + fmt::format("! {}\n", ForTerminal(adapter.diverged));
  text += fmt::format("memory    peak {} of {} planned\n", Size(adapter.peak_bytes), Size(adapter.planned_bytes));
  text += fmt::format("size      {} parameters · {}\n", FormatCount(adapter.parameters), Size(adapter.bytes));
  for (const Alarm& alarm : adapter.alarms) {
    text += fmt::format("! {}: {} (step {}). {}\n", alarm.name, alarm.what, alarm.step, alarm.advice);
  }
  return text;
}

TrainingProgress::TrainingProgress(Terminal& terminal, const TrainingJob& job, const std::string& name)
    : terminal_(terminal), total_steps_(job.total_steps()), bits_per_nat_(job.bits_per_nat()), name_(name) {}

void TrainingProgress::Show(const TrainingState& state) {
  if (!begun_) {
    // The first call comes after a step of this process: what stood in a checkpoint was done before.
    terminal_.progress().Begin(fmt::format("train {}", ForTerminal(name_)), total_steps_,
                               std::max<int64_t>(0, state.steps - 1));
    begun_ = true;
  }
  for (const Alarm& alarm : FindAlarms(state, total_steps_)) {
    if (std::find(told_.begin(), told_.end(), alarm.name) != told_.end()) continue;
    told_.push_back(alarm.name);
    terminal_.Note(
        terminal_.PaintedNote(fmt::format("! {}: {}. {}", alarm.name, alarm.what, alarm.advice), Paint::kYellow));
  }
  std::string note;
  if (!state.history.empty()) note += fmt::format("loss {:.3f}", state.history.back().loss);
  if (!state.evaluations.empty()) {
    const auto& all = state.evaluations;
    const bool falls = all.size() < 2 || all.back().loss <= all[all.size() - 2].loss;
    note += fmt::format(" · held out {:.3f} bits/byte {}", all.back().loss * bits_per_nat_, falls ? "↓" : "↑");
  }
  int64_t tokens = 0;
  for (const StepRecord& step : state.history) tokens += step.tokens;
  if (seconds_ > 0 && state.seconds > seconds_) {
    note += fmt::format(" · {:.3g} tok/s", static_cast<double>(tokens - tokens_) / (state.seconds - seconds_));
  } else {
    seconds_ = state.seconds;
    tokens_ = tokens;
  }
  terminal_.progress().Update(state.steps, note);
}

void TrainingProgress::End() { terminal_.progress().End(); }

}  // namespace loco
