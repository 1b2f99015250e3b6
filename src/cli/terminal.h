// What a person sees: text, colour only on a terminal, progress bars with an estimate of the time left.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"

namespace loco {

enum class Paint { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

class Terminal {
 public:
  // `color`: "auto" (where a stream is a terminal and NO_COLOR is unset), "always" or "never".
  Terminal(const std::string& color, bool quiet, const Clock& clock);

  // Standard output. Text of models and files must have passed base/hostile_text.h.
  void Print(std::string_view text);
  void PrintLine(std::string_view text);
  // Standard error.
  void Note(std::string_view text);

  std::string Painted(std::string_view text, Paint paint) const;
  // The same for what goes to Note().
  std::string PaintedNote(std::string_view text, Paint paint) const;
  bool color() const { return color_; }
  int width() const { return width_; }
  Progress& progress() { return *progress_; }

 private:
  bool color_;
  bool note_color_;
  int width_;
  std::unique_ptr<Progress> progress_;
};

// Columns padded to their widest cell; those whose cells all look like numbers are right-aligned, and a very long cell
// is shortened. Widths are in terminal columns, so that cells may hold any Unicode text; `painted` cells must not be
// passed (paint whole lines instead).
std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

}  // namespace loco
