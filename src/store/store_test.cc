#include "store/store.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "store/schema.h"

namespace loco {
namespace {

Path TemporaryFolder(const char* name) {
  const Path folder =
      std::filesystem::temp_directory_path() / ("loco_store_test_" + std::to_string(::getpid()) + "_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

RunRow AddExampleRun(Store& store) {
  const RowId model = store.AddModel({.hash = "m", .name = "m", .architecture = "llama", .quantization = "F16"});
  const RowId task = store.AddTask({.hash = "t", .name = "t", .scorer = "exact/1", .items = 2});
  RunRow run{.key = "k", .model_id = model, .task_id = task, .engine = "e", .sampler = "greedy", .items = 2};
  run.id = store.AddRun(run);
  return run;
}

void Execute(const Path& path, const char* sql, int expected) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
  CHECK(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == expected);
  sqlite3_close(handle);
}

TEST_CASE("several that make the same new store at the same moment all get it") {
  const FakeClock clock;
  for (int round = 0; round < 20; ++round) {
    const Path folder = TemporaryFolder("race");
    std::atomic<int> opened = 0;
    std::vector<std::thread> openers;
    for (int i = 0; i < 4; ++i) {
      openers.emplace_back([&] {
        try {
          Store store = Store::Open(folder / "s.db", clock);
          store.AddTask({.hash = "h", .name = "t", .scorer = "exact", .items = 1});
          ++opened;
        } catch (const Error&) {  // counted by its absence
        }
      });
    }
    for (std::thread& opener : openers) opener.join();
    CHECK(opened == 4);
    std::filesystem::remove_all(folder);
  }
}

TEST_CASE("an item is answered once, whoever comes second") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  const MarkRow mark{.scorer = "exact/1", .outcome = Outcome::kRight, .extracted = "a"};
  CHECK(store.AddAnswer({.run_id = run.id, .item = "1", .text = "a"}, mark));
  CHECK_FALSE(store.AddAnswer({.run_id = run.id, .item = "1", .text = "b"}, mark));
  const auto answers = store.Answers(run.id, "exact/1");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].answer.text == "a");
  CHECK(answers[0].mark.outcome == Outcome::kRight);
  CHECK(store.AnsweredItems(run.id) == std::set<AnswerPlace>{{"1", 0}});
  CHECK(store.AddAnswer({.run_id = run.id, .item = "1", .sample = 1, .text = "b"}, mark));
  CHECK(store.CountAnswers(run.id) == 2);
}

TEST_CASE("an answer that could not be marked counts as not run, until it is") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  CHECK(store.AddAnswer({.run_id = run.id, .item = "1", .text = "x = 1", .thinking = "hm"}, std::nullopt));
  const auto before = store.Answers(run.id, "code/1");
  REQUIRE(before.size() == 1);
  CHECK(before[0].mark.outcome == Outcome::kNotRun);
  CHECK(before[0].answer.thinking == "hm");
  const auto unmarked = store.UnmarkedAnswers(run.id, "code/1");
  REQUIRE(unmarked.size() == 1);
  store.AddMark({.answer_id = unmarked[0].id, .scorer = "code/1", .outcome = Outcome::kTimedOut});
  CHECK(store.Answers(run.id, "code/1")[0].mark.outcome == Outcome::kTimedOut);
}

TEST_CASE("a row with a known key is found, not added again") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  CHECK(AddExampleRun(store).id == run.id);
  CHECK(store.Runs().size() == 1);
  CHECK(store.Models().size() == 1);
}

TEST_CASE("answers of any bytes come back as they were") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  const std::string hostile("\x1b[31m\0</script>\xff", 15);
  store.AddAnswer({.run_id = run.id, .item = "1", .text = hostile, .finish = Finish::kLength}, MarkRow{.scorer = "s"});
  CHECK(store.Answers(run.id, "s").at(0).answer.text == hostile);
  CHECK(store.Answers(run.id, "s").at(0).answer.finish == Finish::kLength);
}

TEST_CASE("marking again under a new version keeps the old mark") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  store.AddAnswer({.run_id = run.id, .item = "1"}, MarkRow{.scorer = "exact/1", .outcome = Outcome::kWrong});
  const auto unmarked = store.UnmarkedAnswers(run.id, "exact/2");
  REQUIRE(unmarked.size() == 1);
  store.AddMark({.answer_id = unmarked[0].id, .scorer = "exact/2", .outcome = Outcome::kRight});
  CHECK(store.MarksOfAnswer(unmarked[0].id).size() == 2);
  CHECK(store.UnmarkedAnswers(run.id, "exact/2").empty());
}

