#include "train/adapter_file.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/hostile_text.h"
#include "candidate/gguf_builder.h"
#include "net/weights.h"
#include "train/padded_file.h"

namespace loco {
namespace {

struct PairView {
  const LoraPair* pair;
  int64_t rank;
  double scale;
};

std::string_view BytesOf(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}

void Write(const Path& path, const std::vector<PairView>& pairs, const AdapterFacts& facts) {
  LOCO_CHECK(!pairs.empty());
  GgufBuilder builder;
  builder.Text("general.type", "adapter").Text("general.architecture", facts.architecture);
  builder.Text("general.name", facts.name).Text("adapter.type", "lora");
  // One alpha for all: the first pair's. The engine scales by alpha / rank, whatever rule made the scale.
  const double alpha = pairs.front().scale * static_cast<double>(pairs.front().rank);
  builder.Scalar("adapter.lora.alpha", GgufKind::kFloat32, static_cast<float>(alpha));
  if (!facts.base_hash.empty()) builder.Text("loco.base.sha256", facts.base_hash);
  if (!facts.recipe.empty()) builder.Text("loco.recipe", facts.recipe);
  for (const PairView& view : pairs) {
    const auto rank = static_cast<uint64_t>(view.rank);
    builder.Tensor(view.pair->name + ".lora_a", {static_cast<uint64_t>(view.pair->columns), rank}, kF32);
    builder.Tensor(view.pair->name + ".lora_b", {rank, static_cast<uint64_t>(view.pair->rows)}, kF32);
  }
  PaddedFile file(path, builder);
  for (const PairView& view : pairs) {
    file.Pad();
    file.Write(BytesOf(view.pair->a));
    file.Pad();
    const double factor = view.scale * static_cast<double>(view.rank) / alpha;
    if (factor == 1) {
      file.Write(BytesOf(view.pair->b));
    } else {
      std::vector<float> scaled = view.pair->b;
      for (float& value : scaled) value = static_cast<float>(value * factor);
      file.Write(BytesOf(scaled));
    }
  }
  file.Commit();
}

class Reader {
 public:
  Reader(const Path& path, const Gguf& gguf, std::span<const std::byte> file) : path_(path), gguf_(gguf), file_(file) {}

  StoredAdapter Read() {
    if (Text("general.type") != "adapter" || Text("adapter.type") != "lora") {
      throw Error(fmt::format("{}: not a LoRA adapter", path_.string()),
                  "name the adapter.gguf that 'loco train' or 'loco adapter import' wrote");
    }
    if (gguf_.missing_bytes() > 0) {
      throw Error(fmt::format("{}: {} bytes of the adapter are missing", path_.string(), gguf_.missing_bytes()),
                  "fetch or write the file again");
    }
    StoredAdapter stored{.facts = {.name = Text("general.name"),
                                   .architecture = Text("general.architecture"),
                                   .base_hash = Text("loco.base.sha256"),
                                   .recipe = Text("loco.recipe")}};
    const GgufValue* alpha = gguf_.Find("adapter.lora.alpha");
    if (alpha == nullptr || !alpha->AsNumber()) Fail("adapter.lora.alpha is missing");
    std::map<std::string, const GgufTensor*> second_halves;
    for (const GgufTensor& tensor : gguf_.tensors) {
      if (tensor.name.ends_with(".lora_b")) second_halves.emplace(NameOf(tensor), &tensor);
    }
    for (const GgufTensor& tensor : gguf_.tensors) {
      if (!tensor.name.ends_with(".lora_a")) continue;
      const auto b = second_halves.find(NameOf(tensor));
      if (b == second_halves.end()) Fail(fmt::format("{} has no lora_b", ForTerminal(NameOf(tensor))));
      stored.pairs.push_back(PairOf(tensor, *b->second, *alpha->AsNumber()));
    }
    if (stored.pairs.empty() || 2 * stored.pairs.size() != gguf_.tensors.size()) {
      Fail(fmt::format("{} of {} tensors are pairs", 2 * stored.pairs.size(), gguf_.tensors.size()));
    }
    return stored;
  }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(fmt::format("{}: not a whole adapter: {}", path_.string(), why), "write or convert the adapter again");
  }

  std::string Text(std::string_view key) const {
    const GgufValue* value = gguf_.Find(key);
    return value == nullptr ? "" : std::string(value->AsString().value_or(""));
  }

  static std::string NameOf(const GgufTensor& tensor) {
    return std::string(tensor.name.substr(0, tensor.name.rfind('.')));
  }

  std::vector<float> Numbers(const GgufTensor& tensor) const {
    if (!CanDequantize(tensor.type->id)) Fail(fmt::format("{} is of type {}", tensor.name, tensor.type->name));
    const Matrix matrix{.data = file_.data() + gguf_.data_offset + tensor.offset,
                        .type = tensor.type->id,
                        .rows = static_cast<int64_t>(tensor.dimensions[1]),
                        .columns = static_cast<int64_t>(tensor.dimensions[0])};
    std::vector<float> numbers(static_cast<size_t>(tensor.elements));
    for (int64_t row = 0; row < matrix.rows; ++row) {
      Dequantize(matrix, row, 0, matrix.columns, numbers.data() + row * matrix.columns);
    }
    return numbers;
  }

  StoredPair PairOf(const GgufTensor& a, const GgufTensor& b, double alpha) const {
    const uint64_t rank = a.dimensions[1];
    if (a.dimensions[2] != 1 || b.dimensions[2] != 1 || rank == 0 || b.dimensions[0] != rank) {
      Fail(fmt::format("the halves of {} do not fit each other", ForTerminal(NameOf(a))));
    }
    return {.pair = {.name = NameOf(a),
                     .rows = static_cast<int64_t>(b.dimensions[1]),
                     .columns = static_cast<int64_t>(a.dimensions[0]),
                     .a = Numbers(a),
                     .b = Numbers(b)},
            .rank = static_cast<int64_t>(rank),
            .scale = alpha / static_cast<double>(rank)};
  }

  const Path& path_;
  const Gguf& gguf_;
  std::span<const std::byte> file_;
};

}  // namespace

void WriteAdapter(const Path& path, const Adapter& adapter, const AdapterFacts& facts) {
  std::vector<PairView> views;
  for (const LoraPair& pair : adapter.pairs) views.push_back({&pair, adapter.rank, adapter.scale});
  Write(path, views, facts);
}

void WriteAdapter(const Path& path, const StoredAdapter& adapter) {
  std::vector<PairView> views;
  for (const StoredPair& stored : adapter.pairs) views.push_back({&stored.pair, stored.rank, stored.scale});
  Write(path, views, adapter.facts);
}

StoredAdapter ReadAdapter(const Path& path) {
  const MappedFile file(path);
  const Gguf gguf = ParseGguf(file.bytes(), path.string());
  return Reader(path, gguf, file.bytes()).Read();
}

}  // namespace loco
