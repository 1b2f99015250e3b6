#include "score/rouge.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace loco {
namespace {

// The textbook's recurrence, in quadratic time and memory.
size_t PlainLcs(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<std::vector<size_t>> length(a.size() + 1, std::vector<size_t>(b.size() + 1, 0));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      length[i][j] = a[i - 1] == b[j - 1] ? length[i - 1][j - 1] + 1 : std::max(length[i - 1][j], length[i][j - 1]);
    }
  }
  return length[a.size()][b.size()];
}

// `count` symbols of 0 to `kinds` - 1 in no visible order.
std::vector<uint32_t> Symbols(size_t count, uint32_t kinds, uint32_t seed) {
  std::vector<uint32_t> symbols;
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;  // Numerical Recipes' generator
    symbols.push_back((seed >> 16) % kinds);
  }
  return symbols;
}

std::string Repeat(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST_CASE("the examples of Lin 2004 have the values of its section 3.1") {
  const char* reference = "police killed the gunman";
  CHECK(ScoreRougeL(reference, "police kill the gunman").f == 0.75);
  CHECK(ScoreRougeL(reference, "the gunman kill police").f == 0.5);
  CHECK(ScoreRougeL(reference, "the gunman police killed").f == 0.5);
}

TEST_CASE("precision, recall and F follow from the common subsequence, by hand") {
  // Common: "a c e", 3 of 5 words and 3 of 4.
  const RougeScore score = ScoreRougeL("a b c d e", "a c x e");
  CHECK(score.common == 3);
  CHECK(score.recall == doctest::Approx(3.0 / 5).epsilon(1e-15));
  CHECK(score.precision == 3.0 / 4);
  CHECK(score.f == doctest::Approx(2.0 / (5.0 / 3 + 4.0 / 3)).epsilon(1e-15));
  // β 2: 5·R·P / (R + 4·P) = 5·0.6·0.75 / 3.6.
  CHECK(ScoreRougeL("a b c d e", "a c x e", {.beta = 2}).f == doctest::Approx(0.625).epsilon(1e-15));
  CHECK(ScoreRougeL("a b c d e", "a c x e", {.beta = 0}).f == score.precision);
  CHECK(ScoreRougeL("a b c d e", "a c x e", {.beta = 1e6}).f == doctest::Approx(score.recall).epsilon(1e-9));
}

TEST_CASE("words are runs of letters and digits without regard to case") {
  using Words = std::vector<std::string>;
  CHECK(SplitRougeWords("It's 3.5 km, NAÏVE_x", RougeWords::kAscii) ==
        Words{"it", "s", "3", "5", "km", "na", "ve", "x"});
  CHECK(SplitRougeWords("Größe: 3日", RougeWords::kUnicode) == Words{"größe", "3日"});
  CHECK(SplitRougeWords("\xff\xfe", RougeWords::kUnicode).empty());
  CHECK(ScoreRougeL("Größe", "Größe").f == 1);
  CHECK(ScoreRougeL("日本", "日本").f == 0);  // no ASCII word
  CHECK(ScoreRougeL("日本", "日本", {.words = RougeWords::kUnicode}).f == 1);
}

TEST_CASE("an empty text scores 0") {
  for (const auto& [a, b] : {std::pair{"", ""}, {"a", ""}, {"", "a"}, {"…", "…"}}) {
    const RougeScore score = ScoreRougeL(a, b);
    CHECK(score.f == 0);
    CHECK(score.precision == 0);
    CHECK(score.recall == 0);
  }
}

TEST_CASE("the best of several references counts") {
  const std::vector<std::string> references{"x y", "a b", "a b c d"};
  CHECK(BestRougeL(references, "a b").f == 1);
  CHECK(BestRougeL(references, "c d").recall == 0.5);
  CHECK(BestRougeL({}, "a b").f == 0);
}

TEST_CASE("the common subsequence has the length that the textbook's recurrence gives") {
  CHECK(rc::check("small", [] {
    const auto symbols = rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0, 4));
    const std::vector<uint32_t> a = *symbols;
    const std::vector<uint32_t> b = *symbols;
    RC_ASSERT(LongestCommonSubsequence(a, b) == PlainLcs(a, b));
  }));
  // Several blocks of 64, with kept masks (2 kinds), written masks (500 kinds) and carries over whole blocks (1 kind).
  for (const uint32_t kinds : {1U, 2U, 7U, 60U, 500U}) {
    for (const size_t size : {63U, 64U, 65U, 200U, 640U}) {
      CAPTURE(kinds);
      CAPTURE(size);
      const auto a = Symbols(size, kinds, 1);
      const auto b = Symbols(size + 37, kinds, 2);
      CHECK(LongestCommonSubsequence(a, b) == PlainLcs(a, b));
      CHECK(LongestCommonSubsequence(b, a) == PlainLcs(a, b));
    }
  }
}

TEST_CASE("F is 1 for identical texts, 0 for disjoint ones, and the same from both sides") {
  CHECK(rc::check("rouge-l", [] {
    const auto text = rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("a", "b", "c", "d"));
    const auto join = [](const std::vector<std::string>& words) {
      std::string all;
      for (const auto& word : words) all += word + " ";
      return all;
    };
    const std::string a = join(*text);
    const std::string b = join(*text);
    const RougeScore score = ScoreRougeL(a, b);
    const RougeScore back = ScoreRougeL(b, a);
    RC_ASSERT(score.f == back.f);
    RC_ASSERT(score.precision == back.recall);
    RC_ASSERT(score.f >= 0.0);
    RC_ASSERT(score.f <= 1.0);
    RC_ASSERT(ScoreRougeL(a, a).f == (a.empty() ? 0.0 : 1.0));
    RC_ASSERT(ScoreRougeL(a, "x y z").f == 0.0);
  }));
}

TEST_CASE("a text that is cut scores no more than it would uncut, and says so") {
  const std::string reference = "a b c d e f g h";
  const RougeScore whole = ScoreRougeL(reference, reference);
  for (size_t words = 1; words < 8; ++words) {
    const RougeScore cut = ScoreRougeL(reference, reference, {.max_words = words});
    CHECK(cut.cut);
    CHECK(cut.f == doctest::Approx(static_cast<double>(words) / 8));
    CHECK(cut.f < whole.f);
  }
  CHECK(!ScoreRougeL(reference, reference, {.max_words = 8}).cut);
}

TEST_CASE("megabytes of hostile text are scored in bounded time") {
  const std::string same = Repeat("the ", 500'000);
  CHECK(ScoreRougeL(same, same).cut);
  CHECK(ScoreRougeL(same, same).common == RougeSettings{}.max_words);
  std::string distinct;
  for (int i = 0; i < 300'000; ++i) distinct += "w" + std::to_string(i) + "\xff";
  CHECK(ScoreRougeL(distinct, distinct).common == RougeSettings{}.max_words);
  CHECK(ScoreRougeL(distinct, same).f == 0);
  CHECK(ScoreRougeL(std::string(4'000'000, 'x'), std::string(4'000'000, '\0')).f == 0);
}

}  // namespace
}  // namespace loco
