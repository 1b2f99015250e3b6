#include "decide/filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/letter_case.h"

namespace loco {
namespace {

std::string Tokens(uint64_t count) { return FormatCount(static_cast<int64_t>(count)) + " tokens"; }

RuleVerdict Pass(std::string value) { return {.outcome = RuleOutcome::kPass, .value = std::move(value)}; }

RuleVerdict Fail(std::string value, std::string would_pass_if, double miss = 1) {
  return {.outcome = RuleOutcome::kFail,
          .value = std::move(value),
          .would_pass_if = std::move(would_pass_if),
          .miss = miss};
}

RuleVerdict Unknown(std::string cure) {
  return {.outcome = RuleOutcome::kUnknown, .value = "unknown", .would_pass_if = std::move(cure), .miss = 1};
}

template <typename T>
RuleVerdict With(RuleVerdict verdict, const Known<T>& known) {
  verdict.source = known.source;
  verdict.date = known.date;
  if (!known.conflict.empty()) verdict.value += fmt::format(" (but {})", known.conflict);
  return verdict;
}

// Names of the changes that would make a missing fit fit, the smallest first.
std::string RemediesOf(const Fit& fit) {
  std::vector<std::string> changes;
  for (const Remedy& remedy : fit.remedies) {
    const bool helps = remedy.verdict == Verdict::kFits || remedy.verdict == Verdict::kTight;
    if (helps) changes.push_back(fmt::format("{} ({})", remedy.change, FormatBytes(remedy.total)));
  }
  if (!changes.empty()) return fmt::format("{}", fmt::join(changes, ", or "));
  return fmt::format("the machine has {} of memory", FormatBytes(fit.total));
}

RuleVerdict ApplyMemory(const KnownFacts& known) {
  if (!known.fit) return Unknown("the model's dimensions are known: give its file, or add them to the catalog");
  const Fit& fit = *known.fit;
  if (!fit.memory) return Unknown("the policy states hardware.ram");
  const std::string value = fmt::format("{} at {}", FormatBytes(fit.total), Tokens(fit.context));
  RuleVerdict verdict;
  switch (fit.verdict) {
    case Verdict::kFits:
    case Verdict::kTight:
      verdict = Pass(fit.verdict == Verdict::kTight ? value + ", tight" : value);
      verdict.margin = FormatBytes(Bytes{fit.memory->value - fit.total.value}) + " to spare";
      break;
    case Verdict::kDoesNotFit: {
      const Bytes excess{fit.total.value - std::min(fit.total.value, fit.memory->value)};
      verdict = Fail(value, RemediesOf(fit),
                     static_cast<double>(excess.value) / static_cast<double>(std::max<uint64_t>(1, fit.memory->value)));
      verdict.margin = FormatBytes(excess) + " too much";
      break;
    }
    case Verdict::kUnknown:
      verdict = Unknown("every term of the fit is known");
      verdict.value = fmt::format("unknown: {}", fit.reason);
      break;
  }
  verdict.limit = fmt::format("at most {}", FormatBytes(*fit.memory));
  verdict.source = "computed: weights, caches, buffers, adapter and operating system";
  verdict.row = known.fit_row;
  return verdict;
}

RuleVerdict ApplyFileSize(const Rule& rule, const KnownFacts& known) {
  if (!known.file_size) return Unknown("the size of the shipped file is known: give the file");
  const Bytes size = known.file_size->value;
  RuleVerdict verdict;
  if (size <= rule.max_bytes) {
    verdict = Pass(FormatBytes(size));
    verdict.margin = FormatBytes(Bytes{rule.max_bytes.value - size.value}) + " to spare";
  } else {
    const Bytes excess{size.value - rule.max_bytes.value};
    verdict =
        Fail(FormatBytes(size), "a smaller quantization ships, or file_size.max is raised",
             static_cast<double>(excess.value) / static_cast<double>(std::max<uint64_t>(1, rule.max_bytes.value)));
    verdict.margin = FormatBytes(excess) + " too much";
  }
  return With(std::move(verdict), *known.file_size);
}

RuleVerdict ApplyLicence(const Rule& rule, const KnownFacts& known) {
  if (!known.licence) return Unknown("the licence is stated: declared = { licence = …, source = … } in the policy");
  const std::string& licence = known.licence->value;
  const bool allowed = std::any_of(rule.allow.begin(), rule.allow.end(),
                                   [&](const std::string& one) { return LowerAscii(one) == LowerAscii(licence); });
  return With(allowed ? Pass(licence) : Fail(licence, fmt::format("the policy allows '{}'", licence)), *known.licence);
}

RuleVerdict ApplyFlag(const std::optional<Known<bool>>& known, std::string_view wanted, std::string_view cure) {
  if (!known) return Unknown(std::string(cure));
  return With(known->value ? Pass("yes") : Fail("no", fmt::format("{}", wanted)), *known);
}

RuleVerdict ApplyMaintained(const Rule& rule, const KnownFacts& known, const std::string& today) {
  if (!known.released) return Unknown("a release date is stated: declared = { released = \"2025-04\", source = … }");
  const int age = MonthsBetween(known.released->value, today);
  const std::string value = fmt::format("released {}, {} months ago", known.released->value, age);
  RuleVerdict verdict;
  if (age <= rule.max_months) {
    verdict = Pass(value);
    verdict.margin = fmt::format("{} months left", rule.max_months - age);
  } else {
    verdict = Fail(value, "a newer release is listed, or maintained.max_months is raised",
                   static_cast<double>(age - rule.max_months) / rule.max_months);
    verdict.margin = fmt::format("{} months too old", age - rule.max_months);
  }
  return With(std::move(verdict), *known.released);
}

RuleVerdict ApplyContext(const Rule& rule, const KnownFacts& known) {
  if (!known.context) return Unknown("the context length is stated in the file or the catalog");
  const uint64_t context = known.context->value;
  if (context >= rule.min_context) return With(Pass(Tokens(context)), *known.context);
  const auto min = static_cast<double>(rule.min_context);
  return With(Fail(Tokens(context), fmt::format("context.min is at most {}", context),
                   (min - static_cast<double>(context)) / min),
              *known.context);
}

std::string LimitOf(const Rule& rule) {
  switch (rule.kind) {
    case RuleKind::kMemory:
      return "";  // the fit knows it
    case RuleKind::kFileSize:
      return fmt::format("at most {}", FormatBytes(rule.max_bytes));
    case RuleKind::kLicence:
      return fmt::format("in [{}]", fmt::join(rule.allow, ", "));
    case RuleKind::kGguf:
      return "GGUF available";
    case RuleKind::kInstruct:
      return "instruction-tuned";
    case RuleKind::kMaintained:
      return fmt::format("at most {} months old", rule.max_months);
    case RuleKind::kContext:
      return fmt::format("at least {}", Tokens(rule.min_context));
    case RuleKind::kTools:
      return "template takes tools";
  }
  return "";
}

RuleVerdict Apply(const Rule& rule, const KnownFacts& known, const std::string& today) {
  switch (rule.kind) {
    case RuleKind::kMemory:
      return ApplyMemory(known);
    case RuleKind::kFileSize:
      return ApplyFileSize(rule, known);
    case RuleKind::kLicence:
      return ApplyLicence(rule, known);
    case RuleKind::kGguf:
      return ApplyFlag(known.gguf, "a GGUF file exists", "a GGUF file is at hand or listed in the catalog");
    case RuleKind::kInstruct:
      return ApplyFlag(known.instruct, "an instruction-tuned version is used",
                       "the file has a chat template, or the catalog says how it was tuned");
    case RuleKind::kMaintained:
      return ApplyMaintained(rule, known, today);
    case RuleKind::kContext:
      return ApplyContext(rule, known);
    case RuleKind::kTools:
      return ApplyFlag(known.tools, "its chat template takes tools", "the file is at hand: its template tells");
  }
  return {};
}

}  // namespace

const char* RuleOutcomeName(RuleOutcome outcome) {
  switch (outcome) {
    case RuleOutcome::kPass:
      return "pass";
    case RuleOutcome::kFail:
      return "fail";
    case RuleOutcome::kUnknown:
      return "unknown";
  }
  return "";
}

FitOptions FitOptionsOf(const Policy& policy, Bytes machine_memory) {
  FitOptions options;
  options.context = policy.hardware.context;
  options.os_reserve = policy.hardware.os_reserve;
  options.os_source = "the policy";
  options.memory = policy.hardware.ram.value_or(machine_memory);
  for (const Rule& rule : policy.rules) {
    if (rule.kind == RuleKind::kMemory) options.adapter_rank = rule.adapter_rank;
  }
  return options;
}

std::vector<RuleVerdict> ApplyRules(const Policy& policy, const KnownFacts& known, const std::string& today) {
  std::vector<RuleVerdict> verdicts;
  for (const Rule& rule : policy.rules) {
    RuleVerdict verdict = Apply(rule, known, today);
    verdict.rule = RuleName(rule.kind);
    if (verdict.limit.empty()) verdict.limit = LimitOf(rule);
    verdict.kept = verdict.outcome == RuleOutcome::kUnknown && rule.keep_unknown;
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

bool Qualifies(const std::vector<RuleVerdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(),
                     [](const RuleVerdict& verdict) { return verdict.outcome == RuleOutcome::kPass || verdict.kept; });
}

int MonthsBetween(const std::string& from, const std::string& to) {
  const auto number = [](const std::string& text, size_t at, size_t count, int otherwise) {
    int value = 0;
    if (text.size() < at + count) return otherwise;
    for (size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return otherwise;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const auto months = [&](const std::string& text) { return number(text, 0, 4, 0) * 12 + number(text, 5, 2, 1); };
  const bool day_not_reached = number(to, 8, 2, 1) < number(from, 8, 2, 1);
  return months(to) - months(from) - (day_not_reached ? 1 : 0);
}

std::string RuleVerdictJson(const RuleVerdict& verdict) {
  nlohmann::ordered_json json;
  json["rule"] = verdict.rule;
  json["outcome"] = RuleOutcomeName(verdict.outcome);
  json["kept"] = verdict.kept;
  json["value"] = verdict.value;
  json["limit"] = verdict.limit;
  json["margin"] = verdict.margin;
  json["source"] = verdict.source;
  json["date"] = verdict.date;
  json["would_pass_if"] = verdict.would_pass_if;
  json["miss"] = verdict.miss;
  // Text of files may be no UTF-8; a replaced byte is better than a record that cannot be written.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace loco
