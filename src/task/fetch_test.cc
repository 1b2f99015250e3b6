#include "task/fetch.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "http/server_fixture.h"
#include "task/fetch_convert.h"
#include "task/fetch_rows.h"
#include "task/task.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSumsTask[] = R"(name = "sums"
items = "sums.jsonl"
[score]
scorer = "numeric"
)";
constexpr char kSumsMapping[] = R"([fetch.item]
question = "{q}"
[fetch.answer]
from = "{a}"
extract = '=(.*)'
remove = ","
)";

std::string SumsDefinition(const std::string& fetch) {
  return std::string(kSumsTask) + "\n[fetch]\n" + fetch + "\n" + kSumsMapping;
}

std::string MistakeOf(const auto& work) {
  try {
    work();
  } catch (const Error& error) {
    return std::string(error.what()) + "\ncure: " + error.hint();
  }
  return "";
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<Json> ItemsOf(const std::string& jsonl) {
  std::vector<Json> items;
  for (size_t begin = 0; begin < jsonl.size();) {
    const size_t end = jsonl.find('\n', begin);
    items.push_back(Json::parse(jsonl.substr(begin, end - begin)));
    begin = end + 1;
  }
  return items;
}

std::vector<Json> Convert(const std::string& text, RowFormat format, const RowMapping& mapping) {
  return ItemsOf(ConvertRows("data", ReadDataRows("data", text, format), mapping).jsonl);
}

struct FetchFolder {
  FetchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "loco-fetch-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
    options.to = path / "tasks";
    options.download.retry.attempts = 1;
  }
  ~FetchFolder() { std::filesystem::remove_all(path); }
  FetchResult Fetch(const std::string& definition) {
    return FetchTask(ParseFetchDefinition("sums.toml", definition), options);
  }
  std::string Failure(const std::string& definition) {
    return MistakeOf([&] { Fetch(definition); });
  }

  Path path;
  FetchOptions options;
};

constexpr char kSums[] = "{\"q\":\"1+1?\",\"a\":\"1+1=2\"}\n{\"q\":\"999+1?\",\"a\":\"999+1=1,000\"}\n";

TEST_CASE("a definition without data: the task as it is, and where its data are") {
  const FetchDefinition definition = ParseFetchDefinition(
      "x/sums.toml", SumsDefinition("url = \"https://host/d/sums.jsonl?x=1\"\nformat = \"jsonl\"\ncount = 2"));
  CHECK(definition.name == "sums");
  REQUIRE(definition.parts.size() == 1);
  CHECK(TaskTextOf(definition, definition.parts[0]) == kSumsTask);
  CHECK(TaskFileOf(definition, definition.parts[0]) == "sums.toml");
  CHECK(SourceFileOf(definition, definition.parts[0], "to") == Path("to/source/sums/sums.jsonl"));
  CHECK(definition.parts[0].count == 2);
}

TEST_CASE("a definition of parts is one task for each of them") {
  const FetchDefinition definition = ParseFetchDefinition("b.toml", R"(name = "b-<part>"
items = "b-<part>.jsonl"
[score]
scorer = "<scorer>"
[fetch]
url = "https://host/<part>.json"
format = "json"
[fetch.item]
question = "{q}"
[fetch.answer]
from = "{a}"
[[fetch.part]]
name = "one"
values = { scorer = "exact" }
[[fetch.part]]
name = "two"
values = { scorer = "numeric" }
)");
  REQUIRE(definition.parts.size() == 2);
  CHECK(definition.parts[1].url == "https://host/two.json");
  CHECK(TaskFileOf(definition, definition.parts[1]) == "b-two.toml");
  CHECK(TaskTextOf(definition, definition.parts[1]) ==
        "name = \"b-two\"\nitems = \"b-two.jsonl\"\n[score]\nscorer = \"numeric\"\n");
}

