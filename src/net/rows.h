// Small helpers for buffers of 32-bit numbers that hold one row a token.
//
// For the files of this module.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "net/threads.h"
#include "net/weights.h"

namespace loco {

using Floats = std::vector<float>;

inline void Fit(Floats& values, int64_t count) { values.resize(static_cast<size_t>(count)); }

// Calls work(row) for each of `rows` rows, a few rows a task.
template <typename Work>
void EachRow(Threads& threads, int64_t rows, const Work& work) {
  constexpr int64_t kRowsPerTask = 16;
  threads.Run((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) work(row);
  });
}

// to += from, rows of equal length.
inline void AddRows(Threads& threads, int64_t rows, const Floats& from, Floats& to) {
  const int64_t width = static_cast<int64_t>(from.size()) / rows;
  EachRow(threads, rows, [&](int64_t row) {
    for (int64_t i = row * width; i < (row + 1) * width; ++i)
      to[static_cast<size_t>(i)] += from[static_cast<size_t>(i)];
  });
}

// Rows `from` … `from + rows - 1` of a matrix held in a buffer, as a weight of a product.
inline Matrix RowsOf(const Floats& values, int64_t from, int64_t rows, int64_t columns) {
  return FloatMatrix(values.data() + from * columns, rows, columns);
}

}  // namespace loco
