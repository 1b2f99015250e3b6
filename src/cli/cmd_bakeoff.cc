// loco bakeoff CANDIDATE… --suite TASK: files and servers side by side on what they will be used for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hostile_text.h"
#include "candidate/fit.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/scores.h"
#include "cli/thinking_option.h"
#include "engine/llama_model.h"
#include "eval/evaluate_server.h"
#include "eval/ollama_backend.h"
#include "eval/openai_backend.h"
#include "eval/run_metrics.h"
#include "report/words.h"
#include "stats/paired.h"
#include "stats/timing.h"
#include "task/scorers.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

struct BakeoffArguments {
  std::vector<std::string> candidates;
  std::vector<Path> suites;
  std::string quantization;
  int context = 4096;
  int parallel = 1;
  double rate = 0;
  std::string key_variable;
  std::string thinking = "template";
  std::optional<int> budget;
};

// What a candidate's name on the command line means.
struct CandidateName {
  enum class Kind { kFile, kOllama, kServer };
  Kind kind = Kind::kFile;
  std::string place;    // file, or address
  std::string model;    // on the server
  std::string adapter;  // of a file
};

// "x.gguf", "x.gguf+adapter.gguf", "ollama:qwen3:4b", "ollama:qwen3:4b@host:11434", "http://host:8080",
// "http://host:8080#model".
CandidateName ParseCandidate(const std::string& word) {
  if (word.starts_with("ollama:")) {
    const std::string rest = word.substr(7);
    const size_t at = rest.rfind('@');
    if (rest.empty() || at == 0) {
      throw Error(fmt::format("'{}' names no model", ForTerminal(word)), "write ollama:MODEL or ollama:MODEL@HOST",
                  ExitCode::kUsage);
    }
    return {CandidateName::Kind::kOllama, at == std::string::npos ? "localhost:11434" : rest.substr(at + 1),
            rest.substr(0, at), ""};
  }
  if (word.starts_with("http://") || word.starts_with("https://")) {
    const size_t hash = word.find('#');
    return {CandidateName::Kind::kServer, word.substr(0, hash), hash == std::string::npos ? "" : word.substr(hash + 1), ""};
  }
  const size_t plus = word.find(".gguf+");
  if (plus == std::string::npos) return {CandidateName::Kind::kFile, word, "", ""};
  return {CandidateName::Kind::kFile, word.substr(0, plus + 5), "", word.substr(plus + 6)};
}

// One candidate's answers to one suite.
struct Result {
  std::string candidate;
  RowId run = 0;
  std::vector<MarkedAnswer> answers;  // in the order of item ids
  std::vector<RunMetric> metrics;

  std::vector<double> Seconds() const {
    std::vector<double> seconds;
    for (const MarkedAnswer& answer : answers) {
      if (answer.answer.finish == Finish::kStop || answer.answer.finish == Finish::kLength)
        seconds.push_back(answer.answer.seconds);
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds;
  }
  int64_t Right() const {
    return std::count_if(answers.begin(), answers.end(),
                         [](const MarkedAnswer& answer) { return answer.mark.outcome == Outcome::kRight; });
  }
  double MeanTokens() const {
    double sum = 0;
    for (const MarkedAnswer& answer : answers) sum += static_cast<double>(answer.answer.generated_tokens);
    return answers.empty() ? 0 : sum / static_cast<double>(answers.size());
  }
  double TokensASecond() const {
    double tokens = 0;
    double seconds = 0;
    for (const MarkedAnswer& answer : answers) {
      tokens += static_cast<double>(answer.answer.generated_tokens);
      seconds += answer.answer.seconds;
    }
    return seconds > 0 ? tokens / seconds : 0;
  }
};

// The value below which this share of the sorted values lies (nearest rank).
double Quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

class Bakeoff {
 public:
  Bakeoff(const BakeoffArguments& arguments, Session& session)
      : arguments_(arguments), session_(session), store_(session.OpenStore()) {
    for (const Path& path : arguments.suites) tasks_.push_back(LoadTask(path));
  }

  // By suite, in the order of the candidates.
  std::vector<std::vector<Result>> Run() {
    std::vector<std::vector<Result>> results(tasks_.size());
    for (const std::string& word : arguments_.candidates) {
      const CandidateName name = ParseCandidate(word);
      std::vector<Result> of_candidate =
          name.kind == CandidateName::Kind::kFile ? RunFile(name) : RunServer(name);
      for (size_t t = 0; t < tasks_.size(); ++t) results[t].push_back(std::move(of_candidate[t]));
    }
    return results;
  }

