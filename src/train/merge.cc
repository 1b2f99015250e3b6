#include "train/merge.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/hostile_text.h"
#include "base/interrupt.h"
#include "candidate/gguf_builder.h"
#include "net/weights.h"
#include "train/padded_file.h"

namespace loco {
namespace {

// The entry as it stands in the base.
void CopyEntry(GgufBuilder& builder, std::string_view key, const GgufValue& value) {
  std::string payload;
  const auto append = [&](const auto& number) {
    payload.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  if (value.is_array()) {
    append(static_cast<uint32_t>(value.element));
    append(value.count);
  } else if (value.kind == GgufKind::kString) {
    append(static_cast<uint64_t>(value.payload.size()));
  }
  payload.append(reinterpret_cast<const char*>(value.payload.data()), value.payload.size());
  builder.Raw(key, static_cast<uint32_t>(value.kind), payload);
}

class Merger {
 public:
  Merger(const Path& base, const StoredAdapter& adapter, const MergeOptions& options)
      : base_(base),
        options_(options),
        map_(base),
        gguf_(ParseGguf(map_.bytes(), base.string())),
        name_(adapter.facts.name) {
    if (gguf_.missing_bytes() > 0) {
      throw Error(fmt::format("{}: {} bytes of weights are missing", base.string(), gguf_.missing_bytes()),
                  "fetch the file again");
    }
    for (const StoredPair& stored : adapter.pairs) pairs_.emplace(stored.pair.name, &stored);
    std::set<std::string> found;
    for (const GgufTensor& tensor : gguf_.tensors) {
      const StoredPair* stored = PairOn(tensor);
      if (stored == nullptr) continue;
      Check(tensor, *stored);
      found.insert(stored->pair.name);
      all_ += static_cast<int64_t>(tensor.elements);
    }
    for (const auto& [name, stored] : pairs_) {
      if (!found.contains(name)) {
        throw Error(fmt::format("the adapter does not fit {}: it has no weight '{}'", base.string(), ForTerminal(name)),
                    "give the base that the adapter was trained on");
      }
    }
  }

  MergeReport Write(const Path& out, const std::function<void(int64_t, int64_t)>& progress) {
    GgufBuilder builder(3, gguf_.alignment);
    for (const std::string_view key : gguf_.keys) {
      // In other types than the base's, the file is no longer of the base's type: readers look at its weights then.
      const bool is_stale = options_.type && key == "general.file_type";
      if (!is_stale && !key.starts_with("loco.merged.")) CopyEntry(builder, key, *gguf_.Find(key));
    }
    builder.Text("loco.merged.adapter", name_);
    if (!options_.adapter_hash.empty()) builder.Text("loco.merged.adapter.sha256", options_.adapter_hash);
    if (!options_.base_hash.empty()) builder.Text("loco.merged.base.sha256", options_.base_hash);
    for (const GgufTensor& tensor : gguf_.tensors) {
      builder.Tensor(tensor.name, {tensor.dimensions, tensor.dimensions + tensor.dimension_count}, TypeOf(tensor));
    }
    PaddedFile file(out, builder);
    for (const GgufTensor& tensor : gguf_.tensors) {
      file.Pad();
      const auto data = map_.bytes().subspan(gguf_.data_offset + tensor.offset, tensor.bytes);
      const StoredPair* stored = PairOn(tensor);
      if (stored == nullptr) {
        file.Write({reinterpret_cast<const char*>(data.data()), data.size()});
      } else {
        WriteMerged(tensor, *stored, data.data(), file, progress);
      }
    }
    file.Commit();
    MergeReport report{.tensors = static_cast<int64_t>(pairs_.size()), .bytes = static_cast<int64_t>(file.written())};
    report.change = std::sqrt(change_ / weight_);
    report.rounding = std::sqrt(rounding_ / weight_);
    return report;
  }

 private:
  static constexpr int64_t kRows = 64;  // merged together

  const StoredPair* PairOn(const GgufTensor& tensor) const {
    const auto found = pairs_.find(std::string(tensor.name));
    return found == pairs_.end() ? nullptr : found->second;
  }

  uint32_t TypeOf(const GgufTensor& tensor) const {
    return PairOn(tensor) != nullptr && options_.type ? *options_.type : tensor.type->id;
  }

  void Check(const GgufTensor& tensor, const StoredPair& stored) const {
    const auto rows = static_cast<int64_t>(tensor.dimensions[1]);
    const auto columns = static_cast<int64_t>(tensor.dimensions[0]);
    if (rows != stored.pair.rows || columns != stored.pair.columns || tensor.dimensions[2] != 1) {
      throw Error(
          fmt::format("the adapter does not fit {}: '{}' is {} × {} there and {} × {} in the adapter", base_.string(),
                      ForTerminal(tensor.name), rows, columns, stored.pair.rows, stored.pair.columns),
          "give the base that the adapter was trained on");
    }
    const GgmlType& type = *FindGgmlType(TypeOf(tensor));
    if (columns % type.block != 0) {
      throw Error(fmt::format("rows of {} numbers cannot be stored as {}, whose blocks hold {}", columns, type.name,
                              type.block),
                  "merge into another type: --type Q8_0");
    }
    if (!CanQuantize(type.id)) {
      throw Error(fmt::format("'{}': a merged weight cannot be stored as {}, which holds only three values or needs "
                              "calibration data",
                              ForTerminal(tensor.name), type.name),
                  "merge into another type: --type Q8_0, or run base and adapter side by side");
    }
  }

  void WriteMerged(const GgufTensor& tensor, const StoredPair& stored, const std::byte* data, PaddedFile& file,
                   const std::function<void(int64_t, int64_t)>& progress) {
    const int64_t columns = stored.pair.columns;
    const Matrix from{.data = data, .type = tensor.type->id, .rows = stored.pair.rows, .columns = columns};
    const uint32_t type = TypeOf(tensor);
    const Matrix to_shape{.type = type, .rows = kRows, .columns = columns};
    std::vector<float> sum(static_cast<size_t>(kRows * columns));
    std::vector<float> again(static_cast<size_t>(columns));
    std::vector<std::byte> packed(static_cast<size_t>(kRows * to_shape.row_bytes()));
    for (int64_t row = 0; row < from.rows; row += kRows) {
      if (InterruptRequested()) throw Interrupted();
      const int64_t rows = std::min(kRows, from.rows - row);
      for (int64_t i = 0; i < rows; ++i) AddRow(from, stored, row + i, sum.data() + i * columns);
      Quantize(sum.data(), rows, columns, type, packed.data());
      const Matrix stored_rows{.data = packed.data(), .type = type, .rows = rows, .columns = columns};
      for (int64_t i = 0; i < rows; ++i) {
        Dequantize(stored_rows, i, 0, columns, again.data());
        for (int64_t k = 0; k < columns; ++k) {
          const double error =
              static_cast<double>(again[static_cast<size_t>(k)]) - sum[static_cast<size_t>(i * columns + k)];
          rounding_ += error * error;
        }
      }
      file.Write({reinterpret_cast<const char*>(packed.data()), static_cast<size_t>(rows * to_shape.row_bytes())});
      done_ += rows * columns;
      if (progress) progress(done_, all_);
    }
  }

  // One row of the base plus the adapter's.
  void AddRow(const Matrix& from, const StoredPair& stored, int64_t row, float* sum) {
    Dequantize(from, row, 0, from.columns, sum);
    delta_.assign(static_cast<size_t>(from.columns), 0.0F);
    for (int64_t r = 0; r < stored.rank; ++r) {
      const auto b = static_cast<float>(stored.scale * stored.pair.b[static_cast<size_t>(row * stored.rank + r)]);
      const float* a = stored.pair.a.data() + r * from.columns;
      for (int64_t k = 0; k < from.columns; ++k) delta_[static_cast<size_t>(k)] += b * a[k];
    }
    for (int64_t k = 0; k < from.columns; ++k) {
      const double change = delta_[static_cast<size_t>(k)];
      weight_ += static_cast<double>(sum[k]) * sum[k];
      change_ += change * change;
      sum[k] += delta_[static_cast<size_t>(k)];
    }
  }

  const Path& base_;
  const MergeOptions& options_;
  MappedFile map_;
  Gguf gguf_;
  std::string name_;
  std::map<std::string, const StoredPair*> pairs_;
  std::vector<float> delta_;
  int64_t done_ = 0;
  int64_t all_ = 0;
  double weight_ = 0;
  double change_ = 0;
  double rounding_ = 0;
};

}  // namespace

MergeReport MergeAdapter(const Path& base, const StoredAdapter& adapter, const Path& out, const MergeOptions& options,
                         const std::function<void(int64_t, int64_t)>& progress) {
  return Merger(base, adapter, options).Write(out, progress);
}

}  // namespace loco
