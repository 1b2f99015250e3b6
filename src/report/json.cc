#include "report/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

Json Of(const RowRef& row) { return row.id == 0 ? Json() : Json(row.Text()); }
Json Of(const Interval& interval) { return Json::array({interval.low, interval.high}); }

Json Of(const Estimate& e) {
  return {{"value", e.value}, {"standard_error", e.standard_error}, {"interval", Of(e.interval)}, {"n", e.n}};
}

Json Of(const PairedDifference& d) {
  return {{"difference", d.value},
          {"standard_error", d.standard_error},
          {"interval", Of(d.interval)},
          {"p", d.p},
          {"wins", d.wins},
          {"losses", d.losses},
          {"n", d.n}};
}

Json Of(const Measured& m) { return {{"value", m.value}, {"interval", Of(m.interval)}}; }
Json Of(const Bytes& bytes) { return bytes.value; }
Json Of(double value) { return value; }
Json Of(const MemoryNeed& m);
Json Of(const Practical& p);
Json Of(const Tuning& t);
Json Of(const CandidateSummary& c);

// Overloads are looked up where a template stands, so that all of them are declared above.
template <typename T>
Json OfOptional(const std::optional<T>& value) {
  return value ? Of(*value) : Json();
}

Json Of(const RuleVerdict& v) {
  return {{"rule", v.rule},
          {"outcome", RuleOutcomeName(v.outcome)},
          {"kept", v.kept},
          {"value", v.value},
          {"limit", v.limit},
          {"margin", v.margin},
          {"source", v.source},
          {"date", v.date},
          {"would_pass_if", v.would_pass_if},
          {"miss", v.miss},
          {"row", Of(v.row)}};
}

Json Of(const PruneVerdict& v) {
  return {{"figure", v.figure}, {"known", v.known}, {"pruned", v.pruned},       {"undecided", v.undecided},
          {"value", v.value},   {"limit", v.limit}, {"precision", v.precision}, {"source", v.source},
          {"date", v.date},     {"row", Of(v.row)}};
}

Json Of(const TaskScore& s) {
  Json unmarked = Json::object();
  for (const auto& [outcome, count] : s.unmarked) unmarked[OutcomeName(outcome)] = count;
  return {{"task", s.task},   {"weight", s.weight},   {"run", Of(s.run)},    {"items", s.items},
          {"right", s.right}, {"share", Of(s.share)}, {"unmarked", unmarked}};
}

Json Of(const MemoryNeed& m) {
  return {{"total", m.total.value},
          {"limit", m.limit.value},
          {"context", m.context},
          {"verdict", m.verdict},
          {"row", Of(m.row)}};
}

Json Of(const Practical& p) {
  return {{"row", Of(p.row)},
          {"machine", p.machine},
          {"first_token_seconds", OfOptional(p.first_token_seconds)},
          {"prompt_tokens_per_second", OfOptional(p.prompt_speed)},
          {"generated_tokens_per_second", OfOptional(p.generation_speed)},
          {"load_seconds", OfOptional(p.load_seconds)},
          {"peak_memory", OfOptional(p.peak_memory)},
          {"steady_memory", OfOptional(p.steady_memory)},
          {"memory_slope_bytes_per_turn", OfOptional(p.memory_slope)},
          {"memory_verdict", p.memory_verdict},
          {"turns", p.turns},
          {"joules_per_token", OfOptional(p.joules_per_token)},
          {"runtime_check", p.runtime_check}};
}

template <typename T>
Json OfList(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(Of(value));
  return list;
}

Json Of(const Tuning& t) {
  Json runs = Json::array();
  for (const TuningRun& r : t.runs) {
    runs.push_back({{"task", r.task},
                    {"examples", r.examples},
                    {"learning_rate", r.learning_rate},
                    {"seed", r.seed},
                    {"adapter", Of(r.adapter)},
                    {"bits_per_byte_before", r.bits_before},
                    {"bits_per_byte", r.bits},
                    {"base_score", r.base_score},
                    {"score", r.score ? Json(*r.score) : Json()},
                    {"tokens", r.tokens},
                    {"held_out_curve", r.curve},
                    {"tokens_to_target", r.tokens_to_target ? Json(*r.tokens_to_target) : Json()},
                    {"seconds", r.seconds},
                    {"adapter_bytes", r.adapter_bytes.value},
                    {"peak_memory", r.peak_memory.value}});
  }
  return {{"runs", runs},
          {"failed_rates", t.failed_rates},
          {"dropped_after", t.dropped_after == 0 ? Json() : Json(t.dropped_after)},
          {"dropped_because", t.dropped_because},
          {"not_trained_because", t.not_trained_because}};
}

