#include "cli/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "engine/llama_model.h"
#include "eval/evaluate.h"
#include "eval/practical.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

bool IsUnquantized(const std::string& quantization) {
  return quantization == "F16" || quantization == "BF16" || quantization == "F32";
}

Json FitJson(const Fit& fit) {
  Json terms = Json::array();
  for (const Term& term : fit.terms) {
    terms.push_back({{"name", term.name},
                     {"detail", term.detail},
                     {"bytes", term.bytes ? Json(term.bytes->value) : Json("unknown")},
                     {"basis", BasisName(term.basis)},
                     {"source", term.source}});
  }
  return {{"terms", terms},
          {"total_bytes", fit.total.value},
          {"context", fit.context},
          {"verdict", VerdictName(fit.verdict)},
          {"memory_bytes", fit.memory ? Json(fit.memory->value) : Json(nullptr)}};
}

Json EvidenceJson(const Evidence& row) {
  Json json = {{"model", row.model}, {"what", row.what}};
  if (row.value) json["value"] = *row.value;
  if (!row.text.empty()) json["text"] = row.text;
  if (!row.unit.empty()) json["unit"] = row.unit;
  if (row.low) json["low"] = *row.low;
  if (row.high) json["high"] = *row.high;
  if (row.n) json["n"] = *row.n;
  json["source"] = row.source;
  json["date"] = row.date;
  json["precision"] = row.precision;
  json["revision"] = row.revision;
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

std::optional<Measured> MeasuredOf(const Samples& samples) {
  if (samples.values.empty()) return std::nullopt;
  const MedianEstimate estimate = samples.Estimate();
  return Measured{estimate.median, estimate.interval};
}

Practical PracticalOf(const PracticalResult& result, const MeasurementRow& row, const std::string& fingerprint) {
  Practical practical;
  practical.row = {"measurement", row.id};
  practical.machine = fingerprint;
  practical.first_token_seconds = MeasuredOf(result.first_token_seconds);
  practical.prompt_speed = MeasuredOf(result.prompt_speed);
  practical.generation_speed = MeasuredOf(result.generation_speed);
  if (const auto load = MeasuredOf(result.load_seconds)) practical.load_seconds = load->value;
  practical.peak_memory = result.memory.peak;
  practical.steady_memory = result.memory.steady;
  practical.memory_slope = Measured{result.memory.slope.value, result.memory.slope.interval};
  practical.memory_verdict = result.memory.verdict;
  practical.turns = static_cast<int>(result.memory.resident.size());
  practical.joules_per_token = result.joules_per_token;
  practical.runtime_check = result.independent_runtime;
  return practical;
}

}  // namespace

Study::Study(Store& store, const Policy& policy, Session& session)
    : store_(store),
      policy_(policy),
      session_(session),
      machine_(ReadMachine()),
      catalog_(LoadCatalog(session.DataFolder() / "catalog")),
      evidence_(LoadEvidence(session.DataFolder() / "catalog" / "evidence")) {
  for (const PolicySuite& suite : policy.suites) tasks_.push_back(LoadTask(suite.task));
}

std::string Study::MachineLine() const {
  const std::string here =
      fmt::format("{} cores, {}, {}", machine_.cores, FormatBytes(machine_.memory), machine_.processor);
  if (!policy_.hardware.ram) return "this machine: " + here;
  return fmt::format("for a machine with {}; this one: {}", FormatBytes(*policy_.hardware.ram), here);
}

void Study::Filter() {
  Progress& progress = session_.terminal().progress();
  progress.Begin("hard filter", static_cast<int64_t>(policy_.candidates.size()), 0);
  for (const PolicyCandidate& candidate : policy_.candidates) {
    ThrowIfInterrupted();
    results_.emplace_back();
    files_.emplace_back();
    FilterOne(candidate, results_.back(), files_.back());
    progress.Update(static_cast<int64_t>(results_.size()), candidate.id);
  }
  progress.End();
}

