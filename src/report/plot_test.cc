#include "report/plot.h"

#include <doctest/doctest.h>

#include <cmath>

namespace loco {
namespace {

TEST_CASE("a falling curve is drawn from the top left to the bottom right, with both ends labelled") {
  const std::string text = TextPlot({{"loss", '.', {{0, 3}, {1, 2}, {2, 1}}}}, {.width = 21, .height = 3});
  CHECK(text ==
        "      3 │.\n"
        "        │     .\n"
        "      1 │          .\n"
        "        └───────────\n"
        "         0         2\n"
        "         . loss\n");
}

TEST_CASE("what is not a number is left out, and nothing is drawn of nothing") {
  CHECK(TextPlot({}, {}).empty());
  CHECK(TextPlot({{"loss", '.', {{1, NAN}}}}, {}).empty());
  const std::string text = TextPlot({{"loss", '.', {{1, 2.0}, {2, INFINITY}}}}, {.width = 30, .height = 3});
  CHECK(text.find('.') != std::string::npos);
  CHECK(text.find("inf") == std::string::npos);
}

}  // namespace
}  // namespace loco
