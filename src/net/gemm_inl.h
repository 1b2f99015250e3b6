// The loops around a micro-kernel, the same for every instruction set. Included by kernels_*.cc inside the target
// region of that instruction set, after all other headers: code that is inlined here is compiled for it, and nothing
// else is.
//
// A kernel K provides
//   Element                      of panels and activations: float, or uint16_t for bf16
//   kColumns                     columns of one micro-panel
//   kPair                        neighbours along the sum that sit together in a panel: 1, or 2 for bf16 pairs
//   kStep                        what the micro-kernel takes of the sum at a time: lengths are filled up with zeros
//   kReadsBlocks, Half(bits), ExpandHalves(from, to, count)   see dequantize_inl.h
//   PackRows(rows, stride, count, width, steps, panel, at)
//                                16 rows along the sum, `count` of them there, each of `width` numbers and then zeros
//                                up to `steps` → columns at … at + 15 of a micro-panel
//   PackPair(a, b, panel)        kPair rows across the sum → one step of a micro-panel
//   Micro(rows, columns, a, stride, panel, steps, c, c_stride, first)
//   kTokenRows, kNarrowRows      most tokens of a micro-kernel, and on up to 16 columns: more, where few would wait
//   kTokensFirst                 what stays in the first-level cache: a micro-kernel's tokens while all panels pass
//                                (true), or a panel while all tokens do
//   Session                      lives while a task does: processor state that the micro-kernel needs
//
// A micro-panel is [steps / kPair][kColumns][kPair]. How much of a product a task takes at a time is a Blocking.
// No lambdas here: they would not inherit the region's instruction set with every compiler.

#pragma once

#include "net/dequantize_inl.h"
#include "net/kernels.h"

namespace loco {
namespace {

inline constexpr int64_t kDequantized = 256;  // numbers of a row at a time
inline constexpr int64_t kRowsAhead = 8;      // that a backward strip asks for before it reads them

// For micro-kernels that keep their sums in vector registers. Panels stay in the second-level cache.
struct VectorBlocking {
  static constexpr int64_t kTokenRows = 6;
  static constexpr bool kTokensFirst = false;
  static constexpr int64_t kForwardStrip = 64;    // columns of the output
  static constexpr int64_t kForwardDepth = 1088;  // of the sum: 1,024, and what an adapter adds
  static constexpr int64_t kBackwardStrip = 256;
  static constexpr int64_t kBackwardDepth = 256;
  struct Session {};
};

inline int64_t RoundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// A piece of a sum: some numbers of every token, and the panels of weights that they meet.
template <typename K>
struct Piece {
  const typename K::Element* a;  // of the first token
  int64_t a_stride;
  const typename K::Element* panels;
  int64_t steps;
};

// Adds pieces to `columns` columns of c, or with `first` starts the sum with them. One tile of c after the other, with
// all pieces: it goes through the first-level cache once, however many there are.
template <typename K>
inline void RunPieces(const Piece<K>* pieces, int64_t count, int64_t tokens, int64_t columns, float* c,
                      int64_t c_stride, bool first) {
  if constexpr (K::kTokensFirst) {
    for (int64_t t = 0; t < tokens; t += K::kTokenRows) {
      const int64_t rows = tokens - t < K::kTokenRows ? tokens - t : K::kTokenRows;
      for (int64_t at = 0; at < columns; at += K::kColumns) {
        const int64_t width = columns - at < K::kColumns ? columns - at : K::kColumns;
        for (int64_t i = 0; i < count; ++i) {
          const Piece<K>& p = pieces[i];
          K::Micro(rows, width, p.a + t * p.a_stride, p.a_stride, p.panels + at * p.steps, p.steps,
                   c + t * c_stride + at, c_stride, first && i == 0);
        }
      }
    }
    return;
  }
  // One micro-panel after the other: it stays in the cache while all tokens pass.
  for (int64_t at = 0; at < columns; at += K::kColumns) {
    const int64_t width = columns - at < K::kColumns ? columns - at : K::kColumns;
    const int64_t most = width <= 16 ? K::kNarrowRows : K::kTokenRows;
    for (int64_t t = 0; t < tokens; t += most) {
      const int64_t rows = tokens - t < most ? tokens - t : most;
      for (int64_t i = 0; i < count; ++i) {
        const Piece<K>& p = pieces[i];
        K::Micro(rows, width, p.a + t * p.a_stride, p.a_stride, p.panels + at * p.steps, p.steps, c + t * c_stride + at,
                 c_stride, first && i == 0);
      }
    }
  }
}

template <typename K>
inline void RunTokens(const typename K::Element* a, int64_t a_stride, int64_t tokens, const typename K::Element* panels,
                      int64_t steps, int64_t columns, float* c, int64_t c_stride, bool first) {
  const Piece<K> piece{a, a_stride, panels, steps};
  RunPieces<K>(&piece, 1, tokens, columns, c, c_stride, first);
}

// The sum of a strip: collects pieces, of all terms, as long as their panels find room.
template <typename K>
class StripSum {
 public:
  using Element = typename K::Element;

  // `room` holds `depth` steps for all columns of the strip.
  StripSum(const Strip& strip, Element* room, int64_t depth)
      : strip_(strip),
        room_(room),
        depth_(depth),
        width_(RoundUp(strip.columns, K::kColumns)),
        first_(!strip.product->add) {}

