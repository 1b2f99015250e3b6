// The operations of a transformer layer besides matrix products, forward and backward, on rows of tokens.
//
//   RmsNorm(threads, x, weight, epsilon, tokens, width, y, inverse);
//   Rotate(threads, rotation, q, tokens, heads, head, q_stride);
//   Attend(threads, call);                       // softmax(q kᵀ) v over the tokens that a token may see
//   Gate(threads, GateKind::kSilu, gate, up, tokens, width, out);
//
// Layout: a tensor of activations is tokens × width, 32-bit, one token's numbers together; heads lie side by side in
// the width. `tokens` counts all tokens of all samples that are packed into one pass; what a token may see is
// AttentionCall::first.
//
// Gradients: `d_x` is the derivative of the loss by x. Base weights are frozen, so no operation returns theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "net/threads.h"

namespace loco {

// y = x / rms(x) · weight, a token a row; `inverse` keeps 1 / rms for the way back. In place when y = x.
void RmsNorm(Threads& threads, const float* x, const float* weight, float epsilon, int64_t tokens, int64_t width,
             float* y, float* inverse);
// With `add`, adds to d_x what flows through the norm; otherwise overwrites it.
void RmsNormBackward(Threads& threads, const float* d_y, const float* x, const float* weight, const float* inverse,
                     int64_t tokens, int64_t width, float* d_x, bool add);

enum class GateKind { kSilu, kGelu, kSquaredRelu };  // GELU by its tanh form, as the engine computes it
// out = act(gate) · up.
void Gate(Threads& threads, GateKind kind, const float* gate, const float* up, int64_t tokens, int64_t width,
          float* out);
// Replaces gate and up by their gradients.
void GateBackward(Threads& threads, GateKind kind, const float* d_out, float* gate, float* up, int64_t tokens,
                  int64_t width);

// Rotary positions. Pairs are neighbours (i, i+1), or one from each half of the rotated part.
struct Rope {
  bool interleaved = true;
  int64_t rotated = 0;             // numbers of a head that are rotated; the rest stay
  std::vector<float> frequencies;  // rotated / 2 radians a position, scaling and factors applied
  float magnitude = 1;             // of the rotated vector (YaRN, LongRoPE)
};
// What one batch needs of it: the angles of every token, found once for all blocks.
struct Rotation {
  bool interleaved = true;
  int64_t rotated = 0;
  std::vector<float> turns;  // of each token rotated / 2 cosines and as many sines, times the magnitude
};
Rotation MakeRotation(Threads& threads, const Rope& rope, const int32_t* positions, int64_t tokens);
// Rotates `heads` heads of `head` numbers in each row, in place; `backward` by the opposite angle.
void Rotate(Threads& threads, const Rotation& rotation, float* x, int64_t tokens, int64_t heads, int64_t head,
            int64_t stride, bool backward = false);

// Sets a share of the numbers to 0 and scales the others up by what that takes. Which ones follows from `key` and a
// number's place alone.
void Drop(Threads& threads, float* x, int64_t tokens, int64_t width, float share, uint64_t key);

// Grouped-query attention over packed samples. Query head h uses key head h / (heads / kv_heads).
struct AttentionCall {
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head = 0;  // numbers of a head; values have as many as keys
  float scale = 1;   // of q · k
  // The first token that each token may see; it sees up to itself. Samples and sliding windows both come out of it;
  // it never decreases from token to token.
  const int32_t* first = nullptr;
  const float* q = nullptr;  // tokens × heads·head
  const float* k = nullptr;  // tokens × kv_heads·head
  const float* v = nullptr;
  float* out = nullptr;      // tokens × heads·head
  float* log_sum = nullptr;  // heads × tokens: log Σ exp of the scores, for the way back
  // Backward only.
  const float* d_out = nullptr;
  float* delta = nullptr;  // heads × tokens: Σ out · d_out, filled by AttendBackward
  float* d_q = nullptr;
  float* d_k = nullptr;
  float* d_v = nullptr;
};
void Attend(Threads& threads, const AttentionCall& call);
// Needs what Attend wrote: out and log_sum.
void AttendBackward(Threads& threads, const AttentionCall& call);

// Turns rows of logits into gradients of the weighted sum of -log probability. `losses` gets -log p of each target.
void CrossEntropy(Threads& threads, float* logits, int64_t rows, int64_t vocabulary, const int32_t* targets,
                  const float* weights, float* losses);

// Rounds to the precision of the current kernel's elements, in place: what is kept in that form is the same number
// before and after.
void RoundToElements(Threads& threads, float* values, int64_t count);

}  // namespace loco
