#include "decide/filter.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <string>

namespace loco {
namespace {

Policy PolicyWith(std::vector<Rule> rules) {
  Policy policy;
  policy.name = "test";
  policy.rules = std::move(rules);
  policy.hardware.ram = Bytes{8'000'000'000};
  return policy;
}

RuleVerdict Only(const Rule& rule, const KnownFacts& known) {
  const std::vector<RuleVerdict> verdicts = ApplyRules(PolicyWith({rule}), known, "2026-11-21");
  REQUIRE(verdicts.size() == 1);
  return verdicts.front();
}

Fit FitOf(uint64_t total, uint64_t memory, Verdict verdict) {
  Fit fit;
  fit.total = Bytes{total};
  fit.memory = Bytes{memory};
  fit.context = 4096;
  fit.verdict = verdict;
  return fit;
}

}  // namespace

TEST_CASE("a licence passes in any case of letters, and a failing one says what would make it pass") {
  const Rule rule{.kind = RuleKind::kLicence, .allow = {"Apache-2.0", "MIT"}};
  KnownFacts known;
  known.licence = {"apache-2.0", "model card", "2026-11-20", ""};
  CHECK(Only(rule, known).outcome == RuleOutcome::kPass);
  known.licence->value = "gemma";
  const RuleVerdict verdict = Only(rule, known);
  CHECK(verdict.outcome == RuleOutcome::kFail);
  CHECK(verdict.rule == "licence");
  CHECK(verdict.limit == "in [Apache-2.0, MIT]");
  CHECK(verdict.source == "model card");
  CHECK(verdict.date == "2026-11-20");
  CHECK(verdict.would_pass_if == "the policy allows 'gemma'");
}

TEST_CASE("sources that disagree are shown, not resolved silently") {
  KnownFacts known;
  known.licence = {"MIT", "the policy", "", "the model file says gemma"};
  const RuleVerdict verdict = Only({.kind = RuleKind::kLicence, .allow = {"MIT"}}, known);
  CHECK(verdict.outcome == RuleOutcome::kPass);
  CHECK(verdict.value == "MIT (but the model file says gemma)");
}

TEST_CASE("unknown never passes silently: it fails, or is kept and says so") {
  for (const RuleKind kind : {RuleKind::kMemory, RuleKind::kFileSize, RuleKind::kLicence, RuleKind::kGguf,
                              RuleKind::kInstruct, RuleKind::kMaintained, RuleKind::kContext, RuleKind::kTools}) {
    const RuleVerdict rejected = Only({.kind = kind}, {});
    CHECK(rejected.outcome == RuleOutcome::kUnknown);
    CHECK(!rejected.kept);
    CHECK(!rejected.would_pass_if.empty());
    CHECK(!Qualifies({rejected}));
    const RuleVerdict kept = Only({.kind = kind, .keep_unknown = true}, {});
    CHECK(kept.outcome == RuleOutcome::kUnknown);
    CHECK(kept.kept);
    CHECK(Qualifies({kept}));
  }
}

TEST_CASE("memory says the margin, and what would make a model fit") {
  KnownFacts known;
  known.fit = FitOf(6'750'000'000, 8'000'000'000, Verdict::kTight);
  known.fit_row = {"fit", 3};
  RuleVerdict verdict = Only({.kind = RuleKind::kMemory}, known);
  CHECK(verdict.outcome == RuleOutcome::kPass);
  CHECK(verdict.value == "6.75 GB at 4,096 tokens, tight");
  CHECK(verdict.margin == "1.25 GB to spare");
  CHECK(verdict.row == RowRef{"fit", 3});

  known.fit = FitOf(8'800'000'000, 8'000'000'000, Verdict::kDoesNotFit);
  known.fit->remedies = {{.change = "q8_0 KV cache", .total = Bytes{7'900'000'000}, .verdict = Verdict::kTight},
                         {.change = "no adapter", .total = Bytes{8'700'000'000}, .verdict = Verdict::kDoesNotFit}};
  verdict = Only({.kind = RuleKind::kMemory}, known);
  CHECK(verdict.outcome == RuleOutcome::kFail);
  CHECK(verdict.margin == "800 MB too much");
  CHECK(verdict.would_pass_if == "q8_0 KV cache (7.90 GB)");
  CHECK(verdict.miss == doctest::Approx(.1));

  known.fit->verdict = Verdict::kUnknown;
  known.fit->reason = "weights: the catalog has no dimensions";
  CHECK(Only({.kind = RuleKind::kMemory}, known).value == "unknown: weights: the catalog has no dimensions");
}

TEST_CASE("a file at the limit passes, a byte more fails") {
  const Rule rule{.kind = RuleKind::kFileSize, .max_bytes = Bytes{3'000'000'000}};
  KnownFacts known;
  known.file_size = {Bytes{3'000'000'000}, "file", "", ""};
  CHECK(Only(rule, known).outcome == RuleOutcome::kPass);
  known.file_size->value = Bytes{3'000'000'001};
  CHECK(Only(rule, known).outcome == RuleOutcome::kFail);
}

TEST_CASE("age is counted in whole months, whatever the precision of the date") {
  CHECK(MonthsBetween("2025-04-29", "2026-11-21") == 18);
  CHECK(MonthsBetween("2025-04-29", "2026-11-29") == 19);
  CHECK(MonthsBetween("2025-04", "2026-11-21") == 19);
  CHECK(MonthsBetween("2025", "2026-01-01") == 12);
  CHECK(MonthsBetween("2026-11-21", "2026-11-21") == 0);
  const Rule rule{.kind = RuleKind::kMaintained, .max_months = 18};
  KnownFacts known;
  known.released = {"2025-04-29", "news", "", ""};
  CHECK(Only(rule, known).outcome == RuleOutcome::kPass);
  known.released->value = "2024-07";
  CHECK(Only(rule, known).margin == "10 months too old");
}

TEST_CASE("a looser limit never fails what a stricter one passes") {
  CHECK(rc::check("monotone rules", [] {
    const auto size = *rc::gen::inRange<uint64_t>(0, 1000);
    const auto strict = *rc::gen::inRange<uint64_t>(1, 1000);
    const auto loose = strict + *rc::gen::inRange<uint64_t>(0, 1000);
    KnownFacts known;
    known.file_size = {Bytes{size}, "", "", ""};
    known.context = {size, "", "", ""};
    const auto passes = [&](const Rule& rule) {
      return ApplyRules(PolicyWith({rule}), known, "2026-11-21").front().outcome == RuleOutcome::kPass;
    };
    RC_ASSERT(!passes({.kind = RuleKind::kFileSize, .max_bytes = Bytes{strict}}) ||
              passes({.kind = RuleKind::kFileSize, .max_bytes = Bytes{loose}}));
    RC_ASSERT(!passes({.kind = RuleKind::kContext, .min_context = loose}) ||
              passes({.kind = RuleKind::kContext, .min_context = strict}));
  }));
}

TEST_CASE("the catalog speaks where there is no file, and the file where there is one") {
  Policy policy = PolicyWith({});
  CatalogModel model;
  model.id = "m";
  model.instruct = true;
  model.dims.context = 40960;
  model.licence.id = "apache-2.0";
  model.licence.source = {"README", "2026-11-20"};
  model.release_date = "2025-04-29";
  model.release_source = {"news", "2026-11-20"};
  model.files = {{.quantization = "Q4_K_M",
                  .bytes = Bytes{2'497'280'256},
                  .size = "",
                  .sha256 = "",
                  .source = {"listing", "2026-11-20"}}};
  PolicyCandidate candidate;
  candidate.id = candidate.catalog = "m";
  KnownFacts known = MergeFacts(policy, candidate, {.model = &model});
  CHECK(known.licence->value == "apache-2.0");
  CHECK(known.licence->date == "2026-11-20");
  CHECK(known.file_size->value.value == 2'497'280'256);
  CHECK(known.context->value == 40960);
  CHECK(known.gguf->value);
  CHECK(known.instruct->value);
  CHECK(!known.tools);

  Facts facts;
  facts.file_size = Bytes{99};
  facts.quantization = "Q4_K_M";
  facts.licence = "gemma";
  facts.dims.context = 2048;
  facts.engine_knows_architecture = true;
  known = MergeFacts(policy, candidate, {.facts = &facts, .model = &model});
  CHECK(known.file_size->value.value == 99);
  CHECK(known.context->value == 2048);
  CHECK(known.context->conflict == "the catalog says 40960");
  CHECK(known.licence->value == "apache-2.0");
  CHECK(known.licence->conflict == "the model file says gemma");
}

TEST_CASE("what the policy declares comes first, with its source") {
  PolicyCandidate candidate;
  candidate.declared = {.licence = "MIT", .released = "2026-01", .source = "model card, read 2026-11-20"};
  Facts facts;
  facts.licence = "mit";
  const KnownFacts known = MergeFacts(PolicyWith({}), candidate, {.facts = &facts});
  CHECK(known.licence->value == "MIT");
  CHECK(known.licence->conflict.empty());
  CHECK(known.licence->source == "model card, read 2026-11-20");
  CHECK(known.released->value == "2026-01");
}

TEST_CASE("a cut download, a vocabulary and an unknown architecture are no GGUF that can be used") {
  Facts facts;
  facts.engine_knows_architecture = true;
  CHECK(MergeFacts(PolicyWith({}), {}, {.facts = &facts}).gguf->value);
  facts.missing = Bytes{1};
  CHECK(!MergeFacts(PolicyWith({}), {}, {.facts = &facts}).gguf->value);
}

TEST_CASE("the fit is asked for with the policy's context, reserve and adapter") {
  Policy policy = PolicyWith({{.kind = RuleKind::kMemory, .adapter_rank = 16}});
  policy.hardware.context = 2048;
  const FitOptions options = FitOptionsOf(policy, Bytes{4});
  CHECK(options.memory->value == 8'000'000'000);
  CHECK(options.context == 2048);
  CHECK(options.adapter_rank == 16);
  policy.hardware.ram.reset();
  CHECK(FitOptionsOf(policy, Bytes{4}).memory->value == 4);
}

TEST_CASE("the shipped 8 GB policy gives the expected reasons on the shipped catalog") {
  const Policy policy = LoadPolicy(Path(LOCO_SOURCE_DIR) / "policies" / "loco-8gb.toml");
  const Catalog catalog = LoadCatalog(Path(LOCO_SOURCE_DIR) / "catalog");
  std::map<std::string, std::string> reasons;  // candidate → the rules that it does not pass
  for (const PolicyCandidate& candidate : policy.candidates) {
    const CatalogModel& model = catalog.Get(candidate.catalog);
    const Fit fit = ComputeFit(FitInputsOf(model, policy.shipped), FitOptionsOf(policy, Bytes{}));
    const KnownFacts known = MergeFacts(policy, candidate, {.model = &model, .fit = fit});
    for (const RuleVerdict& v : ApplyRules(policy, known, "2026-11-21")) {
      if (v.outcome != RuleOutcome::kPass) reasons[candidate.id] += v.rule + " ";
      if (v.outcome == RuleOutcome::kPass) CHECK_MESSAGE(!v.source.empty(), candidate.id << " " << v.rule);
    }
  }
  CHECK(reasons["qwen3-8b"] == "memory file_size ");
  CHECK(reasons["gemma-3-4b-it"] == "licence ");
  CHECK(reasons["llama-3.2-1b-instruct"] == "licence maintained ");
  CHECK(reasons["qwen3-4b"].empty());
  CHECK(reasons["qwen3-1.7b"].empty());
}

TEST_CASE("a verdict's JSON is written also for text that is no UTF-8") {
  RuleVerdict verdict{.rule = "licence", .value = "\xff\"</script>"};
  CHECK(RuleVerdictJson(verdict).find("\"rule\":\"licence\",\"outcome\":\"unknown\"") != std::string::npos);
}

}  // namespace loco
