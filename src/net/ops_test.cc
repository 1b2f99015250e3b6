#include "net/ops.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "net/kernel_fixture.h"

namespace loco {
namespace {

double Sum(const std::vector<float>& a, const std::vector<float>& weights) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * weights[i];
  return sum;
}

// Compares a gradient with central differences of `loss` at some numbers of `x`; returns the relative error.
double GradientError(std::vector<float>& x, const std::vector<float>& gradient, const std::function<double()>& loss) {
  constexpr float kStep = 1e-2F;
  double error = 0;
  double norm = 0;
  Random random(99);
  for (int i = 0; i < 60; ++i) {
    const auto at = static_cast<size_t>(random.Below(x.size()));
    const float kept = x[at];
    x[at] = kept + kStep;
    const double above = loss();
    x[at] = kept - kStep;
    const double below = loss();
    x[at] = kept;
    const double slope = (above - below) / (2 * static_cast<double>(kStep));
    error += (slope - gradient[at]) * (slope - gradient[at]);
    norm += slope * slope;
  }
  return std::sqrt(error / norm);
}

TEST_CASE("the gradient of the norm is the slope of the norm") {
  WithEveryKernel([&](double) {
    Threads threads(2);
    constexpr int64_t kTokens = 5;
    constexpr int64_t kWidth = 37;
    std::vector<float> x = Noise(kTokens * kWidth, 1);
    const std::vector<float> weight = Noise(kWidth, 2);
    const std::vector<float> d_y = Noise(kTokens * kWidth, 3);
    std::vector<float> y(x.size());
    std::vector<float> inverse(kTokens);
    const auto loss = [&] {
      RmsNorm(threads, x.data(), weight.data(), 1e-5F, kTokens, kWidth, y.data(), inverse.data());
      return Sum(y, d_y);
    };
    loss();
    std::vector<float> d_x(x.size(), 1.0F);
    RmsNormBackward(threads, d_y.data(), x.data(), weight.data(), inverse.data(), kTokens, kWidth, d_x.data(), true);
    for (float& value : d_x) value -= 1;
    CHECK(GradientError(x, d_x, loss) < 2e-3);
  });
}

TEST_CASE("the gradients of the gates are their slopes") {
  WithEveryKernel([&](double) {
    for (const GateKind gate_kind : {GateKind::kSilu, GateKind::kGelu, GateKind::kSquaredRelu}) {
      Threads threads(2);
      std::vector<float> gate = Noise(3 * 50, 1);
      std::vector<float> up = Noise(3 * 50, 2);
      for (float& value : gate) value *= 4;
      const std::vector<float> d_out = Noise(3 * 50, 3);
      std::vector<float> out(gate.size());
      const auto loss = [&] {
        Gate(threads, gate_kind, gate.data(), up.data(), 3, 50, out.data());
        return Sum(out, d_out);
      };
      std::vector<float> d_gate = gate;
      std::vector<float> d_up = up;
      GateBackward(threads, gate_kind, d_out.data(), d_gate.data(), d_up.data(), 3, 50);
      CHECK(GradientError(gate, d_gate, loss) < 3e-3);
      CHECK(GradientError(up, d_up, loss) < 1e-3);
    }
  });
}

TEST_CASE("turning backward undoes turning forward") {
  for (const bool interleaved : {true, false}) {
    Threads threads(2);
    const Rope rope{.interleaved = interleaved, .rotated = 6, .frequencies = {1.0F, 0.1F, 0.01F}};
    const std::vector<int32_t> positions = {0, 3, 700};
    std::vector<float> x = Noise(3 * 2 * 8, 1);
    const std::vector<float> before = x;
    const Rotation rotation = MakeRotation(threads, rope, positions.data(), 3);
    Rotate(threads, rotation, x.data(), 3, 2, 8, 16);
    CHECK(x[16] != doctest::Approx(before[16]));
    CHECK(x[6] == before[6]);  // behind the rotated part
    Rotate(threads, rotation, x.data(), 3, 2, 8, 16, true);
    for (size_t i = 0; i < x.size(); ++i) CHECK(x[i] == doctest::Approx(before[i]).epsilon(1e-4));
  }
}

TEST_CASE("dropout takes its share, scales the rest, and follows from key and place alone") {
  constexpr int64_t kTokens = 300;
  constexpr int64_t kWidth = 211;
  const auto pattern = [&](int count, uint64_t key, float share) {
    Threads threads(count);
    std::vector<float> x(kTokens * kWidth, 1.0F);
    Drop(threads, x.data(), kTokens, kWidth, share, key);
    return x;
  };
  std::vector<std::vector<float>> all;
  WithEveryKernel([&](double) {
    for (const int count : {1, 3}) all.push_back(pattern(count, 7, 0.25F));
  });
  for (const auto& x : all) CHECK(x == all.front());
  int64_t dropped = 0;
  int64_t neighbours = 0;
  int64_t below = 0;
  for (size_t i = 0; i < all[0].size(); ++i) {
    CHECK((all[0][i] == 0 || all[0][i] == doctest::Approx(1 / 0.75)));
    if (all[0][i] != 0) continue;
    ++dropped;
    if (i + 1 < all[0].size() && all[0][i + 1] == 0) ++neighbours;
    if (i + kWidth < all[0].size() && all[0][i + kWidth] == 0) ++below;
  }
  const double n = kTokens * kWidth;
  CHECK(static_cast<double>(dropped) / n == doctest::Approx(0.25).epsilon(0.02));
  CHECK(static_cast<double>(neighbours) / n == doctest::Approx(0.0625).epsilon(0.06));
  CHECK(static_cast<double>(below) / n == doctest::Approx(0.0625).epsilon(0.06));
  CHECK(pattern(1, 8, 0.25F) != all[0]);
  const std::vector<float> most = pattern(1, 7, 0.9F);
  CHECK(std::count(most.begin(), most.end(), 0.0F) > static_cast<int64_t>(0.88 * n));
}

// Attention by its definition, in double precision.
std::vector<double> PlainAttention(const AttentionCall& call) {
  std::vector<double> out(static_cast<size_t>(call.tokens * call.heads * call.head));
  for (int64_t h = 0; h < call.heads; ++h) {
    const int64_t kv = h / (call.heads / call.kv_heads);
    for (int64_t t = 0; t < call.tokens; ++t) {
      std::vector<double> p;
      double total = 0;
      for (int64_t s = call.first[t]; s <= t; ++s) {
        double score = 0;
        for (int64_t i = 0; i < call.head; ++i) {
          score += static_cast<double>(call.q[(t * call.heads + h) * call.head + i]) *
                   call.k[(s * call.kv_heads + kv) * call.head + i];
        }
        p.push_back(std::exp(score * call.scale));
        total += p.back();
      }
      for (int64_t s = call.first[t]; s <= t; ++s) {
        for (int64_t i = 0; i < call.head; ++i) {
          out[static_cast<size_t>((t * call.heads + h) * call.head + i)] +=
              p[static_cast<size_t>(s - call.first[t])] / total * call.v[(s * call.kv_heads + kv) * call.head + i];
        }
      }
    }
  }
  return out;
}

// Two samples of 90 and 60 tokens, the second with a window of 20.
struct Packed {
  std::vector<int32_t> first;
  std::vector<float> q, k, v, out, log_sum, d_out, delta, d_q, d_k, d_v;
  AttentionCall call;

