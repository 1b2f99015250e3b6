// The public definitions of tasks/public against the data as they are published.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "score/bbh_match.h"
#include "score/shared_data.h"
#include "task/fetch.h"
#include "task/fetch_convert.h"
#include "task/fetch_rows.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

FetchDefinition PublicDefinition(const std::string& name) {
  return LoadFetchDefinition(Path(LOCO_SOURCE_DIR) / "tasks" / "public" / (name + ".toml"));
}

// The items of a part, and the whole task as 'loco eval' would read it.
struct ConvertedTask {
  std::vector<Json> items;
  Task task;
};

ConvertedTask ConvertWith(const FetchDefinition& definition, std::vector<DataRow> rows, size_t part = 0) {
  const ConvertedItems items = ConvertRows("data", std::move(rows), definition.mapping);
  ConvertedTask converted;
  for (const DataRow& row : ReadDataRows("items", items.jsonl, RowFormat::kJsonl)) converted.items.push_back(row.value);
  converted.task = ParseTask(TaskTextOf(definition, definition.parts.at(part)), "data.toml",
                             [&](const Path&) { return items.jsonl; });
  CHECK(converted.task.items.size() == items.count);
  return converted;
}

ConvertedTask ConvertFile(const FetchDefinition& definition, const Path& path, size_t part = 0) {
  return ConvertWith(definition, ReadDataRows(path, ReadFile(path), definition.format, definition.rows), part);
}

TEST_CASE("every public definition is read, and says whose the data are") {
  const std::vector<Path> paths = FilesMatching(Path(LOCO_SOURCE_DIR) / "tasks" / "public" / "*.toml");
  size_t tasks = 0;
  size_t pinned = 0;
  std::set<std::string> files;
  for (const Path& path : paths) {
    CAPTURE(path.string());
    const FetchDefinition definition = LoadFetchDefinition(path);
    CHECK_FALSE(definition.licence.empty());
    CHECK_FALSE(definition.source.empty());
    CHECK_FALSE(definition.description.empty());
    for (const FetchPart& part : definition.parts) {
      CHECK(part.url.starts_with("https://"));
      CHECK(files.insert(SourceFileOf(definition, part, "").string()).second);
      pinned += part.sha256.empty() ? 0 : 1;
      ++tasks;
    }
  }
  CHECK(paths.size() == 10);
  CHECK(tasks == 36);
  MESSAGE(paths.size() << " definitions, " << tasks << " tasks, " << pinned << " of them with a known checksum");
}

TEST_CASE("GSM8K: the number after #### is the answer, for all 7,473 published rows") {
  const auto folder = SharedData("gsm8k");
  if (!folder) return;
  const ConvertedTask gsm8k = ConvertFile(PublicDefinition("gsm8k"), *folder / "train.jsonl");
  REQUIRE(gsm8k.items.size() == 7473);
  CHECK(gsm8k.items[0]["answer"] == "72");
  CHECK(gsm8k.items[0]["question"].get<std::string>().starts_with("Natalia sold clips to 48"));
  size_t thousands = 0;
  const auto rows = ReadRows(*folder / "train.jsonl");
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string published = rows[i]["answer"].get<std::string>();
    thousands += published.substr(published.rfind("####")).find(',') == std::string::npos ? 0 : 1;
    CHECK(MarkResponse(gsm8k.task, gsm8k.task.items[i], {.text = published}).outcome == Outcome::kRight);
  }
  CHECK(thousands == 79);
}

TEST_CASE("ARC-Easy: choices and the right one") {
  const auto folder = SharedData("arc");
  if (!folder) return;
  const ConvertedTask arc = ConvertFile(PublicDefinition("arc-easy"), *folder / "arc_easy_first100.jsonl");
  REQUIRE(arc.items.size() == 100);
  CHECK(arc.items[1]["question"] ==
        "Which piece of safety equipment is used to keep mold spores from entering the respiratory system?");
  CHECK(arc.task.items[1].answer == "breathing mask");
  CHECK(arc.task.items[1].choices.size() == 4);
}

