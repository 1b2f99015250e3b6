// Decisions for the tests of report: an ordinary one, one of each kind without an answer, and one with hostile names.
#pragma once

#include <string>
#include <vector>

#include "decide/decide_fixture.h"
#include "report/html.h"

namespace loco {

// Closes elements, attributes, comments and scripts, steers terminals, reverses text, is no UTF-8.
inline const std::string kHostile =
    "x</script></style><img src=x onerror=alert(1)>\"' onload='a()' --> \x1b[31m\a\u202e\xff` | [a](b) *c*\n# d";

inline RuleVerdict LicenceFailure() {
  return {.rule = "licence",
          .outcome = RuleOutcome::kFail,
          .value = "gemma",
          .limit = "in [Apache-2.0, MIT]",
          .source = "model card",
          .date = "2026-11-20",
          .would_pass_if = "the policy allows 'gemma'",
          .miss = 1,
          .row = {"verdict", 3}};
}

inline RuleVerdict SizePass() {
  return {.rule = "file_size",
          .outcome = RuleOutcome::kPass,
          .value = "1.60 MB",
          .limit = "at most 30.0 MB",
          .margin = "28.4 MB to spare",
          .source = "the model file",
          .row = {"verdict", 4}};
}

inline std::vector<CandidateResult> SampleResults(const Policy& policy) {
  std::vector<CandidateResult> results =
      FakeResults({{.id = "xs", .skill = .25, .bytes = 700'000, .tokens_per_second = 900},
                   {.id = "s", .skill = .58, .bytes = 1'600'000, .tokens_per_second = 500},
                   {.id = "m", .skill = .585, .bytes = 2'900'000, .tokens_per_second = 300},
                   {.id = "l", .skill = .59, .bytes = 8'100'000, .tokens_per_second = 120},
                   {.id = "gemma-4b", .skill = .6}},
                  policy, 900);
  for (CandidateResult& result : results) result.rules = {SizePass()};
  results[4].rules.push_back(LicenceFailure());
  return results;
}

inline Decision SampleDecision() {
  const Policy policy = FakePolicy();
  return Decide(policy, SampleResults(policy), {.machine = "this machine: 2 cores, 8.00 GB"});
}

inline Decision NobodyDecision() {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults({{.id = "a"}, {.id = "b"}}, policy, 5);
  results[0].rules = {LicenceFailure(), SizePass()};
  results[1].rules = {LicenceFailure(), LicenceFailure()};
  return Decide(policy, results);
}

inline Decision UnmeasuredDecision() {
  const Policy policy = FakePolicy();
  std::vector<CandidateResult> results = FakeResults({{.id = "a"}, {.id = "b"}}, policy, 5);
  for (CandidateResult& r : results) {
    r.shipped.clear();
    r.not_measured_because = "no file here";
  }
  return Decide(policy, results);
}

inline Decision HostileDecision() {
  Policy policy = FakePolicy();
  policy.name = policy.description = policy.shipped = policy.reference = kHostile;
  std::vector<CandidateResult> results = SampleResults(policy);
  RuleVerdict verdict = LicenceFailure();
  verdict.value = verdict.limit = verdict.source = verdict.date = verdict.would_pass_if = verdict.margin = kHostile;
  for (CandidateResult& r : results) {
    r.name = r.quantization = kHostile;
    r.id += kHostile;
    r.practical->runtime_check = r.practical->memory_verdict = kHostile;
    r.shipped[0].task = r.reference[0].task = kHostile;
    r.rules = {SizePass()};
    r.evidence = {{.figure = kHostile,
                   .known = true,
                   .value = kHostile,
                   .limit = kHostile,
                   .precision = kHostile,
                   .source = kHostile,
                   .date = kHostile}};
  }
  results[3].rules = {verdict};
  return Decide(policy, results, {.machine = kHostile});
}

inline AnswerSample SampleAnswer(const std::string& text) {
  return {.candidate = "s",
          .task = "arith",
          .item = "arith-0001",
          .prompt = text,
          .answer = text,
          .expected = "76",
          .extracted = "76",
          .outcome = Outcome::kRight,
          .row = {"answer", 12}};
}

}  // namespace loco
