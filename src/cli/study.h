// The five steps of `loco select`, from a policy to the results that the decision rests on.
//
//   Study study(store, policy, session);
//   study.Filter(true);      // 1 hard filter and 2 external evidence; copies at the shipped quantization are made
//   study.MeasureScores();   // 3 base scores of the survivors, at the shipped quantization and at the reference
//   study.MeasureTrainability();  // 4, when the policy asks for it
//   study.MeasurePractical();// 5 practical test of those that are left
//   Decision decision = Decide(policy, study.results());
//
// Every step is thin: it loads rows, calls a pure function or the harness, and appends rows. What is stored is used
// again; `fresh` rows are whatever the store does not hold yet.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "candidate/catalog.h"
#include "candidate/machine.h"
#include "cli/model_files.h"
#include "cli/trainability.h"
#include "decide/decide.h"
#include "decide/policy.h"
#include "report/html.h"
#include "store/store.h"
#include "task/task.h"

namespace loco {

class Study {
 public:
  Study(Store& store, const Policy& policy, Session& session);

  // With `make_files`, survivors are quantized; without, nothing is written but rows and sizes are derived.
  void Filter(bool make_files);
  void MeasureScores();
  void MeasureTrainability();
  void MeasurePractical();

  const std::vector<CandidateResult>& results() const { return results_; }
  const StudyCounts& counts() const { return counts_; }
  std::string MachineLine() const;
  // A few raw answers of every candidate to every task, right ones and others, for the report.
  std::vector<AnswerSample> Samples() const;

 private:
  // The files of one candidate; empty where there is none here.
  struct Files {
    std::optional<ModelFile> shipped;
    std::optional<ModelFile> reference;
  };

  // What is known of one candidate before its rules are applied.
  struct Candidate {
    const PolicyCandidate& policy;
    const CatalogModel* model = nullptr;  // its catalog entry
    std::optional<ModelFile> source;      // its file, when there is a readable one
  };

  void CheckPolicy() const;
  void FilterOne(const PolicyCandidate& policy_candidate, bool make_files, CandidateResult& result, Files& files);
  // Registers the file; what is wrong with it becomes a failed rule of this candidate, and the others go on.
  std::optional<ModelFile> RegisterSource(const PolicyCandidate& candidate, CandidateResult& result);
  void MakeFiles(const Candidate& candidate, CandidateResult& result, Files& files);
  void ApplyPolicyRules(const Candidate& candidate, const Files& files, CandidateResult& result);
  std::optional<Fit> StoreFit(const Candidate& candidate, const Files& files, CandidateResult& result);
  std::vector<Figure> StoreFigures(const PolicyCandidate& candidate);
  std::vector<TaskResult> Score(const ModelFile& file);
  void ScoreOne(CandidateResult& result, const Files& files);
  bool Survives(size_t candidate) const;

  Store& store_;
  const Policy& policy_;
  Session& session_;
  Machine machine_;
  Catalog catalog_;
  std::vector<Evidence> evidence_;
  std::vector<Task> tasks_;
  std::vector<CandidateResult> results_;
  std::map<std::string, std::string> seen_files_;  // content hash → candidate
  std::vector<Files> files_;
  StudyCounts counts_;
};

}  // namespace loco
