// The option --thinking, as several commands have it.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

#include "template/prompt.h"

namespace loco {

// `both`: the word "both" is allowed, too.
inline void AddThinkingOption(CLI::App& app, std::string& word, bool both) {
  std::vector<std::string> words = {"template", "on", "off"};
  if (both) words.emplace_back("both");
  app.add_option(
         "--thinking", word,
         both ? "Whether the model thinks before it answers: as its template does by itself, on, off, or both, a "
                "run each"
              : "Whether the model thinks before it answers: as its template does by itself, on or off")
      ->check(CLI::IsMember(words));
}

// "template", "on" or "off".
inline Thinking ThinkingNamed(const std::string& word) {
  if (word == "on") return Thinking::kOn;
  return word == "off" ? Thinking::kOff : Thinking::kTemplate;
}

}  // namespace loco
