// loco train MODEL --data FILE --out FOLDER: trains a LoRA adapter on a frozen, quantized base.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/hash.h"
#include "base/hostile_text.h"
#include "cli/adapters.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/trainability.h"
#include "cli/training_lines.h"
#include "engine/llama_model.h"
#include "net/gemm.h"
#include "train/training.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct TrainArguments {
  Path model;
  std::vector<Path> data;
  std::vector<Path> held_out;
  int64_t hold_out = 0;
  Path out;
  Path recipe_file;
  // Each overrides the recipe file when it was given.
  std::optional<int64_t> rank, epochs, tokens, pass_tokens, accumulate, max_tokens;
  std::optional<double> alpha, dropout, learning_rate, warm_up, weight_decay, clip_norm;
  std::optional<std::string> schedule;
  std::optional<uint64_t> seed;
  std::vector<std::string> targets;
  bool rank_stabilized = false;
  std::string memory;
  std::string kernel;
  double checkpoint_seconds = 60;
  int64_t show = 0;
  bool plan_only = false;
  bool resume = false;
  bool force = false;
  bool peft = false;
  bool merge = false;
  std::string merge_type;
};

Recipe RecipeOf(const TrainArguments& a) {
  Recipe recipe = a.recipe_file.empty() ? Recipe{} : LoadRecipe(a.recipe_file);
  const auto set = [](auto& value, const auto& given) {
    if (given) value = static_cast<std::decay_t<decltype(value)>>(*given);
  };
  set(recipe.adapter.rank, a.rank);
  set(recipe.adapter.alpha, a.alpha);
  // Who names a rank and no alpha means the usual proportion.
  if (a.rank && !a.alpha && a.recipe_file.empty()) recipe.adapter.alpha = 2 * static_cast<float>(*a.rank);
  set(recipe.dropout, a.dropout);
  set(recipe.learning_rate, a.learning_rate);
  set(recipe.warm_up_share, a.warm_up);
  set(recipe.weight_decay, a.weight_decay);
  set(recipe.clip_norm, a.clip_norm);
  set(recipe.epochs, a.epochs);
  if (a.epochs) recipe.token_budget = 0;
  set(recipe.token_budget, a.tokens);
  set(recipe.tokens_per_pass, a.pass_tokens);
  set(recipe.passes_per_step, a.accumulate);
  set(recipe.max_tokens, a.max_tokens);
  set(recipe.seed, a.seed);
  if (a.schedule) recipe.decay = ParseDecay(*a.schedule);
  if (!a.targets.empty()) recipe.adapter.targets = a.targets;
  recipe.adapter.rank_stabilized = recipe.adapter.rank_stabilized || a.rank_stabilized;
  return recipe;
}

std::vector<std::string> KernelNames() {
  std::vector<std::string> names;
  for (const KernelKind kind : kKernelKinds) names.emplace_back(KernelName(kind));
  return names;
}

void ChooseKernel(const std::string& name) {
  if (name.empty()) return;
  const auto kind = KernelNamed(name);
  if (!kind) {
    throw Error(fmt::format("unknown kernel {}", QuotedWord(name)),
                fmt::format("one of {}", fmt::join(KernelNames(), ", ")), ExitCode::kUsage);
  }
  if (!IsSupported(*kind)) {
    throw Error(fmt::format("this processor does not have {}", name), "leave --kernel out: the best one is chosen");
  }
  UseKernel(*kind);
}

// What a folder must remember so that --resume needs nothing else.
Path RequestFile(const Path& folder) { return folder / "training.json"; }

Json RequestJson(const TrainingRequest& request, const TrainArguments& a) {
  const auto absolute = [](const std::vector<Path>& paths) {
    Json list = Json::array();
    for (const Path& path : paths) list.push_back(std::filesystem::absolute(path).string());
    return list;
  };
  return {{"format", "loco-training/1"},
          {"model", std::filesystem::absolute(request.model).string()},
          {"data", absolute(request.data)},
          {"held_out", absolute(request.held_out)},
          {"held_out_samples", request.held_out_samples},
          {"recipe", Json::parse(RecipeToJson(request.recipe))},
          {"kernel", KernelName(CurrentKernel())},
          {"memory", request.memory},
          {"peft", a.peft},
          {"merge", a.merge},
          {"merge_type", a.merge_type}};
}

