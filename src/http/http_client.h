// Asks a server over HTTP for one JSON document, bounded in time and in size, and tries again where that may help.
//
//   HttpClient client("http://localhost:8080", {.key_variable = "LOCO_API_KEY"});
//   const HttpResponse response = client.Post("/v1/chat/completions", body);
//   if (response.failure != HttpFailure::kNone) … response.reason, response.cure
//
// What goes wrong on the way is a value, because it is an expected outcome: a server that is not there, an HTTP status,
// a response that is too long, too slow or cut short. Thrown are: Error for a URL or a key that can never work, and
// Interrupted on Ctrl-C, within a twentieth of a second also in the middle of a response.
//
// Tried again, after growing and randomly shortened waits: connections that fail or break, and the statuses 408, 429,
// 500, 502, 503 and 504 (a server that is loading its model says 503). A `Retry-After` of the server is obeyed. Not
// tried again: what timed out, since it would only take as long again.
//
// One object may be used by several threads at a time; each request has a connection of its own, which is kept for the
// next one.
//
// It deliberately follows no redirection (the key would go to somebody else), knows no cookies and no proxy for
// addresses of this machine, and does not stream: an answer is there as a whole or not at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/interrupt.h"

namespace loco {

// Waits, but not on when a stop is asked for.
using SleepFunction = std::function<void(std::chrono::milliseconds, const std::stop_token&)>;

// Sleeps in slices of 50 ms, and returns early on a stop or on Ctrl-C.
void SleepUnlessStopped(std::chrono::milliseconds duration, const std::stop_token& stop);

struct RetryPolicy {
  int attempts = 5;  // in all; 1: never again
  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500);
  double growth = 2;
  std::chrono::milliseconds longest_wait = std::chrono::seconds(30);
  // A server that asks for a longer wait than this is not waited for.
  std::chrono::milliseconds longest_asked = std::chrono::minutes(5);
};

// The wait before attempt `next` (the second is 2), `uniform` in [0, 1) drawn for this wait: from half of the grown
// wait to all of it, so that many clients do not come back at once; or what the server asked for and up to first_wait
// more. None: do not try again.
std::optional<std::chrono::milliseconds> WaitBefore(int next, const RetryPolicy& policy, double uniform,
                                                    std::optional<std::chrono::seconds> asked);

struct HttpOptions {
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  // One attempt as a whole. A model on a processor thinks for minutes before the first byte of its answer comes.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  // Between two pieces of a response that has begun.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(60);
  size_t response_limit = size_t{16} << 20;  // bytes of the body
  // Name of the environment variable that holds the bearer key; empty: none is sent. The key itself is in no message.
  std::string key_variable;
  RetryPolicy retry;
  uint64_t seed = 1;  // of the random part of waits
  SleepFunction sleep = SleepUnlessStopped;
  std::function<bool()> interrupted = InterruptRequested;  // asked twenty times a second
};

enum class HttpFailure {
  kNone,         // a response with status 2xx
  kUnreachable,  // no connection: wrong name or port, nobody listens, TLS refused
  kBroken,       // the connection ended before the response did, or what came is no HTTP
  kStatus,       // a response with another status; `body` has what the server says
  kTimeout,      // nothing or too little came within the time
  kTooLarge,     // the body is over the limit
  kStopped,      // the caller's stop token
};

// "none", "unreachable", "broken", "status", "timeout", "too large", "stopped".
const char* NameOf(HttpFailure failure);

struct HttpResponse {
  HttpFailure failure = HttpFailure::kNone;
  int status = 0;      // 0: no response came
  std::string body;    // hostile; as much as came
  std::string reason;  // why it failed; hostile
  std::string cure;    // for an Error's hint
  std::optional<std::chrono::seconds> retry_after;
  int attempts = 0;               // that were made
  double seconds = 0;             // of the last attempt, connecting included
  double first_byte_seconds = 0;  // of the last attempt, from its begin to the first byte of the response
};

class HttpClient {
 public:
  // `server`: "http://host:port" or "https://host", with a path where all paths begin with one. Throws Error for
  // anything else, for a URL with a password in it, and for a key variable that is not set or holds no key.
  explicit HttpClient(std::string_view server, HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `path` begins with a slash. Throws Interrupted on Ctrl-C.
  HttpResponse Get(std::string_view path, const std::stop_token& stop = {});
  HttpResponse Post(std::string_view path, const std::string& json, const std::stop_token& stop = {});
  // Get() without a second attempt: is the server there?
  HttpResponse GetOnce(std::string_view path, const std::stop_token& stop = {});

  // Without a slash at the end.
  const std::string& server() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "localhost:8080" as "http://localhost:8080"; slashes at the end are dropped. Throws Error for what is no HTTP server.
std::string ServerUrl(std::string_view text);
// The URL's host is a name or a number of the machine itself.
bool IsThisMachine(const std::string& url);

}  // namespace loco
