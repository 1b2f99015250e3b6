#include "candidate/random_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "candidate/gguf_builder.h"
#include "candidate/recipe.h"

namespace loco {
namespace {

constexpr std::array<std::string_view, 7> kCovered = {"llama", "qwen2", "qwen3", "smollm3", "phi3", "gemma3", "bitnet"};

constexpr std::string_view kChatTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

// Bits of the half-precision number nearest to `value`, which must be a normal one.
uint16_t HalfBits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t exponent = (bits >> 23) & 0xff;
  if (exponent < 113) return 0;  // smaller than the smallest normal half
  return static_cast<uint16_t>(((bits >> 16) & 0x8000) | ((exponent - 112) << 10) | ((bits >> 13) & 0x3ff));
}

// Random weights of mean 0 and the standard deviation that keeps activations at the size of their input.
class Weights {
 public:
  Weights(uint64_t inputs, uint64_t seed) : random_(seed), deviation_(1 / std::sqrt(static_cast<double>(inputs))) {
    for (uint16_t& half : halves_) {
      // The sum of twelve uniform numbers is near enough to normal for a weight that means nothing.
      double sum = -6;
      for (int i = 0; i < 12; ++i) sum += random_.Uniform();
      half = HalfBits(static_cast<float>(sum * deviation_));
    }
  }
  float NextFloat() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_.Uniform();
    return static_cast<float>(sum * deviation_);
  }
  uint16_t Next() {
    if (left_ == 0) {
      word_ = random_.Next();
      left_ = 4;
    }
    --left_;
    const uint16_t half = halves_[word_ & 0xfff];
    word_ >>= 16;
    return half;
  }

 private:
  Random random_;
  double deviation_;
  std::array<uint16_t, 4096> halves_{};
  uint64_t word_ = 0;
  int left_ = 0;
};

struct Vocabulary {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> kinds;
};

// Numbers of llama.cpp's token types.
enum : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };

Vocabulary MakeVocabulary(uint64_t size) {
  Vocabulary vocabulary;
  const auto add = [&](std::string text, int32_t kind) {
    if (vocabulary.texts.size() >= size) return false;
    vocabulary.scores.push_back(-static_cast<float>(vocabulary.texts.size()));
    vocabulary.texts.push_back(std::move(text));
    vocabulary.kinds.push_back(kind);
    return true;
  };
  add("<unk>", kUnknown);
  for (const char* control : {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"}) add(control, kControl);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), kByte);
  const std::string blank = "\xe2\x96\x81";
  add(blank, kNormal);
  for (char c = '!'; c <= '~'; ++c) add(std::string(1, c), kNormal);
  std::vector<std::string> shorter;
  for (char c = 'a'; c <= 'z'; ++c) shorter.emplace_back(1, c);
  for (const std::string& letter : shorter) add(blank + letter, kNormal);
  // All pairs, then all triples and so on until the vocabulary is full.
  while (vocabulary.texts.size() < size) {
    std::vector<std::string> longer;
    for (const std::string& start : shorter) {
      for (char c = 'a'; c <= 'z'; ++c) longer.push_back(start + c);
    }
    for (const std::string& gram : longer) {
      if (!add(gram, kNormal) || !add(blank + gram, kNormal)) break;
    }
    shorter = std::move(longer);
  }
  return vocabulary;
}

void AddDimensions(GgufBuilder& builder, const Dims& dims) {
  const auto key = [&](std::string_view name) { return fmt::format("{}.{}", dims.architecture, name); };
  const auto number = [&](std::string_view name, std::optional<uint64_t> value) {
    if (value) builder.Number(key(name), static_cast<uint32_t>(*value));
  };
  const auto heads = Dims::At(dims.heads, 0);
  const uint64_t head = dims.key_length.value_or(*dims.hidden / *heads);
  number("context_length", dims.context.value_or(4096));
  number("embedding_length", dims.hidden);
  number("block_count", dims.layers);
  number("feed_forward_length", Dims::At(dims.ffn, 0));
  number("attention.head_count", heads);
  number("attention.head_count_kv", Dims::At(dims.kv_heads, 0).value_or(*heads));
  number("attention.key_length", head);
  number("attention.value_length", dims.value_length.value_or(head));
  number("attention.sliding_window", dims.sliding_window);
  number("rope.dimension_count", head);
  number("vocab_size", dims.vocabulary);
  builder.Scalar(key("attention.layer_norm_rms_epsilon"), GgufKind::kFloat32, 1e-6F);
  builder.Scalar(key("rope.freq_base"), GgufKind::kFloat32, 10000.0F);
}

void AddTokenizer(GgufBuilder& builder, const Dims& dims) {
  const Vocabulary vocabulary = MakeVocabulary(*dims.vocabulary);
  builder.Text("tokenizer.ggml.model", "llama").Text("tokenizer.ggml.pre", "default");
  builder.Texts("tokenizer.ggml.tokens", vocabulary.texts);
  builder.Array("tokenizer.ggml.scores", GgufKind::kFloat32, vocabulary.scores);
  builder.Array("tokenizer.ggml.token_type", GgufKind::kInt32, vocabulary.kinds);
  builder.Number("tokenizer.ggml.bos_token_id", 1).Number("tokenizer.ggml.eos_token_id", 4);
  builder.Number("tokenizer.ggml.unknown_token_id", 0);
  builder.Flag("tokenizer.ggml.add_bos_token", false).Flag("tokenizer.ggml.add_space_prefix", false);
  builder.Text("tokenizer.chat_template", kChatTemplate);
}

// Norms multiply by numbers near one, so that tests notice a norm that is left out; biases are small.
std::vector<float> VectorOf(const Weight& weight, Random& random) {
  std::vector<float> values(weight.elements());
  for (float& value : values) {
    const double noise = 0.2 * (random.Uniform() - 0.5);
    value = static_cast<float>(weight.name.ends_with(".bias") ? noise : 1 + noise);
  }
  return values;
}

void WriteQuantized(std::ofstream& out, const Weight& weight, const RandomModelOptions& options, uint64_t seed) {
  constexpr uint64_t kDifferent = 48;  // rows
  const uint64_t rows = weight.out * weight.experts;
  const uint64_t pool = std::min(rows, kDifferent);
  const uint64_t row_bytes = weight.bytes / rows;
  Weights weights(weight.in, seed);
  std::vector<float> values(pool * weight.in);
  for (float& value : values) value = weights.NextFloat();
  std::vector<std::byte> quantized(pool * row_bytes);
  options.quantize(values.data(), static_cast<int64_t>(pool), static_cast<int64_t>(weight.in), weight.type,
                   quantized.data());
  Random random(seed);
  for (uint64_t row = 0; row < rows; ++row) {
    out.write(reinterpret_cast<const char*>(quantized.data() + random.Below(pool) * row_bytes),
              static_cast<std::streamsize>(row_bytes));
  }
}

void WriteWeight(std::ofstream& out, const Weight& weight, const RandomModelOptions& options, uint64_t seed) {
  const auto write = [&](const void* data) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(weight.bytes));
  };
  Random random(seed);
  if (weight.out == 1) {
    write(VectorOf(weight, random).data());
    return;
  }
  Weights weights(weight.in, seed);
  if (weight.type == kF32) {
    std::vector<float> rows(weight.elements());
    for (float& value : rows) value = weights.NextFloat();
    write(rows.data());
  } else if (weight.type != kF16) {
    WriteQuantized(out, weight, options, seed);
  } else {
    std::vector<uint16_t> rows(weight.elements());
    for (uint16_t& value : rows) value = weights.Next();
    write(rows.data());
  }
}

}  // namespace

void WriteRandomModel(const Dims& dims, std::string_view name, const Path& path, const RandomModelOptions& options) {
  auto weights = DeriveWeights(dims, options.quantization);
  if (!weights || std::find(kCovered.begin(), kCovered.end(), dims.architecture) == kCovered.end()) {
    throw Error(fmt::format("{}: the architecture '{}' is not covered", name, dims.architecture),
                fmt::format("take a model of one of: {}", fmt::join(kCovered, ", ")));
  }
  if (options.full_precision) {
    for (Weight& weight : *weights) {
      weight.type = kF32;
      weight.bytes = weight.elements() * sizeof(float);
    }
  }
  constexpr uint64_t kAlignment = 32;
  GgufBuilder builder(3, kAlignment);
  builder.Text("general.architecture", dims.architecture)
      .Text("general.name", fmt::format("{} (random weights)", name));
  if (options.quantization == "F16") builder.Number("general.file_type", options.full_precision ? 0 : 1);
  AddDimensions(builder, dims);
  AddTokenizer(builder, dims);
  for (const Weight& weight : *weights) {
    std::vector<uint64_t> dimensions = {weight.in};
    if (weight.out > 1) dimensions.push_back(weight.out);
    builder.Tensor(weight.name, dimensions, weight.type);
  }
  std::ofstream out(path, std::ios::binary);
  const std::string header = builder.Header();
  out << header;
  const auto pad = [&](uint64_t size) { out << std::string((kAlignment - size % kAlignment) % kAlignment, '\0'); };
  pad(header.size());
  for (size_t i = 0; i < weights->size(); ++i) {
    WriteWeight(out, (*weights)[i], options, options.seed + i);
    pad((*weights)[i].bytes);
  }
  out.close();
  if (!out) throw Error(fmt::format("{}: could not be written", path.string()), "check the disk's free space");
}

}  // namespace loco