  Packed(int64_t heads, int64_t kv_heads, int64_t head) {
    constexpr int64_t kTokens = 150;
    for (int32_t t = 0; t < kTokens; ++t) first.push_back(t < 90 ? 0 : std::max(90, t - 19));
    const auto full = static_cast<size_t>(kTokens * heads * head);
    const auto shared = static_cast<size_t>(kTokens * kv_heads * head);
    q = Noise(static_cast<int64_t>(full), 1);
    k = Noise(static_cast<int64_t>(shared), 2);
    v = Noise(static_cast<int64_t>(shared), 3);
    d_out = Noise(static_cast<int64_t>(full), 4);
    out.resize(full);
    d_q.resize(full);
    d_k.resize(shared);
    d_v.resize(shared);
    log_sum.resize(static_cast<size_t>(heads * kTokens));
    delta.resize(log_sum.size());
    call = {.tokens = kTokens,
            .heads = heads,
            .kv_heads = kv_heads,
            .head = head,
            .scale = 1 / std::sqrt(static_cast<float>(head)),
            .first = first.data(),
            .q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .out = out.data(),
            .log_sum = log_sum.data(),
            .d_out = d_out.data(),
            .delta = delta.data(),
            .d_q = d_q.data(),
            .d_k = d_k.data(),
            .d_v = d_v.data()};
  }
};

TEST_CASE("attention in blocks is attention, over samples, windows and shared keys") {
  WithEveryKernel([&](double tolerance) {
    for (const auto& [heads, kv_heads, head] : {std::tuple(4, 2, 16), std::tuple(3, 1, 64), std::tuple(2, 2, 80)}) {
      Threads threads(2);
      Packed packed(heads, kv_heads, head);
      Attend(threads, packed.call);
      const std::vector<double> expected = PlainAttention(packed.call);
      double error = 0;
      double norm = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        error += (packed.out[i] - expected[i]) * (packed.out[i] - expected[i]);
        norm += expected[i] * expected[i];
      }
      CHECK(std::sqrt(error / norm) < 2 * tolerance);
    }
  });
}

