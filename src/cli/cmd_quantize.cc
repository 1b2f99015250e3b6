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
};

ExitCode RunQuantize(const QuantizeArguments& arguments, Session& session) {
  Store store = session.OpenStore();
  const ModelFile source = RegisterModel(store, arguments.model);
  const ModelFile made = AtQuantization(store, source, arguments.quantization, session);
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
  return [arguments, &session] { return RunQuantize(*arguments, session); };
}

}  // namespace loco