int64_t MemoryOf(const std::string& size) {
  const auto bytes = static_cast<int64_t>(ParseMemorySize(size).value);
  if (bytes == 0) throw Error("--memory cannot be 0", "leave it out for the default", ExitCode::kUsage);
  return bytes;
}

// Throws nlohmann::json::exception for what RequestJson() does not write. What is made of the adapter is remembered,
// too.
TrainingRequest RequestFromJson(const Json& json, TrainArguments& a) {
  ChooseKernel(json.at("kernel").get<std::string>());
  a.peft = a.peft || json.value("peft", false);
  a.merge = a.merge || json.value("merge", false);
  if (a.merge_type.empty()) a.merge_type = json.value("merge_type", "");
  const auto paths = [&](const char* key) {
    const auto names = json.at(key).get<std::vector<std::string>>();
    return std::vector<Path>(names.begin(), names.end());
  };
  return {.model = json.at("model").get<std::string>(),
          .data = paths("data"),
          .held_out = paths("held_out"),
          .held_out_samples = json.at("held_out_samples"),
          .recipe = RecipeFromJson(json.at("recipe").dump()),
          .memory = a.memory.empty() ? json.at("memory").get<int64_t>() : MemoryOf(a.memory)};
}

// With --resume the run is what it was begun as: an option that would change it is a mistake, not a wish.
void RefuseOptionsOfResumedRun(const TrainArguments& a) {
  const std::pair<bool, const char*> given[] = {{!a.data.empty(), "--data"},
                                                {!a.held_out.empty(), "--eval"},
                                                {a.hold_out > 0, "--hold-out"},
                                                {!a.recipe_file.empty(), "--recipe"},
                                                {a.rank.has_value(), "--rank"},
                                                {a.alpha.has_value(), "--alpha"},
                                                {a.rank_stabilized, "--rslora"},
                                                {a.dropout.has_value(), "--dropout"},
                                                {!a.targets.empty(), "--targets"},
                                                {a.learning_rate.has_value(), "--lr"},
                                                {a.schedule.has_value(), "--schedule"},
                                                {a.warm_up.has_value(), "--warm-up"},
                                                {a.weight_decay.has_value(), "--weight-decay"},
                                                {a.clip_norm.has_value(), "--clip"},
                                                {a.epochs.has_value(), "--epochs"},
                                                {a.tokens.has_value(), "--tokens"},
                                                {a.pass_tokens.has_value(), "--pass-tokens"},
                                                {a.accumulate.has_value(), "--accumulate"},
                                                {a.max_tokens.has_value(), "--max-tokens"},
                                                {a.seed.has_value(), "--seed"},
                                                {!a.kernel.empty(), "--kernel"}};
  for (const auto& [is_given, name] : given) {
    if (!is_given) continue;
    throw Error(fmt::format("{} cannot be changed with --resume: the run goes on as it was begun", name),
                "leave it out; --memory, --peft and --merge may be given", ExitCode::kUsage);
  }
}

TrainingRequest ResumedRequest(TrainArguments& a) {
  RefuseOptionsOfResumedRun(a);
  const Path file = RequestFile(a.out);
  std::error_code none;
  if (!std::filesystem::exists(CheckpointIn(a.out), none) || !std::filesystem::exists(file, none)) {
    throw Error(fmt::format("{}: there is no run to go on with", a.out.string()),
                "name the folder of a stopped run with --out, or leave --resume out to begin one", ExitCode::kUsage);
  }
  try {
    const Json json = Json::parse(ReadFile(file));
    if (json.at("format") == "loco-training/1") return RequestFromJson(json, a);
  } catch (const nlohmann::json::exception&) {  // the same as another format
  }
  throw Error(fmt::format("{}: not what 'loco train' writes", file.string()),
              "give model, data and recipe again without --resume: the same run goes on");
}

TrainingRequest RequestOf(TrainArguments& a) {
  if (a.resume && a.model.empty()) return ResumedRequest(a);
  ChooseKernel(a.kernel);
  const auto need = [](bool given, const char* what) {
    if (!given) throw Error(fmt::format("{} is missing", what), "see 'loco train --help'", ExitCode::kUsage);
  };
  need(!a.model.empty(), "the model file");
  need(!a.data.empty(), "--data");
  TrainingRequest request{
      .model = a.model, .data = a.data, .held_out = a.held_out, .held_out_samples = a.hold_out, .recipe = RecipeOf(a)};
  if (!a.memory.empty()) request.memory = MemoryOf(a.memory);
  return request;
}

