#include "net/linear_layers.h"

#include <algorithm>

#include "net/ops.h"

namespace loco {
namespace {

// Columns become rows, times `scale`.
Floats Transposed(const Floats& values, int64_t rows, int64_t columns, float scale) {
  Floats turned(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      turned[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * columns + c)] * scale;
    }
  }
  return turned;
}

}  // namespace

void LinearLayers::Start(int64_t tokens, const Adapter* adapter, const PairDropout& dropout) {
  tokens_ = tokens;
  adapter_ = adapter;
  dropout_ = dropout;
}

const LoraPair* LinearLayers::PairOf(const Linear& linear) const {
  return adapter_ == nullptr || linear.pair < 0 ? nullptr : &adapter_->pairs[static_cast<size_t>(linear.pair)];
}

// The adapter pairs of a group, each once.
std::vector<int> LinearLayers::PairsOf(std::span<const LayerUse> uses) const {
  std::vector<int> pairs;
  for (const LayerUse& use : uses) {
    const int pair = use.linear->pair;
    if (PairOf(*use.linear) != nullptr && std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) {
      pairs.push_back(pair);
    }
  }
  return pairs;
}

// x with some numbers dropped and the others scaled up; the group's place makes its pattern.
const Floats& LinearLayers::Dropped(const Floats& x, int64_t width, uint64_t place) {
  if (dropout_.share <= 0) return x;
  Copy(threads_, x, dropped_);
  ApplyDropout(dropped_, width, place);
  return dropped_;
}

void LinearLayers::ApplyDropout(Floats& x, int64_t width, uint64_t place) {
  Drop(threads_, x.data(), tokens_, width, dropout_.share, dropout_.seed + (place << 40));
}

// u = x aᵀ for each pair, tokens × rank.
std::vector<Floats> LinearLayers::LowRank(const std::vector<int>& pairs, const Activations& input) {
  std::vector<Floats> low(pairs.size());
  std::vector<Product> products;
  for (size_t p = 0; p < pairs.size(); ++p) {
    const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
    Fit(low[p], tokens_ * adapter_->rank);
    products.push_back({{{&input, RowsOf(pair.a, 0, adapter_->rank, pair.columns)}}, low[p].data(), adapter_->rank});
  }
  MultiplyTransposed(threads_, products);
  return low;
}

void LinearLayers::Forward(const Floats& x, std::span<const LayerUse> uses, uint64_t place) {
  const int64_t width = uses.front().linear->weight.columns;
  const Activations input(threads_, x.data(), tokens_, width, width);
  const std::vector<int> pairs = PairsOf(uses);
  std::vector<Activations> low(pairs.size());
  if (!pairs.empty()) {
    const Floats& dropped = Dropped(x, width, place);
    Activations dropped_input;
    if (&dropped != &x) dropped_input.Assign(threads_, dropped.data(), tokens_, width, width);
    const std::vector<Floats> u = LowRank(pairs, &dropped == &x ? input : dropped_input);
    for (size_t p = 0; p < pairs.size(); ++p) {
      low[p].Assign(threads_, u[p].data(), tokens_, adapter_->rank, adapter_->rank, adapter_->scale);
    }
  }
  std::vector<Product> products;
  for (const LayerUse& use : uses) {
    const Linear& linear = *use.linear;
    const int64_t rows = linear.weight.rows;
    Fit(*use.values, tokens_ * rows);
    Product product{{{&input, linear.weight}}, use.values->data(), rows};
    if (const LoraPair* pair = PairOf(linear)) {
      const auto at = static_cast<size_t>(std::find(pairs.begin(), pairs.end(), linear.pair) - pairs.begin());
      product.terms.push_back({&low[at], RowsOf(pair->b, linear.pair_row, rows, adapter_->rank)});
    }
    products.push_back(std::move(product));
  }
  MultiplyTransposed(threads_, products);
  for (const LayerUse& use : uses) {
    const Linear& linear = *use.linear;
    if (linear.bias.empty() && linear.scale == 1) continue;
    const int64_t rows = linear.weight.rows;
    EachRow(threads_, tokens_, [&](int64_t t) {
      float* row = use.values->data() + t * rows;
      for (int64_t i = 0; i < rows; ++i) {
        row[i] = row[i] * linear.scale + (linear.bias.empty() ? 0 : linear.bias[static_cast<size_t>(i)]);
      }
    });
  }
}

