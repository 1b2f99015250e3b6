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

// Calls work(from, count) for chunks of `total` numbers.
template <typename Work>
void EachChunk(Threads& threads, size_t total, const Work& work) {
  constexpr int64_t kChunk = 1 << 15;
  const auto count = static_cast<int64_t>(total);
  threads.Run((count + kChunk - 1) / kChunk,
              [&](int64_t task, int) { work(task * kChunk, std::min(kChunk, count - task * kChunk)); });
}

// to = from, by all threads: one alone gets only a share of the memory's bandwidth.
inline void Copy(Threads& threads, const Floats& from, Floats& to) {
  to.resize(from.size());
  EachChunk(threads, from.size(),
            [&](int64_t at, int64_t some) { std::copy_n(from.data() + at, some, to.data() + at); });
}

// Rows `from` … `from + rows - 1` of a matrix held in a buffer, as a weight of a product.
inline Matrix RowsOf(const Floats& values, int64_t from, int64_t rows, int64_t columns) {
  return FloatMatrix(values.data() + from * columns, rows, columns);
}

}  // namespace loco
