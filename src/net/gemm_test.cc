#include "net/gemm.h"

#include <doctest/doctest.h>
#include <ggml.h>

#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "net/kernel_fixture.h"

namespace loco {
namespace {

// ggml quantizes to these by searching in large tables.
bool HasSearchTables(ggml_type type) {
  const std::string_view name = ggml_type_name(type);
  return name.starts_with("iq1") || name.starts_with("iq2") || name.starts_with("iq3");
}

// Random weights in a ggml type, and what they stand for.
struct Weights {
  Weights(ggml_type type, int64_t rows, int64_t columns, uint64_t seed)
      : data(ggml_row_size(type, columns) * static_cast<size_t>(rows)),
        exact(static_cast<size_t>(rows * columns)),
        matrix{data.data(), static_cast<uint32_t>(type), rows, columns} {
    const std::vector<float> source = Noise(rows * columns, seed);
    const std::vector<float> importance(static_cast<size_t>(columns), 1.0F);
    if (HasSearchTables(type)) {
      // Every byte is a good one, as long as no 16-bit scale is infinite: cheaper than ggml's tables, made in seconds.
      Random random(seed);
      for (std::byte& byte : data) byte = static_cast<std::byte>(random.Below(64));
    } else if (type == GGML_TYPE_F32) {
      std::memcpy(data.data(), source.data(), data.size());
    } else {
      ggml_quantize_chunk(type, source.data(), data.data(), 0, rows, columns, importance.data());
    }
    for (int64_t r = 0; r < rows; ++r) Dequantize(matrix, r, 0, columns, &exact[static_cast<size_t>(r * columns)]);
  }
  std::vector<std::byte> data;
  std::vector<float> exact;
  Matrix matrix;
};

// ‖a - b‖ / ‖b‖
double RelativeError(const std::vector<float>& a, const std::vector<double>& b) {
  double error = 0;
  double norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(error / norm);
}

std::vector<double> ReferenceForward(const std::vector<float>& x, const Weights& w, int64_t tokens) {
  std::vector<double> y(static_cast<size_t>(tokens * w.matrix.rows));
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t n = 0; n < w.matrix.rows; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < w.matrix.columns; ++k) {
        sum += static_cast<double>(x[static_cast<size_t>(t * w.matrix.columns + k)]) *
               w.exact[static_cast<size_t>(n * w.matrix.columns + k)];
      }
      y[static_cast<size_t>(t * w.matrix.rows + n)] = sum;
    }
  }
  return y;
}

std::vector<double> ReferenceBackward(const std::vector<float>& dy, const Weights& w, int64_t tokens) {
  std::vector<double> dx(static_cast<size_t>(tokens * w.matrix.columns));
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t n = 0; n < w.matrix.rows; ++n) {
      for (int64_t k = 0; k < w.matrix.columns; ++k) {
        dx[static_cast<size_t>(t * w.matrix.columns + k)] +=
            static_cast<double>(dy[static_cast<size_t>(t * w.matrix.rows + n)]) *
            w.exact[static_cast<size_t>(n * w.matrix.columns + k)];
      }
    }
  }
  return dx;
}

TEST_CASE("products with every type of weights equal those with what the weights stand for") {
  int types = 0;
  int products = 0;
  Threads threads(2);
  for (int type = 0; type < GGML_TYPE_COUNT; ++type) {
    const auto kind = static_cast<ggml_type>(type);
    // Of the types without rows of their own (integers, packed layouts) there are no weights.
    const bool makes =
        kind == GGML_TYPE_F32 || kind == GGML_TYPE_F16 || kind == GGML_TYPE_BF16 || ggml_is_quantized(kind);
    if (!makes || !CanDequantize(static_cast<uint32_t>(type)) || kind == GGML_TYPE_Q8_1) continue;
    CAPTURE(std::string(ggml_type_name(kind)));
    constexpr int64_t kTokens = 13;
    const Weights w(kind, 70, 512, 7);
    const std::vector<float> x = Noise(kTokens * 512, 8);
    const std::vector<float> dy = Noise(kTokens * 70, 9);
    const std::vector<double> exact_y = ReferenceForward(x, w, kTokens);
    const std::vector<double> exact_dx = ReferenceBackward(dy, w, kTokens);
    products += WithEveryKernel([&](double tolerance) {
      std::vector<float> y(kTokens * 70);
      std::vector<float> dx(kTokens * 512);
      const Activations ax(threads, x.data(), kTokens, 512, 512);
      const Activations ay(threads, dy.data(), kTokens, 70, 70);
      MultiplyTransposed(threads, {{{{{&ax, w.matrix}}, y.data(), 70}}});
      Multiply(threads, {{{{{&ay, w.matrix}}, dx.data(), 512}}});
      CHECK(RelativeError(y, exact_y) < tolerance);
      CHECK(RelativeError(dx, exact_dx) < tolerance);
    });
    ++types;
  }
  MESSAGE(products << " products checked, " << types << " types of weights");
  CHECK(types >= 20);
  CHECK(products >= types);
}

