#include "score/code_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace loco {
namespace {

// What it reports with is in local names before a line of the answer runs: answers replace names, close streams and end
// the process. The token comes by standard input, where it is read away.
constexpr const char* kRunner = R"(import os, sys

def run(token, parts):
    report, write, leave, names, memory = os.dup(1), os.write, os._exit, type.__dict__['__name__'].__get__, MemoryError
    module = type(sys)('program')
    sys.modules['program'] = module
    said = 'passed'
    for part in parts:
        try:
            with open(part, encoding='utf-8') as file:
                text = file.read()
            try:
                code = compile(text, part, 'exec')
            except SyntaxError:
                if part == 'prompt.py': continue  # it ends where a body should follow; the answer has it all
                raise
            exec(code, module.__dict__)
        except BaseException as problem:
            line, where = 0, ''
            if isinstance(problem, SyntaxError):
                line, where = problem.lineno or 0, part
            step = problem.__traceback__
            while step is not None:
                if step.tb_frame.f_code.co_filename in parts:
                    if part == 'tests.py' and step.tb_frame.f_code.co_filename != part: break
                    line, where = step.tb_lineno, step.tb_frame.f_code.co_filename
                step = step.tb_next
            kind = 'MemoryError' if isinstance(problem, memory) else names(type(problem))
            if not kind.isidentifier(): kind = 'Exception'
            said = f'raised {kind} {line} {where}'
            break
    write(report, f'\n{token} {said}\n'.encode('utf-8', 'replace'))
    leave(0)

run(sys.stdin.readline().strip(), sys.argv[1:])
)";

bool IsBlankByte(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

bool IsBlankLine(std::string_view line) { return std::all_of(line.begin(), line.end(), IsBlankByte); }

bool IsNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}

// Cuts the first line off, without its end.
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

size_t Indentation(std::string_view line) { return std::min(line.find_first_not_of(" \t"), line.size()); }

struct Fence {
  size_t indentation = 0;
  char mark = '`';
  size_t length = 0;
  std::string_view language;
};

// As CommonMark has it, but for any indentation: models put blocks into lists.
std::optional<Fence> FenceOf(std::string_view line) {
  Fence fence{.indentation = Indentation(line)};
  line.remove_prefix(fence.indentation);
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return std::nullopt;
  fence.mark = line[0];
  fence.length = std::min(line.find_first_not_of(fence.mark), line.size());
  if (fence.length < 3) return std::nullopt;
  std::string_view word = line.substr(fence.length);
  if (fence.mark == '`' && word.find('`') != std::string_view::npos) return std::nullopt;  // code within a sentence
  while (!word.empty() && IsBlankByte(word.front())) word.remove_prefix(1);
  fence.language =
      word.substr(0, std::find_if(word.begin(), word.end(), [](char c) { return IsBlankByte(c); }) - word.begin());
  return fence;
}

struct Block {
  std::string code;
  bool python = false;
  bool closed = false;
};

std::vector<Block> CodeBlocks(std::string_view answer) {
  std::vector<Block> blocks;
  std::optional<Fence> open;
  while (!answer.empty()) {
    const std::string_view line = TakeLine(answer);
    const auto fence = FenceOf(line);
    if (!open) {
      if (!fence) continue;
      open = fence;
      constexpr std::array<std::string_view, 4> kPython = {"python", "py", "python3", "Python"};
      blocks.push_back({.python = std::find(kPython.begin(), kPython.end(), fence->language) != kPython.end()});
    } else if (fence && fence->mark == open->mark && fence->length >= open->length && fence->language.empty()) {
      blocks.back().closed = true;
      open.reset();
    } else {
      blocks.back().code += line.substr(std::min(open->indentation, Indentation(line)));
      blocks.back().code += '\n';
    }
  }
  return blocks;
}

bool BeginsWithWord(std::string_view& line, std::string_view word) {
  if (!line.starts_with(word) || (line.size() > word.size() && IsNamePart(line[word.size()]))) return false;
  line.remove_prefix(word.size());
  while (!line.empty() && IsBlankByte(line.front())) line.remove_prefix(1);
  return true;
}