Json Of(const CandidateSummary& c) {
  return {{"id", c.id},
          {"name", c.name},
          {"quantization", c.quantization},
          {"model", Of(c.model)},
          {"file_bytes", c.file_bytes.value == 0 ? Json() : Json(c.file_bytes.value)},
          {"parameters", c.parameters == 0 ? Json() : Json(c.parameters)},
          {"standing", StandingName(c.standing)},
          {"reason", c.reason},
          {"rules", OfList(c.rules)},
          {"evidence", OfList(c.evidence)},
          {"bars", OfList(c.bars)},
          {"memory", OfOptional(c.memory)},
          {"practical", OfOptional(c.practical)},
          {"tuning", OfOptional(c.tuning)},
          {"score", OfOptional(c.score)},
          {"scores", OfList(c.scores)},
          {"base_score", OfOptional(c.base_score)},
          {"base_scores", OfList(c.base_scores)},
          {"gain", OfOptional(c.gain)},
          {"headroom_gain", c.gain ? Json(c.headroom_gain) : Json()},
          {"reference_score", OfOptional(c.reference_score)},
          {"reference_scores", OfList(c.reference_scores)},
          {"quantization_cost", OfOptional(c.quantization_cost)},
          {"to_best", OfOptional(c.to_best)},
          {"to_best_adjusted_p", c.to_best ? Json(c.to_best_adjusted_p) : Json()},
          {"ties_with_best", c.ties_with_best},
          {"best_is_better_at_most", c.score ? Json(c.best_is_better_at_most) : Json()},
          {"not_worse_p", c.score ? Json(c.not_worse_p) : Json()},
          {"best_share", c.best_share},
          {"chosen_share", c.chosen_share},
          {"on_front", c.on_front},
          {"dominated_by", c.dominated_by.empty() ? Json() : Json(c.dominated_by)}};
}

}  // namespace

std::string DecisionJson(const Decision& decision) {
  const auto id = [&](size_t index) { return Json(decision.candidates[index].id); };
  const auto ids = [&](const std::vector<size_t>& indices) {
    Json list = Json::array();
    for (const size_t i : indices) list.push_back(id(i));
    return list;
  };
  Json json;
  json["format"] = "loco-decision/1";
  json["kind"] = DecisionKindName(decision.kind);
  json["chosen"] = decision.chosen ? id(*decision.chosen) : Json();
  json["best"] = decision.best ? id(*decision.best) : Json();
  json["reason"] = decision.reason;
  json["policy"] = {{"name", decision.policy}, {"description", decision.description}, {"hash", decision.policy_hash}};
  json["machine"] = decision.machine;
  json["shipped"] = decision.shipped;
  json["reference"] = decision.reference;
  json["context"] = decision.context;
  json["margin"] = decision.margin;
  json["alpha"] = decision.alpha;
  json["order"] = decision.order;
  json["resamples"] = decision.resamples;
  json["seed"] = decision.seed;
  json["funnel"] = Json::array();
  for (const FunnelStep& s : decision.funnel) {
    json["funnel"].push_back(
        {{"name", s.name}, {"in", s.in}, {"out", s.out}, {"measured", s.measured}, {"note", s.note}});
  }
  json["candidates"] = OfList(decision.candidates);
  json["pairs"] = Json::array();
  for (const PairVerdict& pair : decision.pairs) {
    Json one = {{"first", id(pair.first)}, {"second", id(pair.second)}};
    one.update(Of(pair.difference));
    one["adjusted_p"] = pair.adjusted_p;
    one["tie"] = pair.tie;
    one["items_needed"] = pair.items_needed == 0 ? Json() : Json(pair.items_needed);
    json["pairs"].push_back(one);
  }
  json["steps"] = Json::array();
  for (const CriterionStep& s : decision.steps) {
    json["steps"].push_back({{"criterion", s.criterion},
                             {"applied", s.applied},
                             {"kept", ids(s.kept)},
                             {"dropped", ids(s.dropped)},
                             {"note", s.note}});
  }
  json["what_if"] = Json::array();
  for (const WhatIf& w : decision.what_if) json["what_if"].push_back({{"margin", w.margin}, {"chosen", id(w.chosen)}});
  json["near_misses"] = Json::array();
  for (const NearMiss& miss : decision.near_misses) {
    json["near_misses"].push_back({{"candidate", id(miss.candidate)}, {"failed", OfList(miss.failed)}});
  }
  json["unknowns"] = Json::array();
  for (const UnknownItem& u : decision.unknowns) {
    json["unknowns"].push_back({{"what", u.what}, {"why", u.why}, {"cure", u.cure}});
  }
  json["notes"] = decision.notes;
  json["items"] = decision.items;
  json["tuned"] = decision.tuned;
  json["rests_on"] = OfList(decision.rests_on);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string TuningJson(const std::vector<CandidateSummary>& candidates) {
  Json list = Json::array();
  for (const CandidateSummary& c : candidates) {
    list.push_back(
        {{"id", c.id}, {"quantization", c.quantization}, {"model", Of(c.model)}, {"tuning", OfOptional(c.tuning)}});
  }
  return Json{{"candidates", list}}.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace loco