Path MergedIn(const Path& folder) { return folder / "merged.gguf"; }
Path PeftIn(const Path& folder) { return folder / "peft"; }

// Nothing that exists is written over without being asked: the folder holds this very run, or none.
void CheckFolder(const TrainArguments& a, const std::string& key, const Store& store) {
  std::error_code none;
  const Path checkpoint = CheckpointIn(a.out);
  const Path adapter = AdapterIn(a.out);
  if (a.force && !a.resume) return;
  if (std::filesystem::exists(checkpoint, none)) {
    if (ReadCheckpoint(checkpoint).state.identity == key) return;
    if (a.resume) {
      throw Error(fmt::format("{}: data or base have changed since the run began", a.out.string()),
                  "restore them, or begin anew with model, data and --force");
    }
    throw Error(fmt::format("{}: an unfinished run with other data, base or recipe is there", a.out.string()),
                fmt::format("finish it with 'loco train --resume --out {}', choose another --out, or give it up with "
                            "--force",
                            ForShell(a.out.string())),
                ExitCode::kUsage);
  }
  if (a.resume) {
    throw Error(fmt::format("{}: there is no run to go on with", a.out.string()), "leave --resume out to begin one",
                ExitCode::kUsage);
  }
  if (!std::filesystem::exists(adapter, none)) return;
  const auto row = store.FindAdapterByKey(key);
  if (!row || row->hash != Sha256OfFile(adapter)) {
    throw Error(fmt::format("{}: another adapter is there", a.out.string()), "choose another --out, or --force",
                ExitCode::kUsage);
  }
}

// When all is checked and before anything is written: what a forced run replaces, or a new one would write over.
void PrepareFolder(const TrainArguments& a) {
  std::error_code none;
  const bool anew = a.force && !a.resume;
  const bool goes_on = !anew && std::filesystem::exists(CheckpointIn(a.out), none);
  if (goes_on) return;
  for (const Path& path : {CheckpointIn(a.out), MergedIn(a.out), PeftIn(a.out)}) {
    if (!std::filesystem::exists(path, none)) continue;
    if (!anew) {
      throw Error(fmt::format("{}: it is there already", path.string()), "choose another --out, or --force",
                  ExitCode::kUsage);
    }
    std::filesystem::remove_all(path, none);
  }
}

std::span<const Sample> FirstSamples(const DataSet& data, int64_t count) {
  return std::span(data.samples).first(std::min(static_cast<size_t>(count), data.samples.size()));
}

Json SamplesJson(std::span<const Sample> samples) {
  Json list = Json::array();
  for (const Sample& sample : samples) {
    list.push_back({{"line", sample.line},
                    {"tokens", sample.tokens},
                    {"learned", sample.learned},
                    {"truncated", sample.truncated}});
  }
  return list;
}

void ShowSamples(const TrainingRequest& request, std::span<const Sample> samples, Session& session) {
  Terminal& terminal = session.terminal();
  const auto model = LoadModel(request.model, {.threads = 1, .vocabulary_only = true});
  for (const Sample& sample : samples) {
    terminal.PrintLine(fmt::format("line {} · {} tokens · [trained]{}", sample.line, sample.tokens.size(),
                                   sample.truncated ? " · cut at the limit" : ""));
    std::string line = "  ";
    for (size_t t = 0; t < sample.tokens.size(); ++t) {
      const std::string piece = ForTerminal(model->Detokenize(std::span(&sample.tokens[t], 1), true));
      line += sample.learned[t] != 0 ? terminal.Painted("[" + piece + "]", Paint::kGreen) : piece;
      line += "·";
    }
    terminal.PrintLine(line.substr(0, line.size() - std::string_view("·").size()) + "\n");
  }
}