TEST_CASE("the gradients of attention are its slopes") {
  WithEveryKernel([&](double) {
    Threads threads(2);
    Packed packed(4, 2, 16);
    {
      Attend(threads, packed.call);
      AttendBackward(threads, packed.call);
    }
    // Slopes by the definition, so that bf16's own noise does not blur the differences.
    const auto loss = [&] {
      const std::vector<double> out = PlainAttention(packed.call);
      double sum = 0;
      for (size_t i = 0; i < out.size(); ++i) sum += out[i] * packed.d_out[i];
      return sum;
    };
    const double slope_tolerance = IsBf16(CurrentKernel()) ? 1.5e-2 : 1e-3;
    CHECK(GradientError(packed.q, packed.d_q, loss) < slope_tolerance);
    CHECK(GradientError(packed.k, packed.d_k, loss) < slope_tolerance);
    CHECK(GradientError(packed.v, packed.d_v, loss) < slope_tolerance);
  });
}

TEST_CASE("cross-entropy is -log p, and its gradient p minus the target") {
  WithEveryKernel([&](double) {
    Threads threads(2);
    constexpr int64_t kVocabulary = 101;
    std::vector<float> logits = Noise(2 * kVocabulary, 1);
    for (float& value : logits) value *= 20;
    const std::vector<float> before = logits;
    const std::vector<int32_t> targets = {7, 100};
    const std::vector<float> weights = {1.0F, 0.25F};
    std::vector<float> losses(2);
    CrossEntropy(threads, logits.data(), 2, kVocabulary, targets.data(), weights.data(), losses.data());
    for (size_t row = 0; row < 2; ++row) {
      double total = 0;
      for (size_t i = 0; i < kVocabulary; ++i) total += std::exp(static_cast<double>(before[row * kVocabulary + i]));
      const auto target = static_cast<size_t>(targets[row]);
      CHECK(losses[row] == doctest::Approx(std::log(total) - before[row * kVocabulary + target]).epsilon(1e-5));
      for (size_t i = 0; i < kVocabulary; ++i) {
        const double p = std::exp(static_cast<double>(before[row * kVocabulary + i])) / total;
        CHECK(logits[row * kVocabulary + i] ==
              doctest::Approx(weights[row] * (p - (i == target ? 1 : 0))).epsilon(1e-4).scale(1e-3));
      }
    }
  });
}

}  // namespace
}  // namespace loco
