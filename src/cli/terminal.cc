#include "cli/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "base/hostile_text.h"
#include "base/system.h"

namespace loco {
namespace {

constexpr int kBarColumns = 24;
constexpr double kRedrawSeconds = 0.1;
constexpr double kLineSeconds = 30;  // between lines when standard error is no terminal

// A bar on standard error. On a terminal it redraws one line; elsewhere (a log file) it prints a line now and then.
class BarProgress : public Progress {
 public:
  explicit BarProgress(const Clock& clock) : clock_(clock), live_(IsTerminal(2)) {}
  ~BarProgress() override { Clear(); }

  void Begin(std::string_view label, int64_t total, int64_t done) override {
    const double now = clock_.Seconds();
    stages_.push_back({ForTerminal(label), total, done, done, now, live_ ? 0 : now});
    Draw("");
  }
  void Update(int64_t done, std::string_view note) override {
    if (stages_.empty()) return;
    Stage& stage = stages_.back();
    stage.done = std::max(stage.done, done);
    const double now = clock_.Seconds();
    if (now - stage.drawn < (live_ ? kRedrawSeconds : kLineSeconds)) return;
    stage.drawn = now;
    Draw(note);
  }
  void End() override {
    Clear();
    if (!stages_.empty()) stages_.pop_back();
  }

 private:
  struct Stage {
    std::string label;
    int64_t total = 0;   // steps; 0: not known
    int64_t before = 0;  // steps that were stored when it began
    int64_t done = 0;
    double started = 0;  // of the clock's seconds
    double drawn = 0;
  };

  void Draw(std::string_view note) {
    const Stage& stage = stages_.back();
    const std::string extra = note.empty() ? "" : fmt::format("  {}", note);
    if (stage.total <= 0) {
      if (live_) Show(stage.label + extra);
      return;
    }
    const double share = static_cast<double>(stage.done) / static_cast<double>(stage.total);
    std::string left;
    const double seconds = clock_.Seconds() - stage.started;
    if (stage.done > stage.before && stage.done < stage.total && seconds > 1) {
      left = "  ETA " + FormatDuration(seconds / static_cast<double>(stage.done - stage.before) *
                                       static_cast<double>(stage.total - stage.done));
    }
    const std::string counts = fmt::format("{:>{}}/{}", stage.done, std::to_string(stage.total).size(), stage.total);
    if (!live_) {
      if (stage.done > stage.before) {
        std::fputs(fmt::format("{}  {} ({:.0f} %){}{}\n", stage.label, counts, share * 100, extra, left).c_str(),
                   stderr);
      }
      return;
    }
    std::string bar;
    const int full = static_cast<int>(share * kBarColumns);
    for (int i = 0; i < kBarColumns; ++i) bar += i < full ? "━" : i == full ? "╺" : "─";
    Show(fmt::format("{}  {} {}{}{}", stage.label, bar, counts, extra, left));
  }
  void Show(const std::string& line) {
    std::fputs(("\r\x1b[K" + Shorten(line, static_cast<size_t>(TerminalWidth()))).c_str(), stderr);
    std::fflush(stderr);
    shown_ = true;
  }
  void Clear() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }

  const Clock& clock_;
  bool live_;
  bool shown_ = false;
  std::vector<Stage> stages_;  // the innermost last
};

const char* Code(Paint paint) {
  switch (paint) {
    case Paint::kPlain:
      return "";
    case Paint::kBold:
      return "\x1b[1m";
    case Paint::kDim:
      return "\x1b[2m";
    case Paint::kRed:
      return "\x1b[31m";
    case Paint::kGreen:
      return "\x1b[32m";
    case Paint::kYellow:
      return "\x1b[33m";
    case Paint::kCyan:
      return "\x1b[36m";
  }
  return "";
}

bool WantsColor(const std::string& color, int descriptor) {
  if (color == "always") return true;
  if (color == "never") return false;
  const char* no_color = std::getenv("NO_COLOR");
  return IsTerminal(descriptor) && (no_color == nullptr || *no_color == '\0');
}

std::string PaintedText(std::string_view text, Paint paint, bool color) {
  if (!color || paint == Paint::kPlain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", Code(paint), text);
}

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// "62.3  [56.7, 67.6]", "2.49 GB", "> 4 GB", "-3"; not "2025-04-29", which is a name of a day.
bool LooksLikeNumber(std::string_view cell) {
  if (cell.starts_with("> ") || cell.starts_with("< ")) cell.remove_prefix(2);
  if (cell.starts_with("\u2212")) cell.remove_prefix(3);
  if (cell.starts_with('-') || cell.starts_with('+')) cell.remove_prefix(1);
  return !cell.empty() && IsDigit(cell[0]) && cell.find('-') == std::string_view::npos;
}

// What stands where a number is not known says nothing about its column.
bool StandsForNumber(std::string_view cell) {
  return cell.empty() || cell == "unknown" || cell == "no answers" || cell == "\u2013";
}

}  // namespace

Terminal::Terminal(const std::string& color, bool quiet, const Clock& clock)
    : color_(WantsColor(color, 1)), note_color_(WantsColor(color, 2)), width_(TerminalWidth()) {
  if (quiet) {
    progress_ = std::make_unique<NoProgress>();
  } else {
    progress_ = std::make_unique<BarProgress>(clock);
  }
}

void Terminal::Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void Terminal::PrintLine(std::string_view text) {
  Print(text);
  Print("\n");
}

void Terminal::Note(std::string_view text) {
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

std::string Terminal::Painted(std::string_view text, Paint paint) const { return PaintedText(text, paint, color_); }

std::string Terminal::PaintedNote(std::string_view text, Paint paint) const {
  return PaintedText(text, paint, note_color_);
}

std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  constexpr size_t kWidestCell = 60;  // one name of a thousand characters must not push all columns off the screen
  std::vector<std::vector<std::string>> lines;
  if (!header.empty()) lines.push_back(header);
  lines.insert(lines.end(), rows.begin(), rows.end());
  struct Column {
    size_t width = 0;
    bool words = false;
    bool numbers = false;
  };
  std::vector<Column> columns;
  for (size_t r = 0; r < lines.size(); ++r) {
    columns.resize(std::max(columns.size(), lines[r].size()));
    for (size_t i = 0; i < lines[r].size(); ++i) {
      std::string& cell = lines[r][i];
      cell = Shorten(cell, kWidestCell);
      columns[i].width = std::max(columns[i].width, DisplayWidth(cell));
      if (r == 0 && !header.empty()) continue;
      columns[i].numbers = columns[i].numbers || LooksLikeNumber(cell);
      columns[i].words = columns[i].words || !(LooksLikeNumber(cell) || StandsForNumber(cell));
    }
  }
  std::string out;
  for (const auto& cells : lines) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(columns[i].width - DisplayWidth(cells[i]), ' ');
      const bool right = i > 0 && columns[i].numbers && !columns[i].words;
      line += i == 0 ? "" : "  ";
      line += right ? padding + cells[i] : cells[i] + padding;
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace loco
