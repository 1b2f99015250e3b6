#include "decide/policy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace loco {
namespace {

constexpr char kGood[] = R"(name = "test"
description = "a policy with everything"
hardware = { ram = "8GB", os_reserve = "1GB", context = 2048 }
precision = { shipped = "Q4_0", reference = "F16" }

[[candidate]]
catalog = "qwen3-4b"

[[candidate]]
name = "mine"
file = "../models/mine.gguf"
declared = { licence = "MIT", released = "2025-04", source = "model card" }

[rules]
memory = { adapter_rank = 16 }
file_size = { max = "3GB" }
licence = { allow = ["Apache-2.0", "MIT"] }
gguf = {}
instruct = { unknown = "keep" }
maintained = { max_months = 24, unknown = "keep" }
context = { min = 4096 }
tools = {}

[[evidence]]
figure = "mean tuned rank"
max = 9

[[suite]]
task = "../tasks/a.toml"
weight = 2

[[suite]]
task = "../tasks/b.toml"

[trainability]
tasks = ["../tasks/a.toml"]
held_out = 50
rungs = [10, 20]
learning_rates = [1e-3]
seeds = 2
target_bits = 0.5

[[trainability.adapter]]
task = "../tasks/b.toml"
data = ["../data/b.jsonl", "../data/c.jsonl"]

[bars]
score = 0.2
speed = 10
first_token = 2.5
peak_memory = "6GB"
memory_stable = true
unknown = "keep"

[objective]
kind = "lexicographic"
order = ["tuned_score", "base_score", "first_token"]
margin = 0.05
alpha = 0.1
tolerance = 0.2
resamples = 500
seed = 7
)";

std::vector<std::string> MistakesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (const Diagnostic& mistake : ParsePolicy(text, "p.toml").mistakes) {
    lines.push_back(std::to_string(mistake.line) + ":" + std::to_string(mistake.column) + ": " + mistake.message);
  }
  return lines;
}

std::string OneMistake(const std::string& text) {
  const std::vector<std::string> lines = MistakesOf(text);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

const std::string kMinimal = "name = \"m\"\n[[candidate]]\ncatalog = \"a\"\n";

}  // namespace

