// Forest plots as inline SVG: one row a candidate, a point with its interval, guides with a meaning. And curves,
// labelled at their right ends.
//
//   ForestPlot plot{.title = "base scores", .unit = "%"};
//   plot.rows.push_back({.label = "pocket-m", .value = 41.4, .interval = {39.2, 43.7}, .text = "41.4 [39.2, 43.7]"});
//   plot.guides.push_back({38.4, "margin"});
//   std::string svg = Render(plot);
//
// No script and no style attributes: the page's style sheet has the classes, light and dark. Labels are escaped. The
// same facts stand in a table beside every plot, for people who cannot see it. It deliberately draws two kinds of plot.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stats/interval.h"

namespace loco {

struct ForestRow {
  std::string label;  // hostile
  double value = 0;
  Interval interval;
  std::string text;  // at the right end
  bool chosen = false;
};

struct ForestGuide {
  double at = 0;
  std::string label;
  bool zero = false;  // the line of no difference: solid
};

struct ForestPlot {
  std::string title;  // read aloud
  std::string unit;   // of the axis
  std::vector<ForestRow> rows;
  std::vector<ForestGuide> guides;
};

// Empty for a plot without rows.
std::string Render(const ForestPlot& plot);

struct PlotCurve {
  std::string label;  // hostile; empty: a further line of the one before
  std::vector<std::pair<double, double>> points;
  bool chosen = false;
  bool dashed = false;
};

struct CurvePlot {
  std::string title;   // read aloud
  std::string x_unit;  // "tokens"
  std::string y_unit;
  std::vector<PlotCurve> curves;
};

// Empty for a plot without points.
std::string Render(const CurvePlot& plot);

}  // namespace loco
