#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

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

}  // namespace

class Trainer::State {
 public:
  State(Network& network, Threads& threads, const DataSet& data, const Recipe& recipe, const TrainerOptions& options)
      : data_(data),
        recipe_(recipe),
        options_(options),
        pass_(network, threads, {.stored_blocks = options.stored_blocks, .loss_rows = options.loss_rows}) {
    for (const Sample& sample : data.samples) lengths_.push_back(static_cast<int64_t>(sample.tokens.size()));
    state_.identity = options.identity;
    state_.adapter = AttachAdapter(network, recipe.adapter, recipe.seed);
    optimizer_.emplace(state_.adapter, AdamWOptions{.weight_decay = recipe.weight_decay});
    gradients_ = ZeroLike(state_.adapter);
    // Packing differs a little from epoch to epoch with the order; the schedule counts what each really has.
    for (int64_t epoch = 0; epoch < recipe.epochs; ++epoch) {
      total_steps_ += StepsOf(static_cast<int64_t>(PassesOf(epoch).size()));
    }
    schedule_ = {.peak = recipe.learning_rate,
                 .decay = recipe.decay,
                 .steps = total_steps_,
                 .warm_up = static_cast<int64_t>(recipe.warm_up_share * static_cast<double>(total_steps_))};
  }

  int64_t total_steps() const { return total_steps_; }
  const TrainingState& state() const { return state_; }

  void Resume(TrainingState state) {
    if (state.identity != state_.identity) {
      throw Error(fmt::format("{}: the checkpoint belongs to another run", options_.checkpoint.string()),
                  "resume with the same base, data, recipe and number of threads, or begin anew without --resume");
    }
    optimizer_->Restore(state.steps, state.first_moment, state.second_moment);
    state_ = std::move(state);
  }

  void Run(const DataSet* held_out, const std::function<void(const TrainingState&)>& step) {
    begin_ = SteadyClock::now();
    last_checkpoint_ = begin_;
    seconds_before_ = state_.seconds;
    if (held_out != nullptr && state_.evaluations.empty()) state_.evaluations.push_back({0, Evaluate(*held_out)});
    for (; state_.epoch < recipe_.epochs; ++state_.epoch, state_.next_pass = 0) {
      const auto passes = PassesOf(state_.epoch);
      const auto count = static_cast<int64_t>(passes.size());
      const int64_t every = std::max<int64_t>(1, StepsOf(count) / std::max<int64_t>(1, options_.evaluations_per_epoch));
      while (state_.next_pass < count) {
        Step(passes);
        if (held_out != nullptr && (state_.steps % every == 0 || state_.steps == total_steps_)) {
          state_.evaluations.push_back({state_.steps, Evaluate(*held_out)});
        }
        state_.seconds = seconds_before_ + SecondsSince(begin_);
        step(state_);
        if (InterruptRequested()) {
          Checkpoint();
          throw Interrupted();
        }
        if (SecondsSince(last_checkpoint_) >= options_.checkpoint_seconds) Checkpoint();
      }
    }
    Checkpoint();
  }

  double Evaluate(const DataSet& data) {
    std::vector<int64_t> lengths;
    for (const Sample& sample : data.samples) lengths.push_back(static_cast<int64_t>(sample.tokens.size()));
    std::vector<size_t> order(lengths.size());
    std::iota(order.begin(), order.end(), size_t{0});
    pass_.set_dropout(0, 0);
    double loss = 0;
    double weight = 0;
    for (const auto& samples : PlanPasses(lengths, order, recipe_.tokens_per_pass)) {
      const PassResult result = pass_.Run(BatchOf(data, samples), &state_.adapter, nullptr);
      loss += result.loss;
      weight += result.weight;
    }
    return loss / weight;
  }

 private:
  int64_t StepsOf(int64_t passes) const { return (passes + recipe_.passes_per_step - 1) / recipe_.passes_per_step; }

  std::vector<std::vector<size_t>> PassesOf(int64_t epoch) const {
    std::vector<size_t> order(lengths_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    Random random(recipe_.seed * 1'000'003 + static_cast<uint64_t>(epoch));
    random.Shuffle(order);
    return PlanPasses(lengths_, order, recipe_.tokens_per_pass);
  }

  static TokenBatch BatchOf(const DataSet& data, const std::vector<size_t>& indices) {
    std::vector<const Sample*> samples;
    for (const size_t i : indices) samples.push_back(&data.samples[i]);
    return PackSamples(samples);
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
    for (; state_.next_pass < end; ++state_.next_pass) {
      pass_.set_dropout(recipe_.dropout, DropoutSeed());
      const TokenBatch batch = BatchOf(data_, passes[static_cast<size_t>(state_.next_pass)]);
      const PassResult result = pass_.Run(batch, &state_.adapter, &gradients_);
      loss += result.loss;
      weight += result.weight;
      record.tokens += static_cast<int64_t>(batch.tokens.size());
      record.learned += static_cast<int64_t>(result.token_loss.size());
    }
    LOCO_CHECK(weight > 0);
    Scale(gradients_, 1 / weight);
    record.loss = loss / weight;
    record.gradient_norm = ClipNorm(gradients_, recipe_.clip_norm);
    record.learning_rate = LearningRate(schedule_, state_.steps);
    optimizer_->Step(state_.adapter, gradients_, record.learning_rate);
    ++state_.steps;
    state_.history.push_back(record);
  }

  uint64_t DropoutSeed() const {
    return Random(recipe_.seed ^ (static_cast<uint64_t>(state_.epoch) << 32) ^ static_cast<uint64_t>(state_.next_pass))
        .Next();
  }

  void Checkpoint() {
    last_checkpoint_ = SteadyClock::now();
    if (options_.checkpoint.empty()) return;
    state_.first_moment = optimizer_->first_moment();
    state_.second_moment = optimizer_->second_moment();
    WriteCheckpoint(options_.checkpoint, state_);
  }

  const DataSet& data_;
  Recipe recipe_;
  TrainerOptions options_;
  Pass pass_;
  std::vector<int64_t> lengths_;
  TrainingState state_;
  std::optional<AdamW> optimizer_;
  Adapter gradients_;
  Schedule schedule_;
  int64_t total_steps_ = 0;
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
void Trainer::Resume(TrainingState state) { state_->Resume(std::move(state)); }
void Trainer::Run(const DataSet* held_out, const std::function<void(const TrainingState&)>& step) {
  state_->Run(held_out, step);
}
double Trainer::Evaluate(const DataSet& data) { return state_->Evaluate(data); }

}  // namespace loco
