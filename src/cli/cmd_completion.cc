// loco completion bash|zsh and loco manual: made from the same CLI::App tree that parses, so they cannot fall behind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "base/version.h"
#include "cli/commands.h"

namespace loco {
namespace {

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string BashScript(CLI::App& app) {
  std::string cases;
  std::vector<std::string> names;
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
    std::vector<std::string> words = OptionNames(*sub);
    for (CLI::App* nested : sub->get_subcommands([](CLI::App*) { return true; })) words.push_back(nested->get_name());
    cases += fmt::format("    {}) words='{}' ;;\n", sub->get_name(), fmt::join(words, " "));
  }
  return fmt::format(R"(# bash completion for loco
_loco() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      --store|--threads|--color) ((i++)) ;;
      -*) ;;
      *) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command in
    '') words='{names} {globals}' ;;
{cases}  esac
  if [[ $current == -* || -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words {globals}" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"; compgen -f -- "$current")
  fi
}}
complete -o filenames -F _loco loco
)",
                     fmt::arg("names", fmt::join(names, " ")), fmt::arg("globals", fmt::join(OptionNames(app), " ")),
                     fmt::arg("cases", cases));
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

std::string ZshScript(CLI::App& app) {
  std::string commands;
  std::string cases;
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    commands += fmt::format("    '{}:{}'\n", sub->get_name(), ZshQuoted(sub->get_description()));
    cases += fmt::format("      {})\n        options=(\n{}        )\n        ;;\n", sub->get_name(), ZshOptions(*sub));
  }
  return fmt::format(R"(#compdef loco
_loco() {{
  local -a commands options
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
  else
    case $words[2] in
{}    esac
    [[ $words[CURRENT] == -* ]] && _describe 'option' options || _files
  fi
}}
_loco "$@"
)",
                     commands, cases);
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
  }
  out += ".SH EXIT STATUS\n0 done, 1 failed, 2 usage, 3 nothing meets the bar, 130 stopped by the user.\n";
  return out;
}

}  // namespace

Action DeclareCompletion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  CLI::App* root = app.get_parent();
  return [shell, root, &session] {
    session.terminal().Print(*shell == "bash" ? BashScript(*root) : ZshScript(*root));
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
