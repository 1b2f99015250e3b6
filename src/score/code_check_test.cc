#include "score/code_check.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace loco {
namespace {

using namespace std::chrono_literals;

std::string WhyNot(const Sandbox& sandbox) {
  if (!sandbox.support().works) return sandbox.support().reason;
  if (::access("/usr/bin/python3", X_OK) != 0) return "there is no /usr/bin/python3";
  return "";
}

#define LOCO_NEEDS_SANDBOX(sandbox)          \
  const Sandbox sandbox;                     \
  if (!WhyNot(sandbox).empty()) {            \
    MESSAGE("skipped: " << WhyNot(sandbox)); \
    return;                                  \
  }                                          \
  static_cast<void>(0)

const CodeProblem kDouble = {
    .prompt = "import math\n\ndef double(x):\n    \"\"\"Twice x.\"\"\"\n",
    .entry_point = "double",
    .tests = "def check(f):\n    assert f(2) == 4\n    assert f(-1) == -2\n\ncheck(double)\n",
};

CodeVerdict VerdictOf(const Sandbox& sandbox, const std::string& answer, const CodeCheckOptions& options = {}) {
  return CheckCode(sandbox, kDouble, answer, options).verdict;
}

}  // namespace

TEST_CASE("the code of an answer is the fenced block that defines the function, else the first, else all of it") {
  const auto code = [](const char* answer) { return ExtractCode(answer, "f").code; };
  CHECK(code("Sure:\n```python\ndef f():\n    pass\n```\nUse it:\n```python\nprint(f())\n```\n") ==
        "def f():\n    pass\n");
  CHECK(code("```py\ndef f(): 1\n```\nNo, better:\n```\ndef f(): 2\n```") == "def f(): 2\n");
  CHECK(code("```sh\npip install x\n```\n```python\nx = 1\n```\n") == "x = 1\n");
  CHECK(code("```\nx = 1\n```\n") == "x = 1\n");
  CHECK(code("    return 1\n") == "    return 1\n");
  CHECK(code("Inline ```def f(): 3``` only") == "Inline ```def f(): 3``` only");
  CHECK(code("") == "");
  CHECK(ExtractCode("```\nx\n```", "").source == CodeSource::kFenced);
  CHECK(ExtractCode("```\nx\n", "").source == CodeSource::kUnclosedFence);
  CHECK(ExtractCode("x", "").source == CodeSource::kRaw);
}

TEST_CASE("fences may be indented, longer, of tildes, and hold shorter ones") {
  const auto code = [](const char* answer) { return ExtractCode(answer, "f").code; };
  CHECK(code("1. So:\n   ```python\n   def f():\n       pass\n   ```\n") == "def f():\n    pass\n");
  CHECK(code("~~~\ndef f(): \"\"\"\n```\n\"\"\"\n~~~\n") == "def f(): \"\"\"\n```\n\"\"\"\n");
  CHECK(code("````python\n```\ndef f(): 1\n````\n") == "```\ndef f(): 1\n");
  CHECK(code("```python\r\ndef f(): 1\r\n```\r\n") == "def f(): 1\r\n");
}

TEST_CASE("a function is defined at the left edge and under its whole name") {
  CHECK(DefinesFunction("import x\ndef f(a):\n    pass\n", "f"));
  CHECK(DefinesFunction("async def f(): pass", "f"));
  CHECK(DefinesFunction("class f: pass", "f"));
  CHECK(DefinesFunction("f = lambda: 1", "f"));
  for (const char* code :
       {"def ff(): pass", "  def f(): pass", "f == 1", "deff()", "\"\"\"\ndef f(): pass\n\"\"\"", ""}) {
    CAPTURE(std::string(code));
    CHECK_FALSE(DefinesFunction(code, "f"));
  }
  CHECK_FALSE(DefinesFunction("def f(): pass", ""));
}

TEST_CASE("what follows the function is cut, and nothing within it") {
  CHECK(StopAtNextDefinition("    return 1\n\n\ndef g():\n    pass\n", "f") == "    return 1\n\n\n");
  CHECK(StopAtNextDefinition("    return 1\n# more\n", "f") == "    return 1\n");
  CHECK(StopAtNextDefinition("import x\ndef f():\n    return 1\nprint(f())\n", "f") ==
        "import x\ndef f():\n    return 1\n");
  CHECK(StopAtNextDefinition("    return 1\n\ndef f():\n    return 2\n", "f") == "    return 1\n\n");
  for (const char* whole :
       {"    x = '''\ndef g():\n'''\n    return x\n", "    return [\n1,\n]\n", "    return '\\\n#'\n",
        "    # it's\n    return 1\n", "", "\n\n", "def f(\n):\n    return ')'\n"}) {
    CAPTURE(std::string(whole));
    CHECK(StopAtNextDefinition(whole, "f") == whole);
  }
}