ExitCode ShowPlan(const TrainingRequest& request, const TrainArguments& a, Session& session) {
  Terminal& terminal = session.terminal();
  TrainingJob job(request);
  const std::span<const Sample> shown = FirstSamples(job.data(), a.show);
  if (a.show > 0 && !session.json) ShowSamples(request, shown, session);
  if (!a.plan_only) {
    if (session.json) terminal.PrintLine(Json{{"samples", SamplesJson(shown)}}.dump());
    return ExitCode::kDone;
  }
  const auto [seconds, tokens] = job.TimeOnePass();
  const double total = seconds / static_cast<double>(tokens) * static_cast<double>(job.total_tokens());
  if (session.json) {
    Json terms = Json::object();
    for (const MemoryTerm& term : job.plan().terms) terms[term.name] = term.bytes;
    Json plan{{"steps", job.total_steps()},
              {"tokens", job.total_tokens()},
              {"predicted_bytes", job.plan().total},
              {"budget_bytes", job.plan().budget},
              {"least_bytes", job.plan().least},
              {"reading_bytes", job.plan().reading},
              {"terms", terms},
              {"stored_blocks", job.plan().stored_blocks},
              {"tokens_per_second", static_cast<double>(tokens) / seconds},
              {"predicted_seconds", total}};
    if (a.show > 0) plan["samples"] = SamplesJson(shown);
    terminal.PrintLine(plan.dump(2));
    return ExitCode::kDone;
  }
  terminal.Print(DataLines(job.data(), job.held_out()));
  terminal.Print(PlanLines(job.plan(), request.recipe, job.total_steps(), job.total_tokens()));
  terminal.PrintLine(
      fmt::format("time      about {} at {:.3g} tok/s, measured on one pass of {} tokens; evaluations extra",
                  FormatDuration(total), static_cast<double>(tokens) / seconds, tokens));
  return ExitCode::kDone;
}

// The adapter in the forms that were asked for besides its own file, beside it.
std::optional<MergedFile> WriteOtherForms(const TrainArguments& a, const TrainingRequest& request, Session& session) {
  const Path adapter = AdapterIn(a.out);
  if (a.peft) ExportAdapter(request.model, adapter, PeftIn(a.out), "");
  if (!a.merge) return std::nullopt;
  return MergeIntoFile(session, request.model, adapter, MergedIn(a.out), a.merge_type);
}

ExitCode RunTrain(TrainArguments a, Session& session) {
  TrainingRequest request = RequestOf(a);
  if (!a.merge_type.empty()) WeightTypeNamed(a.merge_type);  // a mistake shows now and not after hours
  Store store = session.OpenStore();
  const ModelFile model = RegisterModel(store, request.model);
  request.model_hash = model.row.hash;
  request.threads = session.threads;
  request.checkpoint_seconds = a.checkpoint_seconds;
  if (a.plan_only || a.show > 0) return ShowPlan(request, a, session);
  if (a.out.empty())
    throw Error("--out is missing", "name a folder for the adapter: --out my-adapter", ExitCode::kUsage);
  const Path folder = a.out.has_filename() ? a.out : a.out.parent_path();
  request.name = folder.filename().string();
  Terminal& terminal = session.terminal();
  // Two runs that write one folder would take each other's checkpoints.
  const auto lock = store.LockWork(HashOfParts({"training folder", std::filesystem::absolute(folder).string()}),
                                   [&] { terminal.Note("another loco trains into this folder; waiting"); });
  CheckFolder(a, TrainingKey(request), store);
  const auto before = [&](const TrainingJob& job) {
    PrepareFolder(a);
    WriteFileAtomically(RequestFile(a.out), RequestJson(request, a).dump(2) + "\n");
    if (session.json) return;
    terminal.Print(DataLines(job.data(), job.held_out()));
    terminal.Print(PlanLines(job.plan(), request.recipe, job.total_steps(), job.total_tokens()));
  };
  const TrainedRow trained = TrainOrFind(store, session, request, model, a.out, before, a.force && !a.resume);
  if (session.json) {
    Json json = Json::parse(trained.row.result);
    json["row"] = fmt::format("adapter-{}", trained.row.id);
    json["stored_before"] = trained.was_stored;
    const auto merged = WriteOtherForms(a, request, session);
    if (a.peft) json["peft"] = PeftIn(a.out).string();
    if (merged) json["merged"] = Json::parse(MergeToJson(*merged));
    terminal.PrintLine(json.dump(2));
    return ExitCode::kDone;
  }
  if (trained.was_stored) terminal.PrintLine("stored: this very adapter was trained before; nothing was done");
  terminal.Print(ResultLines(trained.adapter, static_cast<size_t>(terminal.width())));
  terminal.PrintLine(fmt::format("adapter   {} · adapter-{}", ForTerminal(AdapterIn(a.out).string()), trained.row.id));
  const auto merged = WriteOtherForms(a, request, session);
  if (a.peft) terminal.PrintLine(fmt::format("peft      {}", ForTerminal(PeftIn(a.out).string())));
  if (merged) terminal.Print(MergeLines(*merged));
  terminal.PrintLine(fmt::format("next      loco eval {} TASK --adapter {}",
                                 ForTerminal(ForShell(request.model.string())),
                                 ForTerminal(ForShell(AdapterIn(a.out).string()))));
  return ExitCode::kDone;
}

}  // namespace

