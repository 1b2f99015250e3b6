#include "report/layout.h"

#include <doctest/doctest.h>

#include <sstream>

#include "base/hostile_text.h"

namespace loco {

TEST_CASE("padding counts columns, not bytes") {
  CHECK(PadRight("né", 4) == "né  ");
  CHECK(PadLeft("né", 4) == "  né");
  CHECK(PadRight("日本", 5) == "日本 ");
  CHECK(PadRight("long", 2) == "long");
}

TEST_CASE("a paragraph breaks at blanks, indents what follows, and never splits a word") {
  CHECK(Wrap("one two three four", 9, 2) == "one two\n  three\n  four");
  CHECK(Wrap("one two", 12, 8, 8) == "one\n        two");
  CHECK(Wrap("unbreakable", 4, 0) == "unbreakable");
  CHECK(Wrap("", 10, 0).empty());
}

TEST_CASE("a table aligns its columns and fits the width") {
  TextTable table;
  table.AddRow({"name", "score", "why"});
  table.AddRow({"a", "41.4", "because it is the smallest of those that are not worse"});
  table.AddRow({"longer", "9.0"});
  const std::string text = table.Render(2, 40, {1});
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) CHECK(DisplayWidth(line) <= 40);
  CHECK(text.find("  a        41.4  because it") != std::string::npos);
  CHECK(text.find("  longer    9.0\n") != std::string::npos);
}

}  // namespace loco
