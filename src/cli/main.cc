// The program `loco`: parses the command line, runs one command, turns exceptions into messages and exit codes.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/Error.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/interrupt.h"
#include "base/suggest.h"
#include "cli/commands.h"

namespace loco {
namespace {

// A closed descriptor would be given to the next file that is opened: what we print would then go into the store.
void OccupyStandardDescriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    static_cast<void>(::open("/dev/null", O_RDONLY));  // writing to it fails, as writing to a closed one does
  }
}

// The parser may have stopped before it came to the flag.
bool AsksForJson(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
}

// With --json, standard output is one document also where the command did not come to its end.
void PrintDocument(Terminal& terminal, const std::string& message, const std::string& cure) {
  const nlohmann::ordered_json document = {{"error", {{"message", message}, {"cure", cure}}}};
  terminal.PrintLine(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
}

int Report(Terminal& terminal, bool json, const Error& error) {
  // File names and messages of libraries may carry anything.
  std::string text = fmt::format("{} {}", terminal.PaintedNote("error:", Paint::kRed), ForTerminal(error.what(), true));
  if (!error.hint().empty()) text += fmt::format("\n  cure: {}", ForTerminal(error.hint(), true));
  terminal.Note(text);
  if (json) PrintDocument(terminal, error.what(), error.hint());
  return static_cast<int>(error.code());
}

// What was printed has arrived: a full disk or a closed pipe must not look like success.
int Finish(ExitCode code) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error("standard output cannot be written", "check the disk and the pipe");
  return static_cast<int>(code);
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

// The command that was asked for, as deep as it was understood: "loco catalog show".
struct Place {
  const CLI::App* app;
  std::string path = "loco";
  std::vector<std::string> options;  // that are known there
};

Place PlaceOf(const CLI::App& root) {
  Place place{.app = &root};
  for (;;) {
    for (const CLI::Option* option : place.app->get_options()) {
      for (const std::string& name : option->get_lnames()) place.options.push_back("--" + name);
      for (const std::string& name : option->get_snames()) place.options.push_back("-" + name);
    }
    const std::vector<CLI::App*> chosen = place.app->get_subcommands();
    if (chosen.empty()) return place;
    place.app = chosen.front();
    place.path += " " + place.app->get_name();
  }
}

Error UnknownWord(const Place& place, const std::vector<std::string>& words, const std::string& usage) {
  const auto option = std::find_if(words.begin(), words.end(), [](const auto& word) { return word.starts_with("-"); });
  if (option == words.end())
    return Error(fmt::format("'{}' takes no further argument '{}'", place.path, words.front()), usage,
                 ExitCode::kUsage);
  const std::string name = option->substr(0, option->find('='));
  const auto nearest = name.starts_with("--") ? Nearest(name, place.options) : std::nullopt;
  return Error(fmt::format("'{}' has no option '{}'", place.path, name),
               nearest ? fmt::format("did you mean '{}'?", *nearest) : usage, ExitCode::kUsage);
}

Error MissingCommand(const Place& place, const std::vector<std::string>& words, const std::string& usage) {
  std::vector<std::string> names;
  for (const CLI::App* sub : place.app->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  if (words.empty() || words.front().starts_with("-"))
    return Error(fmt::format("'{}' needs one of: {}", place.path, fmt::join(names, ", ")), usage, ExitCode::kUsage);
  const auto nearest = Nearest(words.front(), names);
  return Error(fmt::format("'{}' has no command '{}'", place.path, words.front()),
               nearest ? fmt::format("did you mean '{} {}'?", place.path, *nearest)
                       : fmt::format("one of: {}", fmt::join(names, ", ")),
               ExitCode::kUsage);
}

// A value that an option does not take: CLI11 says "--kv: q9 not in {f16,q8_0}" or "--context: Value x not in range …".
Error WrongValue(const std::string& message, const std::string& usage) {
  const size_t colon = message.find(": ");
  const size_t list = message.find(" not in {");
  const size_t range = message.find(" not in range ");
  if (colon == std::string::npos) return Error(message, usage, ExitCode::kUsage);
  const std::string name = message.substr(0, colon);
  if (list != std::string::npos) {
    const std::string value = message.substr(colon + 2, list - colon - 2);
    std::vector<std::string> words;
    std::istringstream rest(message.substr(list + 9, message.rfind('}') - list - 9));
    for (std::string word; std::getline(rest, word, ',');) words.push_back(word);
    const auto nearest = Nearest(value, words);
    return Error(fmt::format("{} cannot be '{}': it is one of {}", name, value, fmt::join(words, ", ")),
                 nearest ? fmt::format("did you mean '{}'?", *nearest) : usage, ExitCode::kUsage);
  }
  constexpr std::string_view kValue = ": Value ";
  if (range != std::string::npos && message.compare(colon, kValue.size(), kValue) == 0) {
    const size_t value = colon + kValue.size();
    return Error(fmt::format("{} cannot be '{}': it is a number from {}", name, message.substr(value, range - value),
                             message.substr(range + 14)),
                 usage, ExitCode::kUsage);
  }
  return Error(message, usage, ExitCode::kUsage);
}

// CLI11 speaks to programmers ("tasks is required"). The same in the words of the rest of the program.
Error UsageError(const CLI::ParseError& problem, const CLI::App& root) {
  const Place place = PlaceOf(root);
  const std::string usage = fmt::format("'{} --help' shows the usage", place.path);
  const std::string message = problem.what();
  const auto kind = static_cast<CLI::ExitCodes>(problem.get_exit_code());
  const std::vector<std::string> words = root.remaining(true);  // that nobody took
  if (kind == CLI::ExitCodes::ExtrasError && !words.empty()) return UnknownWord(place, words, usage);
  if (kind == CLI::ExitCodes::RequiredError) {
    if (message.starts_with("A subcommand")) return MissingCommand(place, words, usage);
    const std::string name = message.substr(0, message.find(" is required"));
    const CLI::Option* option = place.app->get_option_no_throw(name);
    if (option != nullptr) {
      return Error(fmt::format("'{}' needs {}: {}", place.path, name, option->get_description()), usage,
                   ExitCode::kUsage);
    }
  }
  if (kind == CLI::ExitCodes::ArgumentMismatch && message.find("missing") != std::string::npos)
    return Error(fmt::format("{} needs a value", message.substr(0, message.find(':'))), usage, ExitCode::kUsage);
  if (kind == CLI::ExitCodes::ValidationError) return WrongValue(message, usage);
  return Error(message, usage, ExitCode::kUsage);
}

int Main(int argc, char** argv) {
  OccupyStandardDescriptors();
  InstallInterruptHandler();
  Session session;
  Action action;
  const bool json = AsksForJson(argc, argv);
  const std::unique_ptr<CLI::App> app = BuildApp(session, action);
  const auto report = [&](const Error& error) { return Report(session.terminal(), json, error); };
  try {
    try {
      CheckCommandName(argc, argv);
      app->parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
      if (problem.get_exit_code() != 0) throw UsageError(problem, *app);
      std::ostringstream text;  // --help, --version
      app->exit(problem, text, text);
      session.terminal().Print(text.str());
      return Finish(ExitCode::kDone);
    }
    if (!action) {
      session.terminal().Print(app->help());
      return Finish(ExitCode::kDone);
    }
    return Finish(action());
  } catch (const Error& error) {
    return report(error);
  } catch (const Interrupted&) {
    session.terminal().progress().End();
    std::string again = "loco";
    // A forced start would throw away what is there by now.
    const bool trains =
        std::any_of(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "train"; });
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (!trains || (word != "--force" && word != "-f")) again += " " + ForShell(word);
    }
    session.terminal().Note(
        fmt::format("stopped; everything done so far is stored. Go on with: {}", ForTerminal(again)));
    if (json) PrintDocument(session.terminal(), "stopped; everything done so far is stored", "go on with: " + again);
    return static_cast<int>(ExitCode::kInterrupted);
  } catch (const std::bad_alloc&) {
    return report(Error("out of memory", "use a smaller --context or --parallel, or a smaller model"));
  } catch (const std::filesystem::filesystem_error& problem) {
    return report(Error(problem.what(), "check the path, its permissions and the free space"));
  } catch (const std::exception& problem) {  // a library's, about something that we should have checked
    return report(Error(fmt::format("internal error: {}", problem.what()), "please report this line and what you did"));
  }
}

}  // namespace
}  // namespace loco

int main(int argc, char** argv) { return loco::Main(argc, argv); }
