#include "net/weights.h"

#include <ggml.h>

#include <cstring>

#include "base/error.h"

namespace loco {

int64_t Matrix::row_bytes() const { return static_cast<int64_t>(ggml_row_size(static_cast<ggml_type>(type), columns)); }

const std::byte* Matrix::At(int64_t row, int64_t begin) const {
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(type));
  const auto block_bytes = static_cast<int64_t>(traits->type_size);
  return data + row * (columns / traits->blck_size * block_bytes) + begin / traits->blck_size * block_bytes;
}

RowPlaces::RowPlaces(const Matrix& matrix)
    : data(matrix.data),
      row_bytes(matrix.row_bytes()),
      block(BlockOf(matrix.type)),
      block_bytes(static_cast<int64_t>(ggml_type_size(static_cast<ggml_type>(matrix.type)))) {}

int64_t BlockOf(uint32_t type) { return ggml_blck_size(static_cast<ggml_type>(type)); }

bool CanDequantize(uint32_t type) {
  if (type == GGML_TYPE_F32) return true;
  if (type >= GGML_TYPE_COUNT) return false;
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(type));
  return traits->to_float != nullptr && traits->blck_size > 0;
}

void Dequantize(const Matrix& matrix, int64_t row, int64_t begin, int64_t count, float* to) {
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(matrix.type));
  const std::byte* from = matrix.At(row, begin);
  if (matrix.type == GGML_TYPE_F32) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  } else {
    traits->to_float(from, to, count);
  }
}

bool CanQuantize(uint32_t type) {
  if (!CanDequantize(type) || type == GGML_TYPE_TQ1_0 || type == GGML_TYPE_TQ2_0) return false;
  return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 ||
         (ggml_is_quantized(static_cast<ggml_type>(type)) &&
          !ggml_quantize_requires_imatrix(static_cast<ggml_type>(type)));
}

void Quantize(const float* from, int64_t rows, int64_t columns, uint32_t type, std::byte* to) {
  ggml_quantize_chunk(static_cast<ggml_type>(type), from, to, 0, rows, columns, nullptr);
}

Matrix FloatMatrix(const float* data, int64_t rows, int64_t columns) {
  return {.data = reinterpret_cast<const std::byte*>(data), .type = GGML_TYPE_F32, .rows = rows, .columns = columns};
}

}  // namespace loco