TEST_CASE("ARC-Challenge: the rows of each question, put together, are items") {
  const auto folder = SharedData("arc");
  if (!folder) return;
  std::vector<DataRow> rows;
  std::vector<std::string> right;
  for (const auto& line : ReadRows(*folder / "arc_challenge_val_first100.jsonl")) {
    const std::string question = line["question"].get<std::string>();
    if (rows.empty() || rows.back().value["query"] != "Question: " + question + "\n") {
      rows.push_back({.number = rows.size() + 1,
                      .value = {{"query", "Question: " + question + "\n"}, {"choices", Json::array()}, {"gold", 0}}});
      right.emplace_back();
    }
    Json& row = rows.back().value;
    if (line["label"] == 1) {
      row["gold"] = row["choices"].size();
      right.back() = line["answer"].get<std::string>();
    }
    row["choices"].push_back(line["answer"].get<std::string>());
  }
  std::erase_if(rows, [](const DataRow& row) { return row.value["choices"].size() < 2; });
  const ConvertedTask arc = ConvertWith(PublicDefinition("arc-challenge"), rows);
  CHECK(arc.items.size() == rows.size());
  CHECK(arc.items.size() >= 25);
  CHECK(arc.items[0]["question"].get<std::string>().starts_with("Juan and LaKeisha roll"));
  CHECK(arc.task.items[0].answer == "Record the details of the investigation.");
  for (size_t i = 0; i < arc.task.items.size(); ++i) CHECK(arc.task.items[i].answer == right[i]);
}

TEST_CASE("HellaSwag: context, endings and label") {
  const auto folder = SharedData("hellaswag");
  if (!folder) return;
  // This copy has six lines an item: "activity: context", the label, four endings.
  std::istringstream text(ReadFile(*folder / "val_first100.txt"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  REQUIRE(lines.size() == 600);
  std::vector<DataRow> rows;
  for (size_t i = 0; i < lines.size(); i += 6) {
    const size_t colon = lines[i].find(": ");
    rows.push_back({.number = i + 1,
                    .value = {{"activity_label", lines[i].substr(0, colon)},
                              {"ctx", lines[i].substr(colon + 2)},
                              {"label", std::stoi(lines[i + 1])},
                              {"endings", {lines[i + 2], lines[i + 3], lines[i + 4], lines[i + 5]}}}});
  }
  const ConvertedTask hellaswag = ConvertWith(PublicDefinition("hellaswag"), rows);
  REQUIRE(hellaswag.items.size() == 100);
  CHECK(hellaswag.items[0]["question"] == "Roof shingle removal: A man is sitting on a roof. he");
  CHECK(hellaswag.task.items[0].answer == "starts pulling up roofing on a roof.");
  CHECK(hellaswag.task.items[1].answer == "stands and lifts the weight over her head.");
}

TEST_CASE("HellaSwag: the marks of WikiHow pages are no text") {
  const ConvertedTask hellaswag = ConvertWith(
      PublicDefinition("hellaswag"), {{.number = 1,
                                       .value = {{"activity_label", "Gardening"},
                                                 {"ctx", "[header] How to dig [title] Take a spade. [step] Then"},
                                                 {"label", 1},
                                                 {"endings", {" dig  deep. [substeps] Rest. ", "a", "b", "c"}}}}});
  CHECK(hellaswag.items[0]["question"] == "Gardening: How to dig. Take a spade. Then");
  CHECK(hellaswag.items[0]["choices"][0] == "dig deep. Rest.");
}

TEST_CASE("MMLU: two subjects, the answer as a number or as a letter") {
  const auto folder = SharedData("mmlu");
  if (!folder) return;
  const FetchDefinition definition = PublicDefinition("mmlu");
  const ConvertedTask algebra = ConvertFile(definition, *folder / "abstract_algebra_test.csv");
  const ConvertedTask astronomy = ConvertFile(definition, *folder / "astronomy_test.csv");
  CHECK(algebra.items.size() == 100);
  CHECK(astronomy.items.size() == 152);
  CHECK(algebra.items[0]["b"] == "4");
  CHECK(algebra.task.items[0].answer == "B");
  CHECK(algebra.items[3]["a"] == "True, True");
  const Message message = BuildMessages(astronomy.task, astronomy.task.items[1]).back();
  CHECK(message.content.find("\n\nA. Its speed relative to you\nB. ") != std::string::npos);
  CHECK(astronomy.task.items[1].answer == "D");
  CHECK(astronomy.items[93]["d"] == "Amino acids with a preferred orientation or \"chirality\"");
  CHECK(astronomy.items[3]["c"] == "You can never prove your theory to be correct only \"yet to be proven wrong\".");
  // The columns of the one file that the definition names.
  const ConvertedTask one = ConvertWith(
      definition,
      ReadDataRows("mmlu.csv", ",Question,A,B,C,D,Answer,Subject\n0,\"1, 2?\",a,b,c,d,C,algebra\n", RowFormat::kCsv));
  CHECK(one.items[0]["question"] == "1, 2?");
  CHECK(one.items[0]["answer"] == 2);
  CHECK(one.items[0]["category"] == "algebra");
}

TEST_CASE("TruthfulQA and MBPP: the forms that their publishers describe") {
  const ConvertedTask truthful = ConvertWith(
      PublicDefinition("truthfulqa"),
      ReadDataRows("mc_task.json",
                   R"([{"question":"Is it?","mc1_targets":{"Yes":0,"No":1},"mc2_targets":{"Yes":0,"No":1}}])",
                   RowFormat::kJson));
  CHECK(truthful.task.items[0].answer == "No");
  const FetchDefinition mbpp = PublicDefinition("mbpp");
  const ConvertedItems items =
      ConvertRows("mbpp",
                  ReadDataRows("mbpp", R"json([{"task_id":2,"prompt":"p","test_imports":[],"test_list":["assert f()"]
},
        {"task_id":11,"prompt":"Write f.","test_imports":[],"test_list":["assert f(1) == 2","assert f(2) == 3"]}])json",
                               RowFormat::kJson),
                  mbpp.mapping);
  CHECK(items.count == 1);
  const Json item = Json::parse(items.jsonl);
  CHECK(item["id"] == "11");
  CHECK(item["tests"] == "assert f(1) == 2\nassert f(2) == 3");
  CHECK(item["answer"]["tests"] == "\nassert f(1) == 2\nassert f(2) == 3\n");
}

