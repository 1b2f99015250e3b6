// Builds GGUF files in memory: headers of adapters and generated models, and small whole files for tests and fuzz
// seeds.
//
//   GgufBuilder builder;
//   builder.Text("general.architecture", "llama").Number("llama.block_count", 2);
//   builder.Tensor("token_embd.weight", {64, 100}, kF16);
//   std::string file = builder.Build();          // header and zero-filled tensor data
//   std::string header = builder.Header();       // header only, as a download that stopped early
//
// It deliberately checks nothing: damaged files are made by writing nonsense, or by cutting and patching the result.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "candidate/gguf.h"

namespace loco {

class GgufBuilder {
 public:
  explicit GgufBuilder(uint32_t version = 3, uint64_t alignment = 32) : version_(version), alignment_(alignment) {}

  GgufBuilder& Text(std::string_view key, std::string_view value) {
    Begin(key, GgufKind::kString);
    AppendText(entries_, value);
    return *this;
  }
  GgufBuilder& Number(std::string_view key, uint32_t value) { return Scalar(key, GgufKind::kUint32, value); }
  GgufBuilder& Flag(std::string_view key, bool value) {
    return Scalar(key, GgufKind::kBool, static_cast<uint8_t>(value ? 1 : 0));
  }
  template <typename T>
  GgufBuilder& Scalar(std::string_view key, GgufKind kind, T value) {
    Begin(key, kind);
    Append(entries_, value);
    return *this;
  }
  GgufBuilder& Texts(std::string_view key, const std::vector<std::string>& values) {
    BeginArray(key, GgufKind::kString, values.size());
    for (const std::string& value : values) AppendText(entries_, value);
    return *this;
  }
  template <typename T>
  GgufBuilder& Array(std::string_view key, GgufKind element, const std::vector<T>& values) {
    BeginArray(key, element, values.size());
    for (const T value : values) Append(entries_, value);
    return *this;
  }
  // An entry whose kind and payload are given as raw bytes.
  GgufBuilder& Raw(std::string_view key, uint32_t kind, std::string_view payload) {
    Begin(key, static_cast<GgufKind>(kind));
    entries_ += payload;
    return *this;
  }

  GgufBuilder& Tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type) {
    const uint64_t offset = data_bytes_;
    TensorAt(name, dimensions, type, offset);
    uint64_t elements = 1;
    for (const uint64_t d : dimensions) elements *= d;
    if (const GgmlType* known = FindGgmlType(type)) data_bytes_ += Padded(known->BytesOf(elements).value_or(0));
    return *this;
  }
  GgufBuilder& TensorAt(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                        uint64_t offset) {
    ++tensors_;
    AppendText(descriptions_, name);
    Append(descriptions_, static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t d : dimensions) Append(descriptions_, d);
    Append(descriptions_, type);
    Append(descriptions_, offset);
    return *this;
  }

  std::string Header() const {
    std::string out = "GGUF";
    Append(out, version_);
    Append(out, tensors_);
    Append(out, keys_);
    return out + entries_ + descriptions_;
  }
  // Where the next tensor begins behind `value` bytes.
  uint64_t Padded(uint64_t value) const { return (value + alignment_ - 1) / alignment_ * alignment_; }
  std::string Build() const {
    std::string out = Header();
    out.resize(static_cast<size_t>(Padded(out.size()) + data_bytes_), '\0');
    return out;
  }

 private:
  template <typename T>
  static void Append(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
  }
  static void AppendText(std::string& out, std::string_view text) {
    Append(out, static_cast<uint64_t>(text.size()));
    out += text;
  }
  void Begin(std::string_view key, GgufKind kind) {
    ++keys_;
    AppendText(entries_, key);
    Append(entries_, static_cast<uint32_t>(kind));
  }
  void BeginArray(std::string_view key, GgufKind element, uint64_t count) {
    Begin(key, GgufKind::kArray);
    Append(entries_, static_cast<uint32_t>(element));
    Append(entries_, count);
  }
  uint32_t version_;
  uint64_t alignment_;
  uint64_t keys_ = 0;
  uint64_t tensors_ = 0;
  uint64_t data_bytes_ = 0;
  std::string entries_;
  std::string descriptions_;
};

}  // namespace loco
