// loco completion bash|zsh and loco manual: made from the same CLI::App tree that parses, so they cannot fall behind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "base/version.h"
#include "candidate/catalog.h"
#include "cli/commands.h"
#include "engine/quantize.h"

namespace loco {
namespace {

using Names = std::vector<std::string>;

Names OptionNames(const CLI::App& app) {
  Names names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<CLI::App*> Subcommands(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

// What can stand where an option wants its value.
struct Values {
  Names words;
  bool files = false;
};

// The words that CLI::IsMember put into the name of the option's type: "TEXT:{auto,always,never}".
Names MembersOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{');
  if (open == std::string::npos) return {};
  Names words;
  std::istringstream list(type.substr(open + 1, type.find('}', open) - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

Values ValuesOf(const CLI::App& app, const CLI::Option& option, const Names& catalog) {
  Values values{.words = MembersOf(option)};
  if (!values.words.empty()) return values;
  const std::string& name = option.get_single_name();
  if (name == "quantization") values.words = QuantizationNames();
  if (name == "id" || (name == "model" && app.get_name() == "fit")) values.words = catalog;
  for (const char* path : {"model", "file", "tasks", "task", "policy", "store", "out", "data", "eval", "recipe",
                           "adapter", "folder", "base", "to", "from", "suite", "csv", "files"}) {
    values.files |= name == path;
  }
  return values;
}

bool TakesValue(const CLI::Option& option) { return option.get_expected_max() > 0; }

std::string Quoted(const Names& words) { return fmt::format("'{}'", fmt::join(words, " ")); }

// "adapter import" as a pattern of the shell's case.
std::string Escaped(std::string command) {
  for (size_t i = 0; (i = command.find(' ', i)) != std::string::npos; i += 2) command.insert(i, 1, '\\');
  return command;
}

// "--color" and "-q" of an option, as a pattern of the shell's case: "--color" or "-q|--quantization".
std::string Pattern(const CLI::Option& option, const std::string& before) {
  Names names;
  for (const std::string& name : option.get_snames()) names.push_back(before + "-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back(before + "--" + name);
  return fmt::format("{}", fmt::join(names, "|"));
}

// Cases on "COMMAND PREVIOUS" for the values of options, and on "COMMAND:POSITION" for arguments. Both shells read
// them; `list` and `files` are variables of the function around.
struct Cases {
  std::string options;
  std::string arguments;
  Names with_value;  // options whose next word is their value
};

std::string Assignments(const Values& values) {
  return fmt::format("list={} files={}", Quoted(values.words), values.files ? "1" : "");
}

void AddCases(const CLI::App& app, const std::string& command, const Names& catalog, Cases& cases) {
  int position = 0;
  for (const CLI::Option* option : app.get_options()) {
    const Values values = ValuesOf(app, *option, catalog);
    if (option->get_positional()) {
      const bool repeats = option->get_expected_max() > 1;
      cases.arguments +=
          fmt::format("    '{}':{}) {} ;;\n", command, repeats ? "*" : std::to_string(position++), Assignments(values));
    } else if (TakesValue(*option)) {
      cases.with_value.push_back(Pattern(*option, ""));
      cases.options +=
          fmt::format("    {}) {} ;;\n", Pattern(*option, command.empty() ? "*\\ " : Escaped(command) + "\\ "),
                      Assignments(values));
    }
  }
}

Cases CasesOf(CLI::App& app, const Names& catalog) {
  Cases cases;
  Names commands;
  for (CLI::App* sub : Subcommands(app)) {
    commands.push_back(sub->get_name());
    Names nested;
    for (CLI::App* inner : Subcommands(*sub)) {
      nested.push_back(inner->get_name());
      AddCases(*inner, sub->get_name() + " " + inner->get_name(), catalog, cases);
    }
    if (!nested.empty()) cases.arguments += fmt::format("    '{}':0) list={} ;;\n", sub->get_name(), Quoted(nested));
    AddCases(*sub, sub->get_name(), catalog, cases);
  }
  AddCases(app, "", catalog, cases);
  std::sort(cases.with_value.begin(), cases.with_value.end());
  cases.with_value.erase(std::unique(cases.with_value.begin(), cases.with_value.end()), cases.with_value.end());
  cases.arguments = fmt::format("    '':*) list={} ;;\n", Quoted(commands)) + cases.arguments;
  return cases;
}

// The options of each command, those that every command knows included once.
std::string OptionCases(CLI::App& app) {
  std::string out;
  const Names globals = OptionNames(app);
  const auto add = [&](CLI::App& command, const std::string& name) {
    Names words = OptionNames(command);
    for (const std::string& global : globals) {
      if (std::find(words.begin(), words.end(), global) == words.end()) words.push_back(global);
    }
    out += fmt::format("    {}*) list={} ;;\n", Escaped(name), Quoted(words));
  };
  for (CLI::App* sub : Subcommands(app)) {
    for (CLI::App* inner : Subcommands(*sub)) add(*inner, sub->get_name() + " " + inner->get_name());
    add(*sub, sub->get_name());
  }
  return out + fmt::format("    *) list={} ;;\n", Quoted(globals));
}

Names NestedNames(CLI::App& app) {
  Names names;
  for (CLI::App* sub : Subcommands(app)) {
    for (CLI::App* inner : Subcommands(*sub)) names.push_back(Escaped(sub->get_name() + " " + inner->get_name()));
  }
  return names;
}

std::string BashScript(CLI::App& app, const Names& catalog) {
  const Cases cases = CasesOf(app, catalog);
  return fmt::format(R"(# bash completion for loco
_loco() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= position=0 list= files= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {with_value}) ((i++)) ;;
      -*) ;;
      *)
        case "$command ${{COMP_WORDS[i]}}" in
          {nested}) command="$command ${{COMP_WORDS[i]}}" position=0 ;;
          \ *) command=${{COMP_WORDS[i]}} ;;
          *) ((position++)) ;;
        esac ;;
    esac
  done
  case "$command $previous" in
{options}    *)
  if [[ $current == -* ]]; then
    case $command in
{names}    esac
  else
    case "$command:$position" in
{arguments}    esac
  fi ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$list" -- "$current"; [[ -z $files ]] || compgen -f -- "$current")
}}
complete -o filenames -F _loco loco
)",
                     fmt::arg("with_value", fmt::join(cases.with_value, "|")),
                     fmt::arg("nested", fmt::join(NestedNames(app), "|")), fmt::arg("options", cases.options),
                     fmt::arg("names", OptionCases(app)), fmt::arg("arguments", cases.arguments));
}

