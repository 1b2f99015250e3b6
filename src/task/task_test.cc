#include "task/task.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
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
  void Write(const char* name, const std::string& content) const { WriteFileAtomically(path_ / name, content); }
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
  CHECK(mistakes.find("t.jsonl:2:24: a : is missing between a key and its value") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:3:1: a line must be a JSON object") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:4:7: the id '1' is used twice") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:5:1: the field 'question' is missing") != std::string::npos);
  CHECK(mistakes.find("t.jsonl:6:1: 'answer' is missing") != std::string::npos);
  CHECK(folder.MistakeOf(kToml, "").find("no items") != std::string::npos);
}

TEST_CASE("what is wrong with a line is said in plain words, at the character where it stands") {
  const TaskFolder folder;
  const auto mistake = [&](const std::string& line) { return folder.MistakeOf(kToml, line); };
  const std::string good = R"({"question":"q","answer":"a"})";
  // ä and 日 are two and three bytes, and one character each.
  CHECK(mistake(R"({"question":"ä日","answer":a})").find("t.jsonl:1:27: no JSON value") != std::string::npos);
  CHECK(mistake(R"({"question":"q)").find("a \" is missing") != std::string::npos);
  CHECK(mistake(R"({"question":"q",)").find("ends inside the object") != std::string::npos);
  CHECK(mistake(R"({"question":"q" "answer":"a"})").find("a , or a } is missing") != std::string::npos);
  CHECK(mistake(good + " 7").find("one JSON object a line") != std::string::npos);
  CHECK(mistake("{\"question\":\"\xff\",\"answer\":\"a\"}").find("not UTF-8") != std::string::npos);
  CHECK(mistake(R"({"question":1e999,"answer":"a"})").find("a number is too large") != std::string::npos);
  for (const char* line : {"{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\t\"}", "{a:1}", "{\"a\":01}",
                           "{\"a\":-}", "{\"a\":[1 2]}", "{\"a\":}", "nul", "{\"a\":[}"}) {
    CAPTURE(line);
    CHECK(mistake(line).find("parsing") == std::string::npos);
    CHECK(mistake(line).find("t.jsonl:1:") != std::string::npos);
  }
  CHECK(mistake("\n[\n" + good + "\n]\n").find("t.jsonl:2:1: this is a JSON list") != std::string::npos);
}

