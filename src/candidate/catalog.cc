#include "candidate/catalog.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/suggest.h"
#include "base/toml_file.h"

namespace loco {
namespace {

// `source` and `date` of a section; the date is the file's unless the section has its own.
Source ReadSource(TomlTable& table, const std::string& collected) {
  Source source{.text = table.Text("source").value_or(""), .date = table.Text("date").value_or("")};
  if (source.date.empty()) source.date = collected;
  return source;
}

std::optional<Bytes> ReadBytes(TomlTable& table, std::string_view key) {
  const auto count = table.Count(key);
  return count ? std::optional<Bytes>(Bytes{*count}) : std::nullopt;
}

std::vector<uint64_t> ReadOne(TomlTable& table, std::string_view key) {
  const auto count = table.Count(key);
  return count ? std::vector<uint64_t>{*count} : std::vector<uint64_t>{};
}

void ReadShape(TomlTable& table, const std::string& collected, CatalogModel& model) {
  Dims& dims = model.dims;
  dims.architecture = table.Text("architecture").value_or("");
  model.parameters = table.Count("parameters");
  dims.layers = table.Count("layers");
  dims.hidden = table.Count("hidden");
  dims.ffn = ReadOne(table, "ffn");
  dims.heads = ReadOne(table, "heads");
  dims.kv_heads = ReadOne(table, "kv_heads");
  dims.key_length = table.Count("head_length");
  dims.value_length = dims.key_length;
  dims.vocabulary = table.Count("vocabulary");
  dims.context = table.Count("context");
  dims.tied_embeddings = table.Flag("tied_embeddings");
  dims.sliding_window = table.Count("sliding_window");
  dims.sliding_pattern = ReadOne(table, "full_layer_every");
  model.sliding_note = table.Text("sliding_note").value_or("");
  dims.full_attention_interval = table.Count("attention_every");
  dims.rotary_constants = table.Count("rotary_constants").value_or(0);
  model.full_cache_layers = table.Count("full_cache_layers");
  if (TomlTable recurrent = table.Table("recurrent"); recurrent.present()) {
    dims.recurrent.conv_kernel = recurrent.Count("conv_kernel").value_or(0);
    dims.recurrent.inner_size = recurrent.Count("inner_size").value_or(0);
    dims.recurrent.state_size = recurrent.Count("state_size").value_or(0);
    dims.recurrent.group_count = recurrent.Count("groups").value_or(0);
  }
  model.shape_source = ReadSource(table, collected);
}

void ReadSizes(TomlTable& table, const std::string& collected, CatalogModel& model) {
  EngineSizes& sizes = model.sizes;
  sizes.kv_f16_per_token = table.Count("kv_f16_per_token");
  sizes.kv_f16_4096 = ReadBytes(table, "kv_f16_4096");
  sizes.kv_q8_0_4096 = ReadBytes(table, "kv_q8_0_4096");
  sizes.kv_f16_32768 = ReadBytes(table, "kv_f16_32768");
  sizes.compute_4096 = ReadBytes(table, "compute_4096");
  sizes.q4_k_m_tensors = ReadBytes(table, "q4_k_m_tensors");
  sizes.q8_0_tensors = ReadBytes(table, "q8_0_tensors");
  sizes.source = ReadSource(table, collected);
}

void ReadLicence(TomlTable& table, const std::string& collected, CatalogModel& model) {
  Licence& licence = model.licence;
  licence.id = table.Text("id").value_or("");
  licence.name = table.Text("name").value_or("");
  licence.permissive = table.Flag("permissive");
  licence.restrictions = table.Text("restrictions").value_or("");
  licence.source = ReadSource(table, collected);
}

CatalogFile ReadCatalogFile(TomlTable& table, const std::string& collected) {
  CatalogFile file;
  file.quantization = table.RequiredText("quantization");
  file.bytes = ReadBytes(table, "bytes");
  file.size = table.Text("size").value_or("");
  file.sha256 = table.Text("sha256").value_or("");
  const bool hexadecimal = file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!file.sha256.empty() && (file.sha256.size() != 64 || !hexadecimal)) {
    table.Wrong("sha256", "'sha256' must be 64 lower-case hexadecimal digits");
  }
  file.source = ReadSource(table, collected);
  return file;
}

void ReadOrigins(TomlTable& table, const std::string& collected, CatalogModel& model) {
  if (TomlTable release = table.Table("release"); release.present()) {
    model.release_date = release.Text("on").value_or("");
    model.release_source = ReadSource(release, collected);
  }
  if (TomlTable ollama = table.Table("ollama"); ollama.present()) {
    model.ollama_tag = ollama.Text("tag").value_or("");
    model.ollama_size = ollama.Text("size").value_or("");
    model.ollama_note = ollama.Text("note").value_or("");
    model.ollama_source = ReadSource(ollama, collected);
  }
  if (TomlTable chat = table.Table("template"); chat.present()) {
    model.template_family = chat.Text("family").value_or("");
    model.template_confirmed = chat.Flag("confirmed");
    model.template_source = ReadSource(chat, collected);
  }
}

CatalogModel ReadModel(TomlTable& table, const std::string& collected) {
  CatalogModel model;
  model.line = table.line();
  model.id = table.RequiredText("id");
  model.repository = table.Text("repository").value_or("");
  model.kind = table.Text("kind").value_or("");
  model.instruct = table.Flag("instruct");
  model.languages = table.Text("languages").value_or("");
  model.note = table.Text("note").value_or("");
  if (TomlTable shape = table.Table("shape"); shape.present()) ReadShape(shape, collected, model);
  if (TomlTable sizes = table.Table("sizes"); sizes.present()) ReadSizes(sizes, collected, model);
  if (TomlTable licence = table.Table("licence"); licence.present()) ReadLicence(licence, collected, model);
  for (TomlTable& file : table.Tables("file")) model.files.push_back(ReadCatalogFile(file, collected));
  ReadOrigins(table, collected, model);
  return model;
}

}  // namespace