TEST_CASE("every mistake of a [fetch] table is named with its place") {
  const auto mistake = [](const std::string& fetch) {
    return MistakeOf([&] { ParseFetchDefinition("s.toml", SumsDefinition(fetch)); });
  };
  CHECK(Has(mistake("url = \"https://h/x\"\nformt = \"csv\""), "s.toml:8:1: unknown key 'formt'"));
  CHECK(Has(mistake("format = \"csv\""), "s.toml:6:1: 'url' is missing"));
  CHECK(Has(mistake("url = \"ftp://h/x\""), "s.toml:7:7: 'url' must begin with https://"));
  CHECK(Has(mistake("url = \"https://h/a/..\""), "s.toml:7:7: 'url' must end with the name of a file"));
  CHECK(Has(mistake("url = \"https://h/a b\""), "s.toml:7:7: 'url' holds a character that no URL has"));
  for (const char* text : {"{a", "a}", "{a{b}", "{{a}"}) {
    CAPTURE(text);
    CHECK(Has(mistake(fmt::format("url = \"https://h/x\"\n[fetch.choices]\ntexts = [\"a\", \"{}\"]", text)),
              "s.toml:9:9: a { or } stands alone"));
    CHECK(Has(mistake(fmt::format("url = \"https://h/x\"\n[fetch.choices]\nfrom = \"{}\"", text)),
              "s.toml:9:8: a { or } stands alone"));
  }
  CHECK(Has(mistake("url = \"https://h/x\"\nsha256 = \"abc\""), "s.toml:8:10: 'sha256' must be 64"));
  CHECK(Has(mistake("url = \"https://h/x\"\nformat = \"parquet\""), "s.toml:8:10: Parquet is not read here"));
  CHECK(
      Has(mistake("url = \"https://h/x\"\n[[fetch.part]]\nname = \"a\"\nvalues = { v = \"1\" }"), "<part> is missing"));
  CHECK(Has(mistake("url = \"https://h/<part>\"\n[[fetch.part]]\nname = \"A/b\""), "s.toml:9:8: a part's name"));
  CHECK(Has(mistake("url = \"https://h/<part>\"\n[[fetch.part]]\nname = \"a\"\nvalues = { v = \"1\" }"),
            "<v> stands nowhere above [fetch]"));
  CHECK(Has(mistake("url = \"https://h/x\"\n[fetch.keep]\nleast = 1"), "'field' is missing"));
  CHECK(Has(mistake("url = \"https://h/x\"\n[[fetch.replace]]\npattern = '('"), "s.toml:9:11: not an RE2 pattern"));
  CHECK(Has(MistakeOf([] {
              ParseFetchDefinition("s.toml", SumsDefinition("url = \"https://h/x\"") + "[generate]\nmax_tokens = 9\n");
            }),
            "'generate' stands below [fetch]"));
  CHECK(Has(MistakeOf([] { ParseFetchDefinition("s.toml", kSumsTask); }), "there is no [fetch] table"));
}

TEST_CASE("CSV as RFC 4180 has it: quotes, commas and line breaks in fields, either line end, a byte order mark") {
  const auto rows =
      ReadDataRows("d.csv", "\xEF\xBB\xBF,q,\"a\"\r\n0,\"x, \"\"y\"\"\nz\",\r\n1,plain,2", RowFormat::kCsv);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].number == 2);
  CHECK(rows[0].value["q"] == "x, \"y\"\nz");
  CHECK(rows[0].value["a"] == "");
  CHECK(rows[0].value[""] == "0");
  CHECK(rows[1].number == 4);
  CHECK(rows[1].value["a"] == "2");
  CHECK(ReadDataRows("d.csv", "a,b\n\"only \"so\".\",\"\"\"x\"\"\"\n", RowFormat::kCsv)[0].value ==
        Json{{"a", "only \"so\"."}, {"b", "\"\"x\"\""}});  // in such a record every quote means itself
  const auto undoubled = ReadDataRows("d.csv", "a,b\n\"or \"so\"\",1\n\"x\",2\n", RowFormat::kCsv);
  REQUIRE(undoubled.size() == 2);
  CHECK(undoubled[0].value["a"] == "or \"so\"");
  CHECK(undoubled[1].value["a"] == "x");
  CHECK(undoubled[1].number == 3);
  // Nothing of the kind is read into what is as the RFC has it.
  const auto proper = ReadDataRows("d.csv", "a,b\n\"he said \"\"hi\"\", then\nleft\",2\n", RowFormat::kCsv);
  REQUIRE(proper.size() == 1);
  CHECK(proper[0].value["a"] == "he said \"hi\", then\nleft");
  const auto mistake = [](const std::string& text) {
    return MistakeOf([&] { ReadDataRows("d.csv", text, RowFormat::kCsv); });
  };
  CHECK(Has(mistake("a,b\n1,2\n1\n"), "d.csv:3: 1 fields, and the header has 2"));
  CHECK(Has(mistake("a,b\n1,\"2\n"), "d.csv:2: a text in quotes that begins here is not closed"));
  CHECK(Has(mistake("a,b\n\"1\"x\",\"2\",3\n"), "d.csv:2: 3 fields, and the header has 2"));
  CHECK(Has(mistake("a,a\n1,2\n"), "two columns have the same name"));
}

