#include <algorithm>
#include <cmath>
#include <thread>

#include "http/http_client.h"

namespace loco {

void SleepUnlessStopped(std::chrono::milliseconds duration, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (!stop.stop_requested() && !InterruptRequested()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= std::chrono::steady_clock::duration::zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(left, std::chrono::milliseconds(50)));
  }
}

std::optional<std::chrono::milliseconds> WaitBefore(int next, const RetryPolicy& policy, double uniform,
                                                    std::optional<std::chrono::seconds> asked) {
  if (next > policy.attempts) return std::nullopt;
  const double first = static_cast<double>(policy.first_wait.count());
  if (asked) {
    if (*asked > policy.longest_asked) return std::nullopt;
    return std::chrono::milliseconds(*asked) + std::chrono::milliseconds(static_cast<int64_t>(first * uniform));
  }
  const double grown = first * std::pow(policy.growth, next - 2);
  const double wait = std::min(grown, static_cast<double>(policy.longest_wait.count()));
  return std::chrono::milliseconds(static_cast<int64_t>(wait * (0.5 + uniform / 2)));
}

}  // namespace loco