TEST_CASE("shapes that fill no tile are as right as those that do") {
  WithEveryKernel([](double tolerance) {
    Threads threads(3);
    for (const int64_t tokens : {1, 5, 6, 13}) {
      for (const int64_t rows : {1, 16, 33, 65, 300}) {
        for (const int64_t columns : {2, 31, 172, 257, 1100}) {
          CAPTURE(tokens);
          CAPTURE(rows);
          CAPTURE(columns);
          const Weights w(GGML_TYPE_F32, rows, columns, 3);
          const std::vector<float> x = Noise(tokens * columns, 4);
          const std::vector<float> dy = Noise(tokens * rows, 5);
          std::vector<float> y(static_cast<size_t>(tokens * rows));
          std::vector<float> dx(static_cast<size_t>(tokens * columns));
          const Activations ax(threads, x.data(), tokens, columns, columns);
          const Activations ay(threads, dy.data(), tokens, rows, rows);
          MultiplyTransposed(threads, {{{{{&ax, w.matrix}}, y.data(), rows}}});
          Multiply(threads, {{{{{&ay, w.matrix}}, dx.data(), columns}}});
          // Few numbers average less: a sum of two products may cancel and keep their roundings.
          const double most = (rows * columns * tokens < 100 ? 10 : 3) * tolerance;
          CHECK(RelativeError(y, ReferenceForward(x, w, tokens)) < most);
          CHECK(RelativeError(dx, ReferenceBackward(dy, w, tokens)) < most);
        }
      }
    }
  });
}

TEST_CASE("terms add up, and adding keeps what was there") {
  WithEveryKernel([](double tolerance) {
    Threads threads(2);
    constexpr int64_t kTokens = 9;
    const Weights base(GGML_TYPE_Q8_0, 96, 64, 1);
    const Weights low(GGML_TYPE_F32, 96, 8, 2);
    const std::vector<float> x = Noise(kTokens * 64, 3);
    const std::vector<float> u = Noise(kTokens * 8, 4);
    std::vector<float> y(kTokens * 96, 0.5F);
    const Activations ax(threads, x.data(), kTokens, 64, 64);
    const Activations au(threads, u.data(), kTokens, 8, 8, 2.0F);
    MultiplyTransposed(threads, {{{{{&ax, base.matrix}, {&au, low.matrix}}, y.data(), 96, true}}});
    std::vector<double> expected = ReferenceForward(x, base, kTokens);
    const std::vector<double> more = ReferenceForward(u, low, kTokens);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += 2 * more[i] + 0.5;
    CHECK(RelativeError(y, expected) < tolerance);
  });
}

TEST_CASE("the number of threads does not change a bit") {
  WithEveryKernel([](double) {
    const Weights w(GGML_TYPE_Q4_K, 500, 768, 1);
    const std::vector<float> x = Noise(50 * 768, 2);
    std::vector<std::vector<float>> results;
    for (const int count : {1, 2, 5}) {
      Threads threads(count);
      std::vector<float> y(50 * 500);
      const Activations ax(threads, x.data(), 50, 768, 768);
      MultiplyTransposed(threads, {{{{{&ax, w.matrix}}, y.data(), 500}}});
      results.push_back(y);
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
  });
}

}  // namespace
}  // namespace loco