Action DeclareTrain(CLI::App& app, Session& session) {
  auto a = std::make_shared<TrainArguments>();
  app.add_option("model", a->model, "The base: a model file (.gguf) at the quantization that will ship");
  app.add_option(
      "--data", a->data,
      "Training data: JSONL files with messages, conversations, instruction, prompt or text; or tasks (.toml), "
      "for their training items");
  CLI::Option* held_out =
      app.add_option("--eval", a->held_out, "Held-out data of the same kinds: its loss is measured while training");
  app.add_option("--hold-out", a->hold_out, "Hold so many samples, picked at random, out of --data instead")
      ->excludes(held_out)
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("-o,--out", a->out, "Folder for the adapter and, until it is done, the checkpoint");
  app.add_option("--recipe", a->recipe_file, "Recipe file (.toml); the options below override it");
  app.add_option("--rank", a->rank, "Rank of every pair (default 16)")->check(CLI::Range(1, 1024));
  app.add_option("--alpha", a->alpha, "Scale of the adapter is alpha / rank (default: twice the rank)")
      ->check(NumberFrom(1e-6, 1e6));
  app.add_flag("--rslora", a->rank_stabilized, "Scale by alpha / √rank");
  app.add_option("--dropout", a->dropout, "Dropout of the pairs' inputs (default 0.05)")->check(NumberFrom(0, 0.9));
  app.add_option("--targets", a->targets, "Layers that get a pair (default: all linear ones)")
      ->check(CLI::IsMember(AdapterTargets()));
  app.add_option("--lr", a->learning_rate, "Highest learning rate (default 2e-4)")->check(NumberFrom(0, 10));
  app.add_option("--schedule", a->schedule, "constant, linear or cosine (default)")
      ->check(CLI::IsMember({"constant", "linear", "cosine"}));
  app.add_option("--warm-up", a->warm_up, "Share of the steps that the learning rate rises (default 0.1)")
      ->check(NumberFrom(0, 1));
  app.add_option("--weight-decay", a->weight_decay, "Of AdamW (default 0)")->check(NumberFrom(0, 1));
  app.add_option("--clip", a->clip_norm, "Largest norm of the gradient; 0: no limit (default 1)")
      ->check(NumberFrom(0, 1e9));
  CLI::Option* epochs = app.add_option("--epochs", a->epochs, "Times through the data (default 3)");
  epochs->check(CLI::Range(1, 10'000));
  app.add_option("--tokens", a->tokens, "Tokens to train on instead of epochs")
      ->excludes(epochs)
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--pass-tokens", a->pass_tokens, "Short samples are packed up to this many tokens (default 512)")
      ->check(CLI::Range(16, 1 << 20));
  app.add_option("--accumulate", a->accumulate, "Passes for each step of the optimizer (default 1)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--max-tokens", a->max_tokens, "Longer samples are cut (default 1,024)")
      ->check(CLI::Range(8, 1 << 20));
  app.add_option("--seed", a->seed, "Of order, dropout and the adapter's start (default 1)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--memory", a->memory, "Stay under this, for example 5GB (default: 5GB, or 4/5 of what is free)");
  app.add_option("--kernel", a->kernel, "Compute with these instructions (default: the best this processor has)")
      ->transform(CLI::IsMember(KernelNames(), CLI::ignore_case));
  app.add_option("--show", a->show, "Print the first samples token by token, the trained ones marked, and stop")
      ->check(CLI::Range(1, 1 << 30));
  app.add_flag("--plan", a->plan_only, "Predict memory and time, and stop");
  app.add_option("--checkpoint-every", a->checkpoint_seconds, "Seconds between checkpoints (default 60); 0: every step")
      ->check(NumberFrom(0, 86400));
  app.add_flag("--peft", a->peft, "Also write the adapter as a PEFT folder, OUT/peft");
  CLI::Option* merge = app.add_flag("--merge", a->merge, "Also write base and adapter as one model, OUT/merged.gguf");
  app.add_option("--merge-type", a->merge_type, "Type of the merged weights (default: each as in the base)")
      ->needs(merge);
  app.add_flag("--resume", a->resume, "Go on with the run in --out; model, data and recipe need not be given");
  app.add_flag("-f,--force", a->force, "Begin anew, whatever is in --out");
  return [a, &session] { return RunTrain(*a, session); };
}

}  // namespace loco
