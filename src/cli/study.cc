#include "cli/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "engine/llama_model.h"
#include "engine/quantize.h"
#include "eval/evaluate.h"
#include "eval/practical.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

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
  CheckPolicy();
  for (const PolicySuite& suite : policy.suites) tasks_.push_back(LoadTask(suite.task));
  if (policy.trainability) CheckTrainingData(*policy.trainability, tasks_);
}

std::string Study::MachineLine() const {
  const std::string here =
      fmt::format("{} cores, {}, {}", machine_.cores, FormatBytes(machine_.memory), machine_.processor);
  if (!policy_.hardware.ram) return "this machine: " + here;
  return fmt::format("for a machine with {}; this one: {}", FormatBytes(*policy_.hardware.ram), here);
}

// Mistakes of the policy that only the catalog, the evidence and the engine can see; all of them at once.
void Study::CheckPolicy() const {
  std::vector<Diagnostic> mistakes;
  const auto wrong = [&](size_t line, size_t column, std::string message) {
    mistakes.push_back({policy_.path, line, column, std::move(message)});
  };
  std::vector<std::string> ids;
  for (const CatalogModel& model : catalog_.models) ids.push_back(model.id);
  for (const PolicyCandidate& candidate : policy_.candidates) {
    if (candidate.catalog.empty() || catalog_.Find(candidate.catalog) != nullptr) continue;
    wrong(candidate.line, candidate.column,
          fmt::format("{} is not in the catalog; {}", QuotedWord(candidate.catalog),
                      SuggestWord(candidate.catalog, ids)));
  }
  std::set<std::string> figures;
  for (const Evidence& row : evidence_) figures.insert(row.what);
  for (const EvidenceRule& rule : policy_.evidence) {
    if (figures.contains(rule.figure)) continue;
    wrong(rule.line, rule.column,
          fmt::format("no published figure is called {}; {}", QuotedWord(rule.figure),
                      SuggestWord(rule.figure, {figures.begin(), figures.end()})));
  }
  for (const std::string& name : {policy_.shipped, policy_.reference}) {
    if (IsQuantizationName(name) || name == "F32") continue;
    wrong(1, 1,
          fmt::format("unknown quantization {} in [precision]; {}", QuotedWord(name),
                      SuggestWord(name, QuantizationNames())));
  }
  ThrowMistakes(mistakes);
}

void Study::Filter(bool make_files) {
  Progress& progress = session_.terminal().progress();
  progress.Begin("hard filter", static_cast<int64_t>(policy_.candidates.size()), 0);
  for (const PolicyCandidate& candidate : policy_.candidates) {
    ThrowIfInterrupted();
    results_.emplace_back();
    files_.emplace_back();
    FilterOne(candidate, make_files, results_.back(), files_.back());
    progress.Update(static_cast<int64_t>(results_.size()), candidate.id);
  }
  progress.End();
}

void Study::FilterOne(const PolicyCandidate& policy_candidate, bool make_files, CandidateResult& result, Files& files) {
  result.id = policy_candidate.id;
  result.name = policy_candidate.id;
  result.quantization = policy_.shipped;
  Candidate candidate{.policy = policy_candidate,
                      .model = policy_candidate.catalog.empty() ? nullptr : &catalog_.Get(policy_candidate.catalog)};
  if (candidate.model != nullptr) result.parameters = candidate.model->parameters.value_or(0);
  candidate.source = RegisterSource(policy_candidate, result);
  if (candidate.source) result.parameters = candidate.source->facts.parameters;
  // First with what the file's own header tells: nobody waits for the quantization of a model whose licence fails.
  const std::vector<RuleVerdict> unreadable = result.rules;
  ApplyPolicyRules(candidate, files, result);
  const bool fails = std::any_of(result.rules.begin(), result.rules.end(),
                                 [](const RuleVerdict& verdict) { return verdict.outcome == RuleOutcome::kFail; });
  if (make_files && candidate.source && !fails) {
    MakeFiles(candidate, result, files);
    if (files.shipped) {
      result.rules = unreadable;
      ApplyPolicyRules(candidate, files, result);
    }
  }
  for (RuleVerdict& verdict : result.rules) {
    const std::string json = RuleVerdictJson(verdict);
    verdict.row = {"verdict", store_.AddVerdict({.key = HashOfParts({"verdict/1", policy_.hash, policy_candidate.id,
                                                                     result.model.Text(), verdict.rule, json}),
                                                 .candidate = policy_candidate.id,
                                                 .rule = verdict.rule,
                                                 .outcome = RuleOutcomeName(verdict.outcome),
                                                 .result = json})};
  }
  result.evidence = ApplyEvidence(policy_, StoreFigures(policy_candidate));
}

std::optional<ModelFile> Study::RegisterSource(const PolicyCandidate& candidate, CandidateResult& result) {
  if (candidate.file.empty()) {
    result.not_measured_because = "no file of it here: name one with file = \"…\" in the policy";
    return std::nullopt;
  }
  const auto fail = [&](const std::string& value, const std::string& cure) {
    result.rules.push_back({.rule = "file",
                            .outcome = RuleOutcome::kFail,
                            .value = value,
                            .source = candidate.file.string(),
                            .would_pass_if = cure,
                            .miss = 1});
  };
  try {
    ModelFile file = RegisterModel(store_, candidate.file);
    const auto [first, is_new] = seen_files_.emplace(file.row.hash, candidate.id);
    if (!is_new) {
      fail(fmt::format("the same content as '{}'", first->second), "it were a file of its own");
    } else if (file.facts.chat_template.text.empty()) {
      fail("no chat template, and a selection asks by chat", "the file carried one: use the instruction-tuned model");
    }
    return file;
  } catch (const Error& problem) {  // one bad file among many is a result, not the end of the study
    fail(problem.what(), "it could be read: " + problem.hint());
    return std::nullopt;
  }
}