void ParseCatalog(std::string_view text, const Path& file, Catalog& catalog, std::vector<Diagnostic>& mistakes) {
  TomlFile document(file, text, mistakes);
  TomlTable root = document.root();
  const std::string collected = root.RequiredText("collected");
  for (TomlTable& table : root.Tables("model")) {
    CatalogModel model = ReadModel(table, collected);
    model.file = file;
    if (const CatalogModel* first = catalog.Find(model.id); first != nullptr && !model.id.empty()) {
      table.Wrong("id", fmt::format("'{}' is already at {}:{}", model.id, first->file.string(), first->line));
    }
    catalog.models.push_back(std::move(model));
  }
  document.Finish();
}

Catalog LoadCatalog(const Path& folder) {
  const std::vector<Path> files = FilesMatching(folder / "*.toml");
  if (files.empty()) {
    throw Error(fmt::format("{}: no catalog here", folder.string()),
                "give the folder that holds the catalog's .toml files");
  }
  Catalog catalog;
  std::vector<Diagnostic> mistakes;
  for (const Path& file : files) ParseCatalog(ReadFile(file), file, catalog, mistakes);
  ThrowMistakes(mistakes);
  return catalog;
}

const CatalogModel* Catalog::Find(std::string_view id) const {
  for (const CatalogModel& model : models) {
    if (model.id == id) return &model;
  }
  return nullptr;
}

const CatalogModel& Catalog::Get(std::string_view id) const {
  if (const CatalogModel* model = Find(id)) return *model;
  std::vector<std::string> ids;
  for (const CatalogModel& model : models) ids.push_back(model.id);
  const auto nearest = Nearest(id, ids);
  throw Error(fmt::format("'{}' is not in the catalog", id),
              nearest ? fmt::format("did you mean '{}'? 'loco catalog list' shows all", *nearest)
                      : "'loco catalog list' shows what there is");
}

FitInputs FitInputsOf(const CatalogModel& model, std::string_view quantization) {
  FitInputs inputs;
  inputs.model = model.id;
  inputs.quantization = quantization;
  inputs.dims = model.dims;
  inputs.shape = ComputeShape(model.dims);
  inputs.compute_bytes = model.sizes.compute_4096;
  std::optional<Bytes> engine;
  if (quantization == "Q4_K_M") engine = model.sizes.q4_k_m_tensors;
  if (quantization == "Q8_0") engine = model.sizes.q8_0_tensors;

  const auto weights = DeriveWeights(model.dims, quantization);
  const bool agrees = weights && (!engine || TotalBytes(*weights) == *engine);
  if (agrees) {
    inputs.weights = *weights;
    inputs.weight_bytes = TotalBytes(*weights);
    inputs.weight_basis = engine ? Basis::kExact : Basis::kDerived;
    inputs.weight_source = engine ? "from dimensions; equals the engine's sum" : "every tensor from dimensions";
  } else if (engine) {
    inputs.weight_bytes = engine;
    inputs.weight_basis = Basis::kExact;
    inputs.weight_source = "the engine's sum over tensors";
  } else {
    // A published file is tensors and a header of some megabytes: an upper figure, better than none.
    for (const CatalogFile& file : model.files) {
      if (file.quantization != quantization || !file.bytes) continue;
      inputs.weight_bytes = file.bytes;
      inputs.weight_basis = Basis::kDerived;
      inputs.weight_source = "size of a published file, its header included";
    }
    if (!inputs.weight_bytes) inputs.weight_source = fmt::format("no size is known at {}", quantization);
  }
  return inputs;
}

}  // namespace loco
