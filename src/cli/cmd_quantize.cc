// loco quantize MODEL TYPE: a quantized copy, made once.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "cli/commands.h"
#include "cli/model_files.h"

namespace loco {
namespace {

struct QuantizeArguments {
  Path model;
  std::string quantization;
  Path out;
  bool force = false;
};

ExitCode RunQuantize(const QuantizeArguments& arguments, Session& session) {
  Store store = session.OpenStore();
  const ModelFile source = RegisterModel(store, arguments.model);
  if (!arguments.out.empty()) RefuseOverwrite(arguments.out, arguments.model, arguments.force);
  ModelFile made = AtQuantization(store, source, arguments.quantization, session);
  if (!arguments.out.empty()) {
    const MappedFile content(made.path);
    WriteFileAtomically(arguments.out, {reinterpret_cast<const char*>(content.bytes().data()), content.bytes().size()});
    made.path = arguments.out;
  }
  if (session.json) {
    session.terminal().PrintLine(nlohmann::ordered_json{
        {"path", made.path.string()},
        {"hash", made.row.hash},
        {"quantization", made.row.quantization},
        {"bytes", made.row.file_bytes.value},
        {"from", source.row.hash}}.dump(2));
  } else {
    session.terminal().PrintLine(fmt::format("{}  {}  {} → {}", ForTerminal(made.path.string()), made.row.quantization,
                                             FormatBytes(source.row.file_bytes), FormatBytes(made.row.file_bytes)));
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareQuantize(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<QuantizeArguments>();
  app.add_option("model", arguments->model, "Model file in F32, F16 or BF16")->required();
  app.add_option("quantization", arguments->quantization, "Target, for example Q4_K_M")->required();
  app.add_option("-o,--out", arguments->out, "Also write it to this file (default: only the cache has it)");
  app.add_flag("-f,--force", arguments->force, "Write over an existing --out");
  return [arguments, &session] { return RunQuantize(*arguments, session); };
}

}  // namespace loco