void Study::FilterOne(const PolicyCandidate& candidate, CandidateResult& result, Files& files) {
  result.id = candidate.id;
  result.name = candidate.id;
  result.quantization = policy_.shipped;
  const CatalogModel* model = candidate.catalog.empty() ? nullptr : &catalog_.Get(candidate.catalog);
  std::optional<ModelFile> source;
  if (candidate.file.empty()) {
    result.not_measured_because = "no file of it here: name one with file = \"…\" in the policy";
  } else {
    source = RegisterModel(store_, candidate.file);
    if (IsUnquantized(source->facts.quantization) || source->facts.quantization == policy_.shipped) {
      files.shipped = AtQuantization(store_, *source, policy_.shipped, session_);
    } else {
      result.not_measured_because =
          fmt::format("the file is {}, the policy ships {}: give an F16 file, from which it can be made",
                      source->facts.quantization, policy_.shipped);
    }
    if (IsUnquantized(source->facts.quantization))
      files.reference = AtQuantization(store_, *source, policy_.reference, session_);
  }
  if (files.shipped) {
    result.model = {"model", files.shipped->row.id};
    result.file_bytes = files.shipped->row.file_bytes;
    result.parameters = files.shipped->facts.parameters;
  } else if (model != nullptr) {
    result.parameters = model->parameters.value_or(0);
  }
  FactSources sources{.facts = source ? &source->facts : nullptr, .model = model};
  sources.fit = StoreFit(candidate, files, model, result);
  if (result.memory) sources.fit_row = result.memory->row;
  if (files.shipped) sources.shipped_size = files.shipped->row.file_bytes;
  const std::string today = session_.clock().Now().substr(0, 10);
  const auto facts = MergeFacts(policy_, candidate, sources);
  if (!files.shipped && facts.file_size) result.file_bytes = facts.file_size->value;
  result.rules = ApplyRules(policy_, facts, today);
  for (RuleVerdict& verdict : result.rules) {
    const std::string json = RuleVerdictJson(verdict);
    verdict.row = {"verdict", store_.AddVerdict({.key = HashOfParts({"verdict/1", policy_.hash, candidate.id,
                                                                     result.model.Text(), verdict.rule, json}),
                                                 .candidate = candidate.id,
                                                 .rule = verdict.rule,
                                                 .outcome = RuleOutcomeName(verdict.outcome),
                                                 .result = json})};
  }
  result.evidence = ApplyEvidence(policy_, StoreFigures(candidate));
}

std::optional<Fit> Study::StoreFit(const PolicyCandidate& candidate, const Files& files, const CatalogModel* model,
                                   CandidateResult& result) {
  if (!files.shipped && model == nullptr) return std::nullopt;
  FitOptions options = FitOptionsOf(policy_, machine_.memory);
  options.repack_rule = RepackRuleOf(machine_);
  const Fit fit = files.shipped ? ComputeFit(files.shipped->facts, options)
                                : ComputeFit(FitInputsOf(*model, policy_.shipped), options);
  result.memory = MemoryNeed{.total = fit.total,
                             .limit = fit.memory.value_or(Bytes{}),
                             .context = fit.context,
                             .verdict = std::string(VerdictName(fit.verdict))};
  if (files.shipped) {
    const std::string json = FitJson(fit).dump();
    result.memory->row = {"fit",
                          store_.AddFit({.key = HashOfParts({"fit/1", files.shipped->row.hash, candidate.id, json}),
                                         .model_id = files.shipped->row.id,
                                         .result = json})};
  }
  return fit;
}

std::vector<Figure> Study::StoreFigures(const PolicyCandidate& candidate) {
  std::vector<Figure> figures;
  for (const Evidence& row : evidence_) {
    if (row.model != candidate.catalog || candidate.catalog.empty()) continue;
    const std::string json = EvidenceJson(row).dump();
    figures.push_back(
        {row,
         {"evidence",
          store_.AddEvidence(
              {.key = HashOfParts({"evidence/1", json}), .candidate = row.model, .what = row.what, .row = json})}});
  }
  return figures;
}