void Study::MakeFiles(const Candidate& candidate, CandidateResult& result, Files& files) {
  const std::string& quantization = candidate.source->facts.quantization;
  try {
    if (IsUnquantized(quantization) || quantization == policy_.shipped) {
      files.shipped = AtQuantization(store_, *candidate.source, policy_.shipped, session_);
    } else {
      result.not_measured_because =
          fmt::format("the file is {}, the policy ships {}: give an F16 file, from which it can be made", quantization,
                      policy_.shipped);
    }
    if (IsUnquantized(quantization))
      files.reference = AtQuantization(store_, *candidate.source, policy_.reference, session_);
  } catch (const Error& problem) {
    result.not_measured_because = fmt::format("{}; {}", problem.what(), problem.hint());
    files = {};
  }
}

// Adds the policy's verdicts to what is already known of the file.
void Study::ApplyPolicyRules(const Candidate& candidate, const Files& files, CandidateResult& result) {
  if (files.shipped) {
    result.model = {"model", files.shipped->row.id};
    result.file_bytes = files.shipped->row.file_bytes;
    result.parameters = files.shipped->facts.parameters;
  }
  FactSources sources{.facts = candidate.source ? &candidate.source->facts : nullptr, .model = candidate.model};
  sources.fit = StoreFit(candidate, files, result);
  if (result.memory) sources.fit_row = result.memory->row;
  if (files.shipped) sources.shipped_size = files.shipped->row.file_bytes;
  const KnownFacts facts = MergeFacts(policy_, candidate.policy, sources);
  if (!files.shipped && facts.file_size) result.file_bytes = facts.file_size->value;
  const std::string today = session_.clock().Now().substr(0, 10);
  for (RuleVerdict& verdict : ApplyRules(policy_, facts, today)) result.rules.push_back(std::move(verdict));
}

std::optional<Fit> Study::StoreFit(const Candidate& candidate, const Files& files, CandidateResult& result) {
  std::optional<FitInputs> inputs;
  if (files.shipped) {
    inputs = FitInputsOf(files.shipped->facts);
  } else if (candidate.source) {
    inputs = FitInputsAt(candidate.source->facts, policy_.shipped);
  } else if (candidate.model != nullptr) {
    inputs = FitInputsOf(*candidate.model, policy_.shipped);
  }
  if (!inputs) return std::nullopt;
  FitOptions options = FitOptionsOf(policy_, machine_.memory);
  options.repack_rule = RepackRuleOf(machine_);
  if (inputs->dims.context) options.context = std::min(options.context, *inputs->dims.context);
  const Fit fit = ComputeFit(*inputs, options);
  result.memory = MemoryNeed{.total = fit.total,
                             .limit = fit.memory.value_or(Bytes{}),
                             .context = fit.context,
                             .verdict = std::string(VerdictName(fit.verdict))};
  if (files.shipped) {
    const std::string json = FitJson(fit).dump();
    result.memory->row = {
        "fit", store_.AddFit({.key = HashOfParts({"fit/1", files.shipped->row.hash, candidate.policy.id, json}),
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
  return ScoreTasks(store_, session_, file, tasks_, {.context = static_cast<int>(policy_.hardware.context)}, counts_);
}

void Study::MeasureScores() {
  for (size_t i = 0; i < results_.size(); ++i) {
    if (Survives(i)) ScoreOne(results_[i], files_[i]);
  }
}

void Study::MeasureTrainability() {
  if (!policy_.trainability) return;
  std::vector<TrainabilityCandidate> candidates;
  std::vector<size_t> places;
  for (size_t i = 0; i < results_.size(); ++i) {
    if (!Survives(i) || !files_[i].shipped || results_[i].shipped.empty()) continue;
    candidates.push_back({results_[i].id, *files_[i].shipped, results_[i].shipped});
    places.push_back(i);
  }
  std::vector<double> weights;
  for (const PolicySuite& suite : policy_.suites) weights.push_back(suite.weight);
  std::vector<TunedCandidate> tuned =
      loco::MeasureTrainability(store_, session_, *policy_.trainability, candidates, tasks_, weights,
                                static_cast<int>(policy_.hardware.context), counts_);
  for (size_t k = 0; k < tuned.size(); ++k) {
    results_[places[k]].tuning = std::move(tuned[k].tuning);
    results_[places[k]].tuned = std::move(tuned[k].results);
  }
}

void Study::ScoreOne(CandidateResult& result, const Files& files) {
  try {
    if (files.shipped) result.shipped = Score(*files.shipped);
    if (files.reference) result.reference = Score(*files.reference);
  } catch (const Error& problem) {  // a candidate that cannot be asked; the answers of the others still count
    result.shipped.clear();
    result.reference.clear();
    result.not_measured_because = fmt::format("{} ({})", problem.what(), problem.hint());
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
    const bool scored = tasks_.empty() || !results_[i].shipped.empty();
    if (!Survives(i) || !files_[i].shipped || !scored) continue;
    if (policy_.trainability && results_[i].tuned.empty()) continue;  // left behind in training
    const ModelFile& file = *files_[i].shipped;
    PracticalOptions options{.context = static_cast<int>(policy_.hardware.context), .threads = session_.threads};
    if (file.facts.dims.context)
      options.context = std::min(options.context, static_cast<int>(*file.facts.dims.context));
    const std::string key = PracticalKey(file.row.hash, machine.fingerprint, options);
    // Two measurements at the same time would slow each other down.
    const auto lock = store_.LockWork("practical", [&] {
      session_.terminal().progress().Update(0, "another loco measures on this machine; waiting");
    });
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
