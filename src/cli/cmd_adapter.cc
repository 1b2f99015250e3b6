// loco adapter show|import|export|merge: adapter files, from and to other programs.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"
#include "base/hostile_text.h"
#include "cli/adapters.h"
#include "cli/model_files.h"
#include "train/peft.h"

namespace loco {
namespace {

struct AdapterArguments {
  Path adapter;  // a file, or a folder of another program
  Path base;
  Path out;
  std::string base_name;
  std::string type;
  bool force = false;
};

nlohmann::ordered_json JsonOf(const StoredAdapter& stored, const Path& path) {
  int64_t parameters = 0;
  std::set<int64_t> ranks;
  std::set<double> scales;
  for (const StoredPair& pair : stored.pairs) {
    parameters += static_cast<int64_t>(pair.pair.a.size() + pair.pair.b.size());
    ranks.insert(pair.rank);
    scales.insert(pair.scale);
  }
  return {{"path", path.string()},
          {"hash", Sha256OfFile(path)},
          {"name", stored.facts.name},
          {"architecture", stored.facts.architecture},
          {"base_hash", stored.facts.base_hash},
          {"pairs", stored.pairs.size()},
          {"ranks", ranks},
          {"scales", scales},
          {"parameters", parameters},
          {"recipe", stored.facts.recipe.empty() ? nlohmann::ordered_json(nullptr)
                                                 : nlohmann::ordered_json::parse(stored.facts.recipe, nullptr, false)}};
}

void PrintAdapter(const Path& path, Session& session) {
  Terminal& terminal = session.terminal();
  const auto json = JsonOf(ReadAdapter(path), path);
  if (session.json) {
    terminal.PrintLine(json.dump(2));
    return;
  }
  const auto line = [&](std::string_view label, const std::string& value) {
    terminal.PrintLine(fmt::format("  {:<13} {}", label, value));
  };
  const auto text = [&](const char* key) {
    const std::string value = json[key];
    return value.empty() ? std::string("unknown") : ForTerminal(value);
  };
  terminal.PrintLine(ForTerminal(path.string()));
  line("name", text("name"));
  line("architecture", text("architecture"));
  line("base", text("base_hash"));
  line("pairs",
       fmt::format("{} · rank {} · scale {}", json["pairs"].dump(), json["ranks"].dump(), json["scales"].dump()));
  line("parameters", FormatCount(json["parameters"].get<int64_t>()));
  line("recipe", json["recipe"].is_null() ? "unknown" : ForTerminal(json["recipe"].dump()));
  line("hash", text("hash"));
}

ExitCode RunImport(const AdapterArguments& a, Session& session) {
  RefuseOverwrite(a.out, a.adapter, a.force);
  StoredAdapter stored = ImportAdapter(a.adapter, BaseNetwork(a.base).network());
  stored.facts.base_hash = Sha256OfFile(a.base);
  WriteAdapter(a.out, stored);
  PrintAdapter(a.out, session);
  if (!session.json) {
    session.terminal().PrintLine(fmt::format("next: loco eval {} TASK --adapter {}",
                                             ForTerminal(ForShell(a.base.string())),
                                             ForTerminal(ForShell(a.out.string()))));
  }
  return ExitCode::kDone;
}

ExitCode RunExport(const AdapterArguments& a, Session& session) {
  RefuseOverwrite(a.out / "adapter_config.json", a.adapter, a.force);
  ExportAdapter(a.base, a.adapter, a.out, a.base_name);
  if (session.json) {
    session.terminal().PrintLine(nlohmann::ordered_json{{"path", a.out.string()}}.dump(2));
  } else {
    session.terminal().PrintLine(
        fmt::format("{}: adapter_config.json, adapter_model.safetensors", ForTerminal(a.out.string())));
  }
  return ExitCode::kDone;
}

ExitCode RunMerge(const AdapterArguments& a, Session& session) {
  RefuseOverwrite(a.out, a.base, a.force);
  RefuseOverwrite(a.out, a.adapter, a.force);
  const MergedFile merged = MergeIntoFile(session, a.base, a.adapter, a.out, a.type);
  session.terminal().Print(session.json ? MergeToJson(merged) + "\n" : MergeLines(merged));
  return ExitCode::kDone;
}

}  // namespace

Action DeclareAdapter(CLI::App& app, Session& session) {
  auto a = std::make_shared<AdapterArguments>();
  CLI::App* show = app.add_subcommand("show", "what an adapter file is");
  CLI::App* import = app.add_subcommand("import", "a PEFT or MLX-LM folder becomes an adapter file");
  CLI::App* to_peft = app.add_subcommand("export", "an adapter file becomes a PEFT folder");
  CLI::App* merge = app.add_subcommand("merge", "fold an adapter into its base: one file that runs without it");
  import->add_option("folder", a->adapter, "Folder with adapter_config.json and safetensors")->required();
  for (CLI::App* sub : {show, to_peft, merge})
    sub->add_option("adapter", a->adapter, "Adapter file (.gguf)")->required();
  for (CLI::App* sub : {import, to_peft, merge}) {
    sub->add_option("--base", a->base, "The model file (.gguf) that the adapter was trained on")->required();
    sub->add_option("-o,--out", a->out, sub == to_peft ? "Folder to write" : "File to write")->required();
    sub->add_flag("-f,--force", a->force, "Write over what is there");
  }
  to_peft->add_option("--base-name", a->base_name, "What PEFT loads the base by (default: the name in the file)");
  merge->add_option("--type", a->type, "Type of the merged weights, for example Q8_0 (default: each as in the base)");
  app.require_subcommand(1);
  return [=, &session] {
    if (import->parsed()) return RunImport(*a, session);
    if (to_peft->parsed()) return RunExport(*a, session);
    if (merge->parsed()) return RunMerge(*a, session);
    PrintAdapter(a->adapter, session);
    return ExitCode::kDone;
  };
}

}  // namespace loco
