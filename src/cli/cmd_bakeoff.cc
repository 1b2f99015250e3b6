// loco bakeoff CANDIDATE… --suite TASK: files and servers side by side on what they will be used for.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hostile_text.h"
#include "candidate/fit.h"
#include "cli/bakeoff_table.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/thinking_option.h"
#include "engine/llama_model.h"
#include "eval/evaluate_server.h"
#include "eval/ollama_backend.h"
#include "eval/openai_backend.h"
#include "eval/run_metrics.h"
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
    return {CandidateName::Kind::kServer, word.substr(0, hash), hash == std::string::npos ? "" : word.substr(hash + 1),
            ""};
  }
  const size_t plus = word.find(".gguf+");
  if (plus == std::string::npos) return {CandidateName::Kind::kFile, word, "", ""};
  return {CandidateName::Kind::kFile, word.substr(0, plus + 5), "", word.substr(plus + 6)};
}

class Bakeoff {
 public:
  Bakeoff(const BakeoffArguments& arguments, Session& session)
      : arguments_(arguments), session_(session), store_(session.OpenStore()) {
    for (const Path& path : arguments.suites) tasks_.push_back(LoadTask(path));
  }

  // By suite, in the order of the candidates.
  std::vector<std::vector<BakeoffResult>> Run() {
    std::vector<std::vector<BakeoffResult>> results(tasks_.size());
    for (const std::string& word : arguments_.candidates) {
      const CandidateName name = ParseCandidate(word);
      std::vector<BakeoffResult> of_candidate =
          name.kind == CandidateName::Kind::kFile ? RunFile(name) : RunServer(name);
      for (size_t t = 0; t < tasks_.size(); ++t) results[t].push_back(std::move(of_candidate[t]));
    }
    return results;
  }

  const std::vector<Task>& tasks() const { return tasks_; }

 private:
  BakeoffResult Finished(RowId run, const Task& task, std::string candidate) const {
    return {std::move(candidate), run, store_.Answers(run, ScorerId(FindScorer(task.scorer))),
            MetricsOf(store_, run, task)};
  }

  std::vector<BakeoffResult> RunFile(const CandidateName& name) {
    const ModelFile model =
        AtQuantization(store_, RegisterModel(store_, name.place), arguments_.quantization, session_);
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
    std::vector<BakeoffResult> results;
    for (const Task& task : tasks_) {
      const EvaluationResult result =
          Evaluate(store_, *engine, model.row, task, options, session_.terminal().progress(), session_.clock());
      results.push_back(Finished(result.run, task, label));
    }
    return results;
  }

  std::vector<BakeoffResult> RunServer(const CandidateName& name) {
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
    ServerOptions options{
        .thinking = ThinkingNamed(arguments_.thinking), .sampler = {}, .context = arguments_.context, .ask = {}};
    if (model.identity.trained_context) options.context = std::min(options.context, *model.identity.trained_context);
    if (model.identity.context) options.context = std::min(options.context, *model.identity.context);
    options.sampler.max_tokens = arguments_.budget;
    options.ask.parallel = arguments_.parallel;
    options.ask.requests_per_minute = arguments_.rate;
    std::vector<BakeoffResult> results;
    for (const Task& task : tasks_) {
      const EvaluationResult result =
          EvaluateOnServer(store_, *backend, model, task, options, session_.terminal().progress(), session_.clock());
      results.push_back(Finished(result.run, task, model.row.name));
    }
    return results;
  }

  const BakeoffArguments& arguments_;
  Session& session_;
  Store store_;
  std::vector<Task> tasks_;
};

ExitCode RunBakeoff(const BakeoffArguments& arguments, Session& session) {
  Bakeoff bakeoff(arguments, session);
  const std::vector<std::vector<BakeoffResult>> results = bakeoff.Run();
  if (session.json) {
    Json document = {{"context", arguments.context}, {"parallel", arguments.parallel}, {"results", Json::array()}};
    for (size_t t = 0; t < results.size(); ++t) {
      for (Json& result : BakeoffJson(bakeoff.tasks()[t], results[t])) document["results"].push_back(std::move(result));
    }
    session.terminal().PrintLine(document.dump(2, ' ', false, Json::error_handler_t::replace));
    return ExitCode::kDone;
  }
  for (size_t t = 0; t < results.size(); ++t) {
    if (t > 0) session.terminal().PrintLine("");
    const Task& task = bakeoff.tasks()[t];
    PrintBakeoff(task, results[t], arguments.budget.value_or(task.max_tokens), session.terminal());
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
