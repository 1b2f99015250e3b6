// Shipped suites whose items carry samples of answers: the samples are marked as they say, and the items are spread as
// they should be over difficulties and edge cases.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "base/file.h"
#include "task/scorers.h"

namespace loco {
namespace {

struct OwnSuite {
  const char* name;
  size_t least_items;
  size_t least_sampled;  // items with samples
};

constexpr OwnSuite kOwnSuites[] = {{"analysis", 120, 120}, {"math", 150, 30}};

const Path kOwnSuitesFolder = Path(LOCO_SOURCE_DIR) / "tasks";

// {"right": [texts], "wrong": [texts]} of the items that have them, by id.
std::map<std::string, nlohmann::json> OwnSamples(const OwnSuite& suite) {
  std::map<std::string, nlohmann::json> samples;
  std::istringstream lines(ReadFile(kOwnSuitesFolder / (std::string(suite.name) + ".jsonl")));
  for (std::string line; std::getline(lines, line);) {
    const auto value = nlohmann::json::parse(line);
    if (value.contains("samples")) samples[value["id"].get<std::string>()] = value["samples"];
  }
  return samples;
}

void CheckOwnSamples(const Task& task, const Item& item, const nlohmann::json& samples) {
  for (const std::string side : {"right", "wrong"}) {
    REQUIRE(!samples[side].empty());
    for (const nlohmann::json& sample : samples[side]) {
      CAPTURE(sample);
      const Outcome outcome = MarkResponse(task, item, {.text = sample.get<std::string>()}).outcome;
      CHECK(outcome == (side == "right" ? Outcome::kRight : Outcome::kWrong));
    }
  }
}

void CheckOwnSpread(const Task& task) {
  std::map<std::string, double> percent;
  std::set<std::string> questions;
  size_t edges = 0;
  for (const Item& item : task.items) {
    percent[item.difficulty] += 100.0 / static_cast<double>(task.items.size());
    edges += item.fields.contains("edge") ? 1 : 0;
    CHECK(!item.category.empty());
    CHECK(questions.insert(item.fields.at("question")).second);
  }
  CHECK(edges >= 8);
  CHECK(std::abs(percent["easy"] - 30) <= 2);
  CHECK(std::abs(percent["medium"] - 50) <= 2);
  CHECK(std::abs(percent["hard"] - 20) <= 2);
}

TEST_CASE("shipped suites mark their own samples as they say, and are spread as they should be") {
  for (const OwnSuite& suite : kOwnSuites) {
    CAPTURE(suite.name);
    const Task task = LoadTask(kOwnSuitesFolder / (std::string(suite.name) + ".toml"));
    const auto samples = OwnSamples(suite);
    CHECK(task.items.size() >= suite.least_items);
    CHECK(samples.size() >= suite.least_sampled);
    for (const Item& item : task.items) {
      CAPTURE(item.id);
      const auto found = samples.find(item.id);
      if (found != samples.end()) CheckOwnSamples(task, item, found->second);
      CHECK((found != samples.end() || !item.fields.contains("edge")));
    }
    CheckOwnSpread(task);
  }
}

TEST_CASE("repeating the question is never right in the shipped suites") {
  for (const OwnSuite& suite : kOwnSuites) {
    CAPTURE(suite.name);
    const Task task = LoadTask(kOwnSuitesFolder / (std::string(suite.name) + ".toml"));
    const auto is_right = [&](const Item& item) {
      return MarkResponse(task, item, {.text = item.fields.at("question")}).outcome == Outcome::kRight;
    };
    CHECK(std::none_of(task.items.begin(), task.items.end(), is_right));
  }
}

}  // namespace
}  // namespace loco