bool LineDefines(std::string_view line, std::string_view name) {
  if (BeginsWithWord(line, "async")) return BeginsWithWord(line, "def") && BeginsWithWord(line, name);
  if (BeginsWithWord(line, "def") || BeginsWithWord(line, "class")) return BeginsWithWord(line, name);
  return BeginsWithWord(line, name) && line.starts_with('=') && !line.starts_with("==");
}

// Follows Python from line to line far enough to know whether a line begins a statement.
class PythonScanner {
 public:
  bool AtStatement() const { return quote_ == 0 && depth_ <= 0 && !continued_; }

  void Read(std::string_view line) {
    continued_ = false;
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '\\') {
        continued_ = IsBlankLine(line.substr(i + 1));
        ++i;
      } else if (quote_ != 0) {
        if (c != quote_) continue;
        if (!triple_) {
          quote_ = 0;
        } else if (line.substr(i, 3) == std::string(3, quote_)) {
          quote_ = 0;
          i += 2;
        }
      } else if (c == '#') {
        break;
      } else if (c == '"' || c == '\'') {
        quote_ = c;
        triple_ = line.substr(i, 3) == std::string(3, c);
        if (triple_) i += 2;
      } else if (c == '(' || c == '[' || c == '{') {
        ++depth_;
      } else if (c == ')' || c == ']' || c == '}') {
        --depth_;
      }
    }
    if (quote_ != 0 && !triple_ && !continued_) quote_ = 0;  // a mistake of the program; its line ends it
  }

 private:
  char quote_ = 0;
  bool triple_ = false;
  bool continued_ = false;
  int depth_ = 0;
};

bool BeginsIndented(std::string_view code) {
  while (!code.empty()) {
    const std::string_view line = TakeLine(code);
    if (!IsBlankLine(line)) return IsBlankByte(line.front());
  }
  return false;
}

// The line of a text, from 1, without its blanks.
std::string LineAt(std::string_view text, size_t number) {
  std::string_view line;
  for (size_t i = 0; i < number; ++i) line = TakeLine(text);
  const size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
  const size_t end = line.find_last_not_of(" \t\r");
  return std::string(line.substr(begin, end == std::string_view::npos ? 0 : end + 1 - begin));
}

// What the runner reported in the last line that begins with the token.
std::optional<std::string> ReportIn(const std::string& output, const std::string& token) {
  const size_t found = output.rfind("\n" + token + " ");
  if (found == std::string::npos) return std::nullopt;
  const size_t begin = found + token.size() + 2;
  return output.substr(begin, std::min(output.find('\n', begin), output.size()) - begin);
}

// "raised CLASS LINE FILE".
void ReadReport(std::string_view report, const std::map<std::string, std::string>& files, CodeResult& result) {
  const auto take_word = [&report] {
    const size_t end = std::min(report.find(' '), report.size());
    const std::string_view word = report.substr(0, end);
    report.remove_prefix(std::min(end + 1, report.size()));
    return word;
  };
  if (take_word() == "passed") {
    result.verdict = CodeVerdict::kPassed;
    return;
  }
  result.exception = take_word();
  if (!std::all_of(result.exception.begin(), result.exception.end(), IsNamePart)) result.exception = "Exception";
  const std::string_view number = take_word();
  size_t line = 0;
  std::from_chars(number.data(), number.data() + number.size(), line);
  const auto file = files.find(std::string(report));
  if (file != files.end() && line > 0) result.detail = LineAt(file->second, line);
  result.verdict = result.exception == "AssertionError" ? CodeVerdict::kFailed
                   : result.exception == "MemoryError"  ? CodeVerdict::kMemory
                                                        : CodeVerdict::kError;
}

}  // namespace

const char* NameOf(CodeVerdict verdict) {
  switch (verdict) {
    case CodeVerdict::kPassed:
      return "passed";
    case CodeVerdict::kFailed:
      return "failed";
    case CodeVerdict::kError:
      return "error";
    case CodeVerdict::kTimeout:
      return "timeout";
    case CodeVerdict::kMemory:
      return "memory";
    case CodeVerdict::kNotRun:
      return "not run";
  }
  LOCO_CHECK(false);
}

