#include "engine/llama_handles.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>

namespace loco {
namespace {

std::mutex log_mutex;
std::deque<std::string> log_errors;  // the last few error lines

void CaptureLog(ggml_log_level level, const char* text, void*) {
  const std::lock_guard<std::mutex> lock(log_mutex);
  static bool in_error = false;
  if (level != GGML_LOG_LEVEL_CONT) in_error = level == GGML_LOG_LEVEL_ERROR;
  if (!in_error) return;
  std::string line(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  // "function_name: reason" - the reader needs the reason.
  const size_t colon = line.find(": ");
  if (colon != std::string::npos && line.find(' ') > colon) line.erase(0, colon + 2);
  if (line.empty()) return;
  log_errors.push_back(line);
  if (log_errors.size() > 4) log_errors.pop_front();
}

// The engine checks some of a file's facts with assertions. Nothing can be thrown through it from there; what was done
// is committed, so ending with a reason and a cure is the best that is left.
void EndWithReason(const char* message) {
  std::fprintf(stderr,
               "error: the engine stopped at a check of its own: %s\n"
               "  cure: the model file is damaged or made by an unknown converter: 'loco inspect' shows it; everything "
               "done so far is stored\n",
               message);
  std::_Exit(1);
}

void LoadBackends() {
#ifdef LOCO_ENGINE_PORTABLE
  // The packaged build carries one CPU back end per processor generation beside its engine library and picks the
  // fastest that runs here. They lie in ../lib/locollm, seen from the program, wherever it was unpacked.
  std::error_code code;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", code);
  const std::filesystem::path folder = program.parent_path().parent_path() / "lib" / "locollm";
  if (!code && std::filesystem::is_directory(folder, code)) {
    ggml_backend_load_all_from_path(folder.c_str());
    if (ggml_backend_reg_count() > 0) return;
  }
#endif
  ggml_backend_load_all();
}

}  // namespace

void StartEngine() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(CaptureLog, nullptr);
    ggml_set_abort_callback(EndWithReason);
    LoadBackends();
    llama_backend_init();
  });
}

void ClearEngineLog() {
  const std::lock_guard<std::mutex> lock(log_mutex);
  log_errors.clear();
}

std::string EngineErrors() {
  const std::lock_guard<std::mutex> lock(log_mutex);
  std::string joined;
  for (const std::string& line : log_errors) joined += (joined.empty() ? "" : "; ") + line;
  return joined.empty() ? "the engine gave no reason" : joined;
}

}  // namespace loco
