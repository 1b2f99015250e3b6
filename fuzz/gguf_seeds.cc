// Writes the seed files of gguf_fuzz: small, valid GGUF files that reach every branch of the reader.
//
//   build/fuzz/fuzz/gguf_seeds fuzz/corpus/gguf
#include <cstdio>

#include "base/file.h"
#include "candidate/gguf_builder.h"

namespace {

using namespace loco;

GgufBuilder Model(const std::string& architecture) {
  const std::string prefix = architecture + ".";
  GgufBuilder b;
  b.Text("general.architecture", architecture).Text("general.name", "seed").Number("general.file_type", 15);
  b.Number(prefix + "block_count", 6)
      .Number(prefix + "embedding_length", 256)
      .Number(prefix + "feed_forward_length", 512);
  b.Number(prefix + "attention.head_count", 4)
      .Number(prefix + "attention.head_count_kv", 2)
      .Number(prefix + "context_length", 2048);
  b.Texts("tokenizer.ggml.tokens", {"<s>", "</s>", "a"}).Text("tokenizer.ggml.model", "llama");
  return b;
}

}  // namespace

int main(int argc, char** argv) {
  const Path folder = argc > 1 ? argv[1] : ".";
  const auto write = [&](const char* name, const GgufBuilder& b) { WriteFileAtomically(folder / name, b.Build()); };

  GgufBuilder kinds;
  kinds.Scalar<uint8_t>("u8", GgufKind::kUint8, 1).Scalar<int8_t>("i8", GgufKind::kInt8, -1);
  kinds.Scalar<uint16_t>("u16", GgufKind::kUint16, 2).Scalar<int16_t>("i16", GgufKind::kInt16, -2);
  kinds.Scalar<uint64_t>("u64", GgufKind::kUint64, 3).Scalar<int64_t>("i64", GgufKind::kInt64, -3);
  kinds.Scalar<float>("f32", GgufKind::kFloat32, 1.5F)
      .Scalar<double>("f64", GgufKind::kFloat64, 2.5)
      .Flag("flag", true);
  kinds.Array<float>("floats", GgufKind::kFloat32, {1, 2}).Array<int64_t>("longs", GgufKind::kInt64, {1, 2});
  kinds.Raw("nested", 9, std::string("\x09\0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0", 28));
  write("kinds.gguf", kinds);

  GgufBuilder gemma = Model("gemma3");
  gemma.Number("gemma3.attention.sliding_window", 512)
      .Number("gemma3.attention.key_length", 64)
      .Number("gemma3.attention.value_length", 64);
  gemma.Tensor("token_embd.weight", {256, 3}, kQ4_K)
      .Tensor("blk.0.attn_q.weight", {256, 64}, kQ4_K)
      .Tensor("output_norm.weight", {256}, kF32);
  write("sliding.gguf", gemma);

  GgufBuilder qwen = Model("qwen35");
  qwen.Number("qwen35.ssm.conv_kernel", 4)
      .Number("qwen35.ssm.inner_size", 512)
      .Number("qwen35.ssm.state_size", 64)
      .Number("qwen35.ssm.group_count", 4);
  qwen.Tensor("token_embd.weight", {256, 3}, kF16);
  write("recurrent.gguf", qwen);

  GgufBuilder lfm = Model("lfm2");
  lfm.Array<int32_t>("lfm2.attention.head_count_kv_list", GgufKind::kInt32, {0, 2}).Number("lfm2.shortconv.l_cache", 3);
  lfm.Text("tokenizer.chat_template", "{{ 'system' }}{{ tools }}<think>")
      .Number("general.base_model.count", 1)
      .Text("general.base_model.0.name", "base");
  write("template.gguf", lfm);

  GgufBuilder aligned(2, 64);
  aligned.Text("general.architecture", "llama")
      .Number("general.alignment", 64)
      .Scalar<uint16_t>("split.count", GgufKind::kUint16, 2);
  aligned.Tensor("a", {32, 2}, kQ8_0).Tensor("b", {8}, kF32);
  write("aligned.gguf", aligned);
  std::printf("5 seeds written\n");
  return 0;
}
