#include "eval/run_metrics.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/clock.h"
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

}  // namespace
}  // namespace loco