TEST_CASE("answers are taken apart in linear time, whatever their bytes") {
  std::string noise;
  for (int i = 0; i < 200'000; ++i) noise += "`~\"'\n#\\(\0\xff "[i * 7 % 11];
  for (const std::string& text : {noise, std::string(300'000, '`'), std::string(300'000, '\n'),
                                  std::string(300'000, '"'), std::string(300'000, '\\')}) {
    const ExtractedCode extracted = ExtractCode(text, "f");
    CHECK(extracted.code.size() <= text.size() + 1);
    CHECK(StopAtNextDefinition(text, "f").size() <= text.size());
  }
}

TEST_CASE("a right program passes, as the body and as the whole function") {
  LOCO_NEEDS_SANDBOX(sandbox);
  for (const char* answer : {"    return 2 * x\n", "    return math.floor(2 * x)", "def double(x):\n    return x + x\n",
                             "Here:\n```python\ndef double(x):\n    return math.prod([2, x])\n```\nThat is all.",
                             "```python\n    return 2 * x\n```", "double = lambda x: 2 * x\n",
                             "def double(x):\n    return helper(x)\n\ndef helper(x):\n    return 2 * x\n",
                             "from __future__ import annotations\ndef double(x):\n    return 2 * x\n",
                             "    return 2 * x\nif __name__ == '__main__':\n    raise ValueError\n",
                             "    import sys, os\n    sys.stdout = None\n    os.closerange(0, 3)\n    return 2 * x\n",
                             "    print('passed' * 1000)\n    return 2 * x\n"}) {
    const CodeResult result = CheckCode(sandbox, kDouble, answer);
    CAPTURE(std::string(answer));
    CAPTURE(result.exception);
    CAPTURE(result.detail);
    CHECK(result.verdict == CodeVerdict::kPassed);
    CHECK(result.exception.empty());
  }
}

TEST_CASE("a wrong program fails, at the assertion that it breaks") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const CodeResult result = CheckCode(sandbox, kDouble, "    return x * x\n");
  CHECK(result.verdict == CodeVerdict::kFailed);
  CHECK(result.exception == "AssertionError");
  CHECK(result.detail == "assert f(-1) == -2");
}

TEST_CASE("what a program raises is told by its class and its line") {
  LOCO_NEEDS_SANDBOX(sandbox);
  struct Row {
    const char* answer;
    const char* exception;
    const char* detail;
  };
  for (const Row& row :
       {Row{"    return y\n", "NameError", "assert f(2) == 4"}, Row{"    return (\n", "SyntaxError", "return ("},
        Row{"return x\n", "SyntaxError", "return x"}, Row{"  return x\n", "IndentationError", "return x"},
        Row{"    return double(x)\n", "RecursionError", "assert f(2) == 4"},
        Row{"    import numpy\n", "ModuleNotFoundError", "assert f(2) == 4"},
        Row{"raise KeyError(1)\ndef double(x): pass\n", "KeyError", "raise KeyError(1)"},
        Row{"    return 2 * x\nimport sys\nsys.exit(0)\n", "SystemExit", "sys.exit(0)"},
        Row{"    input()\n", "EOFError", "assert f(2) == 4"},
        Row{"    raise type('A b\\nc', (Exception,), {})\n", "Exception", "assert f(2) == 4"},
        Row{"    return '\xff'\n", "UnicodeDecodeError", ""}}) {
    const CodeResult result = CheckCode(sandbox, kDouble, row.answer);
    CAPTURE(std::string(row.answer));
    CHECK(result.verdict == CodeVerdict::kError);
    CHECK(result.exception == row.exception);
    CHECK(result.detail == row.detail);
  }
  CHECK(VerdictOf(sandbox, std::string("    return 1\0\n", 14)) == CodeVerdict::kError);
}

TEST_CASE("a program that ends early, and well, has not passed") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const CodeResult early = CheckCode(sandbox, kDouble, "    import os\n    os._exit(0)\n");
  CHECK(early.verdict == CodeVerdict::kError);
  CHECK(early.detail == "it ended before the tests did, with code 0");
  const CodeResult lying =
      CheckCode(sandbox, kDouble, "    import os\n    print('passed', flush=True)\n    os._exit(0)\n");
  CHECK(lying.verdict == CodeVerdict::kError);
  const CodeResult crash = CheckCode(sandbox, kDouble, "    import os\n    os.kill(os.getpid(), 11)\n");
  CHECK(crash.verdict == CodeVerdict::kError);
  CHECK(crash.detail == "killed by signal 11");
}

TEST_CASE("time, memory and output that are used up have verdicts that are never passed") {
  LOCO_NEEDS_SANDBOX(sandbox);
  CHECK(VerdictOf(sandbox, "    while True: pass\n", {.limits = {.wall = 400ms}}) == CodeVerdict::kTimeout);
  CHECK(VerdictOf(sandbox, "    try:\n        while True: pass\n    except BaseException: return 2 * x\n",
                  {.limits = {.wall = 400ms}}) == CodeVerdict::kTimeout);
  CHECK(VerdictOf(sandbox, "    return bytearray(10 << 30)\n") == CodeVerdict::kMemory);
  const CodeResult loud = CheckCode(sandbox, kDouble, "    while True: print('x' * 1000)\n");
  CHECK(loud.verdict == CodeVerdict::kError);
  CHECK(loud.detail == "it wrote too much");
}

TEST_CASE("a base model that goes on after the function is stopped only when asked") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const std::string rambling = "    return 2 * x\n\ndef other(x):\n    return (\n";
  CHECK(VerdictOf(sandbox, rambling) == CodeVerdict::kError);
  CHECK(VerdictOf(sandbox, rambling, {.stop_at_next_definition = true}) == CodeVerdict::kPassed);
}

TEST_CASE("a task in prose has no prompt to continue") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const CodeProblem problem{.tests = "assert inc(1) == 2\nassert inc(0) == 1\n"};
  CHECK(CheckCode(sandbox, problem, "```python\ndef inc(x):\n    return x + 1\n```").verdict == CodeVerdict::kPassed);
  CHECK(CheckCode(sandbox, problem, "def inc(x):\n    return 2\n").detail == "assert inc(0) == 1");
}

TEST_CASE("the same answer gets the same verdict, also where it depends on hashes") {
  LOCO_NEEDS_SANDBOX(sandbox);
  const CodeProblem problem{.tests = "assert list({'a', 'b', 'c', 'd'}) == order\nassert False\n"};
  std::map<std::string, int> details;
  for (int i = 0; i < 6; ++i) {
    const CodeResult result = CheckCode(sandbox, problem, "order = sorted({'a', 'b', 'c', 'd'}, key=hash)\n");
    CHECK(result.verdict == CodeVerdict::kFailed);
    ++details[result.detail];
  }
  CHECK(details.size() == 1);
}

TEST_CASE("where there is no sandbox, no code is run and the verdict says so") {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const Sandbox none;
  const CodeResult result = CheckCode(none, kDouble, "    return 2 * x\n");
  ::setenv("PATH", path.c_str(), 1);
  CHECK(result.verdict == CodeVerdict::kNotRun);
  CHECK(result.detail == "bwrap is not installed (Debian package bubblewrap)");
  CHECK(std::string(NameOf(result.verdict)) == "not run");
}

TEST_CASE("HumanEval's own solutions pass, and functions without a body do not") {
  const char* variable = std::getenv("LOCO_SHARED");
  const Path shared = variable != nullptr ? Path(variable) : Path(LOCO_SOURCE_DIR) / "../shared";
  const Path file = shared / "data/humaneval/first60.jsonl";
  if (!std::filesystem::exists(file)) {
    MESSAGE("skipped: no shared data at " << shared.string());
    return;
  }
  LOCO_NEEDS_SANDBOX(sandbox);
  std::map<std::string, int> right;
  std::map<std::string, int> chat;
  std::map<std::string, int> empty;
  int count = 0;
  double seconds = 0;
  const std::string content = ReadFile(file);
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const auto item = nlohmann::json::parse(content.substr(begin, end - begin));
    begin = end + 1;
    ++count;
    CodeProblem problem{.prompt = item["prompt"], .entry_point = item["entry_point"], .tests = item["test"]};
    problem.tests += "\ncheck(" + problem.entry_point + ")\n";
    const std::string solution = item["canonical_solution"];
    CAPTURE(problem.entry_point);
    const CodeResult result = CheckCode(sandbox, problem, solution);
    CHECK(result.verdict == CodeVerdict::kPassed);
    ++right[NameOf(result.verdict)];
    seconds += result.seconds;
    if (count % 3 == 0) {
      // As a chat model answers: the whole function in a fence, prose and an example around it.
      const std::string answer = fmt::format("Sure!\n\n```python\n{}{}```\n\nExample:\n\n```python\nprint({}())\n```\n",
                                             problem.prompt, solution, problem.entry_point);
      const CodeResult fenced = CheckCode(sandbox, problem, answer, {.stop_at_next_definition = true});
      CHECK(fenced.verdict == CodeVerdict::kPassed);
      ++chat[NameOf(fenced.verdict)];
    }
    const CodeResult none = CheckCode(sandbox, problem, "    return None\n");
    CHECK((none.verdict == CodeVerdict::kFailed || none.verdict == CodeVerdict::kError));
    ++empty[none.verdict == CodeVerdict::kError ? none.exception : NameOf(none.verdict)];
  }
  const auto list = [](const std::map<std::string, int>& counts) {
    std::string text;
    for (const auto& [name, n] : counts) text += fmt::format(" {} {}", n, name);
    return text;
  };
  CHECK(count == 60);
  MESSAGE("of " << count << " problems: solutions" << list(right) << "; in chat answers" << list(chat)
                << "; 'return None'" << list(empty) << "; " << seconds / count << " s a run");
}

}  // namespace loco
