// Small models of every architecture that the trainer knows, with random weights; for tests.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "candidate/gguf.h"
#include "candidate/random_model.h"
#include "engine/quantize.h"
#include "train/architecture.h"

namespace loco {

inline constexpr int64_t kVocabulary = 600;

inline Dims SmallDims(const std::string& architecture) {
  Dims dims{.architecture = architecture,
            .layers = architecture == "gemma3" || architecture == "smollm3" ? 7 : 3,
            .hidden = 256,
            .ffn = {512},
            .heads = {4},
            .kv_heads = {2},
            .key_length = 64,
            .value_length = 64,
            .vocabulary = kVocabulary,
            .context = 256,
            .tied_embeddings = architecture != "llama" && architecture != "qwen2"};
  if (architecture == "gemma3") dims.sliding_window = 16;
  return dims;
}

// A model file that goes with the object.
class ModelFixture {
 public:
  ModelFixture(const std::string& architecture, bool full_precision)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("loco-gates-{}-{}", architecture, ::getpid())) {
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "model.gguf";
    WriteRandomModel(SmallDims(architecture), architecture, path_, {.full_precision = full_precision, .seed = 5});
    Map();
  }
  ~ModelFixture() {
    file_.reset();
    std::filesystem::remove_all(folder_);
  }
  ModelFixture(const ModelFixture&) = delete;
  ModelFixture& operator=(const ModelFixture&) = delete;

  void Requantize(std::string_view type) {
    const Path target = folder_ / fmt::format("{}.gguf", type);
    Quantize(path_, target, type, 2);
    path_ = target;
    Map();
  }
  const Path& path() const { return path_; }
  const Path& folder() const { return folder_; }
  Network network() const { return BuildNetwork(gguf_, file_->bytes(), path_); }

 private:
  void Map() {
    file_.emplace(path_);
    gguf_ = ParseGguf(file_->bytes(), path_.string());
  }
  Path folder_;
  Path path_;
  std::optional<MappedFile> file_;
  Gguf gguf_;
};

}  // namespace loco
