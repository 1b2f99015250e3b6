#include "eval/ask_all.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace loco {
namespace {

using std::chrono::milliseconds;

// Gives each request its own moment, evenly apart.
class RateLimit {
 public:
  RateLimit(double per_minute, const Clock& clock, const SleepFunction& sleep)
      : spacing_(per_minute > 0 ? 60 / per_minute : 0), clock_(clock), sleep_(sleep) {}

  void Wait(const std::stop_token& stop) {
    if (spacing_ <= 0) return;
    double wait = 0;
    {
      const std::lock_guard lock(mutex_);
      const double now = clock_.Seconds();
      const double moment = std::max(now, next_);
      next_ = moment + spacing_;
      wait = moment - now;
    }
    if (wait > 0) sleep_(milliseconds(std::llround(wait * 1000)), stop);
  }

 private:
  double spacing_;  // seconds
  const Clock& clock_;
  const SleepFunction& sleep_;
  std::mutex mutex_;
  double next_ = 0;
};

struct Finished {
  size_t index = 0;
  ChatAnswer answer;
};

// What the threads share: requests go out, answers come in.
class AskPool {
 public:
  AskPool(ChatBackend& backend, std::span<const ChatRequest> requests, const AskAllOptions& options)
      : backend_(backend),
        requests_(requests),
        options_(options),
        rate_(options.requests_per_minute, options.clock != nullptr ? *options.clock : system_clock_, options_.sleep) {
    const size_t threads = std::min(requests.size(), static_cast<size_t>(std::max(1, options.parallel)));
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < threads; ++i) {
      try {
        threads_.emplace_back([this] { Work(); });
      } catch (const std::system_error&) {
        if (i == 0) throw;
        break;  // the system gives no more threads: fewer will do
      }
      ++working_;
    }
  }
  ~AskPool() { Stop(); }
  AskPool(const AskPool&) = delete;
  AskPool& operator=(const AskPool&) = delete;

  // Gives up what is under way and waits for the threads; the answers that were complete.
  std::deque<Finished> Stop() {
    stop_.request_stop();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return std::exchange(finished_, {});
  }

  // The next answer; none when all threads have ended, one has thrown or `stop_waiting`, and no answer is left.
  std::optional<Finished> Next(const std::function<bool()>& stop_waiting) {
    std::unique_lock lock(mutex_);
    while (finished_.empty() && working_ > 0 && !failure_ && !stop_waiting()) {
      changed_.wait_for(lock, milliseconds(50));
    }
    if (!finished_.empty()) {
      Finished next = std::move(finished_.front());
      finished_.pop_front();
      taken_.notify_all();
      return next;
    }
    return std::nullopt;
  }

  // What a thread threw; null: nothing.
  std::exception_ptr failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  void Work() {
    try {
      while (!stop_.stop_requested()) {
        size_t index = 0;
        {
          const std::lock_guard lock(mutex_);
          if (next_ >= requests_.size()) break;
          index = next_++;
        }
        ChatAnswer answer = AskOne(requests_[index]);
        if (answer.error.kind == ChatErrorKind::kStopped) break;
        // Nothing that follows would fare better; what others have under way is asked again another time.
        if (answer.error.ends_run) stop_.request_stop();
        std::unique_lock lock(mutex_);
        finished_.push_back({index, std::move(answer)});
        changed_.notify_one();
        // Answers that nobody has taken yet would be lost on a crash: no running ahead of whoever stores them.
        taken_.wait(lock, stop_.get_token(), [&] { return finished_.size() <= threads_.size(); });
      }
    } catch (...) {
      stop_.request_stop();
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    --working_;
    changed_.notify_one();
  }

  ChatAnswer AskOne(const ChatRequest& request) {
    const std::stop_token stop = stop_.get_token();
    for (int attempt = 1;; ++attempt) {
      rate_.Wait(stop);
      ChatAnswer answer;
      answer.error.kind = ChatErrorKind::kStopped;
      if (stop.stop_requested()) return answer;
      answer = backend_.Ask(request, stop);
      if (answer.error.kind != ChatErrorKind::kUnreachable) return answer;
      if (!WaitUntilAlive(stop)) {
        if (stop.stop_requested()) answer.error.kind = ChatErrorKind::kStopped;
        answer.error.ends_run = true;
        return answer;
      }
      if (attempt >= options_.item_attempts) return answer;
    }
  }

  // One thread asks and the others wait for its finding: a server that comes up is not asked by all of them.
  bool WaitUntilAlive(const std::stop_token& stop) {
    const std::lock_guard lock(alive_mutex_);
    milliseconds wait = options_.first_wait;
    for (int question = 1; !stop.stop_requested(); ++question) {
      if (backend_.IsAlive(stop)) return true;
      if (question >= options_.dead_after) return false;
      options_.sleep(wait, stop);
      wait = std::min(wait * 2, options_.longest_wait);
    }
    return false;
  }

  ChatBackend& backend_;
  std::span<const ChatRequest> requests_;
  const AskAllOptions& options_;
  SystemClock system_clock_;
  RateLimit rate_;
  std::stop_source stop_;
  std::mutex alive_mutex_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::condition_variable_any taken_;
  size_t next_ = 0;
  std::deque<Finished> finished_;
  size_t working_ = 0;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

AskAllResult AskAll(ChatBackend& backend, std::span<const ChatRequest> requests, const AskAllOptions& options,
                    const AnswerDone& on_answer) {
  AskAllResult result;
  const auto hand_over = [&](const Finished& finished) {
    ++result.answered;
    if (finished.answer.finish == ChatFinish::kError) ++result.errors;
    on_answer(finished.index, finished.answer);
  };
  AskPool pool(backend, requests, options);
  const auto is_failure = [](const ChatAnswer& answer) {
    // A lost context is the finding of a server that works.
    return answer.finish == ChatFinish::kError && answer.error.kind != ChatErrorKind::kContextLost;
  };
  const auto hand_over_the_rest = [&] {
    for (const Finished& finished : pool.Stop()) {
      if (!is_failure(finished.answer)) hand_over(finished);
    }
  };
  const auto give_up = [&](const ChatError& error, const std::string& why) {
    hand_over_the_rest();
    throw Error(
        fmt::format("{}: {}", why, error.what),
        fmt::format("{}; {} of {} requests have their answer, and the same command goes on with the others",
                    error.cure.empty() ? "see the server's log" : error.cure, result.answered, requests.size()));
  };

  std::vector<Finished> held;  // failures without a success after them
  while (const auto finished = pool.Next(options.interrupted)) {
    const ChatError& error = finished->answer.error;
    if (is_failure(finished->answer)) {
      if (error.ends_run) {
        give_up(error, error.kind == ChatErrorKind::kUnreachable ? "the server does not answer" : "the server refuses");
      }
      held.push_back(*finished);
      if (static_cast<int>(held.size()) >= options.failures_in_a_row) {
        give_up(error, fmt::format("the last {} requests failed", held.size()));
      }
      continue;
    }
    for (const Finished& own : held) hand_over(own);
    held.clear();
    hand_over(*finished);
  }
  const std::exception_ptr failure = pool.failure();
  if (failure || options.interrupted()) {
    hand_over_the_rest();
    if (failure) std::rethrow_exception(failure);
    throw Interrupted();
  }
  // Fewer than a server's failure would have: they are the items' own.
  for (const Finished& own : held) hand_over(own);
  return result;
}

}  // namespace loco
