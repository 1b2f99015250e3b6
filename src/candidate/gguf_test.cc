#include "candidate/gguf.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "candidate/gguf_builder.h"

namespace loco {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
Gguf Parse(const std::string& file) { return ParseGguf(AsBytes(file), "test.gguf"); }

// What the parser says about a file that it refuses.
std::string Refusal(const std::string& file) {
  try {
    Parse(file);
  } catch (const Error& error) {
    CHECK_MESSAGE(!error.hint().empty(), "no cure for: ", error.what());
    return error.what();
  }
  return "accepted";
}
bool Says(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("said: ", text);
  return found;
}

GgufBuilder SmallModel() {
  GgufBuilder builder;
  builder.Text("general.architecture", "llama").Number("llama.block_count", 2).Flag("yes", true);
  builder.Scalar<float>("pi", GgufKind::kFloat32, 3.25F).Scalar<int8_t>("small", GgufKind::kInt8, -3);
  builder.Texts("tokens", {"a", "", "xyz"}).Array<int32_t>("types", GgufKind::kInt32, {1, -2, 3});
  builder.Tensor("token_embd.weight", {256, 10}, kQ4_K).Tensor("output_norm.weight", {256}, kF32);
  return builder;
}

TEST_CASE("every kind of value comes back as it was written") {
  const std::string file = SmallModel().Build();
  const Gguf gguf = Parse(file);
  CHECK(gguf.version == 3);
  CHECK(gguf.Find("general.architecture")->AsString() == "llama");
  CHECK(gguf.Find("llama.block_count")->AsInteger() == 2);
  CHECK(gguf.Find("yes")->AsBool() == true);
  CHECK(gguf.Find("pi")->AsNumber() == doctest::Approx(3.25));
  CHECK(gguf.Find("small")->AsInteger() == -3);
  CHECK(gguf.Find("tokens")->AsStrings() == std::vector<std::string_view>{"a", "", "xyz"});
  CHECK(gguf.Find("types")->AsIntegers() == std::vector<int64_t>{1, -2, 3});
  CHECK(gguf.Find("absent") == nullptr);
  CHECK(gguf.keys.front() == "general.architecture");
  REQUIRE(gguf.tensors.size() == 2);
  CHECK(gguf.tensors[0].type->name == "q4_K");
  CHECK(gguf.tensors[0].bytes == 10 * 144);
  CHECK(gguf.tensors[1].offset == 10 * 144);
  CHECK(gguf.data_offset % 32 == 0);
  CHECK(gguf.missing_bytes() == 0);
}

TEST_CASE("a value asked for as another kind is empty, never misread") {
  const std::string file = SmallModel().Build();
  const Gguf gguf = Parse(file);
  CHECK(!gguf.Find("general.architecture")->AsInteger());
  CHECK(!gguf.Find("general.architecture")->AsIntegers());
  CHECK(!gguf.Find("general.architecture")->AsNumber());
  CHECK(!gguf.Find("pi")->AsInteger());
  CHECK(!gguf.Find("pi")->AsString());
  CHECK(!gguf.Find("tokens")->AsIntegers());
  CHECK(!gguf.Find("types")->AsStrings());
  CHECK(!gguf.Find("types")->AsInteger());
  CHECK(!gguf.Find("llama.block_count")->AsBool());
}

TEST_CASE("versions 2 and 3 read alike; 1, 4 and big-endian files are named") {
  CHECK(Parse(GgufBuilder(2).Text("a", "b").Build()).version == 2);
  CHECK(Says(Refusal(GgufBuilder(1).Build()), "GGUF version 1"));
  CHECK(Says(Refusal(GgufBuilder(4).Build()), "GGUF version 4"));
  CHECK(Says(Refusal(GgufBuilder(0).Build()), "GGUF version 0"));
  CHECK(Says(Refusal(GgufBuilder(0x03000000).Build()), "big-endian"));
}

TEST_CASE("other files are named for what they are") {
  CHECK(Says(Refusal(""), "is empty"));
  CHECK(Says(Refusal("PK\x03\x04 zip"), "not a GGUF file (it begins with 'PK"));
  CHECK(Says(Refusal("version https://git-lfs.github.com/spec/v1"), "not a GGUF file"));
  CHECK(Says(Refusal("\x1b[31m red"), "␛[31"));
  CHECK(Says(Refusal("GG"), "ends inside its header"));
}

TEST_CASE("a header cut at any byte is refused as cut, with the place") {
  const std::string header = SmallModel().Header();
  for (size_t length = 1; length < header.size(); ++length) {
    const std::string refusal = Refusal(header.substr(0, length));
    if (refusal.find("the file ends inside its header") == std::string::npos) {
      FAIL("cut to ", length, " bytes: ", refusal);
    }
  }
}

TEST_CASE("missing tensor data is counted, not refused") {
  const GgufBuilder builder = SmallModel();
  const Gguf header_only = Parse(builder.Header());
  CHECK(header_only.tensors.size() == 2);
  CHECK(header_only.missing_bytes() == header_only.data_offset + header_only.data_bytes - builder.Header().size());
  const std::string file = builder.Build();
  CHECK(Parse(file.substr(0, file.size() - 100)).missing_bytes() == 100);
}

TEST_CASE("lengths that the file cannot hold are refused before anything is allocated for them") {
  for (const uint64_t claimed : {uint64_t{1} << 20, uint64_t{1} << 40, uint64_t{1} << 63, UINT64_MAX}) {
    for (const size_t place : {size_t{8}, size_t{16}}) {  // number of tensors, number of keys
      std::string file = SmallModel().Build();
      std::memcpy(file.data() + place, &claimed, 8);
      CHECK(Says(Refusal(file), "the file ends inside its header"));
    }
    std::string length(8, '\0');
    std::memcpy(length.data(), &claimed, 8);
    CHECK(Says(Refusal(GgufBuilder().Raw("text", 8, length).Build()), "the file ends inside its header"));
    for (const char element : {'\x00', '\x05', '\x08', '\x09', '\x0c'}) {
      const std::string array = std::string(1, element) + std::string(3, '\0') + length;
      CHECK(Says(Refusal(GgufBuilder().Raw("array", 9, array).Build()), "the file ends inside its header"));
    }
  }
}

TEST_CASE("nested arrays are read, and nesting is bounded") {
  const auto nest = [](int depth) {
    std::string payload;
    for (int i = 0; i < depth; ++i) payload += std::string("\x09\0\0\0\x01\0\0\0\0\0\0\0", 12);
    return payload + std::string("\x00\0\0\0\x02\0\0\0\0\0\0\0\x07\x08", 14);
  };
  const std::string shallow = GgufBuilder().Raw("nested", 9, nest(3)).Number("after", 5).Build();
  CHECK(Parse(shallow).Find("after")->AsInteger() == 5);
  CHECK(!Parse(shallow).Find("nested")->AsIntegers());
  CHECK(Says(Refusal(GgufBuilder().Raw("nested", 9, nest(9)).Build()), "nested deeper"));
}

TEST_CASE("keys and tensors that occur twice, or have no name, are refused") {
  CHECK(Says(Refusal(GgufBuilder().Number("a", 1).Number("a", 2).Build()), "key 'a' occurs twice"));
  CHECK(Says(Refusal(GgufBuilder().Number("", 1).Build()), "has no name"));
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {8}, kF32).Tensor("t", {8}, kF32).Build()), "tensor 't' occurs twice"));
  CHECK(Says(Refusal(GgufBuilder().Tensor(std::string(64, 'n'), {8}, kF32).Build()), "has 64 bytes"));
  CHECK(Refusal(GgufBuilder().Tensor(std::string(63, 'n'), {8}, kF32).Build()) == "accepted");
}

