#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "train/packing.h"

namespace loco {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

std::vector<int64_t> LengthsOf(const DataSet& data) {
  std::vector<int64_t> lengths;
  for (const Sample& sample : data.samples) lengths.push_back(static_cast<int64_t>(sample.tokens.size()));
  return lengths;
}

std::vector<size_t> FileOrder(size_t count) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::vector<std::vector<size_t>> PassesOf(const std::vector<int64_t>& lengths, const Recipe& recipe, int64_t epoch) {
  std::vector<size_t> order = FileOrder(lengths.size());
  Random random(recipe.seed * 1'000'003 + static_cast<uint64_t>(epoch));
  random.Shuffle(order);
  return PlanPasses(lengths, order, recipe.tokens_per_pass);
}

TokenBatch BatchOf(const DataSet& data, const std::vector<size_t>& indices) {
  std::vector<const Sample*> samples;
  for (const size_t i : indices) samples.push_back(&data.samples[i]);
  return PackSamples(samples);
}

// `what` is no longer a number.
[[noreturn]] void ThrowDiverged(const std::string& what) {
  throw Diverged(fmt::format("{} is no longer a number: training diverged", what),
                 "begin anew with a smaller learning rate (a third), or with clipping on");
}

bool AllFinite(const Adapter& adapter) {
  const auto finite = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  };
  return std::all_of(adapter.pairs.begin(), adapter.pairs.end(),
                     [&](const LoraPair& pair) { return finite(pair.a) && finite(pair.b); });
}

int64_t StepsOf(int64_t passes, const Recipe& recipe) {
  return (passes + recipe.passes_per_step - 1) / recipe.passes_per_step;
}

}  // namespace

// Packing differs a little from epoch to epoch with the order; the plan counts what each really has.
RunPlan PlanRun(const DataSet& data, const Recipe& recipe) {
  const std::vector<int64_t> lengths = LengthsOf(data);
  const int64_t budget = recipe.token_budget;
  RunPlan plan;
  for (int64_t epoch = 0; budget > 0 ? plan.tokens < budget : epoch < recipe.epochs; ++epoch) {
    ThrowIfInterrupted();  // many epochs of much data take a while
    int64_t count = 0;
    for (const auto& pass : PassesOf(lengths, recipe, epoch)) {
      if (budget > 0 && plan.tokens >= budget) break;
      for (const size_t sample : pass) plan.tokens += lengths[sample];
      ++count;
    }
    plan.passes_of_epoch.push_back(count);
    plan.steps += StepsOf(count, recipe);
  }
  return plan;
}

TokenBatch FirstPass(const DataSet& data, const Recipe& recipe) {
  return BatchOf(data, PassesOf(LengthsOf(data), recipe, 0).front());
}

class Trainer::State {
 public:
  State(Network& network, Threads& threads, const DataSet& data, const Recipe& recipe, const TrainerOptions& options)
      : data_(data),
        recipe_(recipe),
        options_(options),
        plan_(PlanRun(data, recipe)),
        lengths_(LengthsOf(data)),
        pass_(network, threads, {.stored_blocks = options.stored_blocks, .loss_rows = options.loss_rows}) {
    state_.identity = options.identity;
    state_.adapter = AttachAdapter(network, recipe.adapter, recipe.seed);
    optimizer_.emplace(state_.adapter, AdamWOptions{.weight_decay = recipe.weight_decay});
    gradients_ = ZeroLike(state_.adapter);
    schedule_ = {.peak = recipe.learning_rate,
                 .decay = recipe.decay,
                 .steps = plan_.steps,
                 .warm_up = static_cast<int64_t>(recipe.warm_up_share * static_cast<double>(plan_.steps))};
  }

  int64_t total_steps() const { return plan_.steps; }
  const TrainingState& state() const { return state_; }

  void Resume(Checkpoint checkpoint) {
    if (checkpoint.state.identity != state_.identity) {
      throw Error(fmt::format("{}: the checkpoint belongs to another run", options_.checkpoint.string()),
                  "go on with the same base, data and recipe as it was begun, or begin anew with --force");
    }
    optimizer_->Restore(checkpoint.state.steps, std::move(checkpoint.first_moment),
                        std::move(checkpoint.second_moment));
    state_ = std::move(checkpoint.state);
  }

  void Run(const DataSet* held_out, const std::function<void(const TrainingState&)>& step) {
    begin_ = SteadyClock::now();
    last_checkpoint_ = begin_;
    seconds_before_ = state_.seconds;
    const auto epochs = static_cast<int64_t>(plan_.passes_of_epoch.size());
    for (; state_.epoch < epochs; ++state_.epoch, state_.next_pass = 0) {
      auto passes = PassesOf(lengths_, recipe_, state_.epoch);
      passes.resize(static_cast<size_t>(plan_.passes_of_epoch[static_cast<size_t>(state_.epoch)]));
      while (state_.next_pass < static_cast<int64_t>(passes.size())) {
        EvaluateWhenDue(held_out);
        Step(passes);
        state_.seconds = seconds_before_ + SecondsSince(begin_);
        step(state_);
        if (SecondsSince(last_checkpoint_) >= options_.checkpoint_seconds) SaveCheckpoint();
      }
    }
    EvaluateWhenDue(held_out);
    state_.seconds = seconds_before_ + SecondsSince(begin_);
    step(state_);
    SaveCheckpoint();
  }

