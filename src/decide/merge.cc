// MergeFacts of filter.h: what the policy, the catalog and the file say, one fact at a time.
#include <fmt/format.h>

#include <algorithm>

#include "base/letter_case.h"
#include "decide/filter.h"

namespace loco {
namespace {

constexpr std::string_view kFile = "the model file";

// The first stated licence wins; another one is recorded as a conflict.
void AddLicence(std::optional<Known<std::string>>& known, const std::string& licence, std::string source,
                std::string date) {
  if (licence.empty()) return;
  if (!known) {
    known = {licence, std::move(source), std::move(date), ""};
  } else if (!SameWord(known->value, licence) && known->conflict.empty()) {
    known->conflict = fmt::format("{} says {}", source, licence);
  }
}

std::optional<Known<Bytes>> FileSizeOf(const Policy& policy, const FactSources& sources) {
  if (sources.shipped_size) return Known<Bytes>{*sources.shipped_size, "the quantized file", "", ""};
  if (sources.facts != nullptr && SameWord(sources.facts->quantization, policy.shipped)) {
    return Known<Bytes>{sources.facts->file_size, std::string(kFile), "", ""};
  }
  if (sources.model != nullptr) {
    for (const CatalogFile& file : sources.model->files) {
      const bool usable = file.bytes && SameWord(file.quantization, policy.shipped);
      if (usable) return Known<Bytes>{*file.bytes, file.source.text, file.source.date, ""};
    }
    const EngineSizes& sizes = sources.model->sizes;
    const auto tensors = SameWord(policy.shipped, "Q4_K_M") ? sizes.q4_k_m_tensors
                         : SameWord(policy.shipped, "Q8_0") ? sizes.q8_0_tensors
                                                            : std::nullopt;
    // A published file is this plus a header of 1.7 to 8.5 MB; the larger figure keeps the rule on the safe side.
    constexpr uint64_t kLargestHeader = 8'500'000;
    if (tensors) {
      return Known<Bytes>{Bytes{tensors->value + kLargestHeader}, "computed tensor bytes and the largest usual header",
                          sizes.source.date, ""};
    }
  }
  if (sources.facts != nullptr) {
    if (const auto weights = DeriveWeights(sources.facts->dims, policy.shipped)) {
      const uint64_t header =
          sources.facts->file_size.value - std::min(sources.facts->file_size.value, sources.facts->tensor_bytes.value);
      return Known<Bytes>{Bytes{TotalBytes(*weights).value + header}, "computed from the file's dimensions", "", ""};
    }
  }
  return std::nullopt;
}

void AddCatalog(const CatalogModel& model, KnownFacts& known) {
  AddLicence(known.licence, model.licence.id.empty() ? model.licence.name : model.licence.id, model.licence.source.text,
             model.licence.source.date);
  if (model.instruct) known.instruct = {*model.instruct, "catalog", "", ""};
  if (!known.released && !model.release_date.empty()) {
    known.released = {model.release_date, model.release_source.text, model.release_source.date, ""};
  }
  if (model.dims.context) {
    known.context = {*model.dims.context, model.shape_source.text, model.shape_source.date, ""};
  }
  if (!model.files.empty()) {
    known.gguf = {true, model.files.front().source.text, model.files.front().source.date, ""};
  } else if (!model.dims.architecture.empty() && EngineKnowsArchitecture(model.dims.architecture)) {
    known.gguf = {true, "convertible: the engine knows the architecture", model.shape_source.date, ""};
  }
}

void AddFile(const Facts& facts, KnownFacts& known) {
  AddLicence(known.licence, facts.licence, std::string(kFile), "");
  const bool loads = facts.engine_knows_architecture && !facts.vocabulary_only && facts.missing.value == 0;
  known.gguf = {loads, std::string(kFile), "", ""};
  if (facts.dims.context) {
    std::string conflict;
    if (known.context && known.context->value != *facts.dims.context) {
      conflict = fmt::format("the catalog says {}", known.context->value);
    }
    known.context = {*facts.dims.context, std::string(kFile), "", conflict};
  }
  const bool has_template = !facts.chat_template.text.empty();
  // A chat template is what instruction tuning needs to be used; a base model may carry one, so the catalog, which
  // says how the model was tuned, is believed first.
  if (!known.instruct) known.instruct = {has_template, "the file's chat template", "", ""};
  if (facts.chat_template.tools != Support::kUnknown && has_template) {
    known.tools = {facts.chat_template.tools == Support::kYes, facts.chat_template.tools_basis, "", ""};
  }
}

}  // namespace

KnownFacts MergeFacts(const Policy& policy, const PolicyCandidate& candidate, const FactSources& sources) {
  KnownFacts known{.id = candidate.id, .fit = sources.fit, .fit_row = sources.fit_row};
  AddLicence(known.licence, candidate.declared.licence, candidate.declared.source, "");
  if (!candidate.declared.released.empty()) {
    known.released = {candidate.declared.released, candidate.declared.source, "", ""};
  }
  if (sources.model != nullptr) AddCatalog(*sources.model, known);
  if (sources.facts != nullptr) AddFile(*sources.facts, known);
  known.file_size = FileSizeOf(policy, sources);
  return known;
}

}  // namespace loco