  // How much of a sum finds room; never 0.
  int64_t Left() {
    if (used_ == depth_ || count_ == kMost) Flush();
    return depth_ - used_;
  }
  // A piece of as many steps, at most Left(), from number `k` of the term's input on: where its panels belong.
  Element* Add(const ProductTerm& term, int64_t k, int64_t steps) {
    const auto* input = reinterpret_cast<const Element*>(term.input->data());
    Element* panels = room_ + used_ * width_;
    pieces_[count_] = {input + strip_.begin * term.input->stride() + k, term.input->stride(), panels, steps};
    ++count_;
    used_ += steps;
    return panels;
  }
  void Flush() {
    if (count_ == 0) return;
    const Product& product = *strip_.product;
    RunPieces<K>(pieces_, count_, strip_.end - strip_.begin, strip_.columns,
                 product.output + strip_.begin * product.stride + strip_.column, product.stride, first_);
    first_ = false;
    count_ = 0;
    used_ = 0;
  }

 private:
  static constexpr int64_t kMost = 16;
  const Strip& strip_;
  Element* room_;
  int64_t depth_;
  int64_t width_;
  bool first_;
  Piece<K> pieces_[kMost];
  int64_t count_ = 0;
  int64_t used_ = 0;
};

// Bytes of scratch memory of a strip: the panels, and the numbers that become them.
template <typename K>
constexpr int64_t GemmScratch() {
  constexpr auto kElement = static_cast<int64_t>(sizeof(typename K::Element));
  constexpr auto kNumber = static_cast<int64_t>(sizeof(float));
  constexpr int64_t kForward = K::kForwardStrip * K::kForwardDepth * kElement + 16 * kDequantized * kNumber;
  constexpr int64_t kBackward =
      K::kBackwardStrip * K::kBackwardDepth * kElement + K::kPair * K::kBackwardStrip * kNumber;
  return kForward > kBackward ? kForward : kBackward;
}

template <typename K>
void ForwardStrip(const Strip& strip, std::byte* scratch) {
  using Element = typename K::Element;
  [[maybe_unused]] const typename K::Session session;
  const int64_t columns = strip.columns;
  auto* values = reinterpret_cast<float*>(scratch + K::kForwardStrip * K::kForwardDepth * sizeof(Element));
  StripSum<K> sum(strip, reinterpret_cast<Element*>(scratch), K::kForwardDepth);
  for (const ProductTerm& term : strip.product->terms) {
    const Matrix& weight = term.weight;
    const RowPlaces places(weight);
    for (int64_t k = 0; k < weight.columns;) {
      int64_t depth = weight.columns - k;
      if (depth > sum.Left()) {
        // Pieces begin where blocks of weights do.
        depth = sum.Left() / kDequantized * kDequantized;
        if (depth == 0) {
          sum.Flush();
          continue;
        }
      }
      const int64_t steps = RoundUp(depth, K::kStep);
      Element* panels = sum.Add(term, k, steps);
      for (int64_t row = 0; row < columns; row += 16) {
        const int64_t count = columns - row < 16 ? columns - row : 16;
        Element* panel = panels + row / K::kColumns * K::kColumns * steps;
        for (int64_t d = 0; d < depth; d += kDequantized) {
          const int64_t part = depth - d < kDequantized ? depth - d : kDequantized;
          const int64_t after = depth - d - part < kDequantized ? depth - d - part : kDequantized;
          for (int64_t r = 0; r < count; ++r) {
            // The next part of the row, or the first of the row that will be read in its place.
            const int64_t at = strip.column + row + r;
            if (after > 0) {
              PrefetchRow(places, at, k + d + part, after);
            } else if (row + 16 + r < columns) {
              PrefetchRow(places, at + 16, k, depth < kDequantized ? depth : kDequantized);
            }
            ReadRow<K>(weight, places, at, k + d, part, values + r * kDequantized);
          }
          K::PackRows(values, kDequantized, count, part, RoundUp(part, K::kStep), panel + d * K::kColumns,
                      row % K::kColumns);
        }
      }
      k += depth;
    }
  }
  sum.Flush();
}

template <typename K>
void BackwardStrip(const Strip& strip, std::byte* scratch) {
  using Element = typename K::Element;
  [[maybe_unused]] const typename K::Session session;
  const int64_t column = strip.column;
  const int64_t columns = strip.columns;
  const int64_t width = RoundUp(columns, K::kColumns);
  auto* values = reinterpret_cast<float*>(scratch + K::kBackwardStrip * K::kBackwardDepth * sizeof(Element));
  StripSum<K> sum(strip, reinterpret_cast<Element*>(scratch), K::kBackwardDepth);
  for (const ProductTerm& term : strip.product->terms) {
    const Matrix& weight = term.weight;
    const RowPlaces places(weight);
    for (int64_t n = 0; n < weight.rows;) {
      const int64_t depth = weight.rows - n < sum.Left() ? weight.rows - n : sum.Left();
      const int64_t steps = RoundUp(depth, K::kStep);
      Element* panels = sum.Add(term, n, steps);
      for (int64_t d = 0; d < steps; d += K::kPair) {
        for (int64_t r = 0; r < K::kPair; ++r) {
          float* to = values + r * K::kBackwardStrip;
          int64_t from = 0;
          if (d + r < depth) {
            if (n + d + r + kRowsAhead < weight.rows) PrefetchRow(places, n + d + r + kRowsAhead, column, columns);
            ReadRow<K>(weight, places, n + d + r, column, columns, to);
            from = columns;
          }
          for (int64_t i = from; i < width; ++i) to[i] = 0;
        }
        for (int64_t at = 0; at < width; at += K::kColumns) {
          K::PackPair(values + at, values + K::kBackwardStrip + at, panels + at * steps + d * K::kColumns);
        }
      }
      n += depth;
    }
  }
  sum.Flush();
}

}  // namespace
}  // namespace loco