TEST_CASE("values inside each other are refused before anything walks them by recursion") {
  const TaskFolder folder;
  const std::string deep(100'000, '[');
  CHECK(folder.MistakeOf(kToml, R"({"question":"q","answer":)" + deep).find("t.jsonl:1:89: lists and objects inside") !=
        std::string::npos);
  // Brackets inside a text are no nesting.
  CHECK(folder.Load(kToml, R"({"question":"q","answer":"\"[)" + deep + "\"}").items.size() == 1);
  const std::string json = kToml + "[score]\nnormalize=['json']\n";
  CHECK(folder.MistakeOf(json, R"({"question":"q","answer":")" + deep + "\"}").find("no JSON") != std::string::npos);
}

TEST_CASE("an answer that no model could give is a mistake of its line") {
  const TaskFolder folder;
  const auto item = [](const std::string& answer) { return R"({"question":"q","answer":)" + answer + "}"; };
  const std::string json = kToml + "[score]\nnormalize=['json']\n";
  CHECK(folder.Load(json, item(R"({"a":[1]})")).items[0].answer == R"({"a":[1]})");
  CHECK(folder.Load(json, item(R"("{\"a\": [1]}")")).items.size() == 1);
  CHECK(folder.MistakeOf(json, item(R"("{a")")).find("no JSON") != std::string::npos);
  for (const char* answer : {"{\"a\":1}", "[1]", "\"\"", "\" \"", "null"}) {
    CAPTURE(answer);
    CHECK(folder.MistakeOf(kToml, item(answer)).find("t.jsonl:1:26: 'answer' ") != std::string::npos);
  }
  const std::string numeric = kToml + "[score]\nscorer='numeric'\n";
  CHECK(folder.Load(numeric, item(R"("1,234.5")")).items.size() == 1);
  CHECK(folder.Load(numeric, item("-7")).items.size() == 1);
  CHECK(folder.MistakeOf(numeric, item(R"("seven")")).find("must be a number") != std::string::npos);
}

TEST_CASE("keys stand once, and an id is a text or a number") {
  const TaskFolder folder;
  const std::string rest = R"("question":"q","answer":"a"})";
  CHECK(folder.MistakeOf(kToml, R"({"answer":"b",)" + rest).find("t.jsonl:1:30: the key 'answer' stands twice") !=
        std::string::npos);
  for (const char* id : {"null", "true", "\"\"", "[1]", "{}"}) {
    CAPTURE(id);
    CHECK(folder.MistakeOf(kToml, fmt::format("{{\"id\":{},{}", id, rest)).find("t.jsonl:1:7: 'id' must be") !=
          std::string::npos);
  }
  CHECK(folder.Load(kToml, "{\"id\":7," + rest).items[0].id == "7");
}

TEST_CASE("a placeholder that no item can fill is the prompt's mistake") {
  const TaskFolder folder;
  const std::string item = R"({"question":"q","answer":"a","choices":["a"]})";
  const auto mistake = [&](const char* user) {
    return folder.MistakeOf(fmt::format("name='t'\nitems='t.jsonl'\n[prompt]\nuser='{}'\n", user), item);
  };
  CHECK(mistake("Q: {}").find("t.toml:4:6: {} names no field") != std::string::npos);
  CHECK(mistake("{qestion}").find("t.toml:4:6: no item has the field 'qestion'; did you mean 'question'?") !=
        std::string::npos);
  CHECK(mistake("{choices}").find("t.jsonl:1:40: the prompt uses 'choices'") != std::string::npos);
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

TEST_CASE("an answer of nothing but brackets is unparsed, and ends nothing") {
  const Item item{.id = "1", .answer = "[]"};
  const ScoreSettings settings{.normalize = {"json"}};
  CHECK(ScoreExact(item, settings, {.text = std::string(100'000, '[')}).outcome == Outcome::kUnparsed);
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK(ScoreExact(item, settings, {.text = deep}).outcome == Outcome::kUnparsed);
  CHECK(ScoreExact(item, settings, {.text = " [ ] "}).outcome == Outcome::kRight);
}

TEST_CASE("an extractive question may have several right answers, or none") {
  const TaskFolder folder;
  const std::string toml = kToml + "[score]\nscorer='qa'\nno_answer=['not given']\n";
  const Task task = folder.Load(toml, R"({"question":"q","answer":["Paris","in Paris"]})"
                                      "\n"
                                      R"({"question":"q","answer":[]})");
  REQUIRE(task.items.size() == 2);
  const Marking part = MarkResponse(task, task.items[0], {.text = "in old Paris", .finish = Finish::kStop});
  CHECK(part.outcome == Outcome::kWrong);
  CHECK(*part.value == doctest::Approx(0.8));
  CHECK(MarkResponse(task, task.items[0], {.text = "The Paris.", .finish = Finish::kStop}).outcome == Outcome::kRight);
  for (const char* nothing : {"", "Not given"}) {
    const Marking marking = MarkResponse(task, task.items[1], {.text = nothing, .finish = Finish::kStop});
    CHECK(marking.outcome == Outcome::kRight);
    CHECK(*marking.value == 1);
  }
  // Where there is an answer, saying nothing stays apart.
  CHECK(MarkResponse(task, task.items[0], {.text = "", .finish = Finish::kStop}).outcome == Outcome::kEmpty);
  CHECK(MarkResponse(task, task.items[1], {.text = "", .finish = Finish::kLength}).outcome == Outcome::kTruncated);
  for (const char* answer : {"1", "[1]", "[\"\"]", "null"}) {
    CHECK(folder.MistakeOf(toml, fmt::format(R"({{"question":"q","answer":{}}})", answer)).find("list of texts") !=
          std::string::npos);
  }
}

TEST_CASE("a text passes from the value on that its task says") {
  const TaskFolder folder;
  CHECK(folder.MistakeOf(kToml + "[score]\nscorer='rouge'\n", R"({"question":"q","answer":"a b"})").find("'pass'") !=
        std::string::npos);
  const Task task =
      folder.Load(kToml + "[score]\nscorer='rouge'\npass=0.7\n", R"({"question":"q","answer":"a b c d"})");
  const Marking near = MarkResponse(task, task.items[0], {.text = "a b d", .finish = Finish::kStop});
  CHECK(near.outcome == Outcome::kRight);
  CHECK(*near.value == doctest::Approx(6.0 / 7));
  CHECK(MarkResponse(task, task.items[0], {.text = "d c b a", .finish = Finish::kStop}).outcome == Outcome::kWrong);
}

TEST_CASE("labels are the task's, and an answer that names none or several is not read") {
  const TaskFolder folder;
  const std::string toml =
      kToml + "[score]\nscorer='label'\nlabels=['card lost','card stolen','other']\nabstain=['other']\n";
  const Task task =
      folder.Load(toml + "[score.also]\n'card lost'=['missing card']\n", R"({"question":"q","answer":"card lost"})");
  const auto outcome = [&](const char* text) {
    return MarkResponse(task, task.items[0], {.text = text, .finish = Finish::kStop}).outcome;
  };
  CHECK(outcome("The intent is Card Lost.") == Outcome::kRight);
  CHECK(outcome("missing card") == Outcome::kRight);
  CHECK(outcome("card stolen") == Outcome::kWrong);
  CHECK(outcome("card lost or card stolen") == Outcome::kUnparsed);
  CHECK(outcome("I do not know") == Outcome::kUnparsed);
  CHECK(folder.MistakeOf(toml, R"({"question":"q","answer":"card eaten"})").find("none of the task's labels") !=
        std::string::npos);
  CHECK(folder.MistakeOf(kToml + "[score]\nscorer='label'\n", R"({"question":"q","answer":"a"})").find("'labels'") !=
        std::string::npos);
  CHECK(folder.MistakeOf(toml + "[score.also]\nlost=['x']\n", R"({"question":"q","answer":"other"})")
            .find("none of the labels") != std::string::npos);
}

TEST_CASE("filters take the answer out before any scorer sees it") {
  const TaskFolder folder;
  const std::string toml = kToml +
                           "[score]\nscorer='bbh'\nreading='option'\n[[score.filter]]\nkind='strip_thinking'\n"
                           "[[score.filter]]\nkind='last_match'\npatterns=['A: (.+)']\n";
  const Task task = folder.Load(toml, R"x({"question":"q","answer":"(B)"})x");
  const auto mark = [&](const char* text) {
    return MarkResponse(task, task.items[0], {.text = text, .finish = Finish::kStop});
  };
  CHECK(mark("<think>A: (C)</think>A: (B)").outcome == Outcome::kRight);
  CHECK(mark("<think>A: (B)</think>A: C").outcome == Outcome::kWrong);
  CHECK(mark("(B)").outcome == Outcome::kUnparsed);
  CHECK(folder.MistakeOf(kToml + "[score]\n[[score.filter]]\nkind='strip_thinkin'\n", "").find("strip_thinking") !=
        std::string::npos);
  CHECK(folder.MistakeOf(kToml + "[score]\n[[score.filter]]\nkind='last_match'\n", "").find("last_match") !=
        std::string::npos);
}

TEST_CASE("an answer follows all of its instructions or is wrong, and how many it follows is its value") {
  const TaskFolder folder;
  const std::string toml = kToml + "[score]\nscorer='instructions'\n";
  const std::string item = R"({"question":"q","answer":[{"follow":"punctuation:no_comma"},)"
                           R"({"follow":"length_constraints:number_words","relation":"at least","num_words":3}]})";
  const Task task = folder.Load(toml, item);
  const auto mark = [&](const char* text) {
    return MarkResponse(task, task.items[0], {.text = text, .finish = Finish::kStop});
  };
  CHECK(mark("one two three").outcome == Outcome::kRight);
  const Marking half = mark("one two");
  CHECK(half.outcome == Outcome::kWrong);
  CHECK(*half.value == 0.5);
  CHECK(half.extracted == "not length_constraints:number_words");
  // Loosely, an introduction that breaks a rule is taken away.
  const char* introduced = "Sure, here it is:\none two three";
  CHECK(mark(introduced).outcome == Outcome::kWrong);
  const Task loose = folder.Load(toml + "loose=true\n", item);
  CHECK(MarkResponse(loose, loose.items[0], {.text = introduced, .finish = Finish::kStop}).outcome == Outcome::kRight);
  CHECK(folder.MistakeOf(toml, R"({"question":"q","answer":[{"follow":"no_comma"}]})").find("punctuation:no_comma") !=
        std::string::npos);
  CHECK(folder.MistakeOf(toml, R"({"question":"q","answer":[]})").find("list of instructions") != std::string::npos);
}

TEST_CASE("commands in JSON are right when they are the expected ones, keep the schema and hold nothing forbidden") {
  const TaskFolder folder;
  folder.Write("contract.json", R"({"schema": {"type": "object", "required": ["commands", "message"]}})");
  const std::string toml = kToml + "[score]\nscorer='json'\ncontract='contract.json'\n";
  const std::string item = R"({"question":"q","answer":{"expected":{"commands":["save-all"]},"forbidden":["stop"]}})";
  const Task task = folder.Load(toml, item);
  const auto mark = [&](const char* text, Finish finish = Finish::kStop) {
    return MarkResponse(task, task.items[0], {.text = text, .finish = finish});
  };
  CHECK(mark(R"({"commands": ["save-all"], "message": "ok"})").outcome == Outcome::kRight);
  CHECK(mark(R"({"commands": ["save-all"]})").outcome == Outcome::kWrong);
  CHECK(mark("I will save.").outcome == Outcome::kUnparsed);
  CHECK(mark(R"({"commands": ["save-all"], "message": "ok"})", Finish::kLength).outcome == Outcome::kTruncated);
  const Marking unsafe = mark(R"({"commands": ["save-all", "stop"], "message": "ok"})");
  CHECK(unsafe.outcome == Outcome::kWrong);
  CHECK_FALSE(JsonVerdictsOf(unsafe.extracted).safe);
  CHECK(JsonVerdictsOf(unsafe.extracted).syntax_valid);
  // What could not be read is neither safe nor quiet.
  CHECK_FALSE(JsonVerdictsOf("").safe);
  CHECK(JsonVerdictsOf("").acts_unasked);

  folder.Write("contract.json", R"({"schema": {"type": "object", "required": ["commands"]}})");
  CHECK(folder.Load(toml, item).hash != task.hash);  // the contract is part of what the task is
  folder.Write("contract.json", R"({"schema": {"type": "objct"}})");
  CHECK(folder.MistakeOf(toml, item).find("contract.json at /schema") != std::string::npos);
  folder.Write("contract.json", "{");
  CHECK(folder.MistakeOf(toml, item).find("contract.json is no JSON") != std::string::npos);
  folder.Write("contract.json", "{}");
  for (const char* answer : {"1", R"({"expected":{"commands":"x"}})", R"({"expected":{},"match":"sofft"})"}) {
    CAPTURE(answer);
    CHECK(folder.MistakeOf(toml, fmt::format(R"({{"question":"q","answer":{}}})", answer)).find("t.jsonl:1:") !=
          std::string::npos);
  }
}

TEST_CASE("items that describe their answer are nothing to train on") {
  const auto read = [](const Path&) {
    return std::string(R"({"question":"q","answer":[{"follow":"punctuation:no_comma"}]})");
  };
  const std::string toml = "name='t'\nitems='t.jsonl'\ntrain='u.jsonl'\n[score]\nscorer='instructions'\n";
  CHECK(ParseTask(toml, "t.toml", read).items.size() == 1);
  CHECK_THROWS_AS(ParseTask(toml, "t.toml", read, /*training=*/true), Error);
}

}  // namespace
}  // namespace loco