TEST_CASE("what is no data file is refused by name") {
  const auto mistake = [](const std::string& text, RowFormat format = RowFormat::kJson, const std::string& rows = "") {
    return MistakeOf([&] { ReadDataRows("d", text, format, rows); });
  };
  CHECK(Has(mistake("PAR1\x15\x04"), "this is a Parquet file"));
  CHECK(Has(mistake("\n<!DOCTYPE html>"), "this is a web page"));
  CHECK(Has(mistake("version https://git-lfs.github.com/spec/v1"), "Git LFS pointer"));
  CHECK(Has(mistake("  "), "the file is empty"));
  CHECK(Has(mistake("[{\"a\":1},\n{\"a\""), "d:2: no JSON, or cut off"));
  CHECK(Has(mistake("{\"rows\":[1]}", RowFormat::kJson, "rows"), "row 1 is no JSON object"));
  CHECK(Has(mistake("{\"rows\":[1]}", RowFormat::kJson, "examples"), "there is no field 'examples'"));
  CHECK(Has(mistake("{}"), "the rows are no JSON list"));
  CHECK(Has(mistake(std::string(100000, '[')), "inside each other, too many"));
  CHECK(Has(mistake("{\"a\":1}\n{\"a\" 1}\n", RowFormat::kJsonl), "d:2:6: a : is missing"));
}

TEST_CASE("what gzip packed is unpacked, also in several pieces; what is broken is refused") {
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xcd\x2b\x48\x4c\xce\x4e\x4d\xe1\x2a\xc5\x60\x00\x00"
      "\xe3\xe4\x4c\x97\x1b\x00\x00\x00",
      32);
  const std::string text = "unpacked\nunpacked\nunpacked\n";
  CHECK(Unpacked("d.gz", packed) == text);
  CHECK(Unpacked("d.gz", packed + packed) == text + text);
  CHECK(Unpacked("d.gz", text) == text);
  CHECK(Unpacked("d.gz", "").empty());
  for (size_t length = 2; length < packed.size(); ++length) {
    CHECK(Has(MistakeOf([&] { Unpacked("d.gz", packed.substr(0, length)); }), "broken or cut off"));
  }
}

TEST_CASE("templates take fields, inner fields, the first of several, and lists of texts as lines") {
  RowMapping mapping;
  mapping.item = {{"question", "{{{q|question}}} {inner.x}{none|}"}, {"tests", "{list}"}};
  mapping.from = "{n}";
  const auto items =
      Convert(R"({"question":"Q","inner":{"x":1.5},"list":["a","b"],"n":7})", RowFormat::kJsonl, mapping);
  REQUIRE(items.size() == 1);
  CHECK(items[0] == Json{{"question", "{Q} 1.5"}, {"tests", "a\nb"}, {"answer", "7"}});
}

TEST_CASE("a right choice is a number from 0, a letter, or what is marked") {
  RowMapping mapping;
  mapping.item = {{"question", "{q}"}};
  mapping.answer = AnswerKind::kChoice;
  mapping.from = "{right}";
  mapping.choices_from = "{choices}";
  const auto right = [&](const std::string& value) {
    return Convert(R"({"q":"?","choices":["a","b","c"],"right":)" + value + "}", RowFormat::kJsonl,
                   mapping)[0]["answer"];
  };
  CHECK(right("2") == 2);
  CHECK(right("\"1\"") == 1);
  CHECK(right("\"C\"") == 2);
  CHECK(right("[0,1,0]") == 1);
  CHECK(right("[false,false,true]") == 2);
  for (const char* wrong : {"3", "\"D\"", "-1", "\"\"", "[0,0,0]", "[1,1,0]", "null", "1.5"}) {
    CAPTURE(wrong);
    CHECK(Has(MistakeOf([&] { right(wrong); }), "data:1:1:"));
  }
  // TruthfulQA: the choices are the keys of an object, and their values the marks.
  mapping.choices_from = mapping.from = "{targets}";
  const auto items = Convert(R"({"q":"?","targets":{"yes, once":0,"no, never":1}})", RowFormat::kJsonl, mapping);
  CHECK(items[0]["choices"] == Json{"yes, once", "no, never"});
  CHECK(items[0]["answer"] == 1);
}

