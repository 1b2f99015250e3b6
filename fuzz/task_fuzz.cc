// Fuzz target of task files, of prompts and of marking. The input is three texts with a zero byte between them: the
// definition, the items, and what a model answered. No input may crash or hang, and a scorer that marks generated text
// must find the expected answer right unless its settings forbid it.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/hostile_text.h"
#include "task/scorers.h"
#include "task/task.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loco;
  std::string parts[3];
  size_t part = 0;
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == 0 && part < 2) {
      ++part;
    } else {
      parts[part] += static_cast<char>(data[i]);
    }
  }
  try {
    const Task task = ParseTask(parts[0], "fuzz.toml", [&](const Path&) { return parts[1]; });
    LOCO_CHECK(!task.items.empty());
    for (const Item& item : task.items) {
      LOCO_CHECK(!BuildMessages(task, item).empty());
      Response response{.text = parts[2]};
      response.log_likelihood.assign(item.choices.size(), -1.0);
      response.choice_tokens.assign(item.choices.size(), 1);
      const Marking marking = MarkResponse(task, item, response);
      LOCO_CHECK(marking.outcome != Outcome::kRight || !parts[2].empty() || !item.choices.empty());
    }
  } catch (const Error& error) {
    LOCO_CHECK(!error.hint().empty());
  }
  // What a model wrote is shown in terminals: no control but a line break may be left.
  for (const char c : ForTerminal(parts[2]))
    LOCO_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  return 0;
}
