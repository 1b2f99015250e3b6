#include "train/safetensors.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/hostile_text.h"
#include "candidate/ggml_types.h"
#include "net/weights.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

std::optional<int64_t> BytesOfType(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL" || type == "F8_E4M3" || type == "F8_E5M2") return 1;
  return std::nullopt;
}

class Parser {
 public:
  Parser(std::span<const std::byte> file, std::string_view source) : file_(file), source_(source) {}

  std::vector<Safetensor> Parse() {
    if (file_.size() < kLengthBytes) Fail("it is shorter than the length of its header");
    uint64_t header = 0;
    std::memcpy(&header, file_.data(), kLengthBytes);
    if (header > kMaxHeaderBytes || header > file_.size() - kLengthBytes) {
      Fail(fmt::format("its header claims {} bytes of {}", header, file_.size()));
    }
    const auto* text = reinterpret_cast<const char*>(file_.data()) + kLengthBytes;
    const Json table = Json::parse(text, text + header, nullptr, false);
    if (!table.is_object()) Fail("its header is not a JSON object");
    data_ = file_.subspan(kLengthBytes + header);
    std::vector<Safetensor> tensors;
    for (const auto& [name, entry] : table.items()) {
      if (name != "__metadata__") tensors.push_back(TensorOf(name, entry));
    }
    return tensors;
  }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(fmt::format("{}: not a safetensors file: {}", source_, why), "fetch or save the file again");
  }

  Safetensor TensorOf(const std::string& name, const Json& entry) const {
    const std::string shown = ForTerminal(name);
    const auto is_list = [&](const char* key) {
      if (!entry.is_object() || !entry.contains(key) || !entry[key].is_array()) return false;
      for (const Json& value : entry[key]) {
        if (!value.is_number_unsigned()) return false;
      }
      return true;
    };
    if (!is_list("shape") || !is_list("data_offsets") || entry["data_offsets"].size() != 2 ||
        !entry.contains("dtype") || !entry["dtype"].is_string()) {
      Fail(fmt::format("the entry of '{}' has no dtype, shape and data_offsets", shown));
    }
    Safetensor tensor{.name = name, .type = entry["dtype"]};
    const auto width = BytesOfType(tensor.type);
    if (!width) Fail(fmt::format("'{}' is of the unknown type '{}'", shown, ForTerminal(tensor.type)));
    const uint64_t begin = entry["data_offsets"][0];
    const uint64_t end = entry["data_offsets"][1];
    if (begin > end || end > data_.size()) {
      Fail(fmt::format("'{}' ends at byte {} of {} bytes of numbers", shown, end, data_.size()));
    }
    // Divided down rather than multiplied up: a hostile shape overflows nothing.
    uint64_t left = (end - begin) / static_cast<uint64_t>(*width);
    bool fits = (end - begin) % static_cast<uint64_t>(*width) == 0;
    for (const Json& value : entry["shape"]) {
      const uint64_t size = value;
      fits = fits && size > 0 && left % size == 0;
      if (!fits) break;
      left /= size;
      tensor.shape.push_back(static_cast<int64_t>(size));
    }
    if (!fits || left != 1) Fail(fmt::format("the shape of '{}' does not match its {} bytes", shown, end - begin));
    tensor.data = data_.subspan(begin, end - begin);
    return tensor;
  }

  std::span<const std::byte> file_;
  std::span<const std::byte> data_;
  std::string source_;
};

}  // namespace

std::vector<float> Safetensor::Floats() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<float> numbers(static_cast<size_t>(count));
  if (type == "F32") {
    std::memcpy(numbers.data(), data.data(), data.size());
  } else if (type == "F16" || type == "BF16") {
    // Copied first: tensors of a file need not be aligned.
    std::vector<uint16_t> halves(numbers.size());
    std::memcpy(halves.data(), data.data(), data.size());
    const Matrix matrix{.data = reinterpret_cast<const std::byte*>(halves.data()),
                        .type = type == "F16" ? kF16 : FindGgmlType("bf16")->id,
                        .rows = 1,
                        .columns = count};
    Dequantize(matrix, 0, 0, count, numbers.data());
  } else {
    throw Error(fmt::format("'{}' holds numbers of type {}", ForTerminal(name), ForTerminal(type)),
                "save the tensors as F32, F16 or BF16");
  }
  return numbers;
}

std::vector<Safetensor> ParseSafetensors(std::span<const std::byte> file, std::string_view source) {
  return Parser(file, source).Parse();
}

void WriteSafetensors(const Path& path, const std::vector<FloatTensor>& tensors) {
  Json table = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const FloatTensor& tensor : tensors) {
    const uint64_t end = offset + tensor.data.size_bytes();
    table[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string header = table.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the numbers begin aligned
  const uint64_t length = header.size();
  AtomicFile file(path);
  file.Write({reinterpret_cast<const char*>(&length), sizeof length});
  file.Write(header);
  for (const FloatTensor& tensor : tensors) {
    file.Write({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size_bytes()});
  }
  file.Commit();
}

}  // namespace loco
