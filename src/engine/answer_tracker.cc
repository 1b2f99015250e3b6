#include "engine/answer_tracker.h"

#include <algorithm>
#include <span>

#include "base/error.h"

namespace loco {
namespace {

std::string_view WithoutLeadingBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

}  // namespace

AnswerTracker::AnswerTracker(const GenerateRequest& request, const LanguageModel& model)
    : request_(&request), model_(&model) {
  if (!request.thinking) return;
  LOCO_CHECK(!limit().open.empty() && !limit().close.empty());
  place_ = limit().opened ? Place::kInside : Place::kStart;
}

std::optional<Token> AnswerTracker::Forced() const {
  if (place_ != Place::kInside) return std::nullopt;
  const bool over = forced_ > 0 || thinking_tokens_ >= limit().max_tokens;
  if (!over || forced_ >= limit().closing.size()) return std::nullopt;
  return limit().closing[forced_];
}

void AnswerTracker::Answer(std::string_view text) {
  size_t longest = 0;
  for (const std::string& stop : request_->stop) longest = std::max(longest, stop.size());
  // A stop text may have begun before.
  const size_t from = answer_.size() - std::min(answer_.size(), longest);
  answer_ += text;
  for (const std::string& stop : request_->stop) stop_ = std::min(stop_, answer_.find(stop, from));
}

void AnswerTracker::Take(Token token) {
  const std::span<const Token> one(&token, 1);
  if (place_ == Place::kAnswer) {
    ++answer_tokens_;
    return Answer(model_->Detokenize(one, false));
  }
  const bool forced = Forced().has_value();
  text_ += model_->Detokenize(one, true);
  ++thinking_tokens_;
  if (place_ == Place::kStart) {
    const std::string_view said = WithoutLeadingBlanks(text_);
    if (said.starts_with(limit().open)) {
      place_ = Place::kInside;
    } else if (!std::string_view(limit().open).starts_with(said)) {
      place_ = Place::kAnswer;
      answer_tokens_ = thinking_tokens_;
      thinking_tokens_ = 0;
      Answer(text_);
      return;
    }
  }
  if (place_ != Place::kInside) return;
  if (forced) {
    cut_ = true;
    ++forced_;
  }
  const bool all_forced = cut_ && forced_ == limit().closing.size();
  const size_t close = text_.find(limit().close);
  if (close != std::string::npos && (!cut_ || all_forced)) {
    place_ = Place::kAnswer;
    // Blanks that were forced belong to neither.
    if (!cut_) Answer(std::string_view(text_).substr(close + limit().close.size()));
    text_.resize(close);
  } else if (all_forced) {
    place_ = Place::kAnswer;  // this vocabulary writes the mark in another way
  }
}

void AnswerTracker::Split(Generation& generation) const {
  generation.thinking_cut = cut_;
  generation.text = answer_;
  if (stopped()) generation.text.resize(stop_);
  // An answer that is still the beginning of a mark, "<", is an answer.
  if (place_ == Place::kStart) generation.text = text_;
  generation.thinking_tokens = place_ == Place::kStart ? 0 : thinking_tokens_;
  if (generation.thinking_tokens == 0) return;
  std::string_view thought = text_;
  if (!limit().opened) thought = WithoutLeadingBlanks(thought).substr(limit().open.size());
  generation.thinking = std::string(thought);
}

}  // namespace loco
