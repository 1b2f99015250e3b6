#include "base/suggest.h"

#include <doctest/doctest.h>

#include <vector>

namespace loco {
namespace {

const std::vector<std::string> kCommands = {"select", "eval", "bench", "fit", "inspect", "catalog", "runs", "show"};

}  // namespace

TEST_CASE("a word with one slip finds its neighbour") {
  CHECK(Nearest("selct", kCommands) == "select");     // a letter left out
  CHECK(Nearest("sellect", kCommands) == "select");   // a letter too many
  CHECK(Nearest("felect", kCommands) == "select");    // a wrong letter
  CHECK(Nearest("inspcet", kCommands) == "inspect");  // two letters swapped
  CHECK(Nearest("fti", kCommands) == "fit");
}

TEST_CASE("a word that is there is its own nearest") { CHECK(Nearest("runs", kCommands) == "runs"); }

TEST_CASE("a word that is far from all gets no suggestion") {
  CHECK_FALSE(Nearest("deploy", kCommands).has_value());
  CHECK_FALSE(Nearest("x", kCommands).has_value());
  CHECK_FALSE(Nearest("", kCommands).has_value());
  CHECK_FALSE(Nearest("select", {}).has_value());
}

TEST_CASE("of two equally near the first wins, so that the list's order decides") {
  const std::vector<std::string> names = {"bat", "cat"};
  CHECK(Nearest("rat", names) == "bat");
}

}  // namespace loco
