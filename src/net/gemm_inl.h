// The loops around a micro-kernel, the same for every instruction set. Included by kernels_*.cc inside the target
// region of that instruction set, after all other headers: code that is inlined here is compiled for it, and nothing
// else is.
//
// A kernel K provides
//   Element                      of panels and activations: float, or uint16_t for bf16
//   kColumns                     columns of one micro-panel
//   kPair                        neighbours along the sum that sit together in a panel: 1, or 2 for bf16 pairs
//   kReadsBlocks, Half(bits), ExpandHalves(from, to, count)   see dequantize_inl.h
//   PackRows(rows, stride, count, steps, panel, at)   16 rows along the sum → columns at … at + 15 of a micro-panel
//   PackPair(a, b, width, panel)                      kPair rows across the sum → one step of width/kColumns panels
//   Micro(rows, columns, a, stride, panel, steps, c, c_stride, first)
//
//   kNarrowRows                  tokens of a micro-kernel on up to 16 columns: more, where 6 would leave it waiting
//
// A micro-panel is [steps / kPair][kColumns][kPair]; a micro-kernel takes up to kTokenRows = 6 tokens.
// No lambdas here: they would not inherit the region's instruction set with every compiler.

#pragma once

#include "net/dequantize_inl.h"
#include "net/kernels.h"

namespace loco {
namespace {

inline constexpr int64_t kForwardDepth = 1024;  // of the sum, dequantized at a time, 16 rows × 256 at a time
inline constexpr int64_t kDequantized = 256;
inline constexpr int64_t kBackwardDepth = 256;
inline constexpr int64_t kTokenRows = 6;

template <typename K>
inline void RunTokens(const typename K::Element* a, int64_t a_stride, int64_t tokens, const typename K::Element* panels,
                      int64_t steps, int64_t columns, float* c, int64_t c_stride, bool first) {
  // One micro-panel after the other: it stays in the cache while all tokens pass.
  for (int64_t at = 0; at < columns; at += K::kColumns) {
    const typename K::Element* panel = panels + at * steps;
    const int64_t width = columns - at < K::kColumns ? columns - at : K::kColumns;
    const int64_t most = width <= 16 ? K::kNarrowRows : kTokenRows;
    for (int64_t t = 0; t < tokens; t += most) {
      const int64_t rows = tokens - t < most ? tokens - t : most;
      K::Micro(rows, width, a + t * a_stride, a_stride, panel, steps, c + t * c_stride + at, c_stride, first);
    }
  }
}

inline int64_t RoundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

template <typename K>
void ForwardStrip(const Strip& strip, std::byte* scratch) {
  using Element = typename K::Element;
  const Product& product = *strip.product;
  const int64_t column = strip.column;
  const int64_t tokens = strip.end - strip.begin;
  float* output = product.output + strip.begin * product.stride + column;
  auto* panels = reinterpret_cast<Element*>(scratch);
  auto* values = reinterpret_cast<float*>(scratch + kForwardStrip * kForwardDepth * sizeof(Element));
  bool first = !product.add;
  for (const ProductTerm& term : product.terms) {
    const Matrix& weight = term.weight;
    const int64_t columns = weight.rows - column < kForwardStrip ? weight.rows - column : kForwardStrip;
    const auto* input = reinterpret_cast<const Element*>(term.input->data()) + strip.begin * term.input->stride();
    for (int64_t k = 0; k < weight.columns; k += kForwardDepth) {
      const int64_t depth = weight.columns - k < kForwardDepth ? weight.columns - k : kForwardDepth;
      const int64_t steps = RoundUp(depth, K::kPair);
      for (int64_t row = 0; row < columns; row += 16) {
        const int64_t count = columns - row < 16 ? columns - row : 16;
        Element* panel = panels + row / K::kColumns * K::kColumns * steps;
        for (int64_t d = 0; d < depth; d += kDequantized) {
          const int64_t part = depth - d < kDequantized ? depth - d : kDequantized;
          for (int64_t r = 0; r < count; ++r) {
            float* to = values + r * kDequantized;
            ReadRow<K>(weight, column + row + r, k + d, part, to);
            if (part % K::kPair != 0) to[part] = 0;
          }
          K::PackRows(values, kDequantized, count, RoundUp(part, K::kPair), panel + d * K::kColumns, row % K::kColumns);
        }
      }
      RunTokens<K>(input + k, term.input->stride(), tokens, panels, steps, columns, output, product.stride, first);
      first = false;
    }
  }
}

template <typename K>
void BackwardStrip(const Strip& strip, std::byte* scratch) {
  using Element = typename K::Element;
  const Product& product = *strip.product;
  const int64_t column = strip.column;
  const int64_t tokens = strip.end - strip.begin;
  float* output = product.output + strip.begin * product.stride + column;
  auto* panels = reinterpret_cast<Element*>(scratch);
  auto* values = reinterpret_cast<float*>(scratch + kBackwardStrip * kBackwardDepth * sizeof(Element));
  bool first = !product.add;
  for (const ProductTerm& term : product.terms) {
    const Matrix& weight = term.weight;
    const int64_t columns = weight.columns - column < kBackwardStrip ? weight.columns - column : kBackwardStrip;
    const int64_t width = RoundUp(columns, K::kColumns);
    const auto* input = reinterpret_cast<const Element*>(term.input->data()) + strip.begin * term.input->stride();
    for (int64_t n = 0; n < weight.rows; n += kBackwardDepth) {
      const int64_t depth = weight.rows - n < kBackwardDepth ? weight.rows - n : kBackwardDepth;
      const int64_t steps = RoundUp(depth, K::kPair);
      for (int64_t d = 0; d < steps; d += K::kPair) {
        for (int64_t r = 0; r < K::kPair; ++r) {
          float* to = values + r * kBackwardStrip;
          int64_t from = 0;
          if (d + r < depth) {
            ReadRow<K>(weight, n + d + r, column, columns, to);
            from = columns;
          }
          for (int64_t i = from; i < width; ++i) to[i] = 0;
        }
        for (int64_t at = 0; at < width; at += K::kColumns) {
          K::PackPair(values + at, values + kBackwardStrip + at, panels + at * steps + d * K::kColumns);
        }
      }
      RunTokens<K>(input + n, term.input->stride(), tokens, panels, steps, columns, output, product.stride, first);
      first = false;
    }
  }
}

}  // namespace
}  // namespace loco
