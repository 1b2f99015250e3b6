// Asks a back end many requests, several at a time, and hands over the answers one at a time, as they come.
//
//   AskAll(backend, requests, {.parallel = 4, .requests_per_minute = 60},
//          [&](size_t i, const ChatAnswer& answer) { store.AddAnswer(…); });       // on the calling thread
//
// Each answer can be committed before the next one is looked at, so that a run which ends early has lost nothing but
// the requests that were under way. Whoever calls asks again only what is not stored.
//
// Two sorts of failures are kept apart, because an answer that is stored stays:
//   - an item's own: the server goes on answering others. It is that item's answer, with finish kError;
//   - the server's: it is gone, refuses the key, lacks the model, or fails `failures_in_a_row` times. The run ends with
//     an Error, and none of these failures is handed over, so that they are asked again.
// A connection that fails (after the client's own attempts) is followed by asking whether the server is alive, with
// growing waits and at most `dead_after` times. Alive again, the item is asked again, `item_attempts` times in all;
// then the failure is its own (a prompt that brings the server down each time, say). Other errors wait for a success
// before they are handed over.
//
// Ctrl-C: requests under way are given up, answers that are complete are handed over, Interrupted is thrown.
//
// It deliberately changes no request, orders nothing, and stores nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "base/clock.h"
#include "eval/chat_backend.h"
#include "http/http_client.h"

namespace loco {

struct AskAllOptions {
  int parallel = 4;                // requests at a time, each on a thread
  double requests_per_minute = 0;  // evenly spaced; 0: no limit
  int dead_after = 8;              // questions whether the server is alive, before it is given up
  int item_attempts = 3;           // of a request whose connection fails while the server is alive
  int failures_in_a_row = 16;      // errors of any sort without a success between them
  std::chrono::milliseconds first_wait = std::chrono::seconds(1);  // before the second such question; doubles
  std::chrono::milliseconds longest_wait = std::chrono::seconds(30);
  SleepFunction sleep = SleepUnlessStopped;
  const Clock* clock = nullptr;                            // of the rate; none: the system's
  std::function<bool()> interrupted = InterruptRequested;  // asked twenty times a second
};

struct AskAllResult {
  int64_t answered = 0;  // answers handed over, errors included
  int64_t errors = 0;    // of these
};

using AnswerDone = std::function<void(size_t index, const ChatAnswer& answer)>;

// Calls `on_answer` once for each request, in the order in which they end. An exception thrown by it ends the run and
// goes on to the caller, as Interrupted and Error of the back end do. Throws Error when the server fails.
AskAllResult AskAll(ChatBackend& backend, std::span<const ChatRequest> requests, const AskAllOptions& options,
                    const AnswerDone& on_answer);

}  // namespace loco
