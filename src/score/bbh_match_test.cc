#include "score/bbh_match.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <map>

#include "score/fold.h"
#include "score/shared_data.h"

namespace loco {
namespace {

using enum BbhReading;

// What was read and whether it is right, as a text that a failed check can show.
std::string Marked(std::string_view answer, std::string_view target, BbhReading reading) {
  const Marking marking = MarkBbh(answer, target, reading);
  if (marking.outcome == Outcome::kUnparsed) return "unparsed";
  return (marking.outcome == Outcome::kRight ? "right " : "wrong ") + marking.extracted;
}

TEST_CASE("by the benchmark's own rule a trimmed answer equals its target or is wrong") {
  CHECK(Marked(" (B)\n", "(B)", kExact) == "right (B)");
  CHECK(Marked("B", "(B)", kExact) == "wrong B");
  CHECK(Marked("true", "True", kExact) == "wrong true");
  CHECK(Marked("] ] >", "] ] >", kExact) == "right ] ] >");
  CHECK(MarkBbh("(B).", "(B)").outcome == Outcome::kWrong);
}

TEST_CASE("an option is read where the answer gives it") {
  for (const char* answer :
       {"(B)", "B", "B.", "b)\n\nB)", "**(B)**", "So the answer is (B).", "The answer is: B", "Answer: (B) the owl",
        "(A) is first. So the answer is (B). Not (C).", "It is (B), because the owl is.", "B) The owl", "B: the owl",
        "B\nThe owl is the leftmost.", "Let us see (A), (B) and (C).\n\n(B)", "the answer is option B.",
        "The correct answer is **B**."}) {
    CAPTURE(answer);
    CHECK(Marked(answer, "(B)", kOption) == "right (B)");
    CHECK(Marked(answer, "(A)", kOption) == "wrong (B)");
  }
  for (const char* answer :
       {"(A) or (B)", "not (B)", "a bird", "The answer is a bird", "The answer is Bird", "", "I think so",
        "A. (A) flies, and so does (B).", "A bird in the hand", "the owl", "object(s)"}) {
    CAPTURE(answer);
    CHECK(Marked(answer, "(B)", kOption) == "unparsed");
  }
  // Some targets of the benchmark are no options.
  CHECK(Marked("Monsters, Inc", "Monsters, Inc", kOption) == "right Monsters, Inc");
  CHECK(Marked("(A)", "Monsters, Inc", kOption) == "wrong (A)");
}

TEST_CASE("yes and no are read in any case, and not guessed") {
  for (const char* answer : {"Yes", "yes.", "Yes, because no other does.", "**Yes** - it is", "The answer is yes.",
                             "Hm. No? Answer: Yes", "Maybe no.\nYes.", "I would say yes"}) {
    CAPTURE(answer);
    CHECK(Marked(answer, "Yes", kYesNo) == "right yes");
    CHECK(Marked(answer, "no", kYesNo) == "wrong yes");
  }
  for (const char* answer : {"Yes and no", "yesterday", "I would not say yes", "It isn't a yes", "nothing", "knows"}) {
    CAPTURE(answer);
    CHECK(Marked(answer, "Yes", kYesNo) == "unparsed");
  }
}

TEST_CASE("true, false, valid and invalid are read, and a denial of one is not") {
  CHECK(Marked("false", "False", kTrueFalse) == "right false");
  CHECK(Marked("So the answer is False.", "True", kTrueFalse) == "wrong false");
  CHECK(Marked("not ( True ) and ( True ) is", "False", kTrueFalse) == "unparsed");
  CHECK(Marked("True and not False is\nTrue", "True", kTrueFalse) == "right true");
  CHECK(Marked("True and False is", "False", kTrueFalse) == "unparsed");
  CHECK(Marked("The argument is deductively valid.", "valid", kValidity) == "right valid");
  CHECK(Marked("The argument is invalid.", "valid", kValidity) == "wrong invalid");
  CHECK(Marked("The argument is not deductively valid.", "valid", kValidity) == "unparsed");
  CHECK(Marked("The answer is not valid", "valid", kValidity) == "unparsed");
}

TEST_CASE("a sorted list is its words in their order, however it is written down") {
  const char* target = "barn it&t o'connor same";
  for (const char* answer :
       {"barn it&t o'connor same", "Barn, it&t, o'connor, same.", "1. barn\n2. it&t\n3. o'connor\n4. same",
        "Sorted: barn it&t o'connor same", "So the answer is barn it&t o'connor same.",
        "- barn\n- it&t\n- o'connor\n- same", "['barn', 'it&t', 'o'connor', 'same']",
        "**Sorted list:**\n\n1) **barn**\n2) **it&t**\n3) o'connor\n4) same\n", "barn; it&t;o'connor;  same"}) {
    CAPTURE(answer);
    CHECK(Marked(answer, target, kWordList) == "right barn it&t o'connor same");
  }
  CHECK(Marked("barn it&t same o'connor", target, kWordList) == "wrong barn it&t same o'connor");
  CHECK(Marked("barn it&t o'connor", target, kWordList) == "wrong barn it&t o'connor");
  CHECK(Marked("...", target, kWordList) == "unparsed");
  CHECK(Marked("", target, kWordList) == "unparsed");
}

TEST_CASE("what is exact is right in every reading, and every reading gives a verdict on any text") {
  CHECK(rc::check("readings", [](const std::string& answer, const std::string& tail) {
    for (const BbhReading reading : {kExact, kOption, kYesNo, kTrueFalse, kValidity, kWordList}) {
      for (const std::string& text : {answer, answer + "the answer is " + tail, "Yes " + answer, answer + "\n(A)"}) {
        const Marking marking = MarkBbh(text, "(A)", reading);
        RC_ASSERT(marking.outcome != Outcome::kUnparsed || marking.extracted.empty());
      }
      RC_ASSERT(MarkBbh(" " + tail + "\n", std::string(TrimBlanks(tail)), reading).outcome == Outcome::kRight);
    }
    RC_ASSERT(MarkBbh(answer + "\n(A)", "(A)", kOption).outcome != Outcome::kUnparsed);
  }));
}

TEST_CASE("megabytes of hostile text are marked") {
  std::string answers;
  for (int i = 0; i < 100'000; ++i) answers += "the answer is \xff not ";
  for (const BbhReading reading : {kExact, kOption, kYesNo, kTrueFalse, kValidity, kWordList}) {
    CHECK(MarkBbh(answers, "(A)", reading).outcome != Outcome::kRight);
    CHECK(MarkBbh(answers + "\nthe answer is" + std::string(20'000, ' ') + "yes", "yes", reading).outcome ==
          (reading == kYesNo || reading == kWordList ? Outcome::kRight : MarkBbh(answers, "yes", reading).outcome));
    CHECK(MarkBbh(std::string(3'000'000, ' ') + "x", "x", reading).outcome == Outcome::kRight);
    CHECK(MarkBbh(std::string(3'000'000, '('), "(A)", reading).outcome != Outcome::kRight);
    CHECK(MarkBbh(std::string(3'000'000, '\0'), "(A)", reading).outcome != Outcome::kRight);
  }
}

TEST_CASE("the published answers of code-davinci-002 have their published accuracies, and all readings agree on them") {
  const auto folder = SharedData("bbh");
  if (!folder) return;
  // Right answers in percent, from the benchmark's own repository (commit e26f26d, code-davinci-002-direct).
  const std::map<std::string, double> published{
      {"boolean_expressions", 88.4}, {"causal_judgement", 63.63636363636363},
      {"date_understanding", 63.6},  {"dyck_languages", 46.8},
      {"hyperbaton", 60.4},          {"logical_deduction_three_objects", 52.8},
      {"object_counting", 45.2},     {"web_of_lies", 51.6},
      {"word_sorting", 50.4}};
  size_t rows = 0;
  size_t agree = 0;
  for (const auto& figure : published) {
    const std::string& task = figure.first;
    CAPTURE(task);
    const BbhReading reading = *FindBbhReading(task);
    size_t right = 0;
    size_t answers = 0;
    for (const auto& row : ReadRows(*folder / "predictions" / ("direct." + task + ".jsonl"))) {
      const auto prediction = row["prediction"].get<std::string>();
      const auto target = row["target"].get<std::string>();
      const bool exact = MarkBbh(prediction, target).outcome == Outcome::kRight;
      right += exact ? 1 : 0;
      agree += exact == (MarkBbh(prediction, target, reading).outcome == Outcome::kRight) ? 1 : 0;
      ++answers;
    }
    CHECK(100.0 * static_cast<double>(right) / static_cast<double>(answers) ==
          doctest::Approx(figure.second).epsilon(1e-12));
    rows += answers;
  }
  MESSAGE(rows << " predictions of " << published.size() << " tasks marked, " << agree << " alike by both readings");
  CHECK(rows == 2187);
  CHECK(agree == rows);
}

TEST_CASE("every target of the benchmark is read back out of an explained answer, and no other one is") {
  const auto folder = SharedData("bbh");
  if (!folder) return;
  size_t targets = 0;
  for (const BbhTask& task : BbhTasks()) {
    CAPTURE(task.name);
    const auto file = *folder / "tasks" / (std::string(task.name) + ".json");
    const auto content = nlohmann::json::parse(ReadFile(file));
    std::string before;
    for (const auto& example : content["examples"]) {
      const auto target = example["target"].get<std::string>();
      CAPTURE(target);
      ++targets;
      CHECK(MarkBbh(target, target, task.reading).outcome == Outcome::kRight);
      if (!before.empty() && before != target) {
        CHECK(MarkBbh(before, target, task.reading).outcome != Outcome::kRight);
      }
      before = target;
      const bool option = target.size() == 3 && target.front() == '(';
      if (task.reading == kExact || (task.reading == kOption && !option)) continue;
      CHECK(MarkBbh("Not so fast.\nSo the answer is " + target + ".", target, task.reading).outcome == Outcome::kRight);
    }
  }
  MESSAGE(targets << " targets of " << BbhTasks().size() << " tasks read");
  CHECK(targets == 6511);
}

}  // namespace
}  // namespace loco
