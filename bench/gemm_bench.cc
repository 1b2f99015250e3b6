// gemm_bench [--shape ROWSxCOLUMNS] [--tokens T] [--rounds N] [--threads N] [--kernel NAME]: this project's
// products on every common type of weights, beside ggml's MUL_MAT on the same weights and beside what oneDNN and
// OpenBLAS make of the shape. Prints one JSON object a type and round, everything in it measured one after the other,
// in GFLOP/s. bench/gemm runs it.
#include <cblas.h>
#include <fmt/format.h>
#include <ggml.h>
#include <omp.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "products.h"

namespace loco {
namespace {

constexpr ggml_type kTypes[] = {GGML_TYPE_F32,  GGML_TYPE_F16,  GGML_TYPE_BF16, GGML_TYPE_Q8_0,
                                GGML_TYPE_Q6_K, GGML_TYPE_Q5_K, GGML_TYPE_Q5_0, GGML_TYPE_Q4_K,
                                GGML_TYPE_Q4_0, GGML_TYPE_Q3_K, GGML_TYPE_Q2_K, GGML_TYPE_TQ2_0};

struct Arguments {
  int64_t rows = 9728;
  int64_t columns = 2560;
  int64_t tokens = 512;
  int64_t rounds = 5;
  int threads = 2;
};

std::vector<std::byte> RandomWeights(ggml_type type, int64_t rows, int64_t columns) {
  std::vector<std::byte> data(static_cast<size_t>(rows) * ggml_row_size(type, columns));
  Random random(1);
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r) {
    for (float& value : row) value = static_cast<float>(random.Uniform() - 0.5);
    std::byte* to = data.data() + static_cast<size_t>(r) * ggml_row_size(type, columns);
    if (type == GGML_TYPE_F32) {
      std::memcpy(to, row.data(), row.size() * sizeof(float));
    } else {
      ggml_quantize_chunk(type, row.data(), to, 0, 1, columns, nullptr);
    }
  }
  return data;
}

int Run(const Arguments& a) {
  Threads threads(a.threads);
  omp_set_num_threads(a.threads);
  openblas_set_num_threads(a.threads);
  const double work = 2e-9 * static_cast<double>(a.rows * a.columns * a.tokens);
  const auto rates = [&](const Times& times) {
    return nlohmann::ordered_json{{"forward", work / times.forward},
                                  {"backward", times.backward > 0 ? work / times.backward : 0}};
  };
  for (const ggml_type type : kTypes) {
    if (a.columns % ggml_blck_size(type) != 0) continue;
    const std::vector<std::byte> data = RandomWeights(type, a.rows, a.columns);
    Products products({data.data(), static_cast<uint32_t>(type), a.rows, a.columns}, a.tokens, threads);
    products.Ours();  // the first pass touches the memory
    for (int64_t round = 0; round < a.rounds; ++round) {
      nlohmann::ordered_json line = {{"type", ggml_type_name(type)},
                                     {"kernel", KernelName(CurrentKernel())},
                                     {"ours", rates(products.Ours())},
                                     {"ggml", rates(products.Ggml(a.threads, false))},
                                     {"onednn_bf16", rates(products.OneDnn(true))},
                                     {"onednn_f32", rates(products.OneDnn(false))},
                                     {"openblas_f32", rates(products.OpenBlas())}};
      fmt::print("{}\n", line.dump());
      std::fflush(stdout);
    }
  }
  return 0;
}

int Main(int count, char** words) {
  Arguments a;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const std::string value = i + 1 < count ? words[i + 1] : "";
    ++i;
    if (word == "--shape" && value.find('x') != std::string::npos) {
      a.rows = std::stoll(value);
      a.columns = std::stoll(value.substr(value.find('x') + 1));
    } else if (word == "--tokens") {
      a.tokens = std::stoll(value);
    } else if (word == "--rounds") {
      a.rounds = std::stoll(value);
    } else if (word == "--kernel" && KernelNamed(value) && IsSupported(*KernelNamed(value))) {
      UseKernel(*KernelNamed(value));
    } else if (word == "--threads") {
      a.threads = std::stoi(value);
    } else {
      fmt::print(stderr, "error: unknown argument {}\n  cure: see bench/gemm_bench.cc\n", word);
      return 2;
    }
  }
  return Run(a);
}

}  // namespace
}  // namespace loco

int main(int count, char** words) { return loco::Main(count, words); }