TEST_CASE("a policy with every key is read as it is written") {
  const PolicyParse parse = ParsePolicy(kGood, "policies/test.toml");
  REQUIRE(parse.mistakes.empty());
  const Policy& policy = parse.policy;
  CHECK(policy.name == "test");
  CHECK(policy.hardware.ram->value == 8'000'000'000);
  CHECK(policy.hardware.os_reserve.value == 1'000'000'000);
  CHECK(policy.hardware.context == 2048);
  CHECK(policy.shipped == "Q4_0");
  REQUIRE(policy.candidates.size() == 2);
  CHECK(policy.candidates[0].id == "qwen3-4b");
  CHECK(policy.candidates[1].id == "mine");
  CHECK(policy.candidates[1].file == Path("models/mine.gguf"));
  CHECK(policy.candidates[1].declared.source == "model card");
  CHECK(policy.candidates[1].line == 9);
  REQUIRE(policy.rules.size() == 8);
  CHECK(policy.rules[0].adapter_rank == 16);
  CHECK(policy.rules[2].allow == std::vector<std::string>{"Apache-2.0", "MIT"});
  CHECK(!policy.rules[3].keep_unknown);
  CHECK(policy.rules[4].keep_unknown);
  CHECK(policy.rules[5].max_months == 24);
  CHECK(*policy.evidence.at(0).max == 9);
  CHECK(policy.suites.at(0).task == Path("tasks/a.toml"));
  CHECK(policy.suites.at(0).weight == 2);
  const TrainabilityRules& rules = policy.trainability.value();
  REQUIRE(rules.suites.size() == 2);
  CHECK(rules.suites[0].task == Path("tasks/a.toml"));
  CHECK(rules.suites[0].data == std::vector<Path>{"tasks/a.toml"});
  CHECK(rules.suites[1].data == std::vector<Path>{"data/b.jsonl", "data/c.jsonl"});
  CHECK(rules.held_out == 50);
  CHECK(rules.rungs == std::vector<int64_t>{10, 20});
  CHECK(rules.seeds == 2);
  CHECK(rules.finalists == 2);
  CHECK(*rules.target_bits == .5);
  CHECK(*policy.bars.first_token_seconds == 2.5);
  CHECK(policy.bars.memory_stable);
  CHECK(policy.objective.order ==
        std::vector<Criterion>{Criterion::kTunedScore, Criterion::kBaseScore, Criterion::kFirstToken});
  CHECK(policy.objective.margin == .05);
  CHECK(policy.objective.seed == 7);
}

TEST_CASE("what a policy leaves out has the documented defaults") {
  const PolicyParse parse = ParsePolicy(kMinimal, "p.toml");
  REQUIRE(parse.mistakes.empty());
  CHECK(parse.policy.shipped == "Q4_K_M");
  CHECK(parse.policy.objective.margin == .03);
  CHECK(parse.policy.objective.alpha == .05);
  CHECK(parse.policy.objective.order == std::vector<Criterion>{Criterion::kBaseScore, Criterion::kSize});
  CHECK(!parse.policy.hardware.ram);
}

TEST_CASE("a misspelt key names its place and what was meant") {
  CHECK(OneMistake(kMinimal + "[rules]\nlicense = { allow = [\"MIT\"] }\n") ==
        "5:1: unknown key 'license' in [rules]; did you mean 'licence'?");
  CHECK(OneMistake(kMinimal + "[objective]\nmargn = 0.05\n") ==
        "5:1: unknown key 'margn' in [objective]; did you mean 'margin'?");
  CHECK(OneMistake("nmae = \"x\"\n" + kMinimal) == "1:1: unknown key 'nmae'; did you mean 'name'?");
}

TEST_CASE("every mistake is reported, in the order of the file") {
  const std::vector<std::string> lines = MistakesOf(R"(name = 3
[[candidate]]
cataloge = "a"
[rules]
file_size = { max = "many" }
licence = { allow = "MIT" }
maintained = {}
[objective]
kind = "smalest-not-worse"
margin = 0
alpha = "x"
)");
  const auto has = [&](const std::string& part) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  };
  CHECK(has("1:8: 'name' must be a text in quotes, not a whole number"));
  CHECK(has("3:1: unknown key 'cataloge' in [[candidate]]; did you mean 'catalog'?"));
  CHECK(has("a [[candidate]] needs 'catalog' or 'file'"));
  CHECK(has("5:21: 'max'"));
  CHECK(has("6:21: 'allow' must be a list of texts: [\"…\", \"…\"], not a text"));
  CHECK(has("rule 'maintained' needs 'max_months'"));
  CHECK(has("unknown kind 'smalest-not-worse'; did you mean 'smallest-not-worse'?"));
  CHECK(has("'margin' is 0, but must be between 0.001 and 0.5"));
  CHECK(has("11:9: 'alpha' must be a number, not a text"));
  CHECK(std::is_sorted(lines.begin(), lines.end(),
                       [](const std::string& a, const std::string& b) { return std::stoi(a) < std::stoi(b); }));
}

TEST_CASE("what is tuned must be a suite, once, on data, over rising rungs") {
  const std::string suite = kMinimal + "[[suite]]\ntask = \"a.toml\"\n";
  CHECK(OneMistake(suite + "[trainability]\ntasks = [\"x.toml\"]\n").find("'x.toml' is no [[suite]]") !=
        std::string::npos);
  CHECK(OneMistake(suite + "[trainability]\ntasks = [\"a.toml\", \"a.toml\"]\n").find("one for each suite") !=
        std::string::npos);
  CHECK(OneMistake(suite + "[trainability]\n").find("'tasks' must list") != std::string::npos);
  CHECK(OneMistake(suite + "[[trainability.adapter]]\ntask = \"a.toml\"\n").find("'data' must list") !=
        std::string::npos);
  CHECK(OneMistake(suite + "[trainability]\ntasks = [\"a.toml\"]\nrungs = [200, 100]\n").find("'rungs' must rise") !=
        std::string::npos);
}

TEST_CASE("a text that is no TOML names the place where it breaks") {
  CHECK(OneMistake("name = \"m\"\n[[candidate\n").substr(0, 2) == "2:");
  CHECK(OneMistake("name = \"m\"\nname = \"n\"\n").substr(0, 2) == "2:");
}

TEST_CASE("an objective that this version does not know is refused, not ignored") {
  CHECK(OneMistake(kMinimal + "[objective]\nkind = \"weighted\"\n").find("unknown kind 'weighted'") !=
        std::string::npos);
  CHECK(OneMistake(kMinimal + "[objective]\norder = [\"size\"]\n").find("belongs to") != std::string::npos);
  CHECK(OneMistake(kMinimal + "[objective]\nkind = \"lexicographic\"\norder = [\"base_scor\"]\n")
            .find("did you mean 'base_score'?") != std::string::npos);
}

TEST_CASE("two candidates of one name are a mistake") {
  CHECK(OneMistake(kMinimal + "[[candidate]]\ncatalog = \"a\"\n") ==
        "4:1: candidate 'a' is listed in line 2 already; give one of them a 'name'");
}

TEST_CASE("hostile words of a policy stay harmless in messages") {
  const std::string line = OneMistake(kMinimal + "[rules]\n\"\\u001b[31mx\" = {}\n");
  CHECK(line.find('\x1b') == std::string::npos);
}

TEST_CASE("a file pattern takes every match in the order of names, and a candidate of its own comes before it") {
  const Path folder = std::filesystem::temp_directory_path() / "loco-policy-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "models");
  for (const char* name : {"b-BF16.gguf", "b-F16.gguf", "a-F16.gguf", "c.gguf", "notes.txt"})
    std::ofstream(folder / "models" / name) << "x";
  const std::string text =
      "name = \"m\"\n[[candidate]]\nfile = \"models/*.gguf\"\n"
      "[[candidate]]\nname = \"c\"\nfile = \"models/c.gguf\"\ndeclared = { licence = \"MIT\" }\n";
  std::ofstream(folder / "policy.toml") << text;
  const Policy policy = LoadPolicy(folder / "policy.toml");
  REQUIRE(policy.candidates.size() == 4);
  CHECK(policy.candidates[0].id == "a");
  CHECK(policy.candidates[1].id == "b");
  CHECK(policy.candidates[2].id == "b-F16");
  CHECK(policy.candidates[3].id == "c");
  CHECK(policy.candidates[3].declared.licence == "MIT");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a missing file is a mistake, unless the catalog knows the candidate") {
  PolicyParse parse = ParsePolicy(
      "name = \"m\"\n[[candidate]]\nfile = \"none.gguf\"\n[[candidate]]\ncatalog = \"a\"\nfile = \"none.gguf\"\n"
      "[[candidate]]\nname=\"x\"\nfile = \"nowhere/*.gguf\"\n",
      "p.toml");
  REQUIRE(parse.mistakes.empty());
  FindFiles(parse.policy, parse.mistakes);
  REQUIRE(parse.mistakes.size() == 2);
  CHECK(parse.mistakes[0].message == "there is no such file: 'none.gguf'");
  CHECK(parse.mistakes[1].message == "no file matches: 'nowhere/*.gguf'");
  CHECK(parse.policy.candidates.at(1).file.empty());
}

TEST_CASE("loading throws one error that lists every mistake as path:line:column") {
  const Path file = std::filesystem::temp_directory_path() / "loco-bad-policy.toml";
  std::ofstream(file) << "nam = \"x\"\n[[candidate]]\ncatalog = \"a\"\n[rules]\nggfu = {}\n";
  try {
    LoadPolicy(file);
    FAIL("must throw");
  } catch (const Error& error) {
    const std::string what = error.what();
    CHECK(what.find(file.string() + ":1:1: unknown key 'nam'") != std::string::npos);
    CHECK(what.find(file.string() + ":5:1: unknown key 'ggfu'") != std::string::npos);
  }
  std::filesystem::remove(file);
}

TEST_CASE("the shipped policies parse without a mistake") {
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Path(LOCO_SOURCE_DIR) / "policies")) {
    if (entry.path().extension() != ".toml") continue;
    const PolicyParse parse = ParsePolicy(ReadFile(entry.path()), entry.path());
    for (const Diagnostic& mistake : parse.mistakes) {
      FAIL_CHECK(entry.path().string() << ":" << mistake.line << ": " << mistake.message);
    }
    CHECK(parse.policy.name == entry.path().stem().string());
    for (const PolicySuite& suite : parse.policy.suites) CHECK(std::filesystem::exists(suite.task));
    ++checked;
  }
  CHECK(checked >= 2);
  MESSAGE(checked << " policies checked");
}

}  // namespace loco
