// One product of activations with a weight matrix, forward and backward, by this project's kernels and by each library
// that they are compared with. For benchmarks.
//
//   Products products(matrix, 512, threads);
//   Times ours = products.Ours();          // seconds of y = x·Wᵀ and of dx = dy·W
//
// Inputs are made before the clock starts; each library gets them in the form that it likes best.
#pragma once

#include <chrono>
#include <vector>

#include "net/gemm.h"

namespace loco {

template <typename Work>
double Seconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Times {
  double forward = 0;  // seconds
  double backward = 0;
  double both() const { return forward + backward; }
};

class Products {
 public:
  Products(const Matrix& matrix, int64_t tokens, Threads& threads);

  Times Ours();
  Times OneDnn(bool bf16);
  Times OpenBlas();  // 32 bits
  // MUL_MAT on the quantized weights, and OUT_PROD as ggml's own backward graph writes it: OUT_PROD(W, dYᵀ).
  Times Ggml(int threads, bool backward);

 private:
  Matrix matrix_;
  int64_t tokens_;
  Threads& threads_;
  std::vector<float> x_, dy_, y_, dx_;
};

}  // namespace loco
