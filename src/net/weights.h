// A weight matrix as the file holds it, and single rows of it as numbers.
//
//   Matrix matrix{.data = map + offset, .type = kQ4_K, .rows = 9728, .columns = 2560};
//   std::vector<float> row(2560);
//   Dequantize(matrix, 17, 0, 2560, row.data());
//
// `rows` are outputs and `columns` inputs of a linear layer: y[row] = Σ x[column] · w[row][column]. The data stays
// where it is (usually a memory map shared with inference); nothing here copies or repacks a whole matrix.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loco {

struct Matrix {
  const std::byte* data = nullptr;
  uint32_t type = 0;  // number of the ggml type
  int64_t rows = 0;
  int64_t columns = 0;  // a multiple of the type's block

  int64_t row_bytes() const;
  // Where column `begin`, the first of a block, of a row lies.
  const std::byte* At(int64_t row, int64_t begin) const;
};

// Where the parts of a matrix lie, with what Matrix::At() asks ggml for found once.
struct RowPlaces {
  explicit RowPlaces(const Matrix& matrix);
  const std::byte* At(int64_t row, int64_t begin) const { return data + row * row_bytes + begin / block * block_bytes; }
  int64_t BytesOf(int64_t count) const { return count / block * block_bytes; }

  const std::byte* data;
  int64_t row_bytes;
  int64_t block;  // numbers stored together
  int64_t block_bytes;
};

// Numbers stored together by a type: Dequantize() starts and ends at multiples of it. 256 for K-quants, 1 for floats.
int64_t BlockOf(uint32_t type);
// Whether Dequantize() can read the type.
bool CanDequantize(uint32_t type);

// Columns begin … begin + count of one row, in 32 bits. `begin` and `count` are multiples of BlockOf(type).
void Dequantize(const Matrix& matrix, int64_t row, int64_t begin, int64_t count, float* to);

// The way back, for `rows` whole rows. Not for ternary types, which no sum of weights fits, nor for those that need
// calibration data: CanQuantize() is false for them.
bool CanQuantize(uint32_t type);
void Quantize(const float* from, int64_t rows, int64_t columns, uint32_t type, std::byte* to);

// A matrix of 32-bit floats that belongs to us, such as one half of an adapter.
Matrix FloatMatrix(const float* data, int64_t rows, int64_t columns);

}  // namespace loco
