// What a model file says about itself, read from its header in milliseconds.
//
//   Facts facts = ReadFacts("models/pocket/loco-m.gguf");
//   facts.parameters;              // 2,301,184, counted from the tensors
//   facts.quantization;            // "Q4_K_M"
//   facts.chat_template.tools;     // Support::kYes, kNo or kUnknown, with the reason in tools_basis
//   for (const std::string& warning : facts.warnings) …
//
// Everything is what the file states or what can be counted in it; what it does not state is empty, never guessed.
// All text (name, author, template …) was written by strangers: show it through base/hostile_text.h.
//
// It deliberately does not judge (hard rules live in `decide`), does not render templates (`template`), does not hash
// (HashModelFile reads the whole file and takes seconds) and does not follow the parts of a split model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "candidate/gguf.h"
#include "candidate/recipe.h"
#include "candidate/shape.h"

namespace loco {

struct TensorTypeSum {
  std::string type;
  uint64_t tensors = 0;
  uint64_t elements = 0;
  Bytes bytes;
};

enum class Support { kYes, kNo, kUnknown };

// Found by looking for words in the template's text, not by rendering it: cheap and honest about what it is.
struct TemplateFacts {
  std::string text;  // empty: the file has none
  Support system_role = Support::kUnknown;
  std::string system_role_basis;
  Support tools = Support::kUnknown;
  std::string tools_basis;
  Support thinking = Support::kUnknown;
  std::string thinking_basis;
};
TemplateFacts InspectTemplate(std::string text);

struct TokenizerFacts {
  std::string model;  // "gpt2", "llama", …
  std::string pre;    // name of the pre-tokenizer
  uint64_t tokens = 0;
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::optional<int64_t> bos;
  std::optional<int64_t> eos;
  std::optional<int64_t> eot;
  std::optional<int64_t> unknown;
  std::optional<int64_t> padding;
  std::string repeated;  // a token that occurs twice, which the engine does not survive; hostile
};

struct BaseModel {
  std::string name;
  std::string organization;
  std::string repository;
};

struct Facts {
  Path path;
  Bytes file_size;
  Bytes missing;  // tensor data that the file lacks: a download that stopped
  uint32_t gguf_version = 0;
  std::string kind;  // general.type: "model" when not stated, "adapter", "mmproj" …
  bool vocabulary_only = false;
  uint64_t split_index = 0;  // this part and the number of parts, 0 when not split
  uint64_t split_count = 0;

  std::string name;
  std::string author;
  std::string licence;  // general.license: usually an SPDX identifier in lower case
  std::string licence_link;
  std::string size_label;
  std::vector<BaseModel> base_models;

  std::string architecture;
  bool engine_knows_architecture = false;
  Dims dims;
  uint64_t parameters = 0;
  std::string quantization;        // "Q4_K_M", "F16", "unknown"
  std::string quantization_basis;  // "general.file_type" or "most bytes are of this type"
  std::vector<Weight> weights;
  std::vector<TensorTypeSum> tensor_types;  // most bytes first
  Bytes tensor_bytes;

  TokenizerFacts tokenizer;
  TemplateFacts chat_template;
  std::vector<std::string> warnings;
};

// Throws Error when the file cannot be opened or is no readable GGUF. An unknown architecture is no error here.
Facts ReadFacts(const Path& path);

// The pure part of ReadFacts: `gguf` as parsed, `path` only as a name.
Facts FactsOf(const Gguf& gguf, const Path& path);

// SHA-256 of the whole content, 64 hexadecimal digits: the identity of a model in every row.
std::string HashModelFile(const Path& path);

}  // namespace loco
