#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace loco {
namespace {

constexpr size_t kAxis = 9;  // columns of the labels

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double Share(double value) const { return high > low ? (value - low) / (high - low) : 0.5; }
};

}  // namespace

std::string TextPlot(const std::vector<Curve>& curves, const PlotSize& size) {
  const size_t columns = std::max<size_t>(size.width, kAxis + 11) - kAxis - 1;
  const size_t height = std::max<size_t>(size.height, 2);
  Range x;
  std::vector<std::vector<double>> heights;  // of each curve in each column; NaN: no point there
  for (const Curve& curve : curves) {
    for (const auto& [at, value] : curve.points) {
      if (std::isfinite(value)) x.Take(at);
    }
  }
  if (!(x.low <= x.high)) return "";
  Range y;
  for (const Curve& curve : curves) {
    std::vector<double> sum(columns, 0);
    std::vector<double> count(columns, 0);
    for (const auto& [at, value] : curve.points) {
      if (!std::isfinite(value)) continue;
      const auto column = static_cast<size_t>(std::lround(x.Share(at) * static_cast<double>(columns - 1)));
      sum[column] += value;
      ++count[column];
    }
    for (size_t c = 0; c < columns; ++c) {
      sum[c] = count[c] > 0 ? sum[c] / count[c] : std::numeric_limits<double>::quiet_NaN();
      if (count[c] > 0) y.Take(sum[c]);
    }
    heights.push_back(std::move(sum));
  }
  std::vector<std::string> rows(height, std::string(columns, ' '));
  for (size_t i = 0; i < curves.size(); ++i) {
    for (size_t c = 0; c < columns; ++c) {
      if (std::isnan(heights[i][c])) continue;
      const auto row = static_cast<size_t>(std::lround((1 - y.Share(heights[i][c])) * static_cast<double>(height - 1)));
      rows[row][c] = curves[i].mark;
    }
  }
  std::string out;
  for (size_t r = 0; r < height; ++r) {
    std::string label;
    if (r == 0) label = fmt::format("{:.3g}", y.high);
    if (r + 1 == height) label = fmt::format("{:.3g}", y.low);
    const size_t end = rows[r].find_last_not_of(' ');
    out += fmt::format("{:>{}} │{}\n", label, kAxis - 2, end == std::string::npos ? "" : rows[r].substr(0, end + 1));
  }
  std::string legend;
  for (const Curve& curve : curves) {
    if (!curve.points.empty()) legend += fmt::format("{}{} {}", legend.empty() ? "" : "   ", curve.mark, curve.name);
  }
  const std::string from = fmt::format("{:g}", x.low);
  const std::string to = fmt::format("{:g}", x.high);
  const size_t gap = columns > from.size() + to.size() ? columns - from.size() - to.size() : 1;
  out += fmt::format("{:>{}} └", "", kAxis - 2);
  for (size_t c = 0; c < columns; ++c) out += "─";
  out += fmt::format("\n{:>{}}{}{}{}\n{:>{}}{}\n", "", kAxis, from, std::string(gap, ' '), to, "", kAxis, legend);
  return out;
}

}  // namespace loco
