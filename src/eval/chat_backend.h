// A chat model behind somebody else's server, asked one conversation at a time: what bake-offs compare.
//
//   OllamaBackend backend("localhost:11434", "qwen3:4b");
//   const BackendIdentity identity = backend.Identity();   // throws Error: no server, no such model
//   RequireContext(identity, 4096);                        // throws Error: the server can never hold so much
//   const ChatAnswer answer = backend.Ask({.messages = {{"user", "2+2=?"}}, .max_tokens = 64, .context = 4096});
//   if (answer.finish == ChatFinish::kError) … answer.error.what, answer.error.cure
//
// The servers' classic defect is to lose part of a prompt without a word: their context is smaller than what was asked
// for, and the answer is to the rest of the question. Every answer is therefore held against the tokens that the server
// says it saw (CheckAnswer), and a prompt that was cut is an error and never an answer.
//
// It deliberately does not stream, does not offer tools, and does not mark. Requests ask for greedy decoding; that a
// server obeys, and that it answers alike twice, is its own affair.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "template/chat_template.h"

namespace loco {

struct ChatRequest {
  std::vector<Message> messages;
  int max_tokens = 512;  // of the answer, thinking included
  int context = 4096;    // tokens for prompt and answer that the server has to hold
  int64_t seed = 0;
  double temperature = 0;
  std::optional<bool> thinking;      // none: as the model and its server like
  std::vector<std::string> stop;     // texts that end the answer
  std::optional<int> prompt_tokens;  // the rendered prompt as the caller's own tokenizer counts it
};

// How an answer ended.
enum class ChatFinish {
  kStop,     // the model ended its turn
  kLength,   // cut at the token limit or at the end of the context
  kRefused,  // the server or the model's maker withheld it (content filter)
  kTooLong,  // the prompt does not fit the context, and the server said so: nothing was generated
  kError,    // there is no answer; see `error`
};

// "stop", "length", "refused", "too long", "error".
const char* NameOf(ChatFinish finish);

enum class ChatErrorKind {
  kNone,
  kUnreachable,  // no connection, a broken one, or a server that says it is not ready
  kHttp,         // another HTTP status than 200
  kWrongJson,    // the response is not what this interface promises
  kTimeout,
  kContextLost,  // the server did not see the whole prompt, or forgot its beginning
  kStopped,      // the caller's stop token
};

// "none", "unreachable", "http", "wrong json", "timeout", "context lost", "stopped".
const char* NameOf(ChatErrorKind kind);

struct ChatError {
  ChatErrorKind kind = ChatErrorKind::kNone;
  std::string what;  // hostile: servers' own words are in it
  std::string cure;
  int status = 0;         // of HTTP, when a response came
  bool ends_run = false;  // every request would fail like this (wrong key, no such model)
};

// What servers tell about where the time went, in seconds.
struct ServerTimings {
  std::optional<double> load;
  std::optional<double> prompt;
  std::optional<double> generation;
};

struct ChatAnswer {
  std::string text;      // without thinking; hostile, like all that a model wrote
  std::string thinking;  // told apart by the server, or by <think> in the text
  ChatFinish finish = ChatFinish::kError;
  ChatError error;
  bool context_full = false;            // finish is kLength because the context ended before max_tokens
  std::optional<int> prompt_tokens;     // that the server says it saw
  std::optional<int> generated_tokens;  // thinking included
  double seconds = 0;                   // of the request that succeeded, without waits between attempts
  // Loading the model and reading the prompt, by the server's clock; none: it does not say.
  std::optional<double> first_token_seconds;
  ServerTimings timings;
  std::string model;  // as the server calls what answered; hostile
  std::string note;   // what is odd about the answer without making it wrong; empty: nothing
  int attempts = 0;
};

// What answers: as exactly as the server tells.
struct BackendIdentity {
  std::string kind;  // "ollama", "openai"
  std::string url;
  std::string model;                   // as requests name it
  std::string server;                  // "Ollama 0.18.1", "llama.cpp b1-de3ff81"; empty: it does not say
  std::string digest;                  // of the model's content (Ollama); empty: not told
  std::string file;                    // path on the server's machine (llama-server); empty: not told
  std::string template_hash;           // SHA-256 of the chat template; empty: not told
  std::string quantization;            // "Q4_K_M"; empty: not told
  std::string parameters;              // "4.0B" or a number; empty: not told
  std::optional<int> context;          // tokens that one request may have
  std::optional<int> trained_context;  // tokens
  std::string settings;                // further fields of each request, that change answers
  std::string note;

  // The weights are known by their content, not only by a name that may come to mean others.
  bool pinned() const { return !digest.empty(); }
  // SHA-256 of what changes answers: part of a run's key. Without a digest the URL stands for the content.
  std::string Key() const;
};

class ChatBackend {
 public:
  virtual ~ChatBackend() = default;
  // Failures are values. Throws Interrupted on Ctrl-C. Several threads may ask at a time.
  ChatAnswer Ask(const ChatRequest& request, const std::stop_token& stop = {}) { return DoAsk(request, stop); }
  // Throws Error when the server does not answer or has no such model.
  virtual BackendIdentity Identity() = 0;
  // One attempt, no waits: somebody answers at the address.
  virtual bool IsAlive(const std::stop_token& stop = {}) = 0;

 private:
  virtual ChatAnswer DoAsk(const ChatRequest& request, const std::stop_token& stop) = 0;
};

// Throws Error when the identity shows that requests of `context` tokens do not fit.
void RequireContext(const BackendIdentity& identity, int context);

// How far two counts of one prompt's tokens may lie apart: servers differ in a BOS token or a line break at the end.
struct TokenTolerance {
  int tokens = 4;
  double share = 0.01;  // of the own count
};

// The error that the two counts of a prompt show, when both are known. Fewer than our own: context lost. More: the
// server renders another prompt (another template, a system message of its own), which is an error too, since what is
// measured is not what was asked; without an own count nothing is known and nothing is wrong.
std::optional<ChatError> CheckPromptTokens(std::optional<int> own, std::optional<int> reported,
                                           const TokenTolerance& tolerance = {});

// Holds an answer against its request: CheckPromptTokens(); more tokens than the context holds, of which the server
// must have forgotten the first; an end at the context's end. `context` is what the server is known to hold.
void CheckAnswer(const ChatRequest& request, std::optional<int> context, ChatAnswer& answer);

// Moves what stands in <think> tags from the text to the thinking, where the server left it in.
void SplitThinking(ChatAnswer& answer);

}  // namespace loco
