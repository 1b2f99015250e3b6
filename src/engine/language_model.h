// A loaded language model, seen from the rest of the program: tokens in, tokens and log-likelihoods out.
//
//   std::unique_ptr<LanguageModel> model = LoadModel(path, {.threads = 2});
//   model->Generate(requests, {.parallel = 8}, [&](size_t i, Generation g) { … });   // as each one finishes
//
// `LoadModel` (llama_model.h) makes a real one; `FakeModel` (fake_model.h) answers from a table, for tests.
// Decoding is greedy unless a request says otherwise: the token with the highest logit, the lowest id on an exact tie.
// It knows nothing of chat templates, tasks or scores.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loco {

using Token = int32_t;

// What the file says about its vocabulary and limits.
struct ModelInfo {
  std::string file;         // for messages; empty: the model is no file
  std::string description;  // "llama 4.46M F16", from the engine
  int vocabulary_size = 0;
  int trained_context = 0;  // tokens
  bool adds_bos = false;    // the tokenizer puts a beginning-of-sequence token in front
  Token bos = -1;           // -1: none
  Token eos = -1;
  std::string bos_text;
  std::string eos_text;
  std::string chat_template;  // Jinja; empty: the file has none
  int threads = 1;            // that compute uses
};

struct TokenizeOptions {
  bool add_special = true;    // BOS and EOS as the model asks for
  bool parse_special = true;  // "<|im_end|>" in the text becomes the control token
};

// Why a generation ended.
enum class StopReason {
  kEndOfTurn,      // the model produced an end-of-generation token, or a stop text
  kTokenLimit,     // max_tokens were produced
  kContextFull,    // the context ended first
  kPromptTooLong,  // the prompt leaves no room for one token: nothing was generated
};

// Text between two marks is thinking: it has a budget of its own. Within `max_tokens` the model may close it itself;
// where it does not, `closing` is put there in its name, and the answer follows.
struct ThinkingLimit {
  std::string open;            // "<think>"; an answer that begins with it thinks
  std::string close;           // "</think>"
  bool opened = false;         // the prompt ends with `open`
  int max_tokens = 0;          // of thinking
  std::vector<Token> closing;  // "\n</think>\n\n"
};

// How the next token is chosen. Temperature 0: greedily.
struct Sampling {
  double temperature = 0;
  double top_p = 1;   // of the likeliest tokens, the fewest that have this probability together
  uint64_t seed = 0;  // of this request: the same seed and logits give the same tokens
};

struct GenerateRequest {
  std::vector<Token> prompt;
  int max_tokens = 0;                  // of the answer, thinking apart
  std::vector<std::string> stop = {};  // texts that end the answer and are no part of it
  std::optional<ThinkingLimit> thinking = {};
  Sampling sampling = {};
};

struct Generation {
  std::vector<Token> tokens;  // without the end-of-generation token
  std::string text;           // of `tokens` after thinking, control tokens left out
  std::string thinking;       // of the tokens between the marks; with a ThinkingLimit only
  int thinking_tokens = 0;    // marks included
  bool thinking_cut = false;  // closed for it, at the limit
  StopReason stop = StopReason::kEndOfTurn;
  double seconds = 0;  // from the first prompt token to the last; shared with what ran beside it
  // Smallest difference between the best and the second-best logit over all steps: below about 1e-2 another batch
  // size may choose the other token.
  float smallest_gap = 0;
};

// Log-likelihood of each of several continuations of one prompt.
struct ChoiceRequest {
  std::vector<Token> prompt;
  std::vector<std::vector<Token>> choices;  // none may be empty
};

struct ChoiceScores {
  std::vector<double> log_likelihood;  // natural logarithm, summed over the choice's tokens; empty: too long
  bool too_long = false;               // prompt and longest choice do not fit the context
  double seconds = 0;
};

struct BatchOptions {
  int context = 0;   // tokens a sequence may have, prompt and answer; 0: the trained context, at most 4,096
  int parallel = 8;  // sequences decoded together
  // Requests that may share batches. What shares a batch changes the last digits of logits, and with them the answer
  // where two tokens nearly tie; so a request's result depends on its group of this many consecutive requests (and on
  // `parallel`), never on what else is asked.
  int group = 32;
};

// One sequence that grows, for interactive use and for timing.
class Sequence {
 public:
  virtual ~Sequence() = default;
  // Processes tokens at the end. Throws Error when they do not fit the context.
  virtual void Append(std::span<const Token> tokens) = 0;
  // The most likely next token after the last Append().
  virtual Token Greedy() const = 0;
  virtual int size() const = 0;
  virtual int context() const = 0;
  // Forgets everything after the first `size` tokens.
  virtual void Truncate(int size) = 0;
};

// log softmax(logits)[token], summed in double precision. The logits must not be empty.
double LogProbability(std::span<const float> logits, Token token);

class LanguageModel {
 public:
  using GenerationDone = std::function<void(size_t index, const Generation&)>;
  using ChoicesDone = std::function<void(size_t index, const ChoiceScores&)>;
  using LogitsVisitor = std::function<void(size_t position, std::span<const float> logits)>;

  virtual ~LanguageModel() = default;

  virtual const ModelInfo& info() const = 0;
  virtual std::vector<Token> Tokenize(std::string_view text, const TokenizeOptions& options) const = 0;
  // Text of tokens; control tokens appear only when `with_special`.
  virtual std::string Detokenize(std::span<const Token> tokens, bool with_special) const = 0;
  virtual bool IsEndOfGeneration(Token token) const = 0;

  // Calls `done` for each request as it finishes, in any order. An exception thrown by `done` stops the work.
  virtual void Generate(std::span<const GenerateRequest> requests, const BatchOptions& options,
                        const GenerationDone& done) = 0;
  virtual void ScoreChoices(std::span<const ChoiceRequest> requests, const BatchOptions& options,
                            const ChoicesDone& done) = 0;
  virtual std::unique_ptr<Sequence> StartSequence(int context) = 0;
  // Calls `visit` with the logits after each token, in order: position i predicts tokens[i + 1]. The span is valid
  // during the call only. An exception thrown by `visit` stops the work. For measuring and not for speed: the cache has
  // 32 bits, so that nothing but the weights and the engine's products is rounded.
  virtual void VisitLogits(std::span<const Token> tokens, const LogitsVisitor& visit) = 0;
  // log p of each token but the first, given those before it; natural logarithms. Built on VisitLogits().
  std::vector<double> LogProbabilities(std::span<const Token> tokens);
};

}  // namespace loco