TEST_CASE("an alignment must be a power of two of sane size and of the right kind") {
  for (const uint32_t alignment : {0U, 3U, 48U, 1U << 21, 0xFFFFFFFFU}) {
    CHECK(Says(Refusal(GgufBuilder().Number("general.alignment", alignment).Build()), "not a power of two"));
  }
  CHECK(Says(Refusal(GgufBuilder().Text("general.alignment", "32").Build()), "not a uint32"));
  GgufBuilder wide(3, 64);
  wide.Number("general.alignment", 64).Tensor("a", {8}, kF32).Tensor("b", {8}, kF32);
  CHECK(Parse(wide.Build()).data_offset % 64 == 0);
}

TEST_CASE("tensor shapes, types and places that cannot be are refused") {
  const uint64_t big = uint64_t{1} << 40;
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {big, big}, kF32).Build()), "overflows"));
  CHECK(Says(Refusal(GgufBuilder().TensorAt("t", {uint64_t{1} << 62}, 28, 0).Build()), "exceeds 64 bits"));
  CHECK(Says(Refusal(GgufBuilder().TensorAt("t", {uint64_t{1} << 62}, kF16, 0).Build()), "exceeds 63 bits"));
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {1, 1, 1, 1, 1}, kF32).Build()), "5 dimensions"));
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {8}, 4).Build()), "storage type number 4"));
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {8}, 0xFFFFFFFF).Build()), "storage type number"));
  CHECK(Says(Refusal(GgufBuilder().Tensor("t", {100}, kQ4_K).Build()), "no multiple of the 256"));
  CHECK(Says(Refusal(GgufBuilder().TensorAt("t", {8}, kF32, 32).Build()), "overlap or leave a gap"));
  GgufBuilder overlapping;
  overlapping.TensorAt("a", {64}, kF32, 0).TensorAt("b", {64}, kF32, 32);
  CHECK(Says(Refusal(overlapping.Build()), "'b' begins at 32"));
  CHECK(Refusal(GgufBuilder().Tensor("t", {0, 5}, kF32).Build()) == "accepted");
}

