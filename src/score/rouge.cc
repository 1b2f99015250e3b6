#include "score/rouge.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "score/fold.h"

namespace loco {
namespace {

constexpr size_t kBits = 64;
constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

// Where each symbol stands in `a`, as bit masks of 64 places. Only symbols that stand in more places than there are
// blocks keep their mask; there are at most 64 of them, which keeps the memory linear. The mask of another one is
// written when it is asked for, which then takes no longer than walking over the blocks.
class PlaceMasks {
 public:
  explicit PlaceMasks(std::span<const uint32_t> a) : blocks_((a.size() + kBits - 1) / kBits), scratch_(blocks_, 0) {
    symbols_.assign(a.begin(), a.end());
    std::sort(symbols_.begin(), symbols_.end());
    symbols_.erase(std::unique(symbols_.begin(), symbols_.end()), symbols_.end());
    places_.resize(symbols_.size());
    for (size_t i = 0; i < a.size(); ++i) places_[Find(a[i])].push_back(static_cast<uint32_t>(i));
    kept_.resize(symbols_.size());
    for (size_t s = 0; s < symbols_.size(); ++s) {
      if (places_[s].size() <= blocks_) continue;
      kept_[s].resize(blocks_, 0);
      Write(places_[s], kept_[s]);
    }
  }

  size_t blocks() const { return blocks_; }

  // The mask is valid until the next call. Empty for a symbol that is nowhere.
  std::span<const uint64_t> Of(uint32_t symbol) {
    const size_t s = Find(symbol);
    if (s == symbols_.size()) return {};
    if (!kept_[s].empty()) return kept_[s];
    for (const uint32_t place : written_) scratch_[place / kBits] = 0;
    written_ = places_[s];
    Write(places_[s], scratch_);
    return scratch_;
  }

 private:
  size_t Find(uint32_t symbol) const {
    const auto found = std::lower_bound(symbols_.begin(), symbols_.end(), symbol);
    if (found == symbols_.end() || *found != symbol) return symbols_.size();
    return static_cast<size_t>(found - symbols_.begin());
  }
  static void Write(std::span<const uint32_t> places, std::vector<uint64_t>& mask) {
    for (const uint32_t place : places) mask[place / kBits] |= uint64_t{1} << (place % kBits);
  }

  size_t blocks_;
  std::vector<uint32_t> symbols_;              // sorted, each once
  std::vector<std::vector<uint32_t>> places_;  // of each symbol
  std::vector<std::vector<uint64_t>> kept_;    // empty: written when asked for
  std::vector<uint64_t> scratch_;
  std::span<const uint32_t> written_;  // what is set in the scratch
};

bool IsRougeWord(char32_t c, RougeWords words) {
  switch (words) {
    case RougeWords::kAscii:
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    case RougeWords::kUnicode:
      return IsWordCharacter(c);
  }
  LOCO_CHECK(false);
}

}  // namespace

std::vector<std::string> SplitRougeWords(std::string_view text, RougeWords words) {
  const std::string lower = LowerCase(text);
  std::vector<std::string> split;
  bool inside = false;
  for (size_t at = 0; at < lower.size();) {
    const char32_t c = NextCodePoint(lower, at);
    const bool word = IsRougeWord(c, words);
    if (word && !inside) split.emplace_back();
    if (word) AppendCodePoint(c, split.back());
    inside = word;
  }
  return split;
}

size_t LongestCommonSubsequence(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  PlaceMasks masks(a);
  // A zero bit at place i: the subsequence grows by one there. Each symbol of b moves such places to the front.
  std::vector<uint64_t> ones(masks.blocks(), ~uint64_t{0});
  for (const uint32_t symbol : b) {
    const auto mask = masks.Of(symbol);
    uint64_t carry = 0;
    for (size_t k = 0; k < mask.size(); ++k) {
      const uint64_t hit = ones[k] & mask[k];
      const uint64_t partial = ones[k] + hit;
      const uint64_t sum = partial + carry;
      carry = static_cast<uint64_t>(partial < hit) | static_cast<uint64_t>(sum < carry);
      ones[k] = sum | (ones[k] - hit);
    }
  }
  size_t length = 0;
  for (size_t i = 0; i < a.size(); ++i) length += (ones[i / kBits] >> (i % kBits) & 1) == 0;
  return length;
}

RougeScore ScoreRougeL(std::string_view reference, std::string_view candidate, const RougeSettings& settings) {
  LOCO_CHECK(settings.beta >= 0 && settings.beta <= 1e6);
  const std::vector<std::string> expected = SplitRougeWords(reference, settings.words);
  const std::vector<std::string> given = SplitRougeWords(candidate, settings.words);
  RougeScore score{.cut = std::max(expected.size(), given.size()) > settings.max_words};
  if (expected.empty() || given.empty()) return score;

  std::map<std::string_view, uint32_t> ids;
  std::vector<uint32_t> a;
  std::vector<uint32_t> b;
  for (size_t i = 0; i < std::min(expected.size(), settings.max_words); ++i) {
    a.push_back(ids.emplace(expected[i], static_cast<uint32_t>(ids.size())).first->second);
  }
  for (size_t i = 0; i < std::min(given.size(), settings.max_words); ++i) {
    const auto found = ids.find(given[i]);
    b.push_back(found == ids.end() ? kNowhere : found->second);
  }
  score.common = LongestCommonSubsequence(a, b);
  if (score.common == 0) return score;
  score.precision = static_cast<double>(score.common) / static_cast<double>(given.size());
  score.recall = static_cast<double>(score.common) / static_cast<double>(expected.size());
  const double square = settings.beta * settings.beta;
  score.f = (1 + square) * score.recall * score.precision / (score.recall + square * score.precision);
  return score;
}

RougeScore BestRougeL(std::span<const std::string> references, std::string_view candidate,
                      const RougeSettings& settings) {
  RougeScore best;
  for (size_t i = 0; i < references.size(); ++i) {
    const RougeScore score = ScoreRougeL(references[i], candidate, settings);
    if (i == 0 || score.f > best.f) best = score;
  }
  return best;
}

}  // namespace loco
