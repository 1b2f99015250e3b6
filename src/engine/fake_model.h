// A LanguageModel that answers from a function: tests of everything above the engine run without a model file.
//
//   FakeModel model([](const std::string& prompt) { return prompt.ends_with("2+2=") ? "4" : "?"; });
//
// One token is one byte. A sampled answer's prompt ends with "[seed N]". The likelihood of a choice is higher the more
// of it the answer function would produce.
#pragma once

#include <functional>
#include <string>

#include "engine/language_model.h"

namespace loco {

class FakeModel : public LanguageModel {
 public:
  using Answer = std::function<std::string(const std::string& prompt)>;

  explicit FakeModel(Answer answer);

  const ModelInfo& info() const override { return info_; }
  ModelInfo& mutable_info() { return info_; }
  std::vector<Token> Tokenize(std::string_view text, const TokenizeOptions& options) const override;
  std::string Detokenize(std::span<const Token> tokens, bool with_special) const override;
  bool IsEndOfGeneration(Token token) const override { return token == info_.eos; }
  void Generate(std::span<const GenerateRequest> requests, const BatchOptions& options,
                const GenerationDone& done) override;
  void ScoreChoices(std::span<const ChoiceRequest> requests, const BatchOptions& options,
                    const ChoicesDone& done) override;
  std::unique_ptr<Sequence> StartSequence(int context) override;
  void VisitLogits(std::span<const Token> tokens, const LogitsVisitor& visit) override;

  int generated = 0;  // requests answered so far
  // Logits after these tokens, one for each token of the vocabulary; empty: every token is as likely as every other.
  std::function<std::vector<float>(std::span<const Token> tokens)> logits;

 private:
  // What the answer function says, under the request's limits.
  void Say(const GenerateRequest& request, int room, Generation& generation) const;

  Answer answer_;
  ModelInfo info_;
};

}  // namespace loco
