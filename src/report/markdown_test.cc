#include "report/markdown.h"

#include <doctest/doctest.h>

#include "report/report_fixture.h"

namespace loco {

TEST_CASE("the record says question, decision, candidates, doubts and rows") {
  const std::string text =
      DecisionMarkdown(SampleDecision(), {.date = "2026-11-21", .decision = "decision-7", .program = "loco 0.1.0"});
  CHECK(text.find("# Base model for policy fake\n") == 0);
  CHECK(text.find("2026-11-21 · `decision-7`") != std::string::npos);
  CHECK(text.find("**s Q4\\_K\\_M**: not worse than the best by more than 3 points") != std::string::npos);
  CHECK(text.find("## Pairs") != std::string::npos);
  CHECK(text.find("- **trainability**: not measured") != std::string::npos);
  CHECK(text.find("`run-201`") != std::string::npos);
  CHECK(text.find("the policy allows 'gemma'") != std::string::npos);
}

TEST_CASE("every table row has as many cells as its header") {
  const std::string text = DecisionMarkdown(HostileDecision(), {.date = "2026-11-21"});
  size_t cells = 0;
  size_t tables = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty() || line[0] != '|') {
      cells = 0;
      continue;
    }
    size_t count = 0;
    for (size_t i = 0; i < line.size(); ++i) count += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    if (cells == 0) {
      cells = count;
      ++tables;
    }
    CHECK(count == cells);
  }
  CHECK(tables >= 5);
}

TEST_CASE("hostile text stays text in Markdown") {
  const std::string text = DecisionMarkdown(HostileDecision(), {});
  for (size_t i = 0; i < text.size(); ++i) {
    const bool element = text[i] == '<' && text[i + 1] != ' ';  // "p < .001" is ours
    if (element) CHECK_MESSAGE(text[i - 1] == '\\', text.substr(i, 20));
  }
  CHECK(text.find("[a](b)") == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\n# d") == std::string::npos);
}

TEST_CASE("a record without a choice names the nearest misses") {
  const std::string text = DecisionMarkdown(NobodyDecision(), {});
  CHECK(text.find("**Nobody meets the policy.**") != std::string::npos);
  CHECK(DecisionMarkdown(UnmeasuredDecision(), {}).find("**No decision**") != std::string::npos);
}

}  // namespace loco
