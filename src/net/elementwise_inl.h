// Row operations in plain loops, compiled anew by every family of kernels for its instruction set. Included like
// gemm_inl.h. Sums run over 16 partial sums in a fixed order: it is what lets compilers vectorise them, and it makes
// them the same on every machine with the same family.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "net/kernels.h"

namespace loco {
namespace {

inline constexpr int64_t kLanes = 16;

// exp(x) to 2 units in the last place, without branches. Below -87 it is 0 (the true value would not be normal).
inline float FastExp(float x) {
  const float bounded = x < -87.0F ? -87.0F : x > 88.0F ? 88.0F : x;
  // x = n ln 2 + r with |r| ≤ ln 2 / 2; adding 1.5 · 2^23 rounds to the nearest whole number.
  const float shifted = bounded * 1.44269504F + 12582912.0F;
  const float n = shifted - 12582912.0F;
  const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;
  // Coefficients of Cephes' expf.
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  const float value = p * power;
  return x < -87.0F ? 0.0F : value;
}

inline float FastLog(float x) { return std::log(x); }

inline float SumLanes(const float* lanes) {
  float sum = 0;
  for (int64_t i = 0; i < kLanes; ++i) sum += lanes[i];
  return sum;
}

// The largest of `count` numbers and `least`.
inline float MaxOf(const float* x, int64_t count, float least) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = least;
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
  }
  float most = least;
  for (const float lane : lanes) most = lane > most ? lane : most;
  for (int64_t i = whole; i < count; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// x becomes exp(x - shift); returns the sum.
inline float ExpAndSum(float* x, int64_t count, float shift) {
  float lanes[kLanes] = {};
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      x[i + l] = FastExp(x[i + l] - shift);
      lanes[l] += x[i + l];
    }
  }
  float sum = SumLanes(lanes);
  for (int64_t i = whole; i < count; ++i) {
    x[i] = FastExp(x[i] - shift);
    sum += x[i];
  }
  return sum;
}

inline float Dot(const float* a, const float* b, int64_t count) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  float sum = SumLanes(lanes);
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

inline void RmsNormRow(const float* x, const float* weight, float* y, float* inverse, int64_t width, float epsilon) {
  const float scale = 1 / std::sqrt(Dot(x, x, width) / static_cast<float>(width) + epsilon);
  *inverse = scale;
  for (int64_t i = 0; i < width; ++i) y[i] = x[i] * scale * weight[i];
}

// y = s x w with s = (mean x² + ε)^-½:  dx = s (w dy) - x s³ mean(x w dy).
inline void RmsNormBackwardRow(const float* dy, const float* x, const float* weight, float inverse, float* dx,
                               int64_t width, bool add) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * weight[i + l] * dy[i + l];
  }
  float dot = SumLanes(lanes);
  for (; i < width; ++i) dot += x[i] * weight[i] * dy[i];
  const float pull = inverse * inverse * inverse * dot / static_cast<float>(width);
  if (add) {
    for (int64_t j = 0; j < width; ++j) dx[j] += inverse * weight[j] * dy[j] - pull * x[j];
  } else {
    for (int64_t j = 0; j < width; ++j) dx[j] = inverse * weight[j] * dy[j] - pull * x[j];
  }
}

inline float Sigmoid(float x) { return 1 / (1 + FastExp(-x)); }

inline constexpr float kGeluScale = 0.79788456080286535588F;  // sqrt(2 / π)
inline constexpr float kGeluCube = 0.044715F;

// tanh(u) = 1 - 2 / (exp(2u) + 1)
inline float Tanh(float u) { return 1 - 2 / (FastExp(2 * u) + 1); }

inline void GateRow(GateKind kind, const float* gate, const float* up, float* out, int64_t width) {
  switch (kind) {
    case GateKind::kSilu:
      for (int64_t i = 0; i < width; ++i) out[i] = gate[i] * Sigmoid(gate[i]) * up[i];
      return;
    case GateKind::kGelu:
      for (int64_t i = 0; i < width; ++i) {
        const float x = gate[i];
        const float t = Tanh(kGeluScale * x * (1 + kGeluCube * x * x));
        out[i] = 0.5F * x * (1 + t) * up[i];
      }
      return;
    case GateKind::kSquaredRelu:
      for (int64_t i = 0; i < width; ++i) {
        const float x = gate[i] > 0 ? gate[i] : 0;
        out[i] = x * x * up[i];
      }
      return;
  }
}

inline void GateBackwardRow(GateKind kind, const float* d_out, float* gate, float* up, int64_t width) {
  switch (kind) {
    case GateKind::kSilu:
      for (int64_t i = 0; i < width; ++i) {
        const float x = gate[i];
        const float s = Sigmoid(x);
        gate[i] = d_out[i] * up[i] * s * (1 + x * (1 - s));
        up[i] = d_out[i] * x * s;
      }
      return;
    case GateKind::kGelu:
      for (int64_t i = 0; i < width; ++i) {
        const float x = gate[i];
        const float t = Tanh(kGeluScale * x * (1 + kGeluCube * x * x));
        const float slope = kGeluScale * (1 + 3 * kGeluCube * x * x) * (1 - t * t);
        gate[i] = d_out[i] * up[i] * 0.5F * (1 + t + x * slope);
        up[i] = d_out[i] * 0.5F * x * (1 + t);
      }
      return;
    case GateKind::kSquaredRelu:
      for (int64_t i = 0; i < width; ++i) {
        const float x = gate[i] > 0 ? gate[i] : 0;
        gate[i] = d_out[i] * up[i] * 2 * x;
        up[i] = d_out[i] * x * x;
      }
      return;
  }
}

inline void DropRow(float* x, int64_t width, float share, uint32_t key) {
  const float keep = 1 / (1 - share);
  const auto limit = static_cast<uint32_t>(static_cast<double>(share) * 4294967296.0);
  for (int64_t i = 0; i < width; ++i) {
    // The place through a multiplicative hash with the finisher of MurmurHash3: 32 bits, because that is what
    // vectorises.
    uint32_t h = (static_cast<uint32_t>(i) * 0x9e3779b1U) ^ key;
    h = (h ^ (h >> 16)) * 0x85ebca6bU;
    h = (h ^ (h >> 13)) * 0xc2b2ae35U;
    h ^= h >> 16;
    x[i] = h < limit ? 0.0F : x[i] * keep;
  }
}

inline float CrossEntropyRow(float* logits, int64_t width, int64_t target, float weight) {
  const float most = MaxOf(logits, width, logits[0]);
  const float shifted = logits[target] - most;
  const float sum = ExpAndSum(logits, width, most);
  const float factor = weight / sum;
  for (int64_t j = 0; j < width; ++j) logits[j] *= factor;
  logits[target] -= weight;
  return FastLog(sum) - shifted;
}

}  // namespace
}  // namespace loco
