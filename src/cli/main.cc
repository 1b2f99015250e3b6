// The program `loco`: parses the command line, runs one command, turns exceptions into messages and exit codes.
#include <fmt/format.h>

#include <CLI/Error.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/interrupt.h"
#include "base/suggest.h"
#include "cli/commands.h"

namespace loco {
namespace {

int Report(const Terminal& terminal, const Error& error) {
  std::fflush(stdout);
  // File names and messages of libraries may carry anything.
  std::fputs(fmt::format("{} {}\n", terminal.Painted("error:", Paint::kRed), ForTerminal(error.what(), true)).c_str(),
             stderr);
  if (!error.hint().empty()) std::fputs(fmt::format("  cure: {}\n", ForTerminal(error.hint(), true)).c_str(), stderr);
  return static_cast<int>(error.code());
}

// "unknown command 'selct'; did you mean 'select'?" before CLI11 says less.
void CheckCommandName(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--store" || word == "--threads" || word == "--color") {
      ++i;
      continue;
    }
    if (word.starts_with("-")) continue;
    std::vector<std::string> names;
    for (const Command& command : Commands()) {
      if (word == command.name) return;
      names.emplace_back(command.name);
    }
    const auto nearest = Nearest(word, names);
    throw Error(fmt::format("unknown command '{}'", word),
                nearest ? fmt::format("did you mean 'loco {}'?", *nearest) : "'loco --help' lists the commands",
                ExitCode::kUsage);
  }
}

int Main(int argc, char** argv) {
  InstallInterruptHandler();
  Session session;
  Action action;
  const std::unique_ptr<CLI::App> app = BuildApp(session, action);
  try {
    CheckCommandName(argc, argv);
    app->parse(argc, argv);
    if (!action) {
      session.terminal().Print(app->help());
      return static_cast<int>(ExitCode::kDone);
    }
    const ExitCode code = action();
    if (std::fflush(stdout) != 0) throw Error("standard output cannot be written", "check the disk and the pipe");
    return static_cast<int>(code);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app->exit(problem);  // --help, --version
    const CLI::App* where = app.get();
    for (const CLI::App* chosen : app->get_subcommands()) where = chosen;
    return Report(session.terminal(),
                  Error(problem.what(),
                        fmt::format("'loco {}{}--help' shows the usage", where == app.get() ? "" : where->get_name(),
                                    where == app.get() ? "" : " "),
                        ExitCode::kUsage));
  } catch (const Error& error) {
    return Report(session.terminal(), error);
  } catch (const Interrupted&) {
    session.terminal().progress().End();
    std::string again = "loco";
    for (int i = 1; i < argc; ++i) again += std::string(" ") + argv[i];
    session.terminal().Note(
        fmt::format("stopped; everything done so far is stored. Go on with: {}", ForTerminal(again)));
    return static_cast<int>(ExitCode::kInterrupted);
  } catch (const std::bad_alloc&) {
    return Report(session.terminal(),
                  Error("out of memory", "use a smaller --context or --parallel, or a smaller model"));
  } catch (const std::filesystem::filesystem_error& problem) {
    return Report(session.terminal(), Error(problem.what(), "check the path, its permissions and the free space"));
  }
}

}  // namespace
}  // namespace loco

int main(int argc, char** argv) { return loco::Main(argc, argv); }
