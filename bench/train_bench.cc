// train_bench MODEL.gguf: how fast a training step is beside what this machine's matrix units can do. Prints one JSON
// object a round, with everything measured in that round, one after the other:
//
//   step_s        forward, backward and AdamW over T tokens, all learned, by this project's trainer
//   our_linear_s  only the products with the base's weights, forward and backward, by this project's kernels
//   onednn_s      the same products by oneDNN in bf16: the limit that a step is compared with ("roofline")
//   openblas_s    the same by OpenBLAS in 32 bits
//   out_prod_s    with --out-prod: the backward products by ggml's OUT_PROD on the quantized weights, plus ggml's
//                 forward ones: what a training step on ggml's own graph cannot be faster than
//
// Products of the same shape and type are timed once and counted as often as they occur. bench/train runs it.
#include <cblas.h>
#include <fmt/format.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <omp.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/system.h"
#include "candidate/gguf.h"
#include "net/gemm.h"
#include "net/pass.h"
#include "train/adapter.h"
#include "train/architecture.h"
#include "train/optimizer.h"

namespace loco {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Arguments {
  Path model;
  int64_t tokens = 512;
  int64_t rounds = 5;
  int64_t stored = -1;  // blocks whose activations are kept; -1: all
  int64_t loss_rows = 256;
  int threads = 2;
  bool only_step = false;
  bool out_prod = false;
};

template <typename Work>
double Seconds(const Work& work) {
  const auto begin = SteadyClock::now();
  work();
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// Weight matrices that are alike.
struct Kind {
  Matrix matrix;
  int64_t count = 0;
};

std::vector<Kind> KindsOf(const Network& network) {
  std::map<std::tuple<int64_t, int64_t, uint32_t>, Kind> kinds;
  const auto add = [&](const Matrix& matrix) {
    Kind& kind = kinds[{matrix.rows, matrix.columns, matrix.type}];
    kind.matrix = matrix;
    ++kind.count;
  };
  for (const Block& block : network.blocks) {
    for (const Linear* linear :
         {&block.query, &block.key, &block.value, &block.output, &block.gate, &block.up, &block.down}) {
      add(linear->weight);
    }
  }
  add(network.output);
  std::vector<Kind> list;
  for (const auto& [key, kind] : kinds) list.push_back(kind);
  return list;
}

std::vector<float> RandomNumbers(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& value : numbers) value = static_cast<float>(2 * random.Uniform() - 1);
  return numbers;
}

// One shape, forward and backward, by each library. Inputs are made before the clock starts.
class Products {
 public:
  Products(const Matrix& matrix, int64_t tokens, Threads& threads)
      : matrix_(matrix),
        tokens_(tokens),
        threads_(threads),
        x_(RandomNumbers(tokens * matrix.columns, 1)),
        dy_(RandomNumbers(tokens * matrix.rows, 2)),
        y_(static_cast<size_t>(tokens * matrix.rows)),
        dx_(static_cast<size_t>(tokens * matrix.columns)) {}

  double Ours() {
    const Activations x(threads_, x_.data(), tokens_, matrix_.columns, matrix_.columns);
    const Activations dy(threads_, dy_.data(), tokens_, matrix_.rows, matrix_.rows);
    return Seconds([&] {
      const Product forward{.terms = {{&x, matrix_}}, .output = y_.data(), .stride = matrix_.rows};
      MultiplyTransposed(threads_, {&forward, 1});
      const Product backward{.terms = {{&dy, matrix_}}, .output = dx_.data(), .stride = matrix_.columns};
      Multiply(threads_, {&backward, 1});
    });
  }

  double OneDnn() {
    using dnnl::memory;
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    // The weights in the layout that oneDNN likes best, as a library user who repeats the product would have them.
    const auto prepare = [&](int64_t m, int64_t k, int64_t n) {
      const memory::desc a({m, k}, memory::data_type::bf16, memory::format_tag::ab);
      const memory::desc b({k, n}, memory::data_type::bf16, memory::format_tag::any);
      const memory::desc c({m, n}, memory::data_type::f32, memory::format_tag::ab);
      const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
      memory left(a, engine);
      memory right(description.weights_desc(), engine);
      memory result(c, engine);
      std::memset(left.get_data_handle(), 0x3c, a.get_size());
      std::memset(right.get_data_handle(), 0x3c, description.weights_desc().get_size());
      return std::pair{
          dnnl::matmul(description),
          std::unordered_map<int, memory>{{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}}};
    };
    auto forward = prepare(tokens_, matrix_.columns, matrix_.rows);
    auto backward = prepare(tokens_, matrix_.rows, matrix_.columns);
    const auto work = [&] {
      forward.first.execute(stream, forward.second);
      backward.first.execute(stream, backward.second);
      stream.wait();
    };
    work();  // the first call touches the memory
    return Seconds(work);
  }

