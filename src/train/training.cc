#include "train/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "base/error.h"
#include "base/hash.h"
#include "base/system.h"
#include "candidate/gguf.h"
#include "engine/llama_model.h"
#include "net/gemm.h"
#include "train/adapter_file.h"
#include "train/architecture.h"
#include "train/packing.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// Tokens and marks of all samples, as they stand in memory while the run lasts.
int64_t BytesOf(const DataSet& data) {
  return data.tokens * static_cast<int64_t>(sizeof(Token) + sizeof(uint8_t)) +
         static_cast<int64_t>(data.samples.size() * sizeof(Sample));
}

}  // namespace

Path CheckpointIn(const Path& folder) { return folder / "checkpoint"; }
Path AdapterIn(const Path& folder) { return folder / "adapter.gguf"; }

std::string TrainingKey(const TrainingRequest& request) {
  return HashOfParts({"training/4", request.model_hash, HashOfTrainingFiles(request.data),
                      HashOfTrainingFiles(request.held_out), std::to_string(request.samples),
                      std::to_string(request.held_out_samples), std::to_string(request.evaluations_per_epoch),
                      RecipeToJson(request.recipe), KernelName(CurrentKernel())});
}

std::optional<double> TrainedAdapter::HeldOutBits(size_t evaluation) const {
  if (bits_per_nat <= 0 || evaluation >= evaluations.size()) return std::nullopt;
  return evaluations[evaluation].loss * bits_per_nat;
}

std::vector<std::pair<int64_t, double>> TrainedAdapter::HeldOutCurve() const {
  std::vector<std::pair<int64_t, double>> curve;
  for (size_t i = 0; i < evaluations.size() && bits_per_nat > 0; ++i) {
    int64_t seen = 0;
    for (const StepRecord& step : history) seen += step.step <= evaluations[i].step ? step.tokens : 0;
    curve.emplace_back(seen, *HeldOutBits(i));
  }
  return curve;
}

std::optional<int64_t> TrainedAdapter::TokensTo(double bits) const {
  for (const auto& [seen, reached] : HeldOutCurve()) {
    if (reached <= bits) return seen;
  }
  return std::nullopt;
}

std::string TrainedAdapterToJson(const TrainedAdapter& adapter) {
  Json history = Json::array();
  for (const StepRecord& s : adapter.history) {
    history.push_back({s.step, s.loss, s.gradient_norm, s.learning_rate, s.tokens, s.learned});
  }
  Json evaluations = Json::array();
  for (const EvaluationRecord& e : adapter.evaluations) evaluations.push_back({e.step, e.loss});
  Json alarms = Json::array();
  for (const Alarm& a : adapter.alarms) {
    alarms.push_back({{"name", a.name}, {"step", a.step}, {"what", a.what}, {"advice", a.advice}});
  }
  return Json{{"path", adapter.path.string()},
              {"hash", adapter.hash},
              {"parameters", adapter.parameters},
              {"bytes", adapter.bytes},
              {"steps", adapter.steps},
              {"tokens", adapter.tokens},
              {"seconds", adapter.seconds},
              {"planned_bytes", adapter.planned_bytes},
              {"peak_bytes", adapter.peak_bytes},
              {"bits_per_nat", adapter.bits_per_nat},
              {"step_columns", {"step", "loss", "gradient_norm", "learning_rate", "tokens", "learned"}},
              {"history", history},
              {"evaluations", evaluations},
              {"alarms", alarms},
              {"diverged", adapter.diverged},
              {"diverged_cure", adapter.diverged_cure}}
      .dump();
}

TrainedAdapter TrainedAdapterFromJson(const std::string& text) {
  const Json json = Json::parse(text);
  TrainedAdapter adapter{.path = json.at("path").get<std::string>(),
                         .hash = json.at("hash"),
                         .parameters = json.at("parameters"),
                         .bytes = json.at("bytes"),
                         .steps = json.at("steps"),
                         .tokens = json.at("tokens"),
                         .seconds = json.at("seconds"),
                         .planned_bytes = json.at("planned_bytes"),
                         .peak_bytes = json.at("peak_bytes"),
                         .bits_per_nat = json.at("bits_per_nat"),
                         .diverged = json.value("diverged", ""),
                         .diverged_cure = json.value("diverged_cure", "")};
  for (const Json& s : json.at("history")) adapter.history.push_back({s[0], s[1], s[2], s[3], s[4], s[5]});
  for (const Json& e : json.at("evaluations")) adapter.evaluations.push_back({e[0], e[1]});
  for (const Json& a : json.at("alarms")) {
    adapter.alarms.push_back({a.at("name"), a.at("step"), a.at("what"), a.at("advice")});
  }
  return adapter;
}

