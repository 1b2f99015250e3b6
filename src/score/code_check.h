// Marks programs that a model wrote by running tests on them, as HumanEval and MBPP do: in the sandbox, or not at all.
//
//   const Sandbox sandbox;
//   const CodeProblem problem{.prompt = prompt, .entry_point = "f", .tests = test + "\ncheck(f)\n"};   // HumanEval
//   const CodeResult result = CheckCode(sandbox, problem, answer);
//   if (result.verdict == CodeVerdict::kNotRun) … result.detail   // no sandbox here, and why: neither right nor wrong
//
// From the answer to the verdict:
//   1. ExtractCode: the fenced block that defines the function (the last one, as people correct themselves), else the
//      first Python block, else the first block, else the answer as it stands.
//   2. With `stop_at_next_definition`, for base models that go on and on: what follows the function is cut.
//   3. Code that defines the function stands by itself, after the prompt (whose imports and helpers it may use);
//      anything else continues the prompt, as the body of its last function.
//   4. Prompt, code and tests are compiled and run one after the other by Debian's python3, which sees no installed
//      module beyond the standard library, in a module of its own: `if __name__ == "__main__"` does not hold.
//      Hash seeds are fixed, so that the same answer gets the same verdict again.
//   5. "passed" takes more than an exit code of 0: a line that the runner alone knows how to write, after the last
//   test.
//
// Sources: Chen et al. 2021, arXiv 2107.03374 (HumanEval); Austin et al. 2021, arXiv 2108.07732 (MBPP).
//
// It deliberately does not repair indentation or strip prose that stands around code without fences (both would count
// answers that a user could not run), and it does not hold out against an answer that was written to cheat this runner
// from within: it shares an interpreter with the tests.
#pragma once

#include <string>
#include <string_view>

#include "base/sandbox.h"

namespace loco {

struct CodeProblem {
  std::string prompt;       // code that the answer continues; empty where the task is told in prose
  std::string entry_point;  // the function under test; may be empty
  std::string tests;        // raises when the program is wrong
};

enum class CodeSource { kFenced, kUnclosedFence, kRaw };

struct ExtractedCode {
  std::string code;
  CodeSource source = CodeSource::kRaw;
};

// Lines of a fenced block lose the indentation of its fence. Any bytes; linear time.
ExtractedCode ExtractCode(std::string_view answer, std::string_view entry_point);

// Whether a line at the left edge begins the function (or a class or a value of that name).
bool DefinesFunction(std::string_view code, std::string_view entry_point);

// The code up to the first line at the left edge after the function: after `def entry_point`, or after the beginning
// where the code is the body. Lines within brackets and texts do not count.
std::string_view StopAtNextDefinition(std::string_view code, std::string_view entry_point);

enum class CodeVerdict {
  kPassed,
  kFailed,  // an assertion does not hold
  kError,   // it raised something else, crashed, or ended before the tests did
  kTimeout,
  kMemory,
  kNotRun,
};

// "passed", "failed", "error", "timeout", "memory", "not run".
const char* NameOf(CodeVerdict verdict);

struct CodeCheckOptions {
  bool stop_at_next_definition = false;
  SandboxLimits limits;
};

struct CodeResult {
  CodeVerdict verdict = CodeVerdict::kNotRun;
  std::string exception;  // class of what was raised: "AssertionError", "SyntaxError"
  std::string detail;     // the line that raised it, or what happened; hostile
  ExtractedCode extracted;
  double seconds = 0;
};

CodeResult CheckCode(const Sandbox& sandbox, const CodeProblem& problem, std::string_view answer,
                     const CodeCheckOptions& options = {});

}  // namespace loco
