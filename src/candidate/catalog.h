// The catalog: published facts about candidate models, as data with sources and dates, to decide before a download.
//
//   Catalog catalog = LoadCatalog(share / "catalog");
//   const CatalogModel* model = catalog.Find("qwen3-4b");
//   model->licence.permissive;                 // true; empty when nobody confirmed it
//   model->licence.source;                     // {"QwenLM/Qwen3 README", "2026-11-20"}
//   Fit fit = ComputeFit(FitInputsOf(*model, "Q4_K_M"), {.memory = ParseBytes("8GB")});
//
// Files: every *.toml of the folder, one a family; catalog/README.md explains the layout. What is not confirmed is
// absent there and empty here. Facts of a file on disk (facts.h) always win over the catalog.
//
// It deliberately holds no scores and ranks (evidence.h does) and no opinion: policies decide what a licence means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/diagnostic.h"
#include "base/file.h"
#include "candidate/fit.h"
#include "candidate/shape.h"

namespace loco {

// Where a fact stands and when it was read.
struct Source {
  std::string text;
  std::string date;  // "2026-11-20"
};

struct Licence {
  std::string id;  // as model files write it: "apache-2.0", "gemma"; empty when unknown
  std::string name;
  std::optional<bool> permissive;
  std::string restrictions;
  Source source;
};

// A published file, or what is known of one.
struct CatalogFile {
  std::string quantization;
  std::optional<Bytes> bytes;
  std::string size;  // where only an imprecise or conditional size is known, in words
  std::string sha256;
  Source source;
};

// Sizes that the engine itself computed from the dimensions (no download, no weights).
struct EngineSizes {
  std::optional<uint64_t> kv_f16_per_token;  // bytes, layers with a full cache only
  std::optional<Bytes> kv_f16_4096;
  std::optional<Bytes> kv_q8_0_4096;
  std::optional<Bytes> kv_f16_32768;
  std::optional<Bytes> compute_4096;
  std::optional<Bytes> q4_k_m_tensors;
  std::optional<Bytes> q8_0_tensors;
  Source source;
};

struct CatalogModel {
  std::string id;
  std::string repository;
  std::string kind;
  std::optional<bool> instruct;  // tuned to follow instructions
  std::string languages;
  std::string note;
  Path file;
  size_t line = 0;

  Dims dims;
  std::optional<uint64_t> parameters;
  std::optional<uint64_t> full_cache_layers;
  std::string sliding_note;
  Source shape_source;
  EngineSizes sizes;
  std::vector<CatalogFile> files;
  Licence licence;
  std::string release_date;  // "2025-04-29", "2025-03", or empty
  Source release_source;
  std::string ollama_tag;
  std::string ollama_size;
  std::string ollama_note;
  Source ollama_source;
  std::string template_family;
  std::optional<bool> template_confirmed;
  Source template_source;
};

struct Catalog {
  std::vector<CatalogModel> models;  // in the order of file names, then of the files

  const CatalogModel* Find(std::string_view id) const;
  // As Find, but throws Error with the nearest id.
  const CatalogModel& Get(std::string_view id) const;
};

// Throws one Error with every mistake of every file.
Catalog LoadCatalog(const Path& folder);

// Appends the models of one file's text and what is wrong with it.
void ParseCatalog(std::string_view text, const Path& file, Catalog& catalog, std::vector<Diagnostic>& mistakes);

// A published model at "Q4_K_M", "Q8_0" or "F16". Tensor sizes are derived and used when they agree to the byte with
// the engine's own sum, or when the catalog has none; the engine's sum alone otherwise.
FitInputs FitInputsOf(const CatalogModel& model, std::string_view quantization);

}  // namespace loco