TEST_CASE("rows are append-only, even for other programs") {
  const FakeClock clock;
  const Path folder = TemporaryFolder("append");
  const Path file = folder / "loco.db";
  {
    Store store = Store::Open(file, clock);
    AddExampleRun(store);
  }
  Execute(file, "UPDATE run SET engine = 'x'", SQLITE_CONSTRAINT);
  Execute(file, "DELETE FROM model", SQLITE_CONSTRAINT);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a store of a newer version, another database and a text file are refused by name") {
  const FakeClock clock;
  const Path folder = TemporaryFolder("refuse");
  { const Store store = Store::Open(folder / "new.db", clock); }
  Execute(folder / "new.db", "PRAGMA user_version = 99", SQLITE_OK);
  CHECK_THROWS_WITH_AS(Store::Open(folder / "new.db", clock), doctest::Contains("version 99"), Error);

  Execute(folder / "other.db", "CREATE TABLE x (y)", SQLITE_OK);
  CHECK_THROWS_WITH_AS(Store::Open(folder / "other.db", clock), doctest::Contains("not a LocoLLM store"), Error);

  WriteFileAtomically(folder / "text.db", std::string(5000, 'x'));
  CHECK_THROWS_AS(Store::Open(folder / "text.db", clock), Error);
  CHECK_THROWS_WITH_AS(Store::OpenReadOnly(folder / "none.db", clock), doctest::Contains("no store yet"), Error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a store of an older version is brought up with all its rows") {
  const FakeClock clock;
  const Path folder = TemporaryFolder("old");
  const Path file = folder / "loco.db";
  Execute(file, kSchemaSql, SQLITE_OK);
  Execute(file, kSchema2Sql, SQLITE_OK);
  Execute(file, kSchema3Sql, SQLITE_OK);
  Execute(file,
          "INSERT INTO model VALUES (1, 'm', 'm', 'llama', 'F16', 1, 1, '{}', NULL, 'now');"
          "INSERT INTO task VALUES (1, 't', 't', 'exact', 2, 'now');"
          "INSERT INTO run VALUES (1, 'k', 1, 1, 'e', 'h', 'greedy', '{}', 2, 'now', NULL);"
          "INSERT INTO answer VALUES (7, 1, 'one', 'p', 3, 'text', 'length', 4, .5, '{}', 'now');"
          "INSERT INTO mark VALUES (9, 7, 'exact/1', 'truncated', 'x', .25);"
          "PRAGMA application_id = 1280262991; PRAGMA user_version = 3",
          SQLITE_OK);
  {
    Store store = Store::Open(file, clock);
    const auto answers = store.Answers(1, "exact/1");
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].answer.id == 7);
    CHECK(answers[0].answer.text == "text");
    CHECK(answers[0].answer.finish == Finish::kLength);
    CHECK(answers[0].mark.id == 9);
    CHECK(answers[0].mark.outcome == Outcome::kTruncated);
    CHECK(answers[0].mark.value == 0.25);
    CHECK(store.AddAnswer({.run_id = 1, .item = "two", .finish = Finish::kRefused},
                          MarkRow{.scorer = "exact/1", .outcome = Outcome::kRefused}));
  }
  // The new tables are as append-only as the old ones, and refer to each other.
  Execute(file, "UPDATE mark SET outcome = 'right'", SQLITE_CONSTRAINT);
  Execute(file, "DELETE FROM answer", SQLITE_CONSTRAINT);
  Execute(file, "PRAGMA foreign_keys = ON; INSERT INTO mark VALUES (99, 98, 's', 'right', '', NULL)",
          SQLITE_CONSTRAINT);
  std::filesystem::remove_all(folder);
}

TEST_CASE("two connections to one store see each other's rows") {
  const FakeClock clock;
  const Path folder = TemporaryFolder("two");
  Store one = Store::Open(folder / "loco.db", clock);
  Store two = Store::Open(folder / "loco.db", clock);
  const RunRow run = AddExampleRun(one);
  CHECK(AddExampleRun(two).id == run.id);
  CHECK(two.AddAnswer({.run_id = run.id, .item = "1"}, MarkRow{.scorer = "s"}));
  CHECK_FALSE(one.AddAnswer({.run_id = run.id, .item = "1"}, MarkRow{.scorer = "s"}));
  std::filesystem::remove_all(folder);
}

TEST_CASE("an unchanged file is hashed once, a changed one again") {
  const FakeClock clock;
  const Path folder = TemporaryFolder("hash");
  Store store = Store::Open(folder / "loco.db", clock);
  WriteFileAtomically(folder / "f", "one");
  CHECK(store.HashOfFile(folder / "f") == Sha256Hex("one"));
  CHECK(store.HashOfFile(folder / "f") == Sha256Hex("one"));
  WriteFileAtomically(folder / "f", "three");
  CHECK(store.HashOfFile(folder / "f") == Sha256Hex("three"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a row is named by its table and id") {
  CHECK(ParseRowRef("run-12") == RowRef{"run", 12});
  CHECK(ParseRowRef("measurement-3").Text() == "measurement-3");
  for (const char* wrong : {"run", "run-", "run-0", "run-x", "walk-3", "-3", "run-3x", "run--3"}) {
    CHECK_THROWS_AS(ParseRowRef(wrong), Error);
  }
}

TEST_CASE("a decision lists the rows it rests on") {
  const FakeClock clock;
  Store store = Store::Open(":memory:", clock);
  const RunRow run = AddExampleRun(store);
  const RowId id =
      store.AddDecision({.key = "d", .policy = "p", .policy_hash = "h"}, {{"run", run.id}, {"run", run.id}});
  CHECK(store.RowsOfDecision(id) == std::vector<RowRef>{{"run", run.id}});
  CHECK(store.FindDecision(id)->policy == "p");
}

}  // namespace
}  // namespace loco