  const std::vector<Task>& tasks() const { return tasks_; }

 private:
  Result Finished(RowId run, const Task& task, std::string candidate) const {
    return {std::move(candidate), run, store_.Answers(run, ScorerId(FindScorer(task.scorer))),
            MetricsOf(store_, run, task)};
  }

  std::vector<Result> RunFile(const CandidateName& name) {
    const ModelFile model = AtQuantization(store_, RegisterModel(store_, name.place), arguments_.quantization, session_);
    AdapterRow adapter;
    if (!name.adapter.empty()) adapter = RegisterAdapter(store_, name.adapter, model);
    const auto engine = LoadModel(model.path, {.threads = session_.threads, .adapter = name.adapter});
    const int trained = engine->info().trained_context;
    const int context = std::min(arguments_.context, trained);
    EvaluationOptions options{.thinking = ThinkingNamed(arguments_.thinking),
                              .context = context,
                              .parallel = SequencesThatFit(model.facts, context, arguments_.parallel),
                              .adapter_hash = adapter.hash,
                              .adapter = adapter.id};
    options.sampler.max_tokens = arguments_.budget;
    std::string label = model.row.name;
    if (adapter.id > 0) label += " + " + adapter.name;
    std::vector<Result> results;
    for (const Task& task : tasks_) {
      const EvaluationResult result = Evaluate(store_, *engine, model.row, task, options, session_.terminal().progress(),
                                               session_.clock());
      results.push_back(Finished(result.run, task, label));
    }
    return results;
  }

  std::vector<Result> RunServer(const CandidateName& name) {
    HttpOptions http;
    http.key_variable = arguments_.key_variable;
    std::unique_ptr<ChatBackend> backend;
    if (name.kind == CandidateName::Kind::kOllama) {
      backend = std::make_unique<OllamaBackend>(name.place, name.model, http);
    } else {
      backend = std::make_unique<OpenAiBackend>(name.place, name.model, OpenAiOptions{.http = http, .extra = ""});
    }
    const ServerModel model = RegisterServerModel(store_, *backend);
    if (!model.identity.note.empty()) session_.terminal().Note(ForTerminal(model.identity.note));
    ServerOptions options{.thinking = ThinkingNamed(arguments_.thinking), .sampler = {}, .context = arguments_.context, .ask = {}};
    if (model.identity.trained_context) options.context = std::min(options.context, *model.identity.trained_context);
    if (model.identity.context) options.context = std::min(options.context, *model.identity.context);
    options.sampler.max_tokens = arguments_.budget;
    options.ask.parallel = arguments_.parallel;
    options.ask.requests_per_minute = arguments_.rate;
    std::vector<Result> results;
    for (const Task& task : tasks_) {
      const EvaluationResult result = EvaluateOnServer(store_, *backend, model, task, options,
                                                       session_.terminal().progress(), session_.clock());
      results.push_back(Finished(result.run, task, model.row.name));
    }
    return results;
  }