bool Study::Survives(size_t candidate) const {
  return Qualifies(results_[candidate].rules) && loco::Survives(results_[candidate].evidence);
}

std::vector<TaskResult> Study::Score(const ModelFile& file) {
  std::vector<TaskResult> results;
  const auto engine = LoadModel(file.path, {.threads = session_.threads});
  const int context = std::min(static_cast<int>(policy_.hardware.context), engine->info().trained_context);
  const EvaluationOptions options{.style = PromptStyle::kChat, .context = context, .parallel = 8};
  for (const Task& task : tasks_) {
    const EvaluationResult run =
        Evaluate(store_, *engine, file.row, task, options, session_.terminal().progress(), session_.clock());
    counts_.generated += run.generated;
    counts_.stored += run.stored;
    TaskResult result{.task = task.name, .run = {"run", run.run}};
    for (const MarkedAnswer& answer : store_.Answers(run.run, ScorerId(FindScorer(task.scorer)))) {
      result.items.push_back({answer.answer.item, answer.mark.outcome});
    }
    results.push_back(std::move(result));
  }
  return results;
}

void Study::MeasureScores() {
  for (size_t i = 0; i < results_.size(); ++i) {
    if (!Survives(i)) continue;
    if (files_[i].shipped) results_[i].shipped = Score(*files_[i].shipped);
    if (files_[i].reference) results_[i].reference = Score(*files_[i].reference);
  }
}

std::vector<AnswerSample> Study::Samples() const {
  constexpr int kEachKind = 2;  // of right answers, and of others
  std::vector<AnswerSample> samples;
  for (const CandidateResult& result : results_) {
    for (size_t t = 0; t < result.shipped.size(); ++t) {
      std::map<std::string, const Item*> items;
      for (const Item& item : tasks_[t].items) items[item.id] = &item;
      int shown[2] = {0, 0};
      for (const MarkedAnswer& answer :
           store_.Answers(result.shipped[t].run.id, ScorerId(FindScorer(tasks_[t].scorer)))) {
        const bool right = answer.mark.outcome == Outcome::kRight;
        if (++shown[right ? 1 : 0] > kEachKind) continue;
        const Item& item = *items.at(answer.answer.item);
        samples.push_back({.candidate = result.id,
                           .task = tasks_[t].name,
                           .item = item.id,
                           .prompt = BuildMessages(tasks_[t], item).back().content,
                           .answer = answer.answer.text,
                           .expected = item.answer,
                           .extracted = answer.mark.extracted,
                           .outcome = answer.mark.outcome,
                           .row = {"answer", answer.answer.id}});
      }
    }
  }
  return samples;
}

void Study::MeasurePractical() {
  const MachineRow machine = RegisterMachine(store_);
  for (size_t i = 0; i < results_.size(); ++i) {
    if (!Survives(i) || !files_[i].shipped) continue;
    const ModelFile& file = *files_[i].shipped;
    PracticalOptions options{.context = static_cast<int>(policy_.hardware.context), .threads = session_.threads};
    if (file.facts.dims.context)
      options.context = std::min(options.context, static_cast<int>(*file.facts.dims.context));
    const std::string key = PracticalKey(file.row.hash, machine.fingerprint, options);
    std::vector<MeasurementRow> stored = store_.MeasurementsByKey(key);
    if (stored.empty()) {
      const PracticalResult measured =
          loco::MeasurePractical(file.path, options, session_.terminal().progress(), session_.clock());
      store_.AddMeasurement({.key = key,
                             .model_id = file.row.id,
                             .machine_id = machine.id,
                             .kind = "practical",
                             .engine = EngineIdentity(),
                             .result = PracticalToJson(measured)});
      stored = store_.MeasurementsByKey(key);
      ++counts_.measured;
    } else {
      ++counts_.reused;
    }
    results_[i].practical = PracticalOf(PracticalFromJson(stored.back().result), stored.back(), machine.fingerprint);
  }
}

}  // namespace loco