  double OpenBlas() {
    const std::vector<float> w = RandomNumbers(matrix_.rows * matrix_.columns, 3);
    const auto t = static_cast<int>(tokens_);
    const auto n = static_cast<int>(matrix_.rows);
    const auto k = static_cast<int>(matrix_.columns);
    return Seconds([&] {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, t, n, k, 1, x_.data(), k, w.data(), k, 0, y_.data(), n);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, t, k, n, 1, dy_.data(), n, w.data(), k, 0, dx_.data(), k);
    });
  }

  // {forward by MUL_MAT, backward by OUT_PROD}
  std::pair<double, double> Ggml(int threads) {
    const auto type = static_cast<ggml_type>(matrix_.type);
    const auto bytes =
        static_cast<size_t>(matrix_.rows * matrix_.row_bytes() + 8 * tokens_ * (matrix_.rows + matrix_.columns)) +
        (64U << 20U);
    ggml_context* context = ggml_init({.mem_size = bytes, .mem_buffer = nullptr, .no_alloc = false});
    ggml_tensor* w = ggml_new_tensor_2d(context, type, matrix_.columns, matrix_.rows);
    std::memcpy(w->data, matrix_.data, static_cast<size_t>(matrix_.rows * matrix_.row_bytes()));
    ggml_tensor* x = ggml_new_tensor_2d(context, GGML_TYPE_F32, matrix_.columns, tokens_);
    std::memcpy(x->data, x_.data(), x_.size() * sizeof(float));
    // As ggml's own backward graph writes it: OUT_PROD(W, dYᵀ).
    ggml_tensor* dy = ggml_new_tensor_2d(context, GGML_TYPE_F32, matrix_.rows, tokens_);
    std::memcpy(dy->data, dy_.data(), dy_.size() * sizeof(float));
    const auto time = [&](ggml_tensor* node) {
      ggml_cgraph* graph = ggml_new_graph(context);
      ggml_build_forward_expand(graph, node);
      return Seconds([&] { ggml_graph_compute_with_ctx(context, graph, threads); });
    };
    const double forward = time(ggml_mul_mat(context, w, x));
    const double backward = time(ggml_out_prod(context, w, ggml_transpose(context, dy)));
    ggml_free(context);
    return {forward, backward};
  }

 private:
  Matrix matrix_;
  int64_t tokens_;
  Threads& threads_;
  std::vector<float> x_, dy_, y_, dx_;
};

int Run(const Arguments& a) {
  const MappedFile file(a.model);
  const Gguf gguf = ParseGguf(file.bytes(), a.model.string());
  Network network = BuildNetwork(gguf, file.bytes(), a.model);
  Threads threads(a.threads);
  omp_set_num_threads(a.threads);
  openblas_set_num_threads(a.threads);
  Adapter adapter = AttachAdapter(network, {.rank = 16, .alpha = 32}, 1);
  Adapter gradients = ZeroLike(adapter);
  AdamW optimizer(adapter, {});
  const auto blocks = static_cast<int64_t>(network.blocks.size());
  Pass pass(network, threads,
            {.stored_blocks = a.stored < 0 ? blocks : std::min(a.stored, blocks), .loss_rows = a.loss_rows});
  TokenBatch batch;
  Random random(2);
  for (int64_t i = 0; i < a.tokens; ++i) {
    batch.tokens.push_back(static_cast<int32_t>(random.Below(static_cast<uint64_t>(network.vocabulary))));
    batch.positions.push_back(static_cast<int32_t>(i));
    batch.first.push_back(0);
    batch.targets.push_back(static_cast<int32_t>(random.Below(static_cast<uint64_t>(network.vocabulary))));
    batch.weights.push_back(1);
  }
  const auto step = [&] {
    return Seconds([&] {
      gradients = ZeroLike(adapter);
      pass.Run(batch, &adapter, &gradients);
      ClipNorm(gradients, 1);
      optimizer.Step(adapter, gradients, 1e-4);
    });
  };
  const std::vector<Kind> kinds = KindsOf(network);
  double work = 0;
  for (const Kind& kind : kinds)
    work += 4.0 * static_cast<double>(kind.count * kind.matrix.rows * kind.matrix.columns * a.tokens);
  step();  // the first one reads the weights from the disk
  for (int64_t round = 0; round < a.rounds; ++round) {
    nlohmann::ordered_json line = {{"kernel", KernelName(CurrentKernel())},
                                   {"tokens", a.tokens},
                                   {"linear_gflop", work / 1e9},
                                   {"step_s", step()}};
    if (!a.only_step) {
      double ours = 0;
      double onednn = 0;
      double openblas = 0;
      double ggml = 0;
      for (const Kind& kind : kinds) {
        Products products(kind.matrix, a.tokens, threads);
        const auto count = static_cast<double>(kind.count);
        ours += count * products.Ours();
        onednn += count * products.OneDnn();
        openblas += count * products.OpenBlas();
        if (a.out_prod) {
          const auto [forward, backward] = products.Ggml(a.threads);
          ggml += count * (forward + backward);
        }
      }
      line["our_linear_s"] = ours;
      line["onednn_s"] = onednn;
      line["openblas_s"] = openblas;
      if (a.out_prod) line["out_prod_s"] = ggml;
    }
    line["peak_bytes"] = ReadProcessMemory().peak_resident.value;
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }
  return 0;
}

int Main(int count, char** words) {
  Arguments a;
  try {
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      const auto next = [&]() -> std::string {
        if (++i == count) throw Error(word + " needs a value", "see bench/train_bench.cc");
        return words[i];
      };
      if (word == "--tokens") {
        a.tokens = std::stoll(next());
      } else if (word == "--rounds") {
        a.rounds = std::stoll(next());
      } else if (word == "--stored") {
        a.stored = std::stoll(next());
      } else if (word == "--loss-rows") {
        a.loss_rows = std::stoll(next());
      } else if (word == "--threads") {
        a.threads = std::stoi(next());
      } else if (word == "--avx2") {
        UseKernel(KernelKind::kAvx2);
      } else if (word == "--only-step") {
        a.only_step = true;
      } else if (word == "--out-prod") {
        a.out_prod = true;
      } else {
        a.model = word;
      }
    }
    if (a.model.empty()) throw Error("no model was named", "train_bench MODEL.gguf");
    return Run(a);
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n  cure: {}\n", error.what(), error.hint());
    return 1;
  }
}

}  // namespace
}  // namespace loco

int main(int count, char** words) { return loco::Main(count, words); }
