#include "task/task.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "task/scorers.h"

namespace loco {
namespace {

class TaskFolder {
 public:
  TaskFolder() : path_(std::filesystem::temp_directory_path() / ("loco_task_test_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TaskFolder() { std::filesystem::remove_all(path_); }
  Task Load(const std::string& toml, const std::string& jsonl) const {
    WriteFileAtomically(path_ / "t.toml", toml);
    WriteFileAtomically(path_ / "t.jsonl", jsonl);
    return LoadTask(path_ / "t.toml");
  }
  std::string MistakeOf(const std::string& toml, const std::string& jsonl) const {
    try {
      Load(toml, jsonl);
    } catch (const Error& problem) {
      return problem.what();
    }
    return "";
  }

 private:
  Path path_;
};

const std::string kToml = "name='t'\nitems='t.jsonl'\n[prompt]\nuser='Q: {question}'\n";

Marking Mark(const char* scorer, ScoreSettings settings, const std::string& answer, const std::string& text,
             Finish finish = Finish::kStop) {
  Task task;
  task.scorer = scorer;
  task.score = std::move(settings);
  Item item;
  item.answer = answer;
  return MarkResponse(task, item, {.text = text, .finish = finish});
}

TEST_CASE("a task asks its items with the fields filled in") {
  const TaskFolder folder;
  const Task task = folder.Load("name='t'\nitems='t.jsonl'\n[prompt]\nsystem='{{json}} only'\nuser='{a}+{b}'\n",
                                "{\"id\":\"x\",\"a\":1,\"b\":\"two\",\"answer\":3}\n\n");
  REQUIRE(task.items.size() == 1);
  const auto messages = BuildMessages(task, task.items[0]);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].content == "{json} only");
  CHECK(messages[1].content == "1+two");
  CHECK(task.items[0].answer == "3");
  CHECK(task.hash.size() == 64);
}

TEST_CASE("every bad line of the items is named with its place") {
  const TaskFolder folder;
  const std::string mistakes =
      folder.MistakeOf(kToml,
                       "{\"id\":\"1\",\"question\":\"q\",\"answer\":\"a\"}\n{\"id\":\"2\",\"question\" "
                       "\"q\"}\n[1]\n{\"id\":\"1\",\"question\":\"q\",\"answer\":\"a\"}\n{\"id\":\"3\",\"answer\":"
                       "\"a\"}\n{\"question\":\"q\"}\n");
  CHECK(mistakes.find("t.jsonl:2:24: syntax error") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:3:1: a line must be a JSON object") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:4:1: the id '1' is used twice") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:5:1: the field 'question' is missing") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:6:1: 'answer' is missing") != std::string::npos);
  CHECK(folder.MistakeOf(kToml, "").find("no items") != std::string::npos);
}

TEST_CASE("mistakes of the definition are named with line, column and suggestion") {
  const TaskFolder folder;
  const std::string item = "{\"question\":\"q\",\"answer\":\"a\"}";
  CHECK(folder.MistakeOf(kToml + "[score]\nscorer='exakt'\n", item).find("did you mean 'exact'?") != std::string::npos);
  CHECK(folder.MistakeOf(kToml + "[score]\nextract='('\n", item).find("not an RE2 pattern") != std::string::npos);
  CHECK(folder.MistakeOf(kToml + "[score]\nnormalise=['x']\n", item).find("did you mean 'normalize'?") !=
        std::string::npos);
  CHECK(folder.MistakeOf("name='t'\nitems='t.jsonl'\n[prompt]\nuser='{question'\n", item).find("never closed") !=
        std::string::npos);
}

TEST_CASE("multiple choice needs choices and the number of the right one") {
  const TaskFolder folder;
  const std::string toml = kToml + "[score]\nscorer='choice'\n";
  const Task task = folder.Load(toml, "{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":1}\n");
  CHECK(task.items[0].answer == "b");
  CHECK(folder.MistakeOf(toml, "{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":2}").find("0 to 1") !=
        std::string::npos);
  CHECK(folder.MistakeOf(toml, "{\"question\":\"q\",\"choices\":[\"a\"],\"answer\":0}").find("at least two") !=
        std::string::npos);
  const Marking marking = MarkResponse(
      task, task.items[0], {.finish = Finish::kChoice, .log_likelihood = {-3, -2}, .choice_tokens = {1, 1}});
  CHECK(marking.outcome == Outcome::kRight);
  CHECK(marking.extracted == "b");
}

TEST_CASE("length normalisation can change the chosen continuation") {
  Task task;
  task.scorer = "choice";
  Item item;
  item.choices = {"ab", "abcd"};
  item.right_choice = 1;
  const Response response{.finish = Finish::kChoice, .log_likelihood = {-2.0, -3.0}, .choice_tokens = {1, 1}};
  CHECK(MarkResponse(task, item, response).outcome == Outcome::kWrong);
  task.score.length = "bytes";
  CHECK(MarkResponse(task, item, response).outcome == Outcome::kRight);
}

TEST_CASE("cut, empty, too long and failed answers are never right") {
  CHECK(Mark("exact", {}, "a", "a").outcome == Outcome::kRight);
  CHECK(Mark("exact", {}, "a", "a", Finish::kLength).outcome == Outcome::kTruncated);
  CHECK(Mark("exact", {}, "", " \n").outcome == Outcome::kEmpty);
  CHECK(Mark("exact", {}, "a", "a", Finish::kTooLong).outcome == Outcome::kTooLong);
  CHECK(Mark("exact", {}, "a", "a", Finish::kError).outcome == Outcome::kError);
}

TEST_CASE("exact match normalises both sides") {
  CHECK(Mark("exact", {.normalize = {"trim", "lower", "spaces"}}, "New  York", " new york\n").outcome ==
        Outcome::kRight);
  CHECK(Mark("exact", {}, "New York", "new york").outcome == Outcome::kWrong);
  CHECK(Mark("exact", {.normalize = {"lower"}}, "ÄÖ", "äö").outcome == Outcome::kRight);
  CHECK(Mark("exact", {.normalize = {"json"}}, R"({"a":1,"b":[2]})", R"( {"b": [2], "a": 1} )").outcome ==
        Outcome::kRight);
  CHECK(Mark("exact", {.normalize = {"json"}}, R"({"a":1})", R"({"a":1)").outcome == Outcome::kUnparsed);
  CHECK(Mark("exact", {.extract = "answer is (\\w+)"}, "b", "the answer is a. No: the answer is b.").outcome ==
        Outcome::kRight);
  CHECK(Mark("exact", {.extract = "answer is (\\w+)"}, "b", "b").outcome == Outcome::kUnparsed);
}

TEST_CASE("numeric reads the last number") {
  CHECK(Mark("numeric", {}, "1234", "so the total is $1,234.").outcome == Outcome::kRight);
  CHECK(Mark("numeric", {}, "-5", "3 - 8 = -5").outcome == Outcome::kRight);
  CHECK(Mark("numeric", {}, "0.5", "it is .5").outcome == Outcome::kRight);
  CHECK(Mark("numeric", {}, "7", "seven").outcome == Outcome::kUnparsed);
  CHECK(Mark("numeric", {}, "7", "7 or 8").outcome == Outcome::kWrong);
  CHECK(Mark("numeric", {.tolerance = 0.01}, "3.14", "3.1415").outcome == Outcome::kRight);
}

}  // namespace
}  // namespace loco
