// Reads the header of a GGUF file (versions 2 and 3) from a span of bytes: metadata and tensor descriptions, never
// the tensor data. Header only, so that fuzzers and tools can use it without linking anything but `base`.
//
//   MappedFile file("model.gguf");
//   Gguf gguf = ParseGguf(file.bytes(), "model.gguf");
//   gguf.Find("general.architecture")->AsString();   // "llama", a view into the file
//   gguf.tensors[0].type->name;                      // "q4_K"
//   gguf.missing_bytes();                            // > 0: the download stopped inside the tensor data
//
// The file is hostile. Nothing is allocated in proportion to a length that the file merely claims: counts are checked
// against the bytes that are left, sizes are added and multiplied with overflow checks, and values stay views into the
// span until somebody asks for them. A file that ends inside its header is an Error (there is nothing to trust in
// half a header); a file that ends inside its tensor data is not, because its facts are all there.
//
// What it refuses, it refuses because the engine would: keys and tensor names that occur twice, an alignment that is
// no power of two, tensors that overlap, leave gaps or are not aligned, dimensions that overflow, unknown types.
// It differs from llama.cpp in one point: nested arrays are read (the format allows them), not refused.
//
// It deliberately does not load, dequantize or validate weights, follow split files, or interpret a key.
//
// Source: the GGUF specification (ggml, docs/gguf.md) and llama.cpp v0.5.0, ggml/src/gguf.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/hostile_text.h"
#include "candidate/ggml_types.h"