// zsh describes each word; quotes inside a description would end it.
std::string ZshQuoted(std::string text) {
  for (size_t i = 0; (i = text.find('\'', i)) != std::string::npos; i += 4) text.replace(i, 1, "'\\''");
  for (size_t i = 0; (i = text.find(':', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\:");
  return text;
}

std::string ZshOptions(const CLI::App& app) {
  std::string lines;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      lines += fmt::format("        '--{}:{}'\n", name, ZshQuoted(option->get_description()));
  }
  return lines;
}

std::string ZshScript(CLI::App& app, const Names& catalog) {
  const Cases cases = CasesOf(app, catalog);
  std::string commands;
  std::string options;
  for (CLI::App* sub : Subcommands(app)) {
    commands += fmt::format("    '{}:{}'\n", sub->get_name(), ZshQuoted(sub->get_description()));
    const auto add = [&](const CLI::App& command, const std::string& name) {
      options +=
          fmt::format("      {}*)\n        options=(\n{}        )\n        ;;\n", Escaped(name), ZshOptions(command));
    };
    for (CLI::App* inner : Subcommands(*sub)) add(*inner, sub->get_name() + " " + inner->get_name());
    add(*sub, sub->get_name());
  }
  return fmt::format(R"(#compdef loco
_loco() {{
  local -a commands options
  local command= position=0 list= files= previous=$words[CURRENT-1] i
  commands=(
{commands}  )
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      {with_value}) ((i++)) ;;
      -*) ;;
      *)
        case "$command $words[i]" in
          {nested}) command="$command $words[i]" position=0 ;;
          \ *) command=$words[i] ;;
          *) ((position++)) ;;
        esac ;;
    esac
  done
  case "$command $previous" in
{options}    *)
  case "${{command}}:$position" in
{arguments}  esac ;;
  esac
  options=(
{globals}  )
  if [[ -z $command && $words[CURRENT] != -* && -n $list && $previous != -* ]]; then
    _describe 'command' commands
  elif [[ $words[CURRENT] == -* ]]; then
    case $command in
{names}    esac
    _describe 'option' options
  else
    compadd -- ${{=list}}
    [[ -z $files ]] || _files
  fi
}}
(( $+functions[compdef] )) || {{ autoload -U compinit && compinit }}
if [[ $funcstack[1] == _loco ]]; then _loco "$@"; else compdef _loco loco; fi
)",
                     fmt::arg("commands", commands), fmt::arg("with_value", fmt::join(cases.with_value, "|")),
                     fmt::arg("nested", fmt::join(NestedNames(app), "|")), fmt::arg("options", cases.options),
                     fmt::arg("arguments", cases.arguments), fmt::arg("globals", ZshOptions(app)),
                     fmt::arg("names", options));
}