TEST_CASE("code: texts are filled, lists are lines, and what is empty is left out") {
  RowMapping mapping;
  mapping.item = {{"id", "{task_id}"}, {"question", "{prompt}"}};
  mapping.answer = AnswerKind::kCode;
  mapping.tests = "{test_imports}\n{test_list}\n";
  mapping.keep = RowRange{.field = "task_id", .least = 11, .most = 510};
  const auto rows = ReadDataRows("m.json", R"([
    {"task_id": 10, "prompt": "first", "test_imports": [], "test_list": ["assert f() == 0"]},
    {"task_id": 11, "prompt": "Add.", "test_imports": ["import math"], "test_list": ["assert f() == 1", "assert f() == 2"]}
  ])",
                                 RowFormat::kJson);
  const ConvertedItems items = ConvertRows("m.json", rows, mapping);
  CHECK(items.count == 1);
  CHECK(items.left_out == 1);
  const Json answer = ItemsOf(items.jsonl)[0]["answer"];
  CHECK(answer == Json{{"tests", "import math\nassert f() == 1\nassert f() == 2\n"}});
}

TEST_CASE("rows that the mapping does not fit are named, and no item is made of them") {
  const RowMapping mapping = ParseFetchDefinition("s.toml", SumsDefinition("url = \"https://h/x\"")).mapping;
  const std::string mistakes = MistakeOf([&] {
    Convert("{\"q\":\"?\",\"a\":\"1=1\"}\n{\"q\":\"?\",\"a\":\"none\"}\n{\"a\":\"1=1\"}\n{\"q\":{},\"a\":\"1=1\"}\n",
            RowFormat::kJsonl, mapping);
  });
  CHECK(Has(mistakes, "data:2:1: the answer 'none' does not match 'extract'"));
  CHECK(Has(mistakes, "data:3:1: there is no field 'q'"));
  CHECK(Has(mistakes, "data:4:1: the field 'q' is neither a text nor a list of texts"));
  CHECK_FALSE(Has(mistakes, "data:1:"));
  CHECK(Has(MistakeOf([&] { Convert("q,a\n\xE9t\xE9,1=1\n", RowFormat::kCsv, mapping); }),
            "data:2:1: the text is not UTF-8"));
}

TEST_CASE("a task is fetched, whole; the second time no network is needed") {
  FetchFolder f;
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply(kSums); });
  const std::string url = server.url() + "/d/sums.jsonl";
  const std::string definition = SumsDefinition("url = \"" + url + "\"\ncount = 2");
  const FetchResult result = f.Fetch(definition);
  REQUIRE(result.tasks.size() == 1);
  CHECK(result.tasks[0].count == 2);
  REQUIRE(result.files.size() == 1);
  CHECK(result.files[0].downloaded);
  CHECK(result.files[0].trusted);
  CHECK(result.files[0].sha256 == Sha256Hex(kSums));
  const Task task = LoadTask(f.options.to / "sums.toml");
  CHECK(task.items[1].answer == "1000");
  CHECK(ReadFile(f.options.to / "source" / "sums" / "sums.jsonl") == kSums);
  CHECK(Has(ReadFile(result.lock), Sha256Hex(kSums)));

  server.Stop();
  const FetchResult again = f.Fetch(definition);
  CHECK_FALSE(again.files[0].downloaded);
  CHECK_FALSE(again.files[0].trusted);
  CHECK(LoadTask(f.options.to / "sums.toml").hash == task.hash);
}

