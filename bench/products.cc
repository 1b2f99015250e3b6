#include "products.h"

#include <cblas.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "base/random.h"

namespace loco {
namespace {

std::vector<float> RandomNumbers(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& value : numbers) value = static_cast<float>(2 * random.Uniform() - 1);
  return numbers;
}

}  // namespace

Products::Products(const Matrix& matrix, int64_t tokens, Threads& threads)
    : matrix_(matrix),
      tokens_(tokens),
      threads_(threads),
      x_(RandomNumbers(tokens * matrix.columns, 1)),
      dy_(RandomNumbers(tokens * matrix.rows, 2)),
      y_(static_cast<size_t>(tokens * matrix.rows)),
      dx_(static_cast<size_t>(tokens * matrix.columns)) {}

Times Products::Ours() {
  const Activations x(threads_, x_.data(), tokens_, matrix_.columns, matrix_.columns);
  const Activations dy(threads_, dy_.data(), tokens_, matrix_.rows, matrix_.rows);
  const Product forward{.terms = {{&x, matrix_}}, .output = y_.data(), .stride = matrix_.rows};
  const Product backward{.terms = {{&dy, matrix_}}, .output = dx_.data(), .stride = matrix_.columns};
  Times times;
  times.forward = Seconds([&] { MultiplyTransposed(threads_, {&forward, 1}); });
  times.backward = Seconds([&] { Multiply(threads_, {&backward, 1}); });
  return times;
}

Times Products::OneDnn(bool bf16) try {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto type = bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  // The weights in the layout that oneDNN likes best, as a library user who repeats the product would have them.
  const auto time = [&](int64_t m, int64_t k, int64_t n) {
    const memory::desc a({m, k}, type, memory::format_tag::ab);
    const memory::desc b({k, n}, type, memory::format_tag::any);
    const memory::desc c({m, n}, memory::data_type::f32, memory::format_tag::ab);
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
    memory left(a, engine);
    memory right(description.weights_desc(), engine);
    memory result(c, engine);
    std::memset(left.get_data_handle(), 0x3c, a.get_size());
    std::memset(right.get_data_handle(), 0x3c, description.weights_desc().get_size());
    const dnnl::matmul product(description);
    const std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}};
    const auto work = [&] {
      product.execute(stream, arguments);
      stream.wait();
    };
    work();  // the first call touches the memory
    return Seconds(work);
  };
  return {.forward = time(tokens_, matrix_.columns, matrix_.rows),
          .backward = time(tokens_, matrix_.rows, matrix_.columns)};
} catch (const dnnl::error& problem) {
  if (problem.status != dnnl_unimplemented) throw;
  return {};
}

Times Products::OpenBlas() {
  const std::vector<float> w = RandomNumbers(matrix_.rows * matrix_.columns, 3);
  const auto t = static_cast<int>(tokens_);
  const auto n = static_cast<int>(matrix_.rows);
  const auto k = static_cast<int>(matrix_.columns);
  Times times;
  times.forward = Seconds([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, t, n, k, 1, x_.data(), k, w.data(), k, 0, y_.data(), n);
  });
  times.backward = Seconds([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, t, k, n, 1, dy_.data(), n, w.data(), k, 0, dx_.data(), k);
  });
  return times;
}

Times Products::Ggml(int threads, bool backward) {
  const auto type = static_cast<ggml_type>(matrix_.type);
  const auto bytes =
      static_cast<size_t>(matrix_.rows * matrix_.row_bytes() + 8 * tokens_ * (matrix_.rows + matrix_.columns)) +
      (64U << 20U);
  ggml_context* context = ggml_init({.mem_size = bytes, .mem_buffer = nullptr, .no_alloc = false});
  ggml_tensor* w = ggml_new_tensor_2d(context, type, matrix_.columns, matrix_.rows);
  std::memcpy(w->data, matrix_.data, static_cast<size_t>(matrix_.rows * matrix_.row_bytes()));
  const auto time = [&](ggml_tensor* node) {
    ggml_cgraph* graph = ggml_new_graph(context);
    ggml_build_forward_expand(graph, node);
    return Seconds([&] { ggml_graph_compute_with_ctx(context, graph, threads); });
  };
  ggml_tensor* x = ggml_new_tensor_2d(context, GGML_TYPE_F32, matrix_.columns, tokens_);
  std::memcpy(x->data, x_.data(), x_.size() * sizeof(float));
  Times times{.forward = time(ggml_mul_mat(context, w, x))};
  if (backward) {
    ggml_tensor* dy = ggml_new_tensor_2d(context, GGML_TYPE_F32, matrix_.rows, tokens_);
    std::memcpy(dy->data, dy_.data(), dy_.size() * sizeof(float));
    times.backward = time(ggml_out_prod(context, w, ggml_transpose(context, dy)));
  }
  ggml_free(context);
  return times;
}

}  // namespace loco
