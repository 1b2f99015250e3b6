#include "eval/run_metrics.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "base/clock.h"
#include "eval/evaluate.h"
#include "task/scorers.h"

namespace loco {
namespace {

// A run whose answers are given, marked by the task's scorer.
struct Answered {
  Answered(const std::string& score, const std::string& items, const std::vector<std::string>& texts)
      : task(ParseTask("name='t'\nitems='t.jsonl'\n[score]\n" + score, "t.toml", [&](const Path&) { return items; })),
        store(Store::Open(":memory:", clock)) {
    const RowId model = store.AddModel({.hash = "m", .name = "m", .architecture = "llama", .quantization = "F16"});
    run = store.AddRun({.key = "r",
                        .model_id = model,
                        .task_id = store.AddTask({.hash = task.hash, .name = "t", .scorer = task.scorer}),
                        .engine = "e",
                        .sampler = "greedy"});
    for (size_t i = 0; i < texts.size(); ++i) {
      const Marking marking = MarkResponse(task, task.items[i], {.text = texts[i], .finish = Finish::kStop});
      store.AddAnswer({.run_id = run, .item = task.items[i].id, .text = texts[i], .finish = Finish::kStop},
                      MarkRow{.scorer = ScorerId(FindScorer(task.scorer)),
                              .outcome = marking.outcome,
                              .extracted = marking.extracted,
                              .value = marking.value});
    }
  }
  double Value(const std::string& name) {
    for (const RunMetric& metric : MetricsOf(store, run, task)) {
      if (metric.name == name) return metric.value;
    }
    FAIL("no metric " << name);
    return 0;
  }

  FakeClock clock;
  Task task;
  Store store;
  RowId run = 0;
};

TEST_CASE("F1 is averaged over all answers, and apart where there is no answer to find") {
  Answered run("scorer='qa'",
               R"({"question":"q","answer":"old Paris"})"
               "\n"
               R"({"question":"q","answer":"Rome"})"
               "\n"
               R"({"question":"q","answer":[]})"
               "\n"
               R"({"question":"q","answer":[]})",
               {"Paris", "Rome", "", "Oslo"});
  CHECK(run.Value("F1") == doctest::Approx((2.0 / 3 + 1 + 1 + 0) / 4));
  CHECK(run.Value("F1 with an answer") == doctest::Approx((2.0 / 3 + 1) / 2));
  CHECK(run.Value("none where there is none") == doctest::Approx(0.5));
}

TEST_CASE("macro-F1 takes labels alike, and unread answers as misses") {
  Answered run("scorer='label'\nlabels=['a','b','none']\nabstain=['none']",
               R"({"question":"q","answer":"a"})"
               "\n"
               R"({"question":"q","answer":"a"})"
               "\n"
               R"({"question":"q","answer":"a"})"
               "\n"
               R"({"question":"q","answer":"b"})",
               {"a", "none", "?", "a"});
  // a: one of three found, one of two right: F1 = 2·1 / (2·1 + 1 + 2). b: none.
  CHECK(run.Value("macro-F1") == doctest::Approx((2.0 / 5 + 0) / 2));
  CHECK(run.Value("declined") == doctest::Approx(0.25));
}

TEST_CASE("verdicts on JSON are counted apart, and answers without any count against all of them") {
  Answered run("scorer='json'",
               R"({"question":"q","answer":{"expected":{"commands":["a"]}}})"
               "\n"
               R"({"question":"q","answer":{"expected":{"commands":[]}}})"
               "\n"
               R"({"question":"q","answer":{"expected":{"commands":["a"]}}})"
               "\n"
               R"({"question":"q","answer":{"expected":{"commands":["a"]},"forbidden":["b"]}})",
               {R"({"commands":["a"]})", R"({"commands":["a"]})", "none", R"({"commands":["b"]})"});
  CHECK(run.Value("syntax valid") == doctest::Approx(0.75));
  CHECK(run.Value("command match") == doctest::Approx(0.25));
  CHECK(run.Value("safe") == doctest::Approx(0.5));
  CHECK(run.Value("no gratuitous action") == doctest::Approx(0.5));
}

TEST_CASE("where right and wrong say everything there is no other figure") {
  Answered run("scorer='exact'", R"({"question":"q","answer":"a"})", {"a"});
  CHECK(MetricsOf(run.store, run.run, run.task).empty());
}

TEST_CASE("samples of one item are no items: pass@k, votes, and an interval over items") {
  const std::string items = R"({"id":"a","question":"q","answer":"1"})"
                            "\n"
                            R"({"id":"b","question":"q","answer":"2"})";
  Answered run("scorer='numeric'", items, {"1", "2"});
  const RowId sampled = run.store.AddRun(
      {.key = "sampled", .model_id = 1, .task_id = 1, .engine = "e", .sampler = "temperature=1", .items = 6});
  const auto add = [&](const char* item, int64_t sample, const char* text, Outcome outcome) {
    run.store.AddAnswer({.run_id = sampled, .item = item, .sample = sample, .text = text},
                        MarkRow{.scorer = "numeric/1", .outcome = outcome, .extracted = text});
  };
  add("a", 0, "1", Outcome::kRight);
  add("a", 1, "1", Outcome::kRight);
  add("a", 2, "7", Outcome::kWrong);
  add("b", 0, "2", Outcome::kRight);
  add("b", 1, "3", Outcome::kWrong);
  add("b", 2, "", Outcome::kUnparsed);
  std::map<std::string, double> values;
  for (const RunMetric& metric : MetricsOf(run.store, sampled, run.task)) values[metric.name] = metric.value;
  CHECK(values.at("pass@1") == doctest::Approx((2.0 / 3 + 1.0 / 3) / 2));
  CHECK(values.at("pass@2") == doctest::Approx((1.0 + 2.0 / 3) / 2));
  CHECK(values.count("pass@5") == 0);
  CHECK(values.at("vote") == doctest::Approx(0.5));  // of b one vote each: a tie
  const Estimate share = ScoreOf(run.store, sampled).share;
  CHECK(share.value == doctest::Approx(0.5));
  CHECK(share.interval.high - share.interval.low > 0.3);
}

}  // namespace
}  // namespace loco