TEST_CASE("text of the file cannot steer the terminal through an error") {
  const std::string refusal =
      Refusal(GgufBuilder().Number("\x1b]0;owned\x07", 1).Number("\x1b]0;owned\x07", 1).Build());
  CHECK(refusal.find('\x1b') == std::string::npos);
  CHECK(refusal.find('\x07') == std::string::npos);
}

TEST_CASE("any one damaged byte is either refused or read, never more") {
  const std::string file = SmallModel().Build();
  for (size_t i = 0; i < file.size(); ++i) {
    for (const char value : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string damaged = file;
      damaged[i] = value;
      try {
        const Gguf gguf = Parse(damaged);
        for (const auto& [key, entry] : gguf.values) {
          (void)entry.AsIntegers();
          (void)entry.AsStrings();
          (void)entry.AsNumber();
        }
      } catch (const Error&) {
      }
    }
  }
}

TEST_CASE("the vocabulary-only files of llama.cpp have no tensors and many tokens") {
  const char* variable = std::getenv("LOCO_SHARED");
  const Path shared = variable != nullptr ? Path(variable) : Path(LOCO_SOURCE_DIR) / "../shared";
  if (!std::filesystem::exists(shared / "data/vocab")) {
    MESSAGE("skipped: no shared data at ", shared.string());
    return;
  }
  const auto tokens = [&](const char* name) {
    const MappedFile file(shared / "data/vocab" / name);
    const Gguf gguf = ParseGguf(file.bytes(), name);
    CHECK(gguf.tensors.empty());
    CHECK(gguf.missing_bytes() == 0);
    return gguf.Find("tokenizer.ggml.tokens")->count;
  };
  CHECK(tokens("ggml-vocab-qwen2.gguf") == 151936);
  CHECK(tokens("ggml-vocab-llama-spm.gguf") == 32000);
  CHECK(tokens("ggml-vocab-gpt-2.gguf") == 50257);
  CHECK(tokens("ggml-vocab-phi-3.gguf") == 32064);
}

}  // namespace
}  // namespace loco
