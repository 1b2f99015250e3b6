#include "base/toml_file.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace loco {
namespace {

std::string MistakesOf(const std::string& content, void (*read)(TomlSection)) {
  TomlFile file("p.toml", content);
  read(file.root());
  try {
    file.Finish();
  } catch (const Error& problem) {
    return problem.what();
  }
  return "";
}

TEST_CASE("values come back with their types, absent ones as the fallback") {
  TomlFile file(
      "p.toml",
      "name = 'n'\nlimit = 3\nram = '8GB'\nshare = 1\n[prompt]\nuser = 'u'\n[[rule]]\nid='a'\n[[rule]]\nid='b'\n");
  TomlSection top = file.root();
  CHECK(top.RequiredText("name") == "n");
  CHECK(top.Integer("limit", 0, {}) == 3);
  CHECK(top.Integer("absent", 7, {}) == 7);
  CHECK(top.Size("ram", Bytes{}).value == 8000000000);
  CHECK(top.Number("share", 0, {}) == 1.0);
  CHECK(top.Section("prompt").Text("user", "") == "u");
  CHECK(top.Section("absent").Text("user", "x") == "x");
  auto rules = top.Sections("rule");
  REQUIRE(rules.size() == 2);
  CHECK(rules[1].RequiredText("id") == "b");
  CHECK(rules[0].RequiredText("id") == "a");
  file.Finish();
}

TEST_CASE("a misspelt key is named with its place and the right one") {
  const std::string mistakes = MistakesOf("name = 'n'\n\n[prompt]\nusre = 'u'\n", [](TomlSection top) {
    top.RequiredText("name");
    top.Section("prompt").Text("user", "");
  });
  CHECK(mistakes == "p.toml:4:1: unknown key 'usre' in [prompt]; did you mean 'user'?");
}

TEST_CASE("all mistakes are reported together, in the order of lines") {
  const std::string mistakes =
      MistakesOf("limit = 'x'\nscorer = 'numeri'\nzzz = 1\nram = '8 apples'\n", [](TomlSection top) {
        top.Size("ram", Bytes{});
        top.Integer("limit", 1, {});
        top.Choice("scorer", "exact", {"exact", "numeric"});
        top.RequiredText("name");
      });
  CHECK(mistakes.find("p.toml:1:1: 'name' is missing") != std::string::npos);
  CHECK(mistakes.find("p.toml:1:9: 'limit' must be a whole number") != std::string::npos);
  CHECK(mistakes.find("p.toml:2:10: unknown scorer 'numeri'; did you mean 'numeric'?") != std::string::npos);
  CHECK(mistakes.find("p.toml:3:1: unknown key 'zzz'") != std::string::npos);
  CHECK(mistakes.find("p.toml:4:7: '8 apples' is not a size") != std::string::npos);
  CHECK(mistakes.find("limit") < mistakes.find("scorer"));
}

TEST_CASE("what is not TOML is refused with line and column") {
  CHECK_THROWS_WITH_AS(TomlFile("p.toml", "a = 1\nb = = 2\n"), doctest::Contains("p.toml:2:"), Error);
}

}  // namespace
}  // namespace loco
