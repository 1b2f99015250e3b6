#include "base/hostile_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace loco {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

// Decodes one code point at text[i] and moves i past it; kInvalid (and one byte) for anything that is not UTF-8:
// overlong forms, surrogates and values above U+10FFFF included.
char32_t Next(std::string_view text, size_t& i) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
  const uint8_t first = byte(i);
  if (first < 0x80) {
    ++i;
    return first;
  }
  const size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first >= 0xF5 || i + length > text.size()) {
    ++i;
    return kInvalid;
  }
  char32_t value = first & (0x7FU >> length);
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) {
      ++i;
      return kInvalid;
    }
    value = value << 6 | (byte(i + k) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    ++i;
    return kInvalid;
  }
  i += length;
  return value;
}

// Reorders or hides text: embeddings, overrides, isolates, marks, zero-width and byte-order characters.
bool IsInvisibleFormat(char32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF ||
         c == 0x061C || (c >= 0xE0000 && c <= 0xE007F);
}

// Appends `c` (the bytes `raw`) with everything that could steer a terminal or a reader's eye made visible.
void AppendVisible(std::string& out, char32_t c, std::string_view raw) {
  if (c == kInvalid) {
    out += "\xEF\xBF\xBD";  // U+FFFD
  } else if (c < 0x20) {
    out += fmt::format("\xE2\x90{}", static_cast<char>(0x80 + c));  // U+2400 … U+241F, the control pictures
  } else if (c == 0x7F) {
    out += "\xE2\x90\xA1";
  } else if ((c >= 0x80 && c < 0xA0) || IsInvisibleFormat(c) || c == 0x2028 || c == 0x2029) {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  } else {
    out += raw;
  }
}

template <typename Append>
void ForEachCharacter(std::string_view text, Append&& append) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = Next(text, i);
    append(c, text.substr(begin, i - begin));
  }
}

bool IsWide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

bool IsCombining(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xFE20 && c <= 0xFE2F);
}

size_t WidthOf(char32_t c) { return IsCombining(c) ? 0 : IsWide(c) ? 2 : 1; }

}  // namespace

std::string ForTerminal(std::string_view text, bool keep_lines) {
  std::string out;
  ForEachCharacter(text, [&](char32_t c, std::string_view raw) {
    if (c == '\n' || c == '\t') {
      if (keep_lines) {
        out += raw;
      } else {
        out += c == '\n' ? "\xE2\x8F\x8E" : " ";  // ⏎
      }
    } else {
      AppendVisible(out, c, raw);
    }
  });
  return out;
}

std::string ForHtml(std::string_view text) {
  std::string out;
  ForEachCharacter(text, [&](char32_t c, std::string_view raw) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
      case '\t':
        out += raw;
        break;
      default:
        AppendVisible(out, c, raw);
    }
  });
  return out;
}

std::string ForMarkdown(std::string_view text) {
  std::string out;
  for (const char c : ForTerminal(text)) {
    if (std::string_view("\\`*_{}[]<>()#|!~&").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string ForScript(std::string_view json) {
  std::string out;
  ForEachCharacter(json, [&](char32_t c, std::string_view raw) {
    const bool dangerous = c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029 || IsInvisibleFormat(c);
    if (dangerous && c <= 0xFFFF) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else if (dangerous) {  // JSON writes what lies above U+FFFF as two surrogates
      const auto above = static_cast<uint32_t>(c) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF));
    } else if (c == kInvalid) {
      out += "\\ufffd";
    } else {
      out += raw;
    }
  });
  return out;
}

std::string ForShell(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  const bool escapes = std::any_of(word.begin(), word.end(), is_control);
  std::string out = escapes ? "$'" : "'";
  for (const char c : word) {
    if (is_control(c)) {
      out += fmt::format("\\x{:02x}", c);
    } else if (c == '\'') {
      out += escapes ? "\\'" : "'\\''";
    } else if (c == '\\' && escapes) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string Shorten(std::string_view text, size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  std::string out;
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = Next(text, i);
    if (width + WidthOf(c) + 1 > columns) break;
    width += WidthOf(c);
    out += text.substr(begin, i - begin);
  }
  return out + "…";
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  ForEachCharacter(text, [&](char32_t c, std::string_view) { width += WidthOf(c); });
  return width;
}

}  // namespace loco