  const BakeoffArguments& arguments_;
  Session& session_;
  Store store_;
  std::vector<Task> tasks_;
};

// Right answers of each category: right, of how many.
std::map<std::string, std::pair<int64_t, int64_t>> ByCategory(const Task& task, const Result& result) {
  std::map<std::string, std::string> categories;
  for (const Item& item : task.items) categories[item.id] = item.category;
  std::map<std::string, std::pair<int64_t, int64_t>> counts;
  for (const MarkedAnswer& answer : result.answers) {
    auto& [right, n] = counts[categories[answer.answer.item]];
    right += answer.mark.outcome == Outcome::kRight ? 1 : 0;
    ++n;
  }
  return counts;
}

PairedDifference Against(const Result& leader, const Result& other) {
  std::vector<uint8_t> a;
  std::vector<uint8_t> b;
  std::map<std::string, uint8_t> of_leader;
  for (const MarkedAnswer& answer : leader.answers)
    of_leader[answer.answer.item] = answer.mark.outcome == Outcome::kRight ? 1 : 0;
  for (const MarkedAnswer& answer : other.answers) {
    const auto found = of_leader.find(answer.answer.item);
    if (found == of_leader.end()) continue;
    a.push_back(answer.mark.outcome == Outcome::kRight ? 1 : 0);
    b.push_back(found->second);
  }
  const std::vector<PairedStratum> strata = {{.counts = CountPairs(a, b)}};
  return ComparePaired(strata);
}

std::map<Outcome, int64_t> OutcomesOf(const Result& result) {
  std::map<Outcome, int64_t> counts;
  for (const MarkedAnswer& answer : result.answers) ++counts[answer.mark.outcome];
  return counts;
}

Json ResultJson(const Task& task, const Result& result, const Result& leader) {
  const std::vector<double> seconds = result.Seconds();
  const auto n = static_cast<int64_t>(result.answers.size());
  const Interval interval = WilsonInterval(result.Right(), n);
  Json entry = {{"candidate", result.candidate},
                {"run", fmt::format("run-{}", result.run)},
                {"suite", task.name},
                {"items", n},
                {"right", result.Right()},
                {"interval95", {interval.low, interval.high}},
                {"latency_p50", Quantile(seconds, 0.5)},
                {"latency_p95", Quantile(seconds, 0.95)},
                {"tokens_mean", result.MeanTokens()},
                {"tokens_a_second", result.TokensASecond()},
                {"metrics", Json::object()},
                {"outcomes", Json::object()},
                {"categories", Json::object()}};
  for (const RunMetric& metric : result.metrics) entry["metrics"][metric.name] = metric.value;
  for (const auto& [outcome, count] : OutcomesOf(result)) entry["outcomes"][OutcomeName(outcome)] = count;
  for (const auto& [category, counts] : ByCategory(task, result)) {
    const Interval of_category = WilsonInterval(counts.first, counts.second);
    entry["categories"][category] = {{"right", counts.first},
                                     {"items", counts.second},
                                     {"interval95", {of_category.low, of_category.high}}};
  }
  if (&result != &leader) {
    const PairedDifference difference = Against(leader, result);
    entry["to_leader"] = {{"difference", difference.value},
                          {"interval95", {difference.interval.low, difference.interval.high}},
                          {"p_mcnemar_exact", difference.p}};
  }
  return entry;
}

const Result& LeaderOf(const std::vector<Result>& results) {
  return *std::max_element(results.begin(), results.end(),
                           [](const Result& a, const Result& b) { return a.Right() < b.Right(); });
}

void PrintSuite(const Task& task, const std::vector<Result>& results, int budget, Terminal& terminal) {
  const Result& leader = LeaderOf(results);
  terminal.PrintLine(terminal.Painted(ForTerminal(task.name), Paint::kBold));
  std::vector<std::string> header = {"candidate", "right %  95 % interval", "to the leader"};
  for (const RunMetric& metric : leader.metrics) header.push_back(metric.name);
  for (const char* name : {"p50 s", "p95 s", "tokens", "tok/s", "row"}) header.emplace_back(name);
  std::vector<std::vector<std::string>> rows;
  for (const Result& result : results) {
    const std::vector<double> seconds = result.Seconds();
    std::vector<std::string> row = {ForTerminal(result.candidate),
                                    ShareText(result.Right(), static_cast<int64_t>(result.answers.size()))};
    if (&result == &leader) {
      row.emplace_back("");
    } else {
      const PairedDifference difference = Against(leader, result);
      row.push_back(fmt::format("{} {}{}", SignedPoints(difference.value), SignedInterval(difference.interval),
                                difference.p < 0.05 ? "" : " tie"));
    }
    for (const RunMetric& metric : result.metrics) row.push_back(fmt::format("{:.1f}", 100 * metric.value));
    row.push_back(fmt::format("{:.2f}", Quantile(seconds, 0.5)));
    row.push_back(fmt::format("{:.2f}", Quantile(seconds, 0.95)));
    row.push_back(fmt::format("{:.0f}", result.MeanTokens()));
    row.push_back(fmt::format("{:.0f}", result.TokensASecond()));
    row.push_back(fmt::format("run-{}", result.run));
    rows.push_back(std::move(row));
  }
  terminal.Print(FormatTable(header, rows));

  std::vector<std::string> category_header = {"category"};
  for (const Result& result : results) category_header.push_back(ForTerminal(result.candidate));
  std::vector<std::vector<std::string>> category_rows;
  for (const auto& [category, unused] : ByCategory(task, leader)) {
    std::vector<std::string> row = {category.empty() ? "without" : ForTerminal(category)};
    for (const Result& result : results) {
      const auto counts = ByCategory(task, result);
      const auto found = counts.find(category);
      row.push_back(found == counts.end() ? "" : ShareText(found->second.first, found->second.second));
    }
    category_rows.push_back(std::move(row));
  }
  if (category_rows.size() > 1) terminal.Print(FormatTable(category_header, category_rows));
  for (const Result& result : results) {
    const auto outcomes = OutcomesOf(result);
    std::vector<std::string> parts;
    for (const auto& [outcome, count] : outcomes) {
      if (outcome != Outcome::kRight && outcome != Outcome::kWrong)
        parts.push_back(fmt::format("{} {}", count, OutcomeWords(outcome)));
    }
    if (!parts.empty()) {
      terminal.PrintLine(terminal.Painted(
          fmt::format("! {}: {}; none of them counts as right or as safe", ForTerminal(result.candidate), fmt::join(parts, ", ")),
          Paint::kYellow));
    }
    const auto cut = outcomes.find(Outcome::kTruncated);
    if (cut != outcomes.end() && cut->second * 10 >= static_cast<int64_t>(result.answers.size())) {
      terminal.PrintLine(terminal.Painted(
          fmt::format("! {}: {} of {} answers were cut at {} tokens: try a larger --budget", ForTerminal(result.candidate),
                      cut->second, result.answers.size(), FormatCount(budget)),
          Paint::kYellow));
    }
  }
}

// What an adapter costs in speed: "base.gguf" and "base.gguf+adapter.gguf" stand side by side.
void PrintAdapterCosts(const std::vector<Result>& results, Terminal& terminal) {
  for (const Result& with : results) {
    for (const Result& base : results) {
      if (!with.candidate.starts_with(base.candidate + " + ") || base.TokensASecond() <= 0) continue;
      terminal.PrintLine(fmt::format("the adapter of {} costs {:.0f} % of the speed of generating", ForTerminal(with.candidate),
                                     100 * (1 - with.TokensASecond() / base.TokensASecond())));
    }
  }
}

ExitCode RunBakeoff(const BakeoffArguments& arguments, Session& session) {
  Bakeoff bakeoff(arguments, session);
  const std::vector<std::vector<Result>> results = bakeoff.Run();
  if (session.json) {
    Json document = {{"context", arguments.context}, {"parallel", arguments.parallel}, {"results", Json::array()}};
    for (size_t t = 0; t < results.size(); ++t) {
      for (const Result& result : results[t]) {
        document["results"].push_back(ResultJson(bakeoff.tasks()[t], result, LeaderOf(results[t])));
      }
    }
    session.terminal().PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  for (size_t t = 0; t < results.size(); ++t) {
    if (t > 0) session.terminal().PrintLine("");
    const Task& task = bakeoff.tasks()[t];
    PrintSuite(task, results[t], arguments.budget.value_or(task.max_tokens), session.terminal());
    PrintAdapterCosts(results[t], session.terminal());
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareBakeoff(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<BakeoffArguments>();
  app.add_option("candidates", arguments->candidates,
                 "FILE.gguf, FILE.gguf+ADAPTER.gguf, ollama:MODEL, ollama:MODEL@HOST, http://HOST:PORT or "
                 "http://HOST:PORT#MODEL (OpenAI-compatible)")
      ->required();
  app.add_option("--suite", arguments->suites, "Task files (.toml)")->required();
  app.add_option("-q,--quantization", arguments->quantization, "Of the files: a copy, made once and cached");
  app.add_option("--context", arguments->context, "Tokens for one prompt and its answer (default: 4,096)")
      ->check(CLI::Range(16, 1 << 24));
  app.add_option("--parallel", arguments->parallel,
                 "Requests at a time; more than one makes latencies those of a busy server (default: 1)")
      ->check(CLI::Range(1, 64));
  app.add_option("--rate", arguments->rate, "Requests a minute at most (default: no limit)")->check(NumberFrom(0, 1e9));
  app.add_option("--key-variable", arguments->key_variable, "Environment variable that holds the servers' key");
  app.add_option("--budget", arguments->budget, "Tokens for an answer instead of the task's")
      ->check(CLI::Range(1, 1 << 20));
  AddThinkingOption(app, arguments->thinking, false);
  return [arguments, &session] { return RunBakeoff(*arguments, session); };
}

}  // namespace loco
