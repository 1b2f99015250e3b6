// Time is passed in, never global: a Clock that tests can hold still.
#pragma once

#include <chrono>
#include <string>

namespace loco {

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic seconds since an arbitrary start; for durations.
  virtual double Seconds() const = 0;
  // UTC, ISO 8601 with seconds: "2026-11-21T09:30:00Z"; for rows.
  virtual std::string Now() const = 0;
};

class SystemClock : public Clock {
 public:
  double Seconds() const override;
  std::string Now() const override;
};

// Stands still until moved.
class FakeClock : public Clock {
 public:
  double Seconds() const override { return seconds; }
  std::string Now() const override { return now; }

  double seconds = 0;
  std::string now = "2026-01-01T00:00:00Z";
};

// "8 s", "2 min 05 s", "1 h 04 min".
std::string FormatDuration(double seconds);

}  // namespace loco