void LinearLayers::Backward(const Floats& x, std::span<const LayerUse> uses, uint64_t place, Floats* d_x,
                            Adapter& gradients) {
  const int64_t width = uses.front().linear->weight.columns;
  const int64_t rank = adapter_->rank;
  for (const LayerUse& use : uses) {
    if (use.linear->scale == 1) continue;
    for (float& value : *use.values) value *= use.linear->scale;
  }
  std::vector<Activations> d_outputs(uses.size());
  for (size_t i = 0; i < uses.size(); ++i) {
    const int64_t rows = uses[i].linear->weight.rows;
    d_outputs[i].Assign(threads_, uses[i].values->data(), tokens_, rows, rows);
  }
  const std::vector<int> pairs = PairsOf(uses);
  std::vector<Floats> d_low(pairs.size());
  std::vector<Product> products;
  for (size_t p = 0; p < pairs.size(); ++p) {
    const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
    Fit(d_low[p], tokens_ * rank);
    Product product{{}, d_low[p].data(), rank};
    for (size_t i = 0; i < uses.size(); ++i) {
      const Linear& linear = *uses[i].linear;
      if (linear.pair == pairs[p])
        product.terms.push_back({&d_outputs[i], RowsOf(pair.b, linear.pair_row, linear.weight.rows, rank)});
    }
    products.push_back(std::move(product));
  }
  Multiply(threads_, products);
  std::vector<Activations> d_low_input(pairs.size());
  for (size_t p = 0; p < pairs.size(); ++p) {
    d_low_input[p].Assign(threads_, d_low[p].data(), tokens_, rank, rank, adapter_->scale);
  }
  if (d_x != nullptr) BackwardInput(uses, pairs, d_outputs, d_low_input, width, place, *d_x);
  if (!pairs.empty()) BackwardPairs(x, uses, pairs, d_low, width, place, gradients);
}

void LinearLayers::BackwardInput(std::span<const LayerUse> uses, const std::vector<int>& pairs,
                                 const std::vector<Activations>& d_outputs, const std::vector<Activations>& d_low,
                                 int64_t width, uint64_t place, Floats& d_x) {
  Fit(d_x, tokens_ * width);
  Product product{{}, d_x.data(), width};
  for (size_t i = 0; i < uses.size(); ++i) product.terms.push_back({&d_outputs[i], uses[i].linear->weight});
  std::vector<Product> products;
  Floats through_pairs;
  if (dropout_.share > 0 && !pairs.empty()) Fit(through_pairs, tokens_ * width);
  Product separate{{}, through_pairs.data(), width};
  for (size_t p = 0; p < pairs.size(); ++p) {
    const LoraPair& pair = adapter_->pairs[static_cast<size_t>(pairs[p])];
    const ProductTerm term{&d_low[p], RowsOf(pair.a, 0, adapter_->rank, width)};
    (through_pairs.empty() ? product : separate).terms.push_back(term);
  }
  products.push_back(std::move(product));
  if (!through_pairs.empty()) products.push_back(std::move(separate));
  Multiply(threads_, products);
  if (through_pairs.empty()) return;
  ApplyDropout(through_pairs, width, place);
  AddRows(threads_, tokens_, through_pairs, d_x);
}

// d_a += (scale d_u)ᵀ x and d_b += scale d_yᵀ u, as products that sum over tokens.
void LinearLayers::BackwardPairs(const Floats& x, std::span<const LayerUse> uses, const std::vector<int>& pairs,
                                 const std::vector<Floats>& d_low, int64_t width, uint64_t place, Adapter& gradients) {
  const int64_t rank = adapter_->rank;
  const Floats& dropped = Dropped(x, width, place);
  const Activations input(threads_, dropped.data(), tokens_, width, width);
  const std::vector<Floats> low = LowRank(pairs, input);
  std::vector<Activations> d_low_rows(pairs.size());
  std::vector<Activations> low_rows(pairs.size());
  std::vector<Product> products;
  for (size_t p = 0; p < pairs.size(); ++p) {
    const Floats turned = Transposed(d_low[p], tokens_, rank, adapter_->scale);
    d_low_rows[p].Assign(threads_, turned.data(), rank, tokens_, tokens_);
    const Floats low_turned = Transposed(low[p], tokens_, rank, adapter_->scale);
    low_rows[p].Assign(threads_, low_turned.data(), rank, tokens_, tokens_);
    products.push_back({{{&d_low_rows[p], FloatMatrix(dropped.data(), tokens_, width)}},
                        gradients.pairs[static_cast<size_t>(pairs[p])].a.data(),
                        width,
                        /*add=*/true});
  }
  std::vector<Floats> d_b(uses.size());
  for (size_t i = 0; i < uses.size(); ++i) {
    const Linear& linear = *uses[i].linear;
    if (PairOf(linear) == nullptr) continue;
    const auto at = static_cast<size_t>(std::find(pairs.begin(), pairs.end(), linear.pair) - pairs.begin());
    const int64_t rows = linear.weight.rows;
    Fit(d_b[i], rank * rows);
    products.push_back({{{&low_rows[at], FloatMatrix(uses[i].values->data(), tokens_, rows)}}, d_b[i].data(), rows});
  }
  Multiply(threads_, products);
  for (size_t i = 0; i < uses.size(); ++i) {
    if (d_b[i].empty()) continue;
    const Linear& linear = *uses[i].linear;
    const int64_t rows = linear.weight.rows;
    Floats& b = gradients.pairs[static_cast<size_t>(linear.pair)].b;
    EachRow(threads_, rows, [&](int64_t r) {
      for (int64_t k = 0; k < rank; ++k) {
        b[static_cast<size_t>((linear.pair_row + r) * rank + k)] += d_b[i][static_cast<size_t>(k * rows + r)];
      }
    });
  }
}

}  // namespace loco
