// Follows one generation token by token: keeps its thinking apart from its answer, and knows where the answer ends.
//
//   AnswerTracker tracker(request, model);
//   const Token token = tracker.Forced().value_or(best);   // the closing mark, where thinking is over its budget
//   tracker.Take(token);
//   if (tracker.stopped() || tracker.answer_tokens() >= request.max_tokens) …
//
// Marks are looked for in the text and not among token ids: some vocabularies have a token for them, others write them
// with several. Without a ThinkingLimit everything is the answer.
//
// Private to this module.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/language_model.h"

namespace loco {

class AnswerTracker {
 public:
  // Both must outlive the object.
  AnswerTracker(const GenerateRequest& request, const LanguageModel& model);

  // What must come next, whatever the model would say; empty: the model chooses.
  std::optional<Token> Forced() const;
  void Take(Token token);

  int answer_tokens() const { return answer_tokens_; }
  // The answer holds one of the request's stop texts.
  bool stopped() const { return stop_ != std::string::npos; }
  // Fills text, thinking and their counts.
  void Split(Generation& generation) const;

 private:
  enum class Place { kStart, kInside, kAnswer };

  const ThinkingLimit& limit() const { return *request_->thinking; }
  void Answer(std::string_view text);

  const GenerateRequest* request_;
  const LanguageModel* model_;
  Place place_ = Place::kAnswer;
  std::string text_;                 // until the answer begins, control tokens written out
  std::string answer_;               // control tokens left out
  size_t stop_ = std::string::npos;  // where the first stop text begins in it
  int thinking_tokens_ = 0;
  int answer_tokens_ = 0;
  size_t forced_ = 0;  // of limit.closing, taken
  bool cut_ = false;
};

}  // namespace loco