struct TrainingJob::State {
  explicit State(const TrainingRequest& asked)
      : request(asked), threads(asked.threads > 0 ? asked.threads : ReadProcessor().cores), key(TrainingKey(asked)) {
    ResetPeakMemory();
    {
      const auto tokenizer = LoadModel(request.model, {.threads = 1, .vocabulary_only = true});
      const int max_tokens = static_cast<int>(request.recipe.max_tokens);
      const TrainingText text = ReadTrainingFiles(request.data);
      int64_t samples = request.samples;
      if (request.held_out_samples > 0) {
        held_out = TokenizeTrainingText(text, *tokenizer, {.max_tokens = max_tokens, .last = request.held_out_samples});
        const auto total = static_cast<int64_t>(text.conversations.size());
        const int64_t rest = total - request.held_out_samples;
        if (rest <= 0 || samples > rest) {
          throw Error(fmt::format("{}: {} samples are held out of {}: {} are left to learn from", held_out->name,
                                  FormatCount(request.held_out_samples), FormatCount(total), FormatCount(rest)),
                      "hold out fewer, or add data");
        }
        if (samples == 0) samples = rest;
      } else if (!request.held_out.empty()) {
        held_out = TokenizeTrainingText(ReadTrainingFiles(request.held_out), *tokenizer, {.max_tokens = max_tokens});
      }
      data = TokenizeTrainingText(text, *tokenizer, {.max_tokens = max_tokens, .first = samples});
    }
    const auto reading = static_cast<int64_t>(ReadProcessMemory().peak_resident.value);
    ReleaseFreeMemory();
    file.emplace(request.model);
    const Gguf gguf = ParseGguf(file->bytes(), request.model.string());
    network = BuildNetwork(gguf, file->bytes(), request.model);
    Plan();
    plan.reading = reading;
    if (reading > plan.budget) {
      throw Error(fmt::format("{}: reading it took {}, the memory for the run is {}", data.name,
                              FormatBytes(Bytes{static_cast<uint64_t>(reading)}),
                              FormatBytes(Bytes{static_cast<uint64_t>(plan.budget)})),
                  fmt::format("--memory {}MB holds it; or train on fewer samples", (reading + 999'999) / 1'000'000));
    }
  }

  void Plan() {
    PlanOptions options{.rank = request.recipe.adapter.rank,
                        .parameters = CountParameters(network, request.recipe.adapter),
                        .tokens = LongestPass(),
                        .threads = threads.count(),
                        .weight_bytes = static_cast<int64_t>(file->bytes().size()),
                        .data_bytes = BytesOf(data) + (held_out ? BytesOf(*held_out) : 0),
                        .budget = request.memory};
    const Bytes available = ReadMachineMemory().available;
    if (options.budget == 0) {
      options.budget = DefaultMemoryBudget(available);
      const int64_t least = PlanMemory(network, options).least;
      // A large base needs more than the usual share: take what the least plan needs while the machine has it.
      if (least > options.budget && least < static_cast<int64_t>(available.value)) options.budget = least;
    }
    plan = PlanMemory(network, options);
    if (!plan.fits) {
      const int64_t tokens = LongestPassWithin(network, options);
      constexpr int64_t kMegabyte = 1'000'000;
      std::string cure = fmt::format("--memory {}MB holds it", (plan.least + kMegabyte - 1) / kMegabyte);
      if (tokens >= 16) {
        cure += fmt::format("; passes and samples of {} tokens would fit (--pass-tokens {} --max-tokens {})", tokens,
                            tokens, tokens);
      }
      throw Error(fmt::format("the run needs {} at least, the memory for it is {}: passes of {} tokens",
                              FormatBytes(Bytes{static_cast<uint64_t>(plan.least)}),
                              FormatBytes(Bytes{static_cast<uint64_t>(options.budget)}), options.tokens),
                  cure);
    }
  }

  int64_t LongestPass() const {
    int64_t longest = 0;
    int64_t total = 0;
    const auto look = [&](const DataSet& set) {
      for (const Sample& sample : set.samples) {
        longest = std::max(longest, static_cast<int64_t>(sample.tokens.size()));
        total += static_cast<int64_t>(sample.tokens.size());
      }
    };
    look(data);
    if (held_out) look(*held_out);
    return std::max(longest, std::min(request.recipe.tokens_per_pass, total));
  }

  double bits_per_nat() const {
    if (!held_out || held_out->learned_bytes <= 0) return 0;
    return static_cast<double>(held_out->learned) / held_out->learned_bytes / std::numbers::ln2;
  }

  TrainingRequest request;
  Threads threads;
  std::string key;
  DataSet data;
  std::optional<DataSet> held_out;
  std::optional<MappedFile> file;
  Network network;
  MemoryPlan plan;
};

TrainingJob::TrainingJob(const TrainingRequest& request) try : state_(std::make_unique<State>(request)) {
} catch (const Error& problem) {
  throw NotTrainable(problem.what(), problem.hint(), problem.code());
}
TrainingJob::~TrainingJob() = default;

const DataSet& TrainingJob::data() const { return state_->data; }
const DataSet* TrainingJob::held_out() const { return state_->held_out ? &*state_->held_out : nullptr; }
const MemoryPlan& TrainingJob::plan() const { return state_->plan; }
const std::string& TrainingJob::key() const { return state_->key; }
double TrainingJob::bits_per_nat() const { return state_->bits_per_nat(); }

int64_t TrainingJob::total_steps() const { return PlanRun(state_->data, state_->request.recipe).steps; }
int64_t TrainingJob::total_tokens() const { return PlanRun(state_->data, state_->request.recipe).tokens; }

std::pair<double, int64_t> TrainingJob::TimeOnePass() {
  State& s = *state_;
  Adapter adapter = AttachAdapter(s.network, s.request.recipe.adapter, s.request.recipe.seed);
  Adapter gradients = ZeroLike(adapter);
  Pass pass(s.network, s.threads, {.stored_blocks = s.plan.stored_blocks, .loss_rows = s.plan.loss_rows});
  const TokenBatch batch = FirstPass(s.data, s.request.recipe);
  const auto begin = std::chrono::steady_clock::now();
  pass.Run(batch, &adapter, &gradients);
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          static_cast<int64_t>(batch.tokens.size())};
}

TrainedAdapter TrainingJob::Run(const Path& folder, const std::function<void(const TrainingState&)>& step) {
  State& s = *state_;
  ResetPeakMemory();
  const Path checkpoint = CheckpointIn(folder);
  TrainedAdapter result{.path = AdapterIn(folder),
                        .planned_bytes = std::max(s.plan.total, s.plan.reading),
                        .bits_per_nat = s.bits_per_nat()};
  {
    Trainer trainer(s.network, s.threads, s.data, s.request.recipe,
                    {.checkpoint = checkpoint,
                     .identity = s.key,
                     .stored_blocks = s.plan.stored_blocks,
                     .loss_rows = s.plan.loss_rows,
                     .checkpoint_seconds = s.request.checkpoint_seconds,
                     .evaluations_per_epoch = s.request.evaluations_per_epoch});
    std::error_code none;
    if (std::filesystem::exists(checkpoint, none)) trainer.Resume(ReadCheckpoint(checkpoint));
    try {
      trainer.Run(s.held_out ? &*s.held_out : nullptr, step);
    } catch (const Diverged& problem) {
      result.diverged = problem.what();
      result.diverged_cure = problem.hint();
    }
    const TrainingState& state = trainer.state();
    result.parameters = CountParameters(state.adapter);
    result.steps = state.steps;
    result.seconds = state.seconds;
    result.history = state.history;
    result.evaluations = state.evaluations;
    for (const StepRecord& record : state.history) result.tokens += record.tokens;
    result.alarms = FindAlarms(state, trainer.total_steps());
    if (result.diverged.empty()) {
      WriteAdapter(result.path, state.adapter,
                   {.name = "loco adapter " + s.key.substr(0, 12),  // the same training gives the same file anywhere
                    .architecture = s.network.architecture,
                    .base_hash = s.request.model_hash,
                    .recipe = RecipeToJson(s.request.recipe)});
    }
  }
  result.peak_bytes = std::max(s.plan.reading, static_cast<int64_t>(ReadProcessMemory().peak_resident.value));
  ReleaseFreeMemory();
  if (!result.diverged.empty()) {
    result.path.clear();
    return result;
  }
  result.hash = Sha256OfFile(result.path);
  std::error_code none;
  result.bytes = static_cast<int64_t>(std::filesystem::file_size(result.path, none));
  return result;
}

}  // namespace loco
