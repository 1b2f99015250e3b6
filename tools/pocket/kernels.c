// Fused bf16 kernels for one CPU core, called from kernels.py.
//
// On a CPU with a bf16 matrix unit the matrix products of a pocket model take a tenth of the time
// that PyTorch needs for the element-wise work between them: each operator is a pass over memory,
// and its exp() is not vectorised for bf16. Each function here is one pass. Arithmetic is float;
// bf16 is only the storage. Compiled with -ffast-math so that gcc takes expf from libmvec.
//
// Arrays are contiguous, row-major. No function allocates.

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline float widen(bf16 v) {
  uint32_t bits = (uint32_t)v << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static inline bf16 narrow(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return (bf16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // to nearest, ties to even
}

// y = x / rms(x) * w over rows of d. inv[row] keeps 1 / rms(x) for the backward pass.
void rms_forward(const bf16* x, const float* w, bf16* y, float* inv, long rows, long d, float eps) {
  for (long r = 0; r < rows; r++, x += d, y += d) {
    float sum = 0;
    for (long i = 0; i < d; i++) sum += widen(x[i]) * widen(x[i]);
    float scale = inv[r] = 1.0f / sqrtf(sum / d + eps);
    for (long i = 0; i < d; i++) y[i] = narrow(widen(x[i]) * scale * w[i]);
  }
}

// dw is added to; dx is written.
void rms_backward(const bf16* grad, const bf16* x, const float* w, const float* inv, bf16* dx,
                  float* dw, long rows, long d) {
  for (long r = 0; r < rows; r++, x += d, grad += d, dx += d) {
    float scale = inv[r], along = 0;
    for (long i = 0; i < d; i++) along += widen(grad[i]) * w[i] * widen(x[i]);
    along *= scale * scale / d;
    for (long i = 0; i < d; i++) {
      float g = widen(grad[i]), v = widen(x[i]);
      dw[i] += g * v * scale;
      dx[i] = narrow(scale * (g * w[i] - v * along));
    }
  }
}

// Bounded, because -ffast-math divides by a reciprocal estimate, which makes NaN of 1 / infinity.
static inline float sigmoid(float v) { return 1.0f / (1.0f + expf(v < -80.0f ? 80.0f : -v)); }

// tanh-GELU is v * sigmoid(2 c (v + a v^3)), so one formula serves both activations.
static const float kGeluC = 1.5957691216f, kGeluA = 0.044715f;

void silu_gate_forward(const bf16* g, const bf16* u, bf16* y, long n) {
  for (long i = 0; i < n; i++) {
    float v = widen(g[i]);
    y[i] = narrow(v * sigmoid(v) * widen(u[i]));
  }
}

void silu_gate_backward(const bf16* grad, const bf16* g, const bf16* u, bf16* dg, bf16* du, long n) {
  for (long i = 0; i < n; i++) {
    float v = widen(g[i]), s = sigmoid(v), up = widen(grad[i]);
    du[i] = narrow(up * v * s);
    dg[i] = narrow(up * widen(u[i]) * (s + v * s * (1 - s)));
  }
}

void gelu_gate_forward(const bf16* g, const bf16* u, bf16* y, long n) {
  for (long i = 0; i < n; i++) {
    float v = widen(g[i]), s = sigmoid(kGeluC * (v + kGeluA * v * v * v));
    y[i] = narrow(v * s * widen(u[i]));
  }
}

void gelu_gate_backward(const bf16* grad, const bf16* g, const bf16* u, bf16* dg, bf16* du, long n) {
  for (long i = 0; i < n; i++) {
    float v = widen(g[i]), s = sigmoid(kGeluC * (v + kGeluA * v * v * v)), up = widen(grad[i]);
    float slope = kGeluC * (1 + 3 * kGeluA * v * v);
    du[i] = narrow(up * v * s);
    dg[i] = narrow(up * widen(u[i]) * (s + v * s * (1 - s) * slope));
  }
}

// Rotates pairs by the angle of their position and moves heads in front of positions:
// x [batch, t, heads, dim] -> y [batch, heads, t, dim]. cosine, sine: [t, dim/2].
// Pair i is (2i, 2i+1) when interleaved, else (i, i + dim/2).
void rope_forward(const bf16* x, bf16* y, const float* cosine, const float* sine, long batch, long t,
                  long heads, long dim, int interleaved) {
  long half = dim / 2;
  for (long b = 0; b < batch; b++)
    for (long p = 0; p < t; p++)
      for (long h = 0; h < heads; h++) {
        const bf16* in = x + ((b * t + p) * heads + h) * dim;
        bf16* out = y + ((b * heads + h) * t + p) * dim;
        const float *c = cosine + p * half, *s = sine + p * half;
        if (interleaved) {
          for (long i = 0; i < half; i++) {
            float a = widen(in[2 * i]), e = widen(in[2 * i + 1]);
            out[2 * i] = narrow(a * c[i] - e * s[i]);
            out[2 * i + 1] = narrow(a * s[i] + e * c[i]);
          }
        } else {
          for (long i = 0; i < half; i++) {
            float a = widen(in[i]), e = widen(in[i + half]);
            out[i] = narrow(a * c[i] - e * s[i]);
            out[i + half] = narrow(a * s[i] + e * c[i]);
          }
        }
      }
}

// The transpose of rope_forward: grad [batch, heads, t, dim] -> dx [batch, t, heads, dim].
void rope_backward(const bf16* grad, bf16* dx, const float* cosine, const float* sine, long batch,
                   long t, long heads, long dim, int interleaved) {
  long half = dim / 2;
  for (long b = 0; b < batch; b++)
    for (long p = 0; p < t; p++)
      for (long h = 0; h < heads; h++) {
        const bf16* in = grad + ((b * heads + h) * t + p) * dim;
        bf16* out = dx + ((b * t + p) * heads + h) * dim;
        const float *c = cosine + p * half, *s = sine + p * half;
        if (interleaved) {
          for (long i = 0; i < half; i++) {
            float a = widen(in[2 * i]), e = widen(in[2 * i + 1]);
            out[2 * i] = narrow(a * c[i] + e * s[i]);
            out[2 * i + 1] = narrow(e * c[i] - a * s[i]);
          }
        } else {
          for (long i = 0; i < half; i++) {
            float a = widen(in[i]), e = widen(in[i + half]);
            out[i] = narrow(a * c[i] + e * s[i]);
            out[i + half] = narrow(e * c[i] - a * s[i]);
          }
        }
      }
}

// In place: softmax(scale * s) over keys 0..query of each row, zero behind them.
// s: [blocks, t, t], one block per (batch, head).
void causal_softmax_forward(bf16* s, long blocks, long t, float scale) {
  float row[4096];
  for (long b = 0; b < blocks; b++)
    for (long q = 0; q < t; q++, s += t) {
      float top = -INFINITY, sum = 0;
      for (long k = 0; k <= q; k++) {
        row[k] = widen(s[k]) * scale;
        top = row[k] > top ? row[k] : top;
      }
      for (long k = 0; k <= q; k++) sum += row[k] = expf(row[k] - top);
      float inv = 1.0f / sum;
      for (long k = 0; k <= q; k++) s[k] = narrow(row[k] * inv);
      memset(s + q + 1, 0, (size_t)(t - q - 1) * sizeof(bf16));
    }
}

// In place: grad of the probabilities p becomes the gradient of the scores.
void causal_softmax_backward(const bf16* p, bf16* grad, long blocks, long t, float scale) {
  for (long b = 0; b < blocks; b++)
    for (long q = 0; q < t; q++, p += t, grad += t) {
      float along = 0;
      for (long k = 0; k <= q; k++) along += widen(p[k]) * widen(grad[k]);
      for (long k = 0; k <= q; k++) grad[k] = narrow(scale * widen(p[k]) * (widen(grad[k]) - along));
      memset(grad + q + 1, 0, (size_t)(t - q - 1) * sizeof(bf16));
    }
}

// nll[row] = -log softmax(logits)[target]; logits become weight[row] * d nll / d logits.
void cross_entropy(bf16* logits, const int64_t* target, const float* weight, float* nll, long rows,
                   long vocab) {
  for (long r = 0; r < rows; r++, logits += vocab) {
    float top = -INFINITY, sum = 0;
    for (long i = 0; i < vocab; i++) top = widen(logits[i]) > top ? widen(logits[i]) : top;
    for (long i = 0; i < vocab; i++) sum += expf(widen(logits[i]) - top);
    float log_sum = top + logf(sum), w = weight[r];
    long y = target[r];
    float at_target = widen(logits[y]);
    nll[r] = log_sum - at_target;
    for (long i = 0; i < vocab; i++) logits[i] = narrow(w * expf(widen(logits[i]) - log_sum));
    logits[y] = narrow(w * (expf(at_target - log_sum) - 1.0f));
  }
}
