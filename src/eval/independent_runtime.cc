// Loads a model file once in a program nobody here wrote, to show that the artefact is one that others can use.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "base/hash.h"
#include "base/hostile_text.h"
#include "base/subprocess.h"
#include "eval/practical.h"

namespace loco {
namespace {

using namespace std::chrono_literals;

// The last line of a program's output, fit for one line of ours.
std::string LastLine(const std::string& output) {
  size_t end = output.find_last_not_of("\r\n ");
  if (end == std::string::npos) return "it printed nothing";
  const size_t begin = output.find_last_of('\n', end);
  return Shorten(ForTerminal(output.substr(begin == std::string::npos ? 0 : begin + 1,
                                           end - (begin == std::string::npos ? 0 : begin))),
                 80);
}

std::string LoadInLlamaServer(const Path& program, const Path& model, const Clock& clock) {
  const double begin = clock.Seconds();
  // Port 0 would be ideal, but the server prints no port then; the model is loaded before the port matters.
  const SubprocessResult result = RunSubprocess(
      {program.string(), "-m", model.string(), "--host", "127.0.0.1", "--port", "18763", "-c", "256", "-np", "1"},
      {.timeout = 120s, .stop_when = "listening on"});
  if (result.stopped) return fmt::format("llama-server loaded it in {}", FormatDuration(clock.Seconds() - begin));
  return fmt::format("llama-server did not load it: {}", LastLine(result.output));
}

std::string LoadInOllama(const Path& program, const Path& model, const Clock& clock) {
  const std::string name = "loco-load-test-" + Sha256Hex(std::filesystem::absolute(model).string()).substr(0, 8);
  const Path modelfile = std::filesystem::temp_directory_path() / (name + ".Modelfile");
  WriteFileAtomically(modelfile, fmt::format("FROM {}\n", std::filesystem::absolute(model).string()));
  const double begin = clock.Seconds();
  SubprocessResult result =
      RunSubprocess({program.string(), "create", name, "-f", modelfile.string()}, {.timeout = 300s});
  std::string text;
  if (result.exit_code == 0) {
    result = RunSubprocess({program.string(), "run", name, "Hello"}, {.timeout = 300s});
    text = result.exit_code == 0
               ? fmt::format("Ollama loaded it and answered in {}", FormatDuration(clock.Seconds() - begin))
               : fmt::format("Ollama did not run it: {}", LastLine(result.output));
    RunSubprocess({program.string(), "rm", name}, {.timeout = 60s});
  } else {
    text = fmt::format("Ollama did not take it: {}", LastLine(result.output));
  }
  std::error_code ignored;
  std::filesystem::remove(modelfile, ignored);
  return text;
}

}  // namespace

std::string IndependentRuntime() {
  if (FindProgram("ollama")) return "ollama";
  return FindProgram("llama-server") ? "llama-server" : "none";
}

std::string LoadInIndependentRuntime(const Path& model) {
  const SystemClock clock;
  if (const auto ollama = FindProgram("ollama")) return LoadInOllama(*ollama, model, clock);
  if (const auto server = FindProgram("llama-server")) return LoadInLlamaServer(*server, model, clock);
  return "not run here: neither Ollama nor llama-server is installed";
}

}  // namespace loco