TEST_CASE("what was trusted on first use is refused when it is another file later") {
  FetchFolder f;
  const std::string other = std::string(kSums) + "{\"q\":\"2+2?\",\"a\":\"2+2=4\"}\n";
  ScriptedServer server([&](const ScriptedRequest& request) { return JsonReply(request.number == 0 ? kSums : other); });
  const std::string definition = SumsDefinition("url = \"" + server.url() + "/sums.jsonl\"");
  const FetchResult first = f.Fetch(definition);
  f.options.force = true;
  const std::string refused = f.Failure(definition);
  CHECK(Has(refused, Sha256Hex(kSums)));
  CHECK(Has(refused, Sha256Hex(other)));
  CHECK(Has(refused, "delete its entry in " + first.lock.string()));
  CHECK(ReadFile(f.options.to / "source" / "sums" / "sums.jsonl") == kSums);
  CHECK(LoadTask(f.options.to / "sums.toml").items.size() == 2);
  std::filesystem::remove(first.lock);
  CHECK(f.Fetch(definition).tasks[0].count == 3);
  // The same for a file that somebody changed on this machine.
  f.options.force = false;
  WriteFileAtomically(f.options.to / "source" / "sums" / "sums.jsonl", kSums);
  CHECK(Has(f.Failure(definition), "should have " + Sha256Hex(other)));
}

TEST_CASE("a checksum of the definition holds from the first time on, wherever the file comes from") {
  FetchFolder f;
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply("{\"q\":\"?\",\"a\":\"1=1\"}\n"); });
  const std::string definition =
      SumsDefinition("url = \"" + server.url() + "/sums.jsonl\"\nsha256 = \"" + Sha256Hex(kSums) + "\"");
  CHECK(Has(f.Failure(definition), "should have " + Sha256Hex(kSums)));
  CHECK_FALSE(std::filesystem::exists(f.options.to / "sums.toml"));

  f.options.from = (f.path / "usb").string();
  CHECK(Has(f.Failure(definition), "there is no sums.jsonl"));
  WriteFileAtomically(f.path / "usb" / "sums.jsonl", "{\"q\":\"?\",\"a\":\"1=1\"}\n");
  CHECK(Has(f.Failure(definition), "should have " + Sha256Hex(kSums)));
  WriteFileAtomically(f.path / "usb" / "sums" / "sums.jsonl", kSums);
  const FetchResult result = f.Fetch(definition);
  CHECK_FALSE(result.files[0].trusted);
  CHECK(result.tasks[0].count == 2);
}

TEST_CASE("a mirror has files of the same names") {
  FetchFolder f;
  ScriptedServer server([](const ScriptedRequest& request) {
    return request.path == "/mirror/sums.jsonl" ? JsonReply(kSums) : JsonReply("no", 404);
  });
  f.options.from = server.url() + "/mirror";
  CHECK(f.Fetch(SumsDefinition("url = \"https://no.invalid/d/sums.jsonl\"")).tasks[0].count == 2);
}

TEST_CASE("without a network the cure names the place of the file and --from; a file put there is taken") {
  FetchFolder f;
  const std::string definition = SumsDefinition("url = \"http://" + std::string(64, 'x') + ".invalid/sums.jsonl\"");
  const Path place = f.options.to / "source" / "sums" / "sums.jsonl";
  const std::string mistake = f.Failure(definition);
  CHECK(Has(mistake, "could not resolve host"));
  CHECK(Has(mistake, "put it at " + place.string()));
  CHECK(Has(mistake, "--from"));
  WriteFileAtomically(place, kSums);
  CHECK(f.Fetch(definition).tasks[0].count == 2);
}

TEST_CASE("a file that is no good is neither trusted nor written as a task") {
  FetchFolder f;
  ScriptedServer server([](const ScriptedRequest& request) {
    return JsonReply(request.path == "/short" ? "{\"q\":\"?\",\"a\":\"1=1\"}\n"
                                              : "{\"q\":\"?\",\"a\":\"1=one\"}\n{\"q\":\"?\",\"a\":\"1=1\"}\n");
  });
  CHECK(Has(f.Failure(SumsDefinition("url = \"" + server.url() + "/short\"\ncount = 2")),
            "1 items, and there should be 2"));
  // The task's own reader has the last word.
  CHECK(Has(f.Failure(SumsDefinition("url = \"" + server.url() + "/words\"")), "sums.jsonl:1:"));
  CHECK_FALSE(std::filesystem::exists(f.options.to / "sums.toml"));
  CHECK_FALSE(std::filesystem::exists(f.options.to / "sums.lock"));
}

}  // namespace
}  // namespace loco
