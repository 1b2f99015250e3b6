#include "engine/quantize.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "base/error.h"
#include "engine/llama_handles.h"

namespace loco {
namespace {

struct NamedType {
  const char* name;
  llama_ftype type;
};
constexpr std::array<NamedType, 14> kTypes = {{{"F16", LLAMA_FTYPE_MOSTLY_F16},
                                               {"BF16", LLAMA_FTYPE_MOSTLY_BF16},
                                               {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
                                               {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K},
                                               {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M},
                                               {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
                                               {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M},
                                               {"Q4_K_S", LLAMA_FTYPE_MOSTLY_Q4_K_S},
                                               {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},
                                               {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M},
                                               {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S},
                                               {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K},
                                               {"TQ2_0", LLAMA_FTYPE_MOSTLY_TQ2_0},
                                               {"TQ1_0", LLAMA_FTYPE_MOSTLY_TQ1_0}}};

void Convert(const Path& source, const Path& target, std::string_view quantization,
             const llama_model_quantize_params& parameters) {
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path());
  const Path part = target.string() + ".part";
  std::error_code ignored;
  std::filesystem::remove(part, ignored);  // of a process that was killed
  ClearEngineLog();
  const uint32_t code = llama_model_quantize(source.c_str(), part.c_str(), &parameters);
  if (code != 0) {
    const Bytes free = FreeDiskSpace(target.has_parent_path() ? target.parent_path() : Path("."));
    std::filesystem::remove(part, ignored);
    const std::string reason = EngineErrors();
    // The engine writes through a C++ stream, which does not say why it failed.
    if (reason.find("iostream") != std::string::npos) {
      throw Error(fmt::format("{}: cannot be written: the disk is full, or not writable ({} are free)", target.string(),
                              FormatBytes(free)),
                  fmt::format("a copy takes up to {}; free some space, or set LOCO_CACHE to a folder on another disk",
                              FormatBytes(Bytes{std::filesystem::file_size(source, ignored)})));
    }
    throw Error(fmt::format("{}: cannot be quantized to {}: {}", source.string(), quantization, reason),
                "an F16, BF16 or F32 file of a model that the engine knows is needed; 'loco inspect' shows what it is");
  }
  SyncFile(part);  // the name must not outlive a power cut without the content
  std::filesystem::rename(part, target);
}

}  // namespace

std::vector<std::string> QuantizationNames() {
  std::vector<std::string> names;
  for (const NamedType& type : kTypes) names.emplace_back(type.name);
  return names;
}

bool IsQuantizationName(std::string_view name) {
  for (const NamedType& type : kTypes) {
    if (name == type.name) return true;
  }
  return false;
}

void Quantize(const Path& source, const Path& target, std::string_view quantization, int threads) {
  StartEngine();
  llama_model_quantize_params parameters = llama_model_quantize_default_params();
  bool known = false;
  for (const NamedType& type : kTypes) {
    if (quantization != type.name) continue;
    parameters.ftype = type.type;
    known = true;
  }
  if (!known) {
    throw Error(fmt::format("unknown quantization '{}'", quantization),
                fmt::format("one of {}", fmt::join(QuantizationNames(), ", ")));
  }
  parameters.nthread = threads;
  parameters.allow_requantize = false;
  Convert(source, target, quantization, parameters);
}

void ExpandToFloats(const Path& source, const Path& target, int threads) {
  StartEngine();
  llama_model_quantize_params parameters = llama_model_quantize_default_params();
  parameters.ftype = LLAMA_FTYPE_ALL_F32;
  parameters.nthread = threads;
  parameters.allow_requantize = true;
  Convert(source, target, "F32", parameters);
}

}  // namespace loco
