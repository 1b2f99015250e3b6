#include "cli/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "base/version.h"
#include "engine/quantize.h"

namespace loco {
namespace {

constexpr std::array kCommands = {
    Command{"select", "choose a base model by a policy, with evidence",
            "loco select policies/demo.toml\nloco select policies/loco-8gb.toml --json", DeclareSelect},
    Command{"inspect", "what a model file is: architecture, sizes, template, licence",
            "loco inspect model.gguf\nloco inspect models/*.gguf --json", DeclareInspect},
    Command{"catalog", "published facts about models, with source and date",
            "loco catalog list\nloco catalog show qwen3-4b", DeclareCatalog},
    Command{"fit", "will it fit? every term of the memory it needs",
            "loco fit model.gguf --ram 8GB\nloco fit qwen3-4b --context 8192 --kv q8_0", DeclareFit},
    Command{"quantize", "make a quantized copy of a model, cached by content", "loco quantize model-F16.gguf Q4_K_M",
            DeclareQuantize},
    Command{"quants", "what each quantization costs: scores, flips, divergence, size, speed",
            "loco quants model-F16.gguf --suite tasks/math.toml tasks/analysis.toml\n"
            "loco quants model-F16.gguf --suite tasks/pocket/*.toml --levels Q8_0 Q4_K_M Q4_0 --csv levels.csv\n"
            "loco quants a-F16.gguf b-F16.gguf --suite tasks/pocket/arith.toml",
            DeclareQuants},
    Command{
        "eval", "score a model on tasks",
        "loco eval model.gguf tasks/pocket/arith.toml\nloco eval model.gguf tasks/pocket/*.toml --quantization Q4_K_M",
        DeclareEval},
    Command{"task", "task files: check one before any model runs, fetch public ones",
            "loco task check tasks/math.toml\nloco task fetch --list\nloco task fetch gsm8k ifeval", DeclareTask},
    Command{"prompt", "what a model is really asked, token by token",
            "loco prompt model.gguf tasks/math.toml math-007\nloco prompt model.gguf tasks/math.toml --tokens",
            DeclarePrompt},
    Command{"audit", "how the answers of a run were read, for a person to check",
            "loco audit run-3 tasks/math.toml\nloco audit run-3 tasks/math.toml --sample 50 --json", DeclareAudit},
    Command{"bakeoff", "models in files and on servers side by side, on your cases",
            "loco bakeoff a-Q4_K_M.gguf ollama:qwen3:4b http://localhost:8080 --suite tasks/commands-game.toml\n"
            "loco bakeoff base.gguf base.gguf+adapter.gguf --suite tasks/commands-devops.toml --json",
            DeclareBakeoff},
    Command{"compare", "compare two runs of one task item by item", "loco compare run-1 run-2", DeclareCompare},
    Command{"train", "train a LoRA adapter on a frozen, quantized base",
            "loco train model-Q4_K_M.gguf --data train.jsonl --eval held-out.jsonl --out my-adapter\n"
            "loco train model-Q4_K_M.gguf --data train.jsonl --plan --memory 5GB\n"
            "loco train --resume --out my-adapter",
            DeclareTrain},
    Command{"adapter", "adapter files: show, import and export (PEFT, MLX-LM), merge into the base",
            "loco adapter import their-peft-folder --base model-Q4_K_M.gguf --out adapter.gguf\n"
            "loco adapter export my-adapter/adapter.gguf --base model-Q4_K_M.gguf --out peft\n"
            "loco adapter merge my-adapter/adapter.gguf --base model-Q4_K_M.gguf --type Q8_0 --out merged.gguf",
            DeclareAdapter},
    Command{"trainability", "which of these models tunes best, and how much that is worth",
            "loco trainability a-Q4_K_M.gguf b-Q4_K_M.gguf --task tasks/pocket/command.toml\n"
            "loco trainability models/pocket/*.gguf --task tasks/pocket/command.toml --rungs 100 200 --lr 1e-3 4e-3",
            DeclareTrainability},
    Command{"bench", "practical test: speed, first token, memory over a long conversation",
            "loco bench model.gguf\nloco bench model.gguf --prompt 512 --generate 128 --json", DeclareBench},
    Command{"tokenize", "token ids and pieces of a text, as the model sees it",
            "loco tokenize model.gguf 'Hello world'\nloco tokenize model.gguf --chat 'Hello'", DeclareTokenize},
    Command{"runs", "the runs in the store", "loco runs\nloco runs --json", DeclareRuns},
    Command{"show", "one row of the store, with what it rests on", "loco show run-3\nloco show decision-1 --json",
            DeclareShow},
    Command{"completion", "completion script for bash or zsh",
            "loco completion bash > ~/.loco.bash && echo '. ~/.loco.bash' >> ~/.bashrc\n"
            "loco completion zsh > ~/.loco.zsh && echo '. ~/.loco.zsh' >> ~/.zshrc",
            DeclareCompletion},
    Command{"manual", "the manual page, in roff", "loco manual | man -l -", DeclareManual},
};

std::string VersionText() {
  return fmt::format("loco {} ({}; {})\nengine {}", Version(), Revision(), BuildDescription(), EngineVersion());
}

std::string ExamplesFooter(const char* examples) {
  std::string footer = "Examples:\n";
  std::string_view rest = examples;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    footer += fmt::format("  {}\n", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return footer;
}

// "q4_k_m" means Q4_K_M. Other words stay as they are: the command says what it knows.
std::string QuantizationName(const std::string& word) {
  std::string upper = word;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return IsQuantizationName(upper) ? upper : word;
}

}  // namespace

Terminal& Session::terminal() {
  if (terminal_ == nullptr) terminal_ = std::make_unique<Terminal>(color, quiet, clock_);
  return *terminal_;
}

Path Session::DataFolder() const {
  if (const char* folder = std::getenv("LOCO_DATA"); folder != nullptr && *folder != '\0') return folder;
  std::error_code code;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", code);
  const Path installed = program.parent_path().parent_path() / "share" / "locollm";
  if (!code && std::filesystem::is_directory(installed / "catalog", code)) return installed;
  return LOCO_SOURCE_DIR;
}

std::span<const Command> Commands() { return kCommands; }

std::unique_ptr<CLI::App> BuildApp(Session& session, Action& action) {
  auto app = std::make_unique<CLI::App>(
      "Which base model should we fine-tune, for our task, on our hardware, at the quantization we will ship?", "loco");
  app->set_version_flag("--version", VersionText());
  app->require_subcommand(0, 1);
  app->fallthrough();
  const char* store = std::getenv("LOCO_STORE");
  session.store_path = store != nullptr && *store != '\0' ? Path(store) : UserDataFolder() / "loco.db";
  app->add_option("--store", session.store_path,
                  "The file that holds all rows (default: $LOCO_STORE, or loco.db in the user's data folder)");
  app->add_option("--threads", session.threads, "Processor threads (default: all cores, fewer for tiny models)")
      ->check(CLI::Range(1, 1024));
  app->add_option("--color", session.color, "auto, always or never")->check(CLI::IsMember({"auto", "always", "never"}));
  app->add_flag("--json", session.json,
                "Print one JSON document instead of text; an error is {\"error\": {\"message\": …, \"cure\": …}}");
  app->add_flag("--quiet", session.quiet, "No progress bars");
  app->footer(
      "Examples:\n  loco select policies/demo.toml\n  loco eval model.gguf tasks/pocket/arith.toml\n  loco fit "
      "qwen3-4b --ram 8GB\n\n"
      "'loco COMMAND --help' explains a command. Exit codes: 0 done, 1 failed, 2 usage, 3 nothing meets the bar, 130 "
      "stopped.");
  for (const Command& command : Commands()) {
    CLI::App* sub = app->add_subcommand(command.name, command.summary);
    sub->footer(ExamplesFooter(command.examples));
    const Action run = command.declare(*sub, session);
    for (CLI::Option* option : sub->get_options()) {
      if (option->check_name("quantization") || option->check_name("--quantization") || option->check_name("--levels"))
        option->transform(QuantizationName, "");
    }
    sub->final_callback([&action, run] { action = run; });
  }
  return app;
}

CLI::Validator NumberFrom(double least, double most) {
  return CLI::Validator(
      [=](std::string& word) {
        char* end = nullptr;
        const double value = std::strtod(word.c_str(), &end);
        const bool is_number = end != word.c_str() && *end == '\0';
        return is_number && value >= least && value <= most
                   ? std::string()
                   : fmt::format("Value {} not in range {:g} to {:g}", word, least, most);
      },
      "");
}

}  // namespace loco
