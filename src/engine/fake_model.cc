#include "engine/fake_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/answer_tracker.h"

namespace loco {
namespace {

constexpr Token kBos = 256;
constexpr Token kEos = 257;

class FakeSequence : public Sequence {
 public:
  FakeSequence(const FakeModel& model, FakeModel::Answer answer, int context)
      : model_(model), answer_(std::move(answer)), context_(context) {}

  void Append(std::span<const Token> tokens) override {
    if (tokens_.size() + tokens.size() > static_cast<size_t>(context_))
      throw Error("the tokens do not fit the context");
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  }
  Token Greedy() const override {
    const std::string next = answer_(model_.Detokenize(tokens_, true));
    return next.empty() ? kEos : static_cast<unsigned char>(next[0]);
  }
  int size() const override { return static_cast<int>(tokens_.size()); }
  int context() const override { return context_; }
  void Truncate(int size) override { tokens_.resize(static_cast<size_t>(size)); }

 private:
  const FakeModel& model_;
  FakeModel::Answer answer_;
  int context_;
  std::vector<Token> tokens_;
};

}  // namespace

FakeModel::FakeModel(Answer answer) : answer_(std::move(answer)) {
  info_.description = "fake";
  info_.vocabulary_size = 258;
  info_.trained_context = 1024;
  info_.bos = kBos;
  info_.eos = kEos;
  info_.bos_text = "<s>";
  info_.eos_text = "</s>";
  info_.chat_template =
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% "
      "endif %}";
}

std::vector<Token> FakeModel::Tokenize(std::string_view text, const TokenizeOptions& options) const {
  std::vector<Token> tokens;
  if (options.add_special && info_.adds_bos) tokens.push_back(kBos);
  if (options.parse_special && text.starts_with(info_.bos_text)) {
    tokens.push_back(kBos);
    text.remove_prefix(info_.bos_text.size());
  }
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

std::string FakeModel::Detokenize(std::span<const Token> tokens, bool with_special) const {
  std::string text;
  for (const Token token : tokens) {
    if (token < 256) {
      text += static_cast<char>(token);
    } else if (with_special) {
      text += token == kBos ? info_.bos_text : info_.eos_text;
    }
  }
  return text;
}

void FakeModel::Say(const GenerateRequest& request, int room, Generation& generation) const {
  std::string prompt = Detokenize(request.prompt, true);
  if (request.sampling.temperature > 0) prompt += fmt::format("[seed {}]", request.sampling.seed);
  const std::string answer = answer_(prompt);
  AnswerTracker tracker(request, *this);
  size_t said = 0;
  generation.stop = StopReason::kEndOfTurn;
  while (true) {
    const std::optional<Token> forced = tracker.Forced();
    if (!forced && said == answer.size()) break;
    // What it would have thought beyond its budget is never said.
    const size_t close = forced ? answer.find(request.thinking->close, said) : std::string::npos;
    if (close != std::string::npos) said = close + request.thinking->close.size();
    const Token token = forced ? *forced : static_cast<unsigned char>(answer[said++]);
    generation.tokens.push_back(token);
    tracker.Take(token);
    if (tracker.stopped()) break;
    if (tracker.answer_tokens() >= request.max_tokens) {
      generation.stop = StopReason::kTokenLimit;
      break;
    }
    if (static_cast<int>(generation.tokens.size()) >= room) {
      generation.stop = StopReason::kContextFull;
      break;
    }
  }
  tracker.Split(generation);
}

void FakeModel::Generate(std::span<const GenerateRequest> requests, const BatchOptions& options,
                         const GenerationDone& done) {
  const int context = options.context > 0 ? options.context : info_.trained_context;
  for (size_t i = 0; i < requests.size(); ++i) {
    Generation generation;
    const int room = context - static_cast<int>(requests[i].prompt.size());
    if (room <= 0) {
      generation.stop = StopReason::kPromptTooLong;
    } else {
      Say(requests[i], room, generation);
      generation.smallest_gap = 1;
      ++generated;
    }
    done(i, generation);
  }
}

void FakeModel::ScoreChoices(std::span<const ChoiceRequest> requests, const BatchOptions& options,
                             const ChoicesDone& done) {
  const size_t context = static_cast<size_t>(options.context > 0 ? options.context : info_.trained_context);
  for (size_t i = 0; i < requests.size(); ++i) {
    ChoiceScores scores;
    const std::string answer = answer_(Detokenize(requests[i].prompt, true));
    for (const auto& choice : requests[i].choices) {
      scores.too_long |= requests[i].prompt.size() + choice.size() > context;
      const std::string text = Detokenize(choice, true);
      size_t agree = 0;
      while (agree < text.size() && agree < answer.size() && text[agree] == answer[agree]) ++agree;
      scores.log_likelihood.push_back(-static_cast<double>(text.size() - agree) -
                                      0.01 * static_cast<double>(text.size()));
    }
    if (scores.too_long) scores.log_likelihood.clear();
    ++generated;
    done(i, scores);
  }
}

std::unique_ptr<Sequence> FakeModel::StartSequence(int context) {
  return std::make_unique<FakeSequence>(*this, answer_, context);
}

void FakeModel::VisitLogits(std::span<const Token> tokens, const LogitsVisitor& visit) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    visit(i, logits ? logits(tokens.first(i + 1)) : std::vector<float>(static_cast<size_t>(info_.vocabulary_size)));
  }
}

}  // namespace loco
