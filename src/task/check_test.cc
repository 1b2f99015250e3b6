#include "task/check.h"

#include <doctest/doctest.h>

#include "task/extraction_audit.h"

namespace loco {
namespace {

Task CheckedTask(const std::string& score, const std::string& items) {
  return ParseTask("name='t'\nitems='t.jsonl'\n[score]\n" + score, "t.toml", [&](const Path&) { return items; });
}

TEST_CASE("samples that are not marked as they say are mistakes, with what was read") {
  const Task task = CheckedTask(
      "scorer='numeric'", R"({"question": "1+1", "answer": 2, "samples": {"right": ["It is 2."], "wrong": ["3"]}})"
                          "\n"
                          R"({"question": "2+2", "answer": 4, "samples": {"right": ["5"], "wrong": ["4", "four"]}})");
  const TaskCheck check = CheckTask(task);
  CHECK(check.samples == 5);
  REQUIRE(check.mistakes.size() == 2);
  CHECK(check.mistakes[0].item == "line-000002");
  CHECK(check.mistakes[0].right);
  CHECK(check.mistakes[0].extracted == "5");
  CHECK_FALSE(check.mistakes[1].right);
  CHECK(check.mistakes[1].number == 1);
}

TEST_CASE("few items, equal questions and a lopsided spread are warned of") {
  std::string items;
  for (int i = 0; i < 20; ++i) {
    items += R"({"question": "q)" + std::to_string(i % 19) + R"(", "answer": "a", "difficulty": "easy"})" + "\n";
  }
  const TaskCheck check = CheckTask(CheckedTask("", items));
  REQUIRE(check.same_question.size() == 1);
  CHECK(check.same_question[0] == std::vector<std::string>{"line-000001", "line-000020"});
  std::string all;
  for (const std::string& warning : check.warnings) all += warning + "\n";
  CHECK(all.find("20 items") != std::string::npos);
  CHECK(all.find("100 % of the items are easy") != std::string::npos);
  CHECK(all.find("0 edge cases") != std::string::npos);
  CHECK(check.half_width == doctest::Approx(20.06).epsilon(0.01));
}

TEST_CASE("readings that other harnesses use are marked beside the task's own") {
  const Task task = CheckedTask("scorer='numeric'", R"({"question": "q", "answer": 42})");
  const auto outcome = [&](const std::string& rule, const std::string& answer) {
    for (const Reading& reading : OtherReadings(task, task.items[0], answer)) {
      if (reading.rule == rule) return reading.outcome;
    }
    return Outcome::kNotRun;
  };
  const std::string answer = "6 times 7.\nThe answer is 42.\nIt took 3 steps";
  CHECK(outcome("after 'answer'", answer) == Outcome::kRight);
  CHECK(outcome("last line", answer) == Outcome::kWrong);
  CHECK(outcome("boxed", answer) == Outcome::kNotRun);
  CHECK(outcome("boxed", "so \\boxed{42} in 3") == Outcome::kRight);
  CHECK(outcome("bold", "**42**, not 43") == Outcome::kRight);
}

TEST_CASE("an extraction says which pattern took what") {
  const Task task = CheckedTask(
      "[[score.filter]]\nkind='strip_thinking'\n[[score.filter]]\nkind='last_match'\npatterns=['is (.+)', 'A: (.+)']",
      R"({"question": "q", "answer": "x"})");
  const Extraction extraction = ExplainExtraction(task, "B: y\nA: x");
  CHECK(extraction.steps == std::vector<std::string>{"strip_thinking: found nothing", "last_match, pattern 2"});
  CHECK(extraction.text == "x");
  CHECK_FALSE(ExplainExtraction(task, "nothing").parsed);
}

}  // namespace
}  // namespace loco