  double Evaluate(const DataSet& data) {
    const std::vector<int64_t> lengths = LengthsOf(data);
    pass_.set_dropout(0, 0);
    double loss = 0;
    double weight = 0;
    for (const auto& samples : PlanPasses(lengths, FileOrder(lengths.size()), recipe_.tokens_per_pass)) {
      StopWhenAsked();
      const PassResult result = pass_.Run(BatchOf(data, samples), &state_.adapter, nullptr);
      loss += result.loss;
      weight += result.weight;
    }
    if (!std::isfinite(loss)) ThrowDiverged(fmt::format("the held-out loss at step {}", state_.steps));
    return loss / weight;
  }

 private:
  // Where the run stands decides whether an evaluation is due, so that one that a stop prevented is made up for.
  void EvaluateWhenDue(const DataSet* held_out) {
    if (held_out == nullptr) return;
    const auto epochs = static_cast<int64_t>(plan_.passes_of_epoch.size());
    const int64_t every =
        std::max<int64_t>(1, plan_.steps / std::max<int64_t>(1, options_.evaluations_per_epoch * epochs));
    const bool due = state_.steps % every == 0 || state_.steps == plan_.steps;
    const bool done = !state_.evaluations.empty() && state_.evaluations.back().step == state_.steps;
    if (due && !done) state_.evaluations.push_back({state_.steps, Evaluate(*held_out)});
  }

  void StopWhenAsked() {
    if (!InterruptRequested()) return;
    SaveCheckpoint();
    throw Interrupted();
  }

  // One optimizer step over the next passes: the loss is the mean over all their learned tokens, so that a pass with
  // few of them does not weigh more.
  void Step(const std::vector<std::vector<size_t>>& passes) {
    for (LoraPair& pair : gradients_.pairs) {
      std::fill(pair.a.begin(), pair.a.end(), 0.0F);
      std::fill(pair.b.begin(), pair.b.end(), 0.0F);
    }
    StepRecord record{.step = state_.steps + 1};
    double loss = 0;
    double weight = 0;
    const auto end = std::min(static_cast<int64_t>(passes.size()), state_.next_pass + recipe_.passes_per_step);
    const int64_t begin = state_.next_pass;
    for (; state_.next_pass < end; ++state_.next_pass) {
      if (InterruptRequested()) state_.next_pass = begin;  // half a step is no step: it is done again
      StopWhenAsked();
      pass_.set_dropout(static_cast<float>(recipe_.dropout), DropoutSeed());
      const TokenBatch batch = BatchOf(data_, passes[static_cast<size_t>(state_.next_pass)]);
      const PassResult result = pass_.Run(batch, &state_.adapter, &gradients_);
      loss += result.loss;
      weight += result.weight;
      record.tokens += static_cast<int64_t>(batch.tokens.size());
      record.learned += static_cast<int64_t>(result.token_loss.size());
    }
    LOCO_CHECK(weight > 0);
    if (!std::isfinite(loss)) ThrowDiverged(fmt::format("the loss of step {}", record.step));
    Scale(gradients_, 1 / weight);
    record.loss = loss / weight;
    record.gradient_norm = ClipNorm(gradients_, recipe_.clip_norm);
    if (!std::isfinite(record.gradient_norm)) ThrowDiverged(fmt::format("the gradient of step {}", record.step));
    record.learning_rate = LearningRate(schedule_, state_.steps);
    optimizer_->Step(state_.adapter, gradients_, record.learning_rate);
    ++state_.steps;
    state_.history.push_back(record);
  }

  uint64_t DropoutSeed() const {
    return Random(recipe_.seed ^ (static_cast<uint64_t>(state_.epoch) << 32) ^ static_cast<uint64_t>(state_.next_pass))
        .Next();
  }

  void SaveCheckpoint() {
    // Before the last good checkpoint is gone.
    if (!AllFinite(state_.adapter)) ThrowDiverged(fmt::format("a weight after step {}", state_.steps));
    last_checkpoint_ = SteadyClock::now();
    if (options_.checkpoint.empty()) return;
    WriteCheckpoint(options_.checkpoint, state_, optimizer_->first_moment(), optimizer_->second_moment());
  }

  const DataSet& data_;
  Recipe recipe_;
  TrainerOptions options_;
  RunPlan plan_;
  std::vector<int64_t> lengths_;
  Pass pass_;
  TrainingState state_;
  std::optional<AdamW> optimizer_;
  Adapter gradients_;
  Schedule schedule_;
  SteadyClock::time_point begin_;
  SteadyClock::time_point last_checkpoint_;
  double seconds_before_ = 0;
};

Trainer::Trainer(Network& network, Threads& threads, const DataSet& data, const Recipe& recipe,
                 const TrainerOptions& options)
    : state_(std::make_unique<State>(network, threads, data, recipe, options)) {}
Trainer::~Trainer() = default;

int64_t Trainer::total_steps() const { return state_->total_steps(); }
const TrainingState& Trainer::state() const { return state_->state(); }
void Trainer::Resume(Checkpoint checkpoint) { state_->Resume(std::move(checkpoint)); }
void Trainer::Run(const DataSet* held_out, const std::function<void(const TrainingState&)>& step) {
  state_->Run(held_out, step);
}
double Trainer::Evaluate(const DataSet& data) { return state_->Evaluate(data); }

}  // namespace loco