TEST_CASE("HumanEval: prompt, function and tests of 60 problems") {
  const auto folder = SharedData("humaneval");
  if (!folder) return;
  const FetchDefinition definition = PublicDefinition("humaneval");
  const Path path = *folder / "first60.jsonl";
  const ConvertedItems items =
      ConvertRows(path, ReadDataRows(path, ReadFile(path), definition.format), definition.mapping);
  REQUIRE(items.count == 60);
  const auto converted = ReadDataRows("items", items.jsonl, RowFormat::kJsonl);
  const auto rows = ReadRows(path);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& item = converted[i].value;
    CHECK(item["id"] == rows[i]["task_id"].get<std::string>());
    CHECK(item["question"] == rows[i]["prompt"].get<std::string>());
    CHECK(item["answer"]["prompt"] == rows[i]["prompt"].get<std::string>());
    CHECK(item["answer"]["entry_point"] == rows[i]["entry_point"].get<std::string>());
    CHECK(item["answer"]["tests"] == fmt::format("{}\ncheck({})\n", rows[i]["test"].get<std::string>(),
                                                 rows[i]["entry_point"].get<std::string>()));
  }
}

TEST_CASE("IFEval and BIG-Bench Hard are fetched from a folder with the published files, checksums included") {
  const auto ifeval = SharedData("ifeval");
  const auto bbh = SharedData("bbh");
  if (!ifeval || !bbh) return;
  std::string pattern = (std::filesystem::temp_directory_path() / "loco-public-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const Path to = pattern;

  const FetchResult one = FetchTask(PublicDefinition("ifeval"), {.to = to, .from = ifeval->string()});
  CHECK(one.tasks.at(0).count == 541);
  CHECK_FALSE(one.files.at(0).trusted);
  const Task task = LoadTask(to / "ifeval.toml");
  CHECK(task.items[0].id == "1000");
  REQUIRE(task.items[0].instructions.size() == 3);
  CHECK(task.items[0].instructions[2].arguments["num_words"] == 300);

  const FetchDefinition definition = PublicDefinition("bbh");
  const FetchResult all = FetchTask(definition, {.to = to, .from = (*bbh / "tasks").string()});
  REQUIRE(all.tasks.size() == 27);
  size_t items = 0;
  size_t readings = 0;
  for (const FetchedTask& fetched : all.tasks) {
    CAPTURE(fetched.name);
    items += fetched.count;
    const Task read = LoadTask(fetched.definition);
    CHECK(read.user.find('<') == std::string::npos);
    if (read.scorer != "bbh") continue;
    ++readings;
    CHECK(FindBbhReading(read.name.substr(4)) == read.score.reading);
  }
  CHECK(items == 6511);
  CHECK(readings == 25);
  const Task snarks = LoadTask(to / "bbh-snarks.toml");
  CHECK(snarks.items.size() == 178);
  CHECK(snarks.items[0].answer == "(B)");
  CHECK(BuildMessages(snarks, snarks.items[0]).back().content.ends_with("the letter of the right option."));
  for (const FetchedFile& file : all.files) CHECK_FALSE(file.trusted);
  std::filesystem::remove_all(to);
}

}  // namespace
}  // namespace loco
