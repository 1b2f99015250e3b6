// loco bench MODEL: the practical test on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/practical_lines.h"
#include "engine/llama_model.h"
#include "eval/practical.h"

namespace loco {
namespace {

struct BenchArguments {
  Path model;
  std::string quantization;
  PracticalOptions options;
  bool no_mmap = false;
  bool no_repack = false;
  bool no_other_runtime = false;
};

// Refuses before minutes pass what the context or the memory does not hold.
void CheckLengths(const ModelFile& model, const PracticalOptions& options) {
  const int trained = static_cast<int>(model.facts.dims.context.value_or(4096));
  const int context = options.context > 0 ? options.context : std::min(trained, 4096);
  const PracticalOptions defaults;
  const bool asked =
      options.prompt_tokens != defaults.prompt_tokens || options.generate_tokens != defaults.generate_tokens;
  if (asked && (options.prompt_tokens > context / 2 || options.generate_tokens > context / 4)) {
    throw Error(
        fmt::format("--prompt {} and --generate {} are too long for a context of {} tokens", options.prompt_tokens,
                    options.generate_tokens, FormatCount(context)),
        fmt::format("at most {} and {} of it are used; a larger --context takes more", context / 2, context / 4),
        ExitCode::kUsage);
  }
  SequencesThatFit(model.facts, context, 1);
}

ExitCode RunBench(BenchArguments arguments, Session& session) {
  Store store = session.OpenStore();
  const ModelFile model = AtQuantization(store, RegisterModel(store, arguments.model), arguments.quantization, session);
  const MachineRow machine = RegisterMachine(store);
  arguments.options.threads = session.threads;
  arguments.options.use_mmap = !arguments.no_mmap;
  arguments.options.repack = !arguments.no_repack;
  arguments.options.independent_runtime = !arguments.no_other_runtime;
  CheckLengths(model, arguments.options);
  // Two measurements at the same time would slow each other down.
  const auto lock = store.LockWork(
      "practical", [&] { session.terminal().progress().Update(0, "another loco measures on this machine; waiting"); });
  const PracticalResult result =
      MeasurePractical(model.path, arguments.options, session.terminal().progress(), session.clock());
  const std::string json = PracticalToJson(result);
  const RowId row = store.AddMeasurement({.key = PracticalKey(model.row.hash, machine.fingerprint, arguments.options),
                                          .model_id = model.row.id,
                                          .machine_id = machine.id,
                                          .kind = "practical",
                                          .engine = EngineIdentity(),
                                          .result = json});
  if (session.json) {
    nlohmann::ordered_json document = {{"row", fmt::format("measurement-{}", row)},
                                       {"model", model.row.name},
                                       {"quantization", model.row.quantization},
                                       {"machine", machine.fingerprint},
                                       {"processor", machine.processor}};
    document.update(nlohmann::ordered_json::parse(json));
    session.terminal().PrintLine(document.dump(2));
    return ExitCode::kDone;
  }
  session.terminal().PrintLine(fmt::format("{} · {} · {} · {}", ForTerminal(model.row.name), model.row.quantization,
                                           FormatBytes(model.row.file_bytes), ForTerminal(machine.processor)));
  session.terminal().Print(PracticalLines(result));
  session.terminal().PrintLine(fmt::format("row             measurement-{}", row));
  return ExitCode::kDone;
}

}  // namespace

Action DeclareBench(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<BenchArguments>();
  PracticalOptions& options = arguments->options;
  app.add_option("model", arguments->model, "Model file (.gguf)")->required();
  app.add_option("-q,--quantization", arguments->quantization,
                 "Measure a copy at this quantization, made once and cached");
  app.add_option("--prompt", options.prompt_tokens, "Prompt tokens of the speed test")->check(CLI::Range(1, 1 << 20));
  app.add_option("--generate", options.generate_tokens, "Generated tokens of the speed test")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--repetitions", options.repetitions, "Repetitions of the speed test")->check(CLI::Range(1, 1000));
  app.add_option("--turns", options.turns, "Turns of the conversation")->check(CLI::Range(1, 100000));
  app.add_option("--context", options.context, "Context (default: as trained, at most 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_flag("--no-mmap", arguments->no_mmap, "Read the weights into memory instead of mapping the file");
  app.add_flag("--no-repack", arguments->no_repack, "Keep the weights in their stored layout");
  app.add_flag("--no-other-runtime", arguments->no_other_runtime, "Do not load the file in Ollama or llama-server");
  return [arguments, &session] { return RunBench(*arguments, session); };
}

}  // namespace loco
