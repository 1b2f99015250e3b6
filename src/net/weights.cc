#include "net/weights.h"

#include <ggml.h>

#include <cstring>

#include "base/error.h"

namespace loco {

int64_t Matrix::row_bytes() const { return static_cast<int64_t>(ggml_row_size(static_cast<ggml_type>(type), columns)); }

int64_t BlockOf(uint32_t type) { return ggml_blck_size(static_cast<ggml_type>(type)); }

bool CanDequantize(uint32_t type) {
  if (type == GGML_TYPE_F32) return true;
  if (type >= GGML_TYPE_COUNT) return false;
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(type));
  return traits->to_float != nullptr && traits->blck_size > 0;
}

void Dequantize(const Matrix& matrix, int64_t row, int64_t begin, int64_t count, float* to) {
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(matrix.type));
  const std::byte* from =
      matrix.data + row * matrix.row_bytes() + begin / traits->blck_size * static_cast<int64_t>(traits->type_size);
  if (matrix.type == GGML_TYPE_F32) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  } else {
    traits->to_float(from, to, count);
  }
}

Matrix FloatMatrix(const float* data, int64_t rows, int64_t columns) {
  return {.data = reinterpret_cast<const std::byte*>(data), .type = GGML_TYPE_F32, .rows = rows, .columns = columns};
}

}  // namespace loco
