#include "base/hostile_text.h"

#include <doctest/doctest.h>

#include <string>

#include "base/random.h"

namespace loco {
namespace {

// No byte of the result can steer a terminal: no C0 or C1 control except those allowed, no delete.
bool IsHarmless(std::string_view text, std::string_view allowed) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 || byte == 0x7F) && allowed.find(text[i]) == std::string_view::npos) return false;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
  }
  return true;
}

std::string RandomBytes(Random& random) {
  std::string bytes(random.Below(40), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

}  // namespace

TEST_CASE("plain text is shown as it is") {
  const std::string text = "Grüße, 日本語 and 🚂: 100 % \"fine\" <b>";
  CHECK(ForTerminal(text) == text);
}

TEST_CASE("escape sequences become visible") {
  CHECK(ForTerminal("\x1b[31mred\x1b[0m") == "␛[31mred␛[0m");
  CHECK(ForTerminal("\x1b]0;title\x07") == "␛]0;title␇");
  CHECK(ForTerminal("\x1b]8;;http://x\x1b\\link") == "␛]8;;http://x␛\\link");
  CHECK(ForTerminal(std::string_view("a\0b", 3)) == "a␀b");
  CHECK(ForTerminal("over\rwrite\b\x7f") == "over␍write␈␡");
  CHECK(ForTerminal("\xC2\x9B"
                    "31m") == "\\u009b31m");  // the one-character form of ESC [
}

TEST_CASE("newlines and tabs stay only where lines are wanted") {
  CHECK(ForTerminal("a\n\tb", true) == "a\n\tb");
  CHECK(ForTerminal("a\n\tb") == "a⏎ b");
}

TEST_CASE("text that reorders or hides is made visible") {
  CHECK(ForTerminal("a\u202Eb") == "a\\u202eb");
  CHECK(ForTerminal("a\u200Bb\uFEFF") == "a\\u200bb\\ufeff");
  CHECK(ForTerminal("a\u2066b\u2069") == "a\\u2066b\\u2069");
  CHECK(ForTerminal("x\U000E0041y") == "x\\ue0041y");  // a tag character, invisible in every font
}

TEST_CASE("bytes that are not UTF-8 become the replacement character, one each") {
  CHECK(ForTerminal("a\xFFz") == "a\uFFFDz");
  CHECK(ForTerminal("\xC0\x9B") == "\uFFFD\uFFFD");                      // overlong ESC
  CHECK(ForTerminal("\xE0\x80\x9B") == "\uFFFD\uFFFD\uFFFD");            // overlong ESC in three bytes
  CHECK(ForTerminal("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");            // a surrogate
  CHECK(ForTerminal("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
  CHECK(ForTerminal("\xE2\x82") == "\uFFFD\uFFFD");                      // cut short
  CHECK(ForTerminal("\xE2\x82\x1b") == "\uFFFD\uFFFD␛");                 // a cut character must not swallow an escape
}

TEST_CASE("no random bytes get a control through any of the escapings") {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = RandomBytes(random);
    CAPTURE(bytes);
    REQUIRE(IsHarmless(ForTerminal(bytes), ""));
    REQUIRE(IsHarmless(ForTerminal(bytes, true), "\n\t"));
    REQUIRE(IsHarmless(ForMarkdown(bytes), ""));
    const std::string html = ForHtml(bytes);
    REQUIRE(IsHarmless(html, "\n\t"));
    REQUIRE(html.find_first_of("<>\"'") == std::string::npos);
    REQUIRE(ForTerminal(ForTerminal(bytes)) == ForTerminal(bytes));
  }
}

TEST_CASE("HTML is escaped for text and for quoted attributes") {
  CHECK(ForHtml("<script>alert('x')</script>") == "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
  CHECK(ForHtml("a \"b\" & c\n") == "a &quot;b&quot; &amp; c\n");
  CHECK(ForHtml("\x1b") == "␛");
}

TEST_CASE("Markdown neither links nor breaks the table") {
  CHECK(ForMarkdown("[x](http://y) | `z`\n*b*") == "\\[x\\]\\(http://y\\) \\| \\`z\\`⏎\\*b\\*");
  CHECK(ForMarkdown("<img src=x>") == "\\<img src=x\\>");
  CHECK(ForMarkdown("plain words, 71.4 %") == "plain words, 71.4 %");
}

TEST_CASE("JSON inside a script element cannot close it") {
  CHECK(ForScript(R"({"a":"</script><!--"})") == R"({"a":"\u003c/script\u003e\u003c!--"})");
  CHECK(ForScript("\"\u2028\u2029&\"") == R"("\u2028\u2029\u0026")");
  CHECK(ForScript("\"\U000E0041\"") == R"("\udb40\udc41")");
  CHECK(ForScript("\"\xFF\"") == R"("\ufffd")");
  CHECK(ForScript(R"({"a":"Grüße\n"})") == R"({"a":"Grüße\n"})");
}

TEST_CASE("columns count wide characters twice and combining ones not at all") {
  CHECK(DisplayWidth("") == 0);
  CHECK(DisplayWidth("abc") == 3);
  CHECK(DisplayWidth("Grüße") == 5);
  CHECK(DisplayWidth("e\u0301") == 1);
  CHECK(DisplayWidth("日本") == 4);
  CHECK(DisplayWidth("🚂") == 2);
}

TEST_CASE("shortening cuts between characters and says so") {
  CHECK(Shorten("abcdef", 6) == "abcdef");
  CHECK(Shorten("abcdef", 5) == "abcd…");
  CHECK(Shorten("日本語", 5) == "日本…");
  CHECK(Shorten("日本語", 4) == "日…");
  for (size_t columns = 1; columns < 12; ++columns) {
    CAPTURE(columns);
    CHECK(DisplayWidth(Shorten("aé日本語🚂xyz", columns)) <= columns);
  }
}

TEST_CASE("a shell reads back the word that it is shown") {
  CHECK(ForShell("models/x-Q4_K_M.gguf") == "models/x-Q4_K_M.gguf");
  CHECK(ForShell("") == "''");
  CHECK(ForShell("my model.gguf") == "'my model.gguf'");
  CHECK(ForShell("it's") == "'it'\\''s'");
  CHECK(ForShell("a\n'b\\") == "$'a\\x0a\\'b\\\\'");
}

}  // namespace loco
