#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/hostile_text.h"

namespace loco {
namespace {

// In units of the view box, which the page scales to its width.
constexpr double kWidth = 960;
constexpr double kLeft = 235;   // labels end here
constexpr double kRight = 760;  // values begin after this
constexpr double kTop = 26;
constexpr double kRowHeight = 30;
constexpr size_t kLongestLabel = 26;

// A step of 1, 2 or 5 times a power of ten that gives four to nine ticks.
double TickStep(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 4)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (range / (factor * power) <= 9) return factor * power;
  }
  return 10 * power;
}

struct Axis {
  double low;
  double high;
  double X(double value) const {
    return kLeft + (std::clamp(value, low, high) - low) / (high - low) * (kRight - kLeft);
  }
};

Axis AxisOf(const ForestPlot& plot) {
  double low = plot.rows.front().interval.low;
  double high = plot.rows.front().interval.high;
  for (const ForestRow& row : plot.rows) {
    low = std::min({low, row.interval.low, row.value});
    high = std::max({high, row.interval.high, row.value});
  }
  for (const ForestGuide& guide : plot.guides) {
    low = std::min(low, guide.at);
    high = std::max(high, guide.at);
  }
  const double room = std::max((high - low) * 0.04, 0.5);
  return {low - room, high + room};
}

std::string TickLabel(double value, std::string_view unit) {
  const double shown = std::abs(value) < 1e-9 ? 0 : value;
  return fmt::format("{}{:.3g}{}{}", shown < 0 ? "\u2212" : "", std::abs(shown), unit.empty() ? "" : " ", unit);
}

}  // namespace

std::string Render(const ForestPlot& plot) {
  if (plot.rows.empty()) return "";
  const Axis axis = AxisOf(plot);
  const double bottom = kTop + kRowHeight * static_cast<double>(plot.rows.size());
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kWidth, bottom + 24,
                                ForHtml(plot.title));
  const double step = TickStep(axis.high - axis.low);
  for (double tick = std::ceil(axis.low / step) * step; tick <= axis.high; tick += step) {
    const double x = axis.X(tick);
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.0f}\" y2=\"{2:.0f}\"/>"
        "<text class=\"tick\" x=\"{0:.1f}\" y=\"{3:.0f}\" text-anchor=\"middle\">{4}</text>\n",
        x, kTop, bottom, bottom + 17, ForHtml(TickLabel(tick, plot.unit)));
  }
  for (const ForestGuide& guide : plot.guides) {
    out += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.0f}\" y2=\"{:.0f}\"/>",
                       guide.zero ? "zero" : "guide", axis.X(guide.at), axis.X(guide.at), kTop, bottom);
    // The labels of two near guides lean away from each other.
    out += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n",
                       guide.zero ? "tick" : "guide-label", axis.X(guide.at) + (guide.zero ? -3 : 3), kTop - 9,
                       guide.zero ? "start" : "end", ForHtml(Shorten(guide.label, kLongestLabel)));
  }
  for (size_t i = 0; i < plot.rows.size(); ++i) {
    const ForestRow& row = plot.rows[i];
    const double y = kTop + kRowHeight * (static_cast<double>(i) + 0.5);
    out += fmt::format(
        "<g{}><text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>"
        "<line class=\"interval\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<circle class=\"point\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/>"
        "<text x=\"{:.0f}\" y=\"{:.1f}\">{}</text></g>\n",
        row.chosen ? " class=\"chosen\"" : "", kLeft - 14, y + 4.5, ForHtml(Shorten(row.label, kLongestLabel)),
        axis.X(row.interval.low), axis.X(row.interval.high), y, y, axis.X(row.value), y, kRight + 14, y + 4.5,
        ForHtml(row.text));
  }
  return out + "</svg>\n";
}

std::string Render(const CurvePlot& plot) {
  constexpr double kHeight = 300;
  constexpr double kAxisLeft = 70;
  constexpr double kBottom = kHeight - 34;
  constexpr double kLabelHeight = 17;
  double width = 0;
  double low = 0;
  double high = 0;
  bool any = false;
  for (const PlotCurve& curve : plot.curves) {
    for (const auto& [x, y] : curve.points) {
      width = std::max(width, x);
      low = any ? std::min(low, y) : y;
      high = any ? std::max(high, y) : y;
      any = true;
    }
  }
  if (!any || width <= 0) return "";
  // Where everything is far from zero, zero would waste the picture.
  low = low < high / 2 ? 0 : low - (high - low) * 0.1;
  high += std::max((high - low) * 0.05, 1e-6);
  const auto x_of = [&](double x) { return kAxisLeft + x / width * (kRight - kAxisLeft); };
  const auto y_of = [&](double y) { return kBottom - (y - low) / (high - low) * (kBottom - kTop); };
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kWidth, kHeight,
                                ForHtml(plot.title));
  const double y_step = TickStep(high - low);
  for (double tick = std::ceil(low / y_step) * y_step; tick <= high; tick += y_step) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.0f}\" x2=\"{1:.0f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text class=\"tick\" x=\"{3:.0f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        kAxisLeft, kRight, y_of(tick), kAxisLeft - 8, y_of(tick) + 4, ForHtml(TickLabel(tick, "")));
  }
  const double x_step = TickStep(width);
  for (double tick = 0; tick <= width; tick += x_step) {
    out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"middle\">{}</text>\n", x_of(tick),
                       kBottom + 17, FormatCount(std::llround(tick)));
  }
  out += fmt::format(
      "<text class=\"tick\" x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>"
      "<text class=\"tick\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n",
      kRight, kHeight - 4, ForHtml(plot.x_unit), kAxisLeft, kTop - 9, ForHtml(plot.y_unit));
  // Labels from top to bottom, none on another.
  std::vector<std::pair<double, const PlotCurve*>> labels;
  for (const PlotCurve& curve : plot.curves) {
    if (!curve.label.empty() && !curve.points.empty()) labels.emplace_back(y_of(curve.points.back().second), &curve);
  }
  std::stable_sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < labels.size(); ++i) {
    labels[i].first = std::max(labels[i].first, labels[i - 1].first + kLabelHeight);
  }
  if (!labels.empty() && labels.back().first > kBottom) {
    labels.back().first = kBottom;
    for (size_t i = labels.size() - 1; i > 0; --i) {
      labels[i - 1].first = std::min(labels[i - 1].first, labels[i].first - kLabelHeight);
    }
  }
  for (const PlotCurve& curve : plot.curves) {
    std::string points;
    for (const auto& [x, y] : curve.points) points += fmt::format("{:.1f},{:.1f} ", x_of(x), y_of(y));
    out += fmt::format("<g{}><polyline class=\"curve{}\" points=\"{}\"/></g>\n",
                       curve.chosen ? " class=\"chosen\"" : "", curve.dashed ? " dashed" : "", points);
  }
  for (const auto& [y, curve] : labels) {
    out += fmt::format("<g{}><text x=\"{:.0f}\" y=\"{:.1f}\">{}</text></g>\n", curve->chosen ? " class=\"chosen\"" : "",
                       x_of(curve->points.back().first) + 10, y + 4.5, ForHtml(Shorten(curve->label, kLongestLabel)));
  }
  return out + "</svg>\n";
}

}  // namespace loco
