// Curves as text, for terminals.
//
//   std::string text = TextPlot({{"loss", '.', points}, {"held-out", 'o', others}}, {.width = 80, .height = 10});
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace loco {

struct Curve {
  std::string name;
  char mark = '*';
  std::vector<std::pair<double, double>> points;  // x, y
};

struct PlotSize {
  size_t width = 80;  // columns, the axis included
  size_t height = 10;
};

// Points that fall into one column are averaged. Curves drawn later lie above earlier ones. Empty without any finite
// point.
std::string TextPlot(const std::vector<Curve>& curves, const PlotSize& size);

}  // namespace loco
