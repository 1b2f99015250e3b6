// train_bench MODEL.gguf: how fast a training step is beside what this machine's matrix units can do. Prints one JSON
// object a round, with everything measured in that round, one after the other:
//
//   step_s        forward, backward and AdamW over T tokens, all learned, by this project's trainer
//   our_linear_s  only the products with the base's weights, forward and backward, by this project's kernels
//   onednn_s      the same products by oneDNN in bf16: the limit that a step is compared with ("roofline"); not there
//                 where oneDNN has no such product (held to AVX2)
//   onednn_f32_s  the same in 32 bits, which is the faster of the two on Intel's cores without matrix units
//   openblas_s    the same by OpenBLAS in 32 bits
//   out_prod_s    with --out-prod: the backward products by ggml's OUT_PROD on the quantized weights, plus ggml's
//                 forward ones: what a training step on ggml's own graph cannot be faster than
//
// Products of the same shape and type are timed once and counted as often as they occur. bench/train runs it.
#include <cblas.h>
#include <fmt/format.h>
#include <omp.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/system.h"
#include "candidate/gguf.h"
#include "net/gemm.h"
#include "net/pass.h"
#include "products.h"
#include "train/adapter.h"
#include "train/architecture.h"
#include "train/optimizer.h"

namespace loco {
namespace {

struct Arguments {
  Path model;
  int64_t tokens = 512;
  int64_t rounds = 5;
  int64_t stored = -1;  // blocks whose activations are kept; -1: all
  int64_t loss_rows = 256;
  int64_t learned = -1;  // tokens; -1: all
  int threads = 2;
  bool only_step = false;
  bool out_prod = false;
};

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
    const auto target = static_cast<int32_t>(random.Below(static_cast<uint64_t>(network.vocabulary)));
    batch.targets.push_back(a.learned < 0 || i < a.learned ? target : -1);
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
      double onednn_f32 = 0;
      double openblas = 0;
      double ggml = 0;
      for (const Kind& kind : kinds) {
        Products products(kind.matrix, a.tokens, threads);
        const auto count = static_cast<double>(kind.count);
        ours += count * products.Ours().both();
        onednn += count * products.OneDnn(true).both();
        onednn_f32 += count * products.OneDnn(false).both();
        openblas += count * products.OpenBlas().both();
        if (a.out_prod) ggml += count * products.Ggml(a.threads, true).both();
      }
      line["our_linear_s"] = ours;
      if (onednn > 0) line["onednn_s"] = onednn;
      line["onednn_f32_s"] = onednn_f32;
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
      } else if (word == "--learned") {
        a.learned = std::stoll(next());
      } else if (word == "--threads") {
        a.threads = std::stoi(next());
      } else if (word == "--kernel") {
        const auto kind = KernelNamed(next());
        if (!kind || !IsSupported(*kind)) throw Error("no such kernel here", "see net/gemm.h");
        UseKernel(*kind);
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
