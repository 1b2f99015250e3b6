#include "report/words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/clock.h"

namespace loco {
namespace {

constexpr std::string_view kMinus = "\u2212";

// One digit after the point, with the typographic minus, and never "−0.0".
std::string OneDigit(double value, bool plus) {
  const double rounded = std::round(value * 10) / 10;
  if (rounded == 0) return "0.0";
  return fmt::format("{}{:.1f}", rounded < 0 ? kMinus : plus ? "+" : "", std::abs(rounded));
}

// "1 point" of 0.01, "10 points" of 0.1
std::string PointsOf(double share) {
  const std::string number = fmt::format("{:.3g}", 100 * share);
  return number + (number == "1" ? " point" : " points");
}

}  // namespace

std::string PercentWords(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string PercentInterval(const Interval& interval) {
  return fmt::format("[{:.1f}, {:.1f}]", 100 * interval.low, 100 * interval.high);
}

std::string SignedWords(double value) { return OneDigit(value, true); }

std::string SignedPoints(double share) { return SignedWords(100 * share); }

std::string SignedInterval(const Interval& interval) {
  return fmt::format("[{}, {}]", SignedPoints(interval.low), SignedPoints(interval.high));
}

std::string ShareWords(double share) {
  if (share > 0 && share < 0.005) return "< 1 %";
  if (share < 1 && share >= 0.995) return "> 99 %";
  return fmt::format("{:.0f} %", 100 * share);
}

std::string SecondsWords(double seconds) {
  if (seconds < 0.001) return fmt::format("{:.2g} ms", 1000 * seconds);
  if (seconds < 0.1) return fmt::format("{:.3g} ms", 1000 * seconds);
  return seconds < 10 ? fmt::format("{:.2f} s", seconds) : fmt::format("{:.0f} s", seconds);
}

std::string SpeedWords(double tokens_per_second) {
  if (tokens_per_second >= 100) return FormatCount(static_cast<int64_t>(std::llround(tokens_per_second))) + " tok/s";
  return fmt::format("{:.1f} tok/s", tokens_per_second);
}

std::string SpeedInterval(const Interval& interval) {
  const auto number = [](double speed) {
    return speed >= 100 ? FormatCount(static_cast<int64_t>(std::llround(speed))) : fmt::format("{:.1f}", speed);
  };
  return fmt::format("[{}, {}]", number(interval.low), number(interval.high));
}

std::string PWords(double p) {
  if (p < 0.001) return "p < .001";
  if (p > 0.995) return "p = 1";
  const std::string digits = p < 0.01 ? fmt::format("{:.3f}", p) : fmt::format("{:.2f}", p);
  return "p = " + digits.substr(1);
}

std::string PracticalWords(const Practical& practical) {
  std::vector<std::string> parts;
  if (practical.first_token_seconds) {
    parts.push_back(fmt::format("first token {}", SecondsWords(practical.first_token_seconds->value)));
  }
  if (practical.peak_memory) parts.push_back(fmt::format("peak {}", FormatBytes(*practical.peak_memory)));
  if (!practical.memory_verdict.empty()) {
    parts.push_back(practical.turns > 0 ? fmt::format("memory {} over {}", practical.memory_verdict,
                                                      Counted(practical.turns, "turn", "turns"))
                                        : fmt::format("memory {}", practical.memory_verdict));
  }
  if (practical.joules_per_token) parts.push_back(fmt::format("{:.3g} J a token", *practical.joules_per_token));
  return fmt::format("{}", fmt::join(parts, " · "));
}

std::string StabilityWords(const Decision& decision) {
  if (!decision.chosen) return "";
  if (decision.pairs.empty()) return "no other candidate was in the running";
  const bool alike = std::all_of(decision.pairs.begin(), decision.pairs.end(), [](const PairVerdict& pair) {
    return pair.difference.wins + pair.difference.losses == 0;
  });
  if (alike) return "the items tell nobody apart: however they are drawn, the smaller one is chosen";
  std::vector<size_t> others;
  for (size_t i = 0; i < decision.candidates.size(); ++i) {
    if (i != *decision.chosen && decision.candidates[i].chosen_share >= 0.01) others.push_back(i);
  }
  std::stable_sort(others.begin(), others.end(), [&](size_t a, size_t b) {
    return decision.candidates[a].chosen_share > decision.candidates[b].chosen_share;
  });
  std::string words =
      fmt::format("chosen in {} of resamples", ShareWords(decision.candidates[*decision.chosen].chosen_share));
  for (const size_t i : others) {
    words += fmt::format("; {} in {}", decision.candidates[i].id, ShareWords(decision.candidates[i].chosen_share));
  }
  return words;
}

std::string MarginWords(const Decision& decision) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < decision.what_if.size(); ++i) {
    const WhatIf& what = decision.what_if[i];
    if (what.chosen == *decision.chosen) continue;
    const bool below = what.margin < decision.margin;
    // Of a run of margins with the same answer, the one nearest to the policy's says all.
    const bool nearer_follows = below && i + 1 < decision.what_if.size() &&
                                decision.what_if[i + 1].margin < decision.margin &&
                                decision.what_if[i + 1].chosen == what.chosen;
    const bool nearer_came = !below && i > 0 && decision.what_if[i - 1].margin > decision.margin &&
                             decision.what_if[i - 1].chosen == what.chosen;
    if (nearer_follows || nearer_came) continue;
    parts.push_back(fmt::format("a margin of {}: {}", PointsOf(what.margin), decision.candidates[what.chosen].id));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string FullName(const CandidateSummary& candidate) {
  const std::string& name = candidate.name.empty() ? candidate.id : candidate.name;
  return candidate.quantization.empty() ? name : fmt::format("{} {}", name, candidate.quantization);
}

std::vector<size_t> ByScore(const Decision& decision) {
  std::vector<size_t> order;
  for (size_t i = 0; i < decision.candidates.size(); ++i) {
    if (decision.candidates[i].score) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return decision.candidates[a].score->value > decision.candidates[b].score->value;
  });
  return order;
}

std::string TuningWords(const Tuning& tuning) {
  if (tuning.runs.empty()) return tuning.not_trained_because;
  const int64_t examples = tuning.runs.back().examples;
  std::vector<std::string> tasks;
  double seconds = 0;
  uint64_t peak = 0;
  std::map<std::string, std::vector<double>> scores;
  for (const TuningRun& run : tuning.runs) {
    if (run.examples != examples || !run.score) continue;
    scores[run.task].push_back(*run.score);
    seconds = std::max(seconds, run.seconds);
    peak = std::max(peak, run.peak_memory.value);
  }
  for (auto& [task, values] : scores) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    tasks.push_back(values.size() > 1
                        ? fmt::format("{} {:.1f} to {:.1f} with {} seeds", task, 100 * *low, 100 * *high, values.size())
                        : fmt::format("{} {:.1f}", task, 100 * *low));
  }
  const auto failed = static_cast<int64_t>(tuning.failed_rates.size());
  return fmt::format(
      "{} examples: {}; trained in {} at most, peak {}{}", FormatCount(examples), fmt::join(tasks, ", "),
      FormatDuration(seconds), FormatBytes(Bytes{peak}),
      failed == 0 ? "" : fmt::format("; {} diverged", Counted(failed, "learning rate", "learning rates")));
}

CellTable TuningTable(const std::vector<CandidateSummary>& candidates) {
  CellTable table{.header = {"candidate", "task", "base", "examples", "rate", "seed", "bits/byte", "trained", "tuned",
                             "gain", "adapter", "time", "row"},
                  .rows = {},
                  .numbers = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  for (const CandidateSummary& c : candidates) {
    if (!c.tuning) continue;
    for (const TuningRun& run : c.tuning->runs) {
      const bool first = &run == &c.tuning->runs.front();
      table.rows.push_back({first ? c.id : "", run.task, fmt::format("{:.1f}", 100 * run.base_score),
                            FormatCount(run.examples), fmt::format("{:g}", run.learning_rate),
                            fmt::format("{}", run.seed), fmt::format("{:.3f}", run.bits_before),
                            fmt::format("{:.3f}", run.bits), run.score ? fmt::format("{:.1f}", 100 * *run.score) : "",
                            run.score ? SignedPoints(*run.score - run.base_score) : "", FormatBytes(run.adapter_bytes),
                            FormatDuration(run.seconds), run.adapter.Text()});
    }
  }
  return table;
}

}  // namespace loco