// A line of roff text: backslashes and leading dots are roff's own.
std::string Roff(std::string text) {
  for (size_t i = 0; (i = text.find('\\', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\e");
  for (size_t i = 0; (i = text.find('-', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\-");
  if (text.starts_with('.') || text.starts_with('\'')) text.insert(0, "\\&");
  return text;
}

std::string RoffOptions(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_description().empty()) continue;
    out += fmt::format(".TP\n.B {}\n{}\n", Roff(option->get_name(option->get_positional(), true)),
                       Roff(option->get_description()));
  }
  return out;
}

std::string RoffEnvironment() {
  constexpr const char* kVariables[][2] = {
      {"LOCO_STORE",
       "The file that holds all rows, unless --store names one; otherwise loco.db in the user's data "
       "folder ($XDG_DATA_HOME/locollm, or ~/.local/share/locollm)."},
      {"LOCO_CACHE",
       "The folder of the cache; otherwise $XDG_CACHE_HOME/locollm, or ~/.cache/locollm. It holds the "
       "quantized copies of models, below models/, and the engine where loco was built from source. All of it "
       "may be deleted at any time: what is needed is made again, with the same content."},
      {"LOCO_DATA", "The folder with catalog/, policies/ and tasks/ that the program ships with."},
      {"NO_COLOR", "No colour when this is set and not empty; --color always wins over it."},
      {"COLUMNS", "The width that text is laid out for; otherwise that of the terminal, or 100."},
  };
  std::string out = ".SH ENVIRONMENT\n";
  for (const auto& [name, what] : kVariables) out += fmt::format(".TP\n.B {}\n{}\n", name, Roff(what));
  return out;
}

std::string ManualPage(CLI::App& app) {
  std::string out = fmt::format(
      ".TH LOCO 1 \"\" \"loco {}\" \"User Commands\"\n.SH NAME\nloco \\- choose a base model with evidence\n",
      Version());
  out += ".SH SYNOPSIS\n.B loco\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n";
  out +=
      fmt::format(".SH DESCRIPTION\n{}\nEverything runs offline on this machine; every number is a row of the store.\n",
                  Roff(app.get_description()));
  out += ".SH OPTIONS\n" + RoffOptions(app);
  out += ".SH COMMANDS\n";
  for (const Command& command : Commands()) {
    CLI::App* sub = app.get_subcommand(command.name);
    out += fmt::format(".SS {}\n{}.\n", command.name, Roff(command.summary)) + RoffOptions(*sub) + ".PP\n.nf\n" +
           Roff(command.examples) + "\n.fi\n";
    for (CLI::App* inner : Subcommands(*sub)) {
      out += fmt::format(".PP\n.B {} {}\n{}.\n", command.name, inner->get_name(), Roff(inner->get_description())) +
             RoffOptions(*inner);
    }
  }
  out += RoffEnvironment();
  out += ".SH EXIT STATUS\n0 done, 1 failed, 2 usage, 3 nothing meets the bar, 130 stopped by the user.\n";
  return out;
}

}  // namespace

Action DeclareCompletion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  CLI::App* root = app.get_parent();
  return [shell, root, &session] {
    Names catalog;
    for (const CatalogModel& model : LoadCatalog(session.DataFolder() / "catalog").models) catalog.push_back(model.id);
    session.terminal().Print(*shell == "bash" ? BashScript(*root, catalog) : ZshScript(*root, catalog));
    return ExitCode::kDone;
  };
}

Action DeclareManual(CLI::App& app, Session& session) {
  CLI::App* root = app.get_parent();
  return [root, &session] {
    session.terminal().Print(ManualPage(*root));
    return ExitCode::kDone;
  };
}

}  // namespace loco
