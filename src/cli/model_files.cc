#include "cli/model_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "base/error.h"
#include "base/hash.h"
#include "candidate/fit.h"
#include "candidate/machine.h"
#include "engine/llama_model.h"
#include "engine/quantize.h"

namespace loco {
namespace {

std::string FactsJson(const Facts& facts) {
  nlohmann::ordered_json json = {{"name", facts.name},
                                 {"author", facts.author},
                                 {"licence", facts.licence},
                                 {"size_label", facts.size_label},
                                 {"tokenizer", facts.tokenizer.model},
                                 {"vocabulary", facts.tokenizer.tokens},
                                 {"has_chat_template", !facts.chat_template.text.empty()}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void CheckIsModel(const Facts& facts, bool vocabulary_only) {
  const std::string path = facts.path.string();
  if (facts.kind != "model") {
    throw Error(fmt::format("{}: this is a {}, not a model", path, facts.kind),
                "give the model file; 'loco inspect' shows what a file is");
  }
  if (facts.tokenizer.tokens == 0) {
    throw Error(fmt::format("{}: the file has no vocabulary", path),
                "give the first part of a split model, or the whole file");
  }
  if (facts.vocabulary_only && !vocabulary_only) {
    throw Error(fmt::format("{}: the file has a vocabulary but no weights", path), "give a complete model file");
  }
  if (facts.missing.value > 0) {
    throw Error(
        fmt::format("{}: the file is truncated: {} of tensor data are missing", path, FormatBytes(facts.missing)),
        "fetch the file again");
  }
  if (facts.split_count > 1 && !vocabulary_only) {
    throw Error(
        fmt::format("{}: part {} of a model split into {} files", path, facts.split_index + 1, facts.split_count),
        "join the parts first with llama-gguf-split --merge");
  }
  // The engine checks these with assertions, which end the process.
  constexpr uint64_t kMostLayers = 512;
  if (const uint64_t layers = facts.dims.layers.value_or(0); layers < 1 || layers > kMostLayers) {
    throw Error(fmt::format("{}: the file states {} layers", path, FormatCount(static_cast<int64_t>(layers))),
                "the file is damaged: fetch it again");
  }
  if (!facts.tokenizer.repeated.empty()) {
    throw Error(fmt::format("{}: the token {} is twice in its vocabulary", path, QuotedWord(facts.tokenizer.repeated)),
                "the file was converted wrongly: use another conversion of the model");
  }
  if (!facts.engine_knows_architecture) {
    throw Error(fmt::format("{}: the engine does not know the architecture '{}'", path, facts.architecture),
                fmt::format("use a model of an architecture that {} runs", EngineIdentity()));
  }
}

namespace {

// A file of ours in the cache; one that a power cut left half written is made again.
bool IsWhole(const Path& path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return false;
  try {
    return ReadFacts(path).missing.value == 0;
  } catch (const Error&) {  // not even a header: as good as not there
    return false;
  }
}

// "model" of model-F16.gguf.
std::string StemWithoutType(const ModelFile& source) {
  std::string stem = source.path.stem().string();
  const std::string own = "-" + source.facts.quantization;
  if (stem.ends_with(own)) stem.resize(stem.size() - own.size());
  return stem;
}

}  // namespace

void RefuseOverwrite(const Path& out, const Path& source, bool force) {
  std::error_code none;
  if (!std::filesystem::exists(out, none)) return;
  if (std::filesystem::equivalent(out, source, none)) {
    throw Error(fmt::format("{}: this is the source itself", out.string()), "give another name with --out",
                ExitCode::kUsage);
  }
  if (!force) {
    throw Error(fmt::format("{}: the file exists", out.string()), "give another name, or --force", ExitCode::kUsage);
  }
}

bool IsUnquantized(const std::string& quantization) {
  return quantization == "F16" || quantization == "BF16" || quantization == "F32";
}

int SequencesThatFit(const Facts& facts, int context, int wanted) {
  const Machine machine = ReadMachine();
  Fit fit;
  for (int sequences = wanted; sequences >= 1; sequences /= 2) {
    fit = ComputeFit(FitInputsOf(facts), {.context = static_cast<uint64_t>(context) * static_cast<uint64_t>(sequences),
                                          .sequences = static_cast<uint64_t>(sequences),
                                          .unified_cache = false,
                                          .repack_rule = RepackRuleOf(machine),
                                          .os_reserve = Bytes{0},
                                          .memory = machine.available});
    if (fit.verdict != Verdict::kDoesNotFit) return sequences;
  }
  throw Error(
      fmt::format("{}: no memory for a context of {} tokens: {} are needed, {} are available", facts.path.string(),
                  FormatCount(context), FormatBytes(fit.process), FormatBytes(machine.available)),
      "use a smaller context, or a smaller quantization; 'loco fit' shows every term");
}

ModelFile RegisterModel(Store& store, const Path& path) {
  ModelFile file{.path = path, .facts = ReadFacts(path)};
  CheckIsModel(file.facts);
  file.row.hash = store.HashOfFile(path);
  file.row.name = path.stem().string();
  file.row.architecture = file.facts.architecture;
  file.row.quantization = file.facts.quantization;
  file.row.parameters = static_cast<int64_t>(file.facts.parameters);
  file.row.file_bytes = file.facts.file_size;
  file.row.facts = FactsJson(file.facts);
  file.row.id = store.AddModel(file.row);
  return file;
}

Path QuantizedCopyPath(const ModelFile& source, const std::string& quantization) {
  return UserCacheFolder() / "models" / source.row.hash.substr(0, 16) /
         fmt::format("{}-{}.gguf", StemWithoutType(source), quantization);
}

ModelFile AtQuantization(Store& store, const ModelFile& source, const std::string& quantization, Session& session) {
  if (quantization.empty() || quantization == source.facts.quantization) return source;
  if (!IsQuantizationName(quantization)) {
    throw Error(fmt::format("unknown quantization '{}'", quantization),
                fmt::format("one of {}", fmt::join(QuantizationNames(), ", ")), ExitCode::kUsage);
  }
  const Path target = QuantizedCopyPath(source, quantization);
  if (!IsWhole(target)) {
    if (!IsUnquantized(source.facts.quantization)) {
      throw Error(
          fmt::format("{}: the file is already quantized, to {}", source.path.string(), source.facts.quantization),
          "give the F16, BF16 or F32 file: quantizing twice loses more than either");
    }
    Progress& progress = session.terminal().progress();
    progress.Begin(fmt::format("quantize {} to {}", StemWithoutType(source), quantization), 0, 0);
    FileLock lock(target.string() + ".lock");
    lock.Wait([&] { progress.Update(0, "another loco makes this file; waiting"); });
    if (!IsWhole(target)) Quantize(source.path, target, quantization, session.threads);
    progress.End();
  }
  ModelFile file{.path = target, .facts = ReadFacts(target)};
  file.row.hash = store.HashOfFile(target);
  file.row.name = target.stem().string();
  file.row.architecture = file.facts.architecture;
  file.row.quantization = quantization;
  file.row.parameters = static_cast<int64_t>(file.facts.parameters);
  file.row.file_bytes = file.facts.file_size;
  file.row.facts = FactsJson(file.facts);
  file.row.base_hash = source.row.hash;
  file.row.id = store.AddModel(file.row);
  return file;
}

AdapterRow RegisterAdapter(Store& store, const Path& path, const ModelFile& base) {
  const Facts facts = ReadFacts(path);
  if (facts.kind != "adapter") {
    throw Error(fmt::format("{}: this is a {}, not an adapter", path.string(), facts.kind),
                "give the .gguf of a LoRA adapter, such as 'loco train' writes");
  }
  if (facts.missing.value != 0) {
    throw Error(fmt::format("{}: the file is truncated: {} of tensor data are missing", path.string(),
                            FormatBytes(facts.missing)),
                "copy or train it again");
  }
  if (facts.architecture != base.facts.architecture) {
    throw Error(fmt::format("{}: the adapter is for {}, the base is {}", path.string(), facts.architecture,
                            base.facts.architecture),
                "an adapter fits only the base that it was trained on");
  }
  const std::string hash = store.HashOfFile(path);
  if (const auto row = store.FindAdapterByHash(hash)) return *row;
  AdapterRow row{.key = HashOfParts({"adapter-from-elsewhere/1", hash}),
                 .model_id = base.row.id,
                 .machine_id = RegisterMachine(store).id,
                 .name = path.stem().string(),
                 .hash = hash};
  row.id = store.AddAdapter(row);
  return row;
}

MachineRow RegisterMachine(Store& store) {
  const Machine machine = ReadMachine();
  MachineRow row{.fingerprint = HardwareFingerprint(machine),
                 .processor = machine.processor,
                 .cores = machine.cores,
                 .memory = machine.memory,
                 .system = machine.system};
  row.id = store.AddMachine(row);
  return row;
}

}  // namespace loco
