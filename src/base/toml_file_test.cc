#include "base/toml_file.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace loco {
namespace {

// All mistakes as one text, as people see them.
std::string MistakesOf(std::string_view text, void (*read)(TomlTable)) {
  std::vector<Diagnostic> mistakes;
  TomlFile file("p.toml", text, mistakes);
  read(file.root());
  file.Finish();
  try {
    ThrowMistakes(mistakes);
  } catch (const Error& problem) {
    return problem.what();
  }
  return "";
}

TEST_CASE("values come back with their types, absent ones as nothing") {
  std::vector<Diagnostic> mistakes;
  TomlFile file("p.toml",
                "name = 'n'\nlimit = 3\nram = '8GB'\nshare = 1\n[prompt]\nuser = 'u'\nsteps = ['b', 'a']\n"
                "[[rule]]\nid='a'\n[[rule]]\nid='b'\n",
                mistakes);
  TomlTable top = file.root();
  CHECK(top.RequiredText("name") == "n");
  CHECK(top.Integer("limit") == 3);
  CHECK_FALSE(top.Integer("absent"));
  CHECK(top.Size("ram")->value == 8000000000);
  CHECK(top.IsText("ram", "8GB"));
  CHECK(top.Number("share") == 1.0);
  CHECK(top.Table("prompt").Text("user") == "u");
  CHECK(top.Table("prompt").EachOneOf("steps", {"a", "b"}) == std::vector<size_t>{1, 0});
  CHECK_FALSE(top.Table("absent").present());
  CHECK_FALSE(top.Table("absent").Text("user"));
  auto rules = top.Tables("rule");
  REQUIRE(rules.size() == 2);
  CHECK(rules[1].RequiredText("id") == "b");
  CHECK(rules[0].RequiredText("id") == "a");
  file.Finish();
  // A table that was asked for twice remembers two sets of keys; each misses the other's.
  CHECK(mistakes.size() == 2);
}

TEST_CASE("a misspelt key is named with its place and the right one") {
  const std::string mistakes = MistakesOf("name = 'n'\n\n[prompt]\nusre = 'u'\n", [](TomlTable top) {
    top.RequiredText("name");
    top.Table("prompt").Text("user");
  });
  CHECK(mistakes == "p.toml:4:1: unknown key 'usre' in [prompt]; did you mean 'user'?");
}

TEST_CASE("all mistakes are reported together, in the order of lines") {
  const std::string mistakes = MistakesOf(
      "limit = 'x'\nscorer = 'numeri'\nzzz = 1\nram = '8 apples'\nlow = -1\nwide = 1e9\n[a]\nb = [1]\nc = 1\n",
      [](TomlTable top) {
        top.Size("ram");
        top.Integer("limit");
        top.OneOf("scorer", {"exact", "numeric"});
        top.RequiredText("name");
        top.Count("low");
        top.Number("wide", {.least = 0, .most = 10});
        TomlTable a = top.Table("a");
        a.Texts("b");
        a.Table("c");
      });
  CHECK(mistakes ==
        "p.toml:1:1: 'name' is missing\n"
        "p.toml:1:9: 'limit' must be a whole number, not a text\n"
        "p.toml:2:10: unknown scorer 'numeri'; did you mean 'numeric'?\n"
        "p.toml:3:1: unknown key 'zzz'; known are ram, limit, scorer, name, low, wide, a\n"
        "p.toml:4:7: 'ram': '8 apples' is not a size (write a number and a unit, for example 8GB, 512MB or 5GiB)\n"
        "p.toml:5:7: 'low' is -1, but must be at least 0\n"
        "p.toml:6:8: 'wide' is 1000000000, but must be between 0 and 10\n"
        "p.toml:8:6: 'b' must be a list of texts in quotes, not a whole number\n"
        "p.toml:9:5: 'c' must be a table: [a.c], not a whole number");
}

TEST_CASE("what is not TOML is one mistake, with line and column, whatever else follows from it") {
  const std::string mistakes = MistakesOf("a = 1\nb = = 2\n", [](TomlTable top) { top.RequiredText("name"); });
  CHECK(mistakes.find("p.toml:2:") == 0);
  CHECK(mistakes.find('\n') == std::string::npos);
}

TEST_CASE("words of the file do not steer the terminal that shows the mistake") {
  const std::string mistakes = MistakesOf("\"a\\u001b[31m\" = 1\n", [](TomlTable top) { top.Text("name"); });
  CHECK(mistakes.find("p.toml:1:1: unknown key") == 0);
  CHECK(mistakes.find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace loco