namespace loco {

enum class GgufKind : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Bytes of one value; 0 for strings and arrays, whose size is in the file, and for numbers that are no kind.
constexpr uint32_t GgufKindBytes(GgufKind kind) {
  switch (kind) {
    case GgufKind::kUint8:
    case GgufKind::kInt8:
    case GgufKind::kBool:
      return 1;
    case GgufKind::kUint16:
    case GgufKind::kInt16:
      return 2;
    case GgufKind::kUint32:
    case GgufKind::kInt32:
    case GgufKind::kFloat32:
      return 4;
    case GgufKind::kUint64:
    case GgufKind::kInt64:
    case GgufKind::kFloat64:
      return 8;
    case GgufKind::kString:
    case GgufKind::kArray:
      return 0;
  }
  return 0;
}

namespace gguf_internal {

// GGUF is little-endian and so is every machine this is built for (base/version.h says what was built).
template <typename T>
T Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::optional<int64_t> Integer(GgufKind kind, const std::byte* at) {
  switch (kind) {
    case GgufKind::kUint8:
    case GgufKind::kBool:
      return Load<uint8_t>(at);
    case GgufKind::kInt8:
      return Load<int8_t>(at);
    case GgufKind::kUint16:
      return Load<uint16_t>(at);
    case GgufKind::kInt16:
      return Load<int16_t>(at);
    case GgufKind::kUint32:
      return Load<uint32_t>(at);
    case GgufKind::kInt32:
      return Load<int32_t>(at);
    case GgufKind::kInt64:
      return Load<int64_t>(at);
    case GgufKind::kUint64: {
      const auto value = Load<uint64_t>(at);
      if (value > INT64_MAX) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    case GgufKind::kFloat32:
    case GgufKind::kFloat64:
    case GgufKind::kString:
    case GgufKind::kArray:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gguf_internal

// One metadata value: a view into the file. The As… functions are empty when the value is of another kind, so that a
// writer's odd choice (an int32 where everybody writes uint32) costs nothing and nonsense costs only its own fact.
struct GgufValue {
  GgufKind kind = GgufKind::kUint8;
  GgufKind element = GgufKind::kUint8;  // of an array
  uint64_t count = 1;                   // elements of an array
  std::span<const std::byte> payload;   // a scalar's bytes, a string's characters, an array's elements
  uint64_t offset = 0;                  // of the payload in the file

  bool is_array() const { return kind == GgufKind::kArray; }

  std::optional<std::string_view> AsString() const {
    if (kind != GgufKind::kString) return std::nullopt;
    return gguf_internal::Text(payload);
  }
  std::optional<int64_t> AsInteger() const {
    return is_array() ? std::nullopt : gguf_internal::Integer(kind, payload.data());
  }
  std::optional<bool> AsBool() const {
    if (kind != GgufKind::kBool) return std::nullopt;
    return payload[0] != std::byte{0};
  }
  std::optional<double> AsNumber() const {
    if (kind == GgufKind::kFloat32) return gguf_internal::Load<float>(payload.data());
    if (kind == GgufKind::kFloat64) return gguf_internal::Load<double>(payload.data());
    if (const auto integer = AsInteger()) return static_cast<double>(*integer);
    return std::nullopt;
  }
  // The elements of an array of integers or booleans, or the one value of a scalar.
  std::optional<std::vector<int64_t>> AsIntegers() const {
    if (!is_array()) {
      if (const auto integer = AsInteger()) return std::vector<int64_t>{*integer};
      return std::nullopt;
    }
    const uint32_t width = GgufKindBytes(element);
    if (width == 0) return std::nullopt;
    std::vector<int64_t> values;
    values.reserve(static_cast<size_t>(count));  // the parser checked that all elements are in the file
    for (uint64_t i = 0; i < count; ++i) {
      const auto value = gguf_internal::Integer(element, payload.data() + i * width);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    return values;
  }
  std::optional<std::vector<std::string_view>> AsStrings() const {
    if (!is_array() || element != GgufKind::kString) return std::nullopt;
    std::vector<std::string_view> values;
    values.reserve(static_cast<size_t>(count));
    size_t at = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const auto length = static_cast<size_t>(gguf_internal::Load<uint64_t>(payload.data() + at));
      values.push_back(gguf_internal::Text(payload.subspan(at + 8, length)));
      at += 8 + length;
    }
    return values;
  }
};

struct GgufTensor {
  std::string_view name;                  // a view into the file
  const GgmlType* type = nullptr;         // never null after parsing
  uint32_t dimension_count = 0;           // as written, 0 to 4
  uint64_t dimensions[4] = {1, 1, 1, 1};  // the first one is the row: the input width of a linear layer
  uint64_t elements = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0;  // from the beginning of the tensor data
};

struct Gguf {
  uint32_t version = 0;
  uint64_t file_bytes = 0;
  uint64_t alignment = 32;
  uint64_t header_bytes = 0;           // up to the last tensor description, without padding
  uint64_t data_offset = 0;            // where tensor data begins
  uint64_t data_bytes = 0;             // what the tensors need from there, without padding after the last
  std::vector<std::string_view> keys;  // in the file's order
  std::unordered_map<std::string_view, GgufValue> values;
  std::vector<GgufTensor> tensors;

  const GgufValue* Find(std::string_view key) const {
    const auto found = values.find(key);
    return found == values.end() ? nullptr : &found->second;
  }
  // Bytes that the tensors need and the file does not have.
  uint64_t missing_bytes() const {
    const uint64_t needed = tensors.empty() ? 0 : data_offset + data_bytes;
    return needed > file_bytes ? needed - file_bytes : 0;
  }
};

namespace gguf_internal {

inline constexpr uint64_t kMaxNameBytes = 63;       // the engine keeps names in 64 bytes
inline constexpr uint64_t kMaxAlignment = 1 << 20;  // real files use 32; far more would only pad
inline constexpr int kMaxNesting = 4;

class Parser {
 public:
  Parser(std::span<const std::byte> file, std::string_view name) : file_(file), name_(name) {}

  Gguf Parse() {
    ReadPrefix();
    for (uint64_t i = 0; i < key_count_; ++i) ReadEntry(i);
    ReadAlignment();
    // Each description needs at least 24 bytes: an impossible count is caught before anything is reserved for it.
    if (tensor_count_ > Left() / 24) {
      throw Truncated(fmt::format("the header announces {} tensors", tensor_count_));
    }
    gguf_.tensors.reserve(static_cast<size_t>(tensor_count_));
    for (uint64_t i = 0; i < tensor_count_; ++i) ReadTensor(i);
    gguf_.header_bytes = at_;
    gguf_.data_offset = Padded(at_, "the header");
    return std::move(gguf_);
  }

 private:
  uint64_t Left() const { return file_.size() - at_; }

  Error Bad(uint64_t offset, const std::string& what, std::string hint = "") const {
    if (hint.empty()) hint = "the file is damaged or was written by a faulty converter: fetch or convert it again";
    return Error(fmt::format("{}: {} (byte {})", ForTerminal(name_), what, offset), std::move(hint));
  }
  Error Truncated(const std::string& doing) const {
    return Bad(at_, fmt::format("the file ends inside its header: {}, and only {} bytes are left", doing, Left()),
               "the download is incomplete or the file is damaged: fetch it again");
  }
  static std::string Quoted(std::string_view text) { return "'" + Shorten(ForTerminal(text.substr(0, 256)), 64) + "'"; }

  template <typename T>
  T Read(std::string_view what) {
    if (Left() < sizeof(T)) throw Truncated(fmt::format("{} needs {} bytes", what, sizeof(T)));
    const T value = Load<T>(file_.data() + at_);
    at_ += sizeof(T);
    return value;
  }
  std::span<const std::byte> Take(uint64_t bytes, std::string_view what) {
    if (bytes > Left()) throw Truncated(fmt::format("{} needs {} bytes", what, bytes));
    const auto taken = file_.subspan(static_cast<size_t>(at_), static_cast<size_t>(bytes));
    at_ += bytes;
    return taken;
  }
  std::string_view ReadText(std::string_view what) {
    const auto length = Read<uint64_t>(what);
    return Text(Take(length, what));
  }

  void ReadPrefix() {
    gguf_.file_bytes = file_.size();
    if (file_.empty())
      throw Error(fmt::format("{}: the file is empty", ForTerminal(name_)), "fetch or convert it again");
    constexpr std::string_view kMagic = "GGUF";
    const size_t shown = std::min<size_t>(4, file_.size());
    const std::string_view magic = Text(file_.first(shown));
    if (!kMagic.starts_with(magic)) {
      throw Error(fmt::format("{}: not a GGUF file (it begins with {}, not 'GGUF')", ForTerminal(name_), Quoted(magic)),
                  WrongFormatHint(magic));
    }
    Take(4, "the format's name 'GGUF'");
    gguf_.version = Read<uint32_t>("the format version");
    if (gguf_.version != 0 && (gguf_.version & 0xFFFF) == 0) {
      throw Bad(4, "a big-endian GGUF file",
                "fetch the little-endian file, or convert it with llama.cpp's gguf_convert_endian.py");
    }
    if (gguf_.version == 1) {
      throw Bad(4, "GGUF version 1, which nothing reads any more", "convert the model again with a present llama.cpp");
    }
    if (gguf_.version < 2 || gguf_.version > 3) {
      throw Bad(4, fmt::format("GGUF version {}; this program reads versions 2 and 3", gguf_.version),
                "use a newer version of this program, or convert the model again");
    }
    tensor_count_ = Read<uint64_t>("the number of tensors");
    key_count_ = Read<uint64_t>("the number of keys");
    // The shortest entry is an empty key with a one-byte value: 8 + 4 + 1 bytes.
    if (key_count_ > Left() / 13) throw Truncated(fmt::format("the header announces {} keys", key_count_));
  }

  static std::string WrongFormatHint(std::string_view magic) {
    if (magic.starts_with("PK"))
      return "this is a zip archive or a PyTorch checkpoint: convert the model to GGUF first";
    if (magic.starts_with("vers"))
      return "this is a Git LFS pointer, not the model: run 'git lfs pull', or download the file";
    if (magic.starts_with("<")) return "this is a web page, not the model: check the download address";
    if (magic == "ggml" || magic == "ggjt" || magic == "ggla" || magic == "lmgg" || magic == "tjgg") {
      return "this is an older ggml format: convert the model again with a present llama.cpp";
    }
    return "give a .gguf file; convert others with llama.cpp's convert_hf_to_gguf.py";
  }

  GgufKind ReadKind(std::string_view key) {
    const uint64_t offset = at_;
    const auto number = Read<uint32_t>("the kind of a value");
    if (number > static_cast<uint32_t>(GgufKind::kFloat64)) {
      throw Bad(offset, fmt::format("key {} has the unknown value kind {}", Quoted(key), number));
    }
    return static_cast<GgufKind>(number);
  }

  void ReadEntry(uint64_t index) {
    const uint64_t offset = at_;
    const std::string_view key = ReadText("the name of a key");
    if (key.empty()) throw Bad(offset, fmt::format("key number {} has no name", index + 1));
    GgufValue value;
    value.kind = ReadKind(key);
    ReadPayload(key, value);
    if (!gguf_.values.emplace(key, value).second) {
      throw Bad(offset, fmt::format("key {} occurs twice", Quoted(key)));
    }
    gguf_.keys.push_back(key);
  }

  void ReadPayload(std::string_view key, GgufValue& value) {
    const std::string what = "the value of " + Quoted(key);
    if (value.kind == GgufKind::kString) {
      const auto length = Read<uint64_t>(what);
      value.offset = at_;
      value.payload = Take(length, what);
    } else if (value.kind == GgufKind::kArray) {
      value.element = ReadKind(key);
      value.count = Read<uint64_t>(what);
      value.offset = at_;
      SkipElements(key, what, value.element, value.count, 1);
      value.payload = file_.subspan(static_cast<size_t>(value.offset), static_cast<size_t>(at_ - value.offset));
    } else {
      value.offset = at_;
      value.payload = Take(GgufKindBytes(value.kind), what);
    }
  }

  // Walks over the elements of an array, so that what is handed out later is known to lie in the file.
  void SkipElements(std::string_view key, const std::string& what, GgufKind kind, uint64_t count, int depth) {
    if (const uint32_t width = GgufKindBytes(kind); width != 0) {
      if (count > Left() / width) throw Truncated(fmt::format("{} has {} elements", what, count));
      at_ += count * width;
      return;
    }
    // A string takes at least 8 bytes, an array 12; the check bounds the loop by the size of the file.
    const uint64_t least = kind == GgufKind::kString ? 8 : 12;
    if (count > Left() / least) throw Truncated(fmt::format("{} has {} elements", what, count));
    for (uint64_t i = 0; i < count; ++i) {
      if (kind == GgufKind::kString) {
        ReadText(what);
      } else {
        if (depth >= kMaxNesting) throw Bad(at_, fmt::format("{} is nested deeper than {} arrays", what, kMaxNesting));
        const GgufKind inner = ReadKind(key);
        SkipElements(key, what, inner, Read<uint64_t>(what), depth + 1);
      }
    }
  }

  void ReadAlignment() {
    const GgufValue* value = gguf_.Find("general.alignment");
    if (value == nullptr) return;
    if (value->kind != GgufKind::kUint32) throw Bad(value->offset, "'general.alignment' is not a uint32");
    gguf_.alignment = Load<uint32_t>(value->payload.data());
    const uint64_t alignment = gguf_.alignment;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > kMaxAlignment) {
      throw Bad(value->offset,
                fmt::format("'general.alignment' is {}, not a power of two up to {}", alignment, kMaxAlignment));
    }
  }

  uint64_t Padded(uint64_t value, std::string_view what) const {
    const uint64_t mask = gguf_.alignment - 1;
    if (value > UINT64_MAX - mask) throw Bad(at_, fmt::format("the size of {} exceeds 64 bits", what));
    return (value + mask) & ~mask;
  }

  void ReadTensor(uint64_t index) {
    const uint64_t offset = at_;
    GgufTensor tensor;
    tensor.name = ReadText("the name of a tensor");
    const std::string label = "tensor " + Quoted(tensor.name);
    if (tensor.name.size() > kMaxNameBytes) {
      throw Bad(offset, fmt::format("the name of tensor number {} has {} bytes, more than {}", index + 1,
                                    tensor.name.size(), kMaxNameBytes));
    }
    if (!names_.insert(tensor.name).second) throw Bad(offset, label + " occurs twice");
    ReadDimensions(tensor, label);
    ReadTypeAndPlace(tensor, label);
    gguf_.tensors.push_back(tensor);
  }

  void ReadDimensions(GgufTensor& tensor, const std::string& label) {
    const uint64_t offset = at_;
    tensor.dimension_count = Read<uint32_t>("the number of dimensions of " + label);
    if (tensor.dimension_count > 4) {
      throw Bad(offset, fmt::format("{} has {} dimensions, more than 4", label, tensor.dimension_count));
    }
    tensor.elements = 1;
    for (uint32_t d = 0; d < tensor.dimension_count; ++d) {
      const auto size = Read<uint64_t>("the shape of " + label);
      tensor.dimensions[d] = size;
      // The engine counts in signed 64-bit numbers.
      if (size != 0 && tensor.elements > static_cast<uint64_t>(INT64_MAX) / size) {
        throw Bad(offset, fmt::format("the shape of {} overflows", label));
      }
      tensor.elements *= size;
    }
  }

  void ReadTypeAndPlace(GgufTensor& tensor, const std::string& label) {
    const uint64_t offset = at_;
    const auto number = Read<uint32_t>("the type of " + label);
    tensor.type = FindGgmlType(number);
    if (tensor.type == nullptr) {
      throw Bad(
          offset, fmt::format("{} has the storage type number {}, which llama.cpp v0.5.0 does not have", label, number),
          "the file needs another runtime (ternary i2_s files need bitnet.cpp), or a newer version of this program");
    }
    if (tensor.dimensions[0] % tensor.type->block != 0) {
      throw Bad(offset, fmt::format("{} has rows of {} elements, no multiple of the {} in a block of {}", label,
                                    tensor.dimensions[0], tensor.type->block, tensor.type->name));
    }
    const auto bytes = tensor.type->BytesOf(tensor.elements);
    if (!bytes) throw Bad(offset, fmt::format("the size of {} exceeds 64 bits", label));
    tensor.bytes = *bytes;

    const uint64_t place = at_;
    tensor.offset = Read<uint64_t>("the place of " + label);
    // Tensors follow each other without gap or overlap, each padded to the alignment.
    if (tensor.offset != next_offset_) {
      throw Bad(place,
                fmt::format("{} begins at {} of the tensor data where {} is expected: tensors overlap or leave a gap",
                            label, tensor.offset, next_offset_));
    }
    if (tensor.offset > UINT64_MAX - tensor.bytes)
      throw Bad(place, fmt::format("the end of {} exceeds 64 bits", label));
    gguf_.data_bytes = tensor.offset + tensor.bytes;
    next_offset_ = Padded(gguf_.data_bytes, "the tensor data");
    // What is added to it later is at most the header and its padding, which lie in the file.
    if (next_offset_ > static_cast<uint64_t>(INT64_MAX))
      throw Bad(place, fmt::format("the end of {} exceeds 63 bits", label));
  }

  std::span<const std::byte> file_;
  std::string name_;
  uint64_t at_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t next_offset_ = 0;
  std::unordered_set<std::string_view> names_;
  Gguf gguf_;
};

}  // namespace gguf_internal

// `name` is what messages call the file. Throws Error with the byte offset and a cure. Everything returned points into
// `file`, which must outlive it.
inline Gguf ParseGguf(std::span<const std::byte> file, std::string_view name) {
  return gguf_internal::Parser(file, name).Parse();
}

}  // namespace loco