bool DefinesFunction(std::string_view code, std::string_view entry_point) {
  PythonScanner scanner;
  while (!entry_point.empty() && !code.empty()) {
    const std::string_view line = TakeLine(code);
    if (scanner.AtStatement() && LineDefines(line, entry_point)) return true;
    scanner.Read(line);
  }
  return false;
}

ExtractedCode ExtractCode(std::string_view answer, std::string_view entry_point) {
  const std::vector<Block> blocks = CodeBlocks(answer);
  const auto defines = [&](const Block& block) { return DefinesFunction(block.code, entry_point); };
  const auto last = std::find_if(blocks.rbegin(), blocks.rend(), defines);
  auto chosen = last == blocks.rend() ? blocks.end() : std::prev(last.base());
  if (chosen == blocks.end()) {
    chosen = std::find_if(blocks.begin(), blocks.end(), [](const Block& block) { return block.python; });
  }
  if (chosen == blocks.end()) chosen = blocks.begin();
  if (chosen == blocks.end()) return {std::string(answer), CodeSource::kRaw};
  return {chosen->code, chosen->closed ? CodeSource::kFenced : CodeSource::kUnclosedFence};
}

std::string_view StopAtNextDefinition(std::string_view code, std::string_view entry_point) {
  bool inside = !DefinesFunction(code, entry_point) || BeginsIndented(code);
  bool any = false;  // of the body
  PythonScanner scanner;
  for (std::string_view rest = code; !rest.empty();) {
    const std::string_view line = TakeLine(rest);
    const bool edge = scanner.AtStatement() && !IsBlankLine(line) && !IsBlankByte(line.front());
    if (inside && any && edge) return code.substr(0, static_cast<size_t>(line.data() - code.data()));
    if (inside && !IsBlankLine(line)) any = true;
    if (edge && LineDefines(line, entry_point)) inside = true;
    scanner.Read(line);
  }
  return code;
}

CodeResult CheckCode(const Sandbox& sandbox, const CodeProblem& problem, std::string_view answer,
                     const CodeCheckOptions& options) {
  CodeResult result;
  result.extracted = ExtractCode(answer, problem.entry_point);
  std::string_view code = result.extracted.code;
  if (options.stop_at_next_definition) code = StopAtNextDefinition(code, problem.entry_point);

  SandboxJob job{.argv = {"python3", "-s", "-S", "-B", "run.py"}, .limits = options.limits};
  job.environment = {{"PYTHONHASHSEED", "0"}, {"PYTHONSAFEPATH", "1"}};
  const bool complete = DefinesFunction(code, problem.entry_point) && !BeginsIndented(code);
  if (complete || problem.prompt.empty()) {
    job.files["prompt.py"] = problem.prompt;
    job.files["answer.py"] = code;
  } else {
    job.files["answer.py"] = problem.prompt + std::string(code);
  }
  job.files["tests.py"] = problem.tests;
  for (const char* part : {"prompt.py", "answer.py", "tests.py"}) {
    if (job.files.contains(part)) job.argv.emplace_back(part);
  }
  std::string everything;
  for (const auto& [name, content] : job.files) everything += content + '\0';
  const std::string token = Sha256Hex(everything);
  job.input = token + "\n";
  job.files["run.py"] = kRunner;

  const SandboxResult run = sandbox.Run(job);
  result.seconds = run.seconds;
  switch (run.outcome) {
    case SandboxOutcome::kTimeout:
      result.verdict = CodeVerdict::kTimeout;
      return result;
    case SandboxOutcome::kMemory:
      result.verdict = CodeVerdict::kMemory;
      return result;
    case SandboxOutcome::kNotRun:
      result.detail = run.reason;
      return result;
    case SandboxOutcome::kOutputLimit:
      result.verdict = CodeVerdict::kError;
      result.detail = "it wrote too much";
      return result;
    case SandboxOutcome::kKilled:
      result.verdict = CodeVerdict::kError;
      result.detail = fmt::format("killed by signal {}", run.signal);
      return result;
    case SandboxOutcome::kExit:
      break;
  }
  if (const auto report = ReportIn(run.output, token)) {
    ReadReport(*report, job.files, result);
  } else {
    result.verdict = CodeVerdict::kError;
    result.detail = fmt::format("it ended before the tests did, with code {}", run.exit_code);
  }
  return result;
}

}  // namespace loco
