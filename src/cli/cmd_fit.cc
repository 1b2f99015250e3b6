// loco fit MODEL: every term of the memory that a model takes, and whether it fits.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/hostile_text.h"
#include "base/letter_case.h"
#include "candidate/catalog.h"
#include "candidate/facts.h"
#include "candidate/fit.h"
#include "candidate/machine.h"
#include "cli/commands.h"

namespace loco {
namespace {

struct FitArguments {
  std::string model;
  std::string quantization = "Q4_K_M";
  std::string ram;
  std::string os_reserve;
  std::string cache = "f16";
  uint64_t context = 0;  // 0: 4,096, or what the model has when that is less
  uint64_t micro_batch = 512;
  uint64_t parallel = 1;
  uint64_t adapter_rank = 0;
  bool no_mmap = false;
  bool no_repack = false;
};

std::string Tokens(uint64_t count) { return FormatCount(static_cast<int64_t>(count)); }

// "qwen" is no entry, but the beginning of several: names them all.
void CheckInCatalog(const Catalog& catalog, const std::string& word) {
  if (catalog.Find(word) != nullptr) return;
  const std::string lower = LowerAscii(word);
  std::vector<std::string> ids;
  for (const CatalogModel& model : catalog.models) {
    if (model.id.find(lower) != std::string::npos) ids.push_back(model.id);
  }
  if (lower.empty() || ids.empty()) return;
  throw Error(fmt::format("'{}' is neither a file nor the whole identifier of a model", word),
              fmt::format("of the catalog: {}", fmt::join(ids, ", ")), ExitCode::kUsage);
}

// The memory of a machine that the user describes.
Bytes ParseRam(const std::string& text) {
  const Bytes ram = ParseMemorySize(text);
  if (ram.value == 0)
    throw Error("--ram 0: a machine without memory fits nothing", "write its memory, for example 8GB",
                ExitCode::kUsage);
  return ram;
}

// A file on disk wins; otherwise the word names an entry of the catalog.
FitInputs ReadInputs(const FitArguments& arguments, const Session& session, std::string& origin) {
  std::error_code code;
  const bool path = std::filesystem::exists(arguments.model, code) || arguments.model.ends_with(".gguf") ||
                    arguments.model.find('/') != std::string::npos;
  if (path) {
    origin = "file";
    return FitInputsOf(ReadFacts(arguments.model));
  }
  origin = "catalog";
  const Catalog catalog = LoadCatalog(session.DataFolder() / "catalog");
  CheckInCatalog(catalog, arguments.model);
  return FitInputsOf(catalog.Get(arguments.model), arguments.quantization);
}

FitOptions MakeOptions(const FitArguments& arguments, const FitInputs& inputs, const Machine& machine) {
  FitOptions options;
  options.context = arguments.context;
  if (options.context == 0)
    options.context = std::min<uint64_t>(4096, std::max<uint64_t>(inputs.dims.context.value_or(4096), 1));
  options.cache_type = FindGgmlType(arguments.cache)->id;
  options.sequences = arguments.parallel;
  options.micro_batch = arguments.micro_batch;
  options.mmap = !arguments.no_mmap;
  options.repack = !arguments.no_repack;
  options.repack_rule = RepackRuleOf(machine);
  options.adapter_rank = arguments.adapter_rank;
  options.memory = machine.memory;
  if (!arguments.os_reserve.empty()) {
    options.os_reserve = ParseMemorySize(arguments.os_reserve);
    options.os_source = "as given";
  } else if (!machine.described) {
    // What is in use now is real; an idle machine still gets the usual allowance.
    const Bytes in_use{machine.memory.value - std::min(machine.memory.value, machine.available.value)};
    if (in_use > options.os_reserve) {
      options.os_reserve = in_use;
      options.os_basis = Basis::kMeasured;
      options.os_source = "in use now; --os-reserve sets another";
    }
  }
  return options;
}

// What else the reader would ask about a term.
std::string Aside(const Term& term, const FitInputs& inputs, const FitOptions& options) {
  if (term.name == "KV cache" && term.bytes && options.cache_type == kF16) {
    FitOptions smaller = options;
    smaller.cache_type = kQ8_0;
    if (const auto bytes = CacheBytes(inputs.shape, smaller))
      return fmt::format("{}; q8_0: {}", term.source, FormatBytes(*bytes));
  }
  if (term.name == "repacked copy" && term.bytes && term.bytes->value != 0) {
    return options.mmap ? term.source + "; --no-mmap, --no-repack: 0" : term.source;
  }
  return term.source;
}

void PrintFit(const Fit& fit, const FitInputs& inputs, const FitOptions& options, const Machine& machine,
              Terminal& terminal) {
  const std::string place = machine.described ? "a machine with" : "this machine:";
  terminal.PrintLine(fmt::format("{} {} · {} {}",
                                 terminal.Painted(Shorten(ForTerminal(inputs.model), 60), Paint::kBold),
                                 inputs.quantization, place, FormatBytes(machine.memory)));
  terminal.PrintLine(fmt::format("{:<26}{:>10}   basis", "", Tokens(fit.context) + " ctx"));
  // On a narrow terminal what stands beside a figure goes below it.
  constexpr int kBeside = 49;
  const bool narrow = terminal.width() < kBeside + 30;
  const auto room = static_cast<size_t>(narrow ? std::max(terminal.width() - 4, 20) : terminal.width() - kBeside);
  for (const Term& term : fit.terms) {
    const std::string name =
        term.detail.empty() ? term.name : fmt::format("{} {}", term.name, ForTerminal(term.detail));
    const std::string bytes = term.bytes ? FormatBytes(*term.bytes) : "unknown";
    const std::string_view basis = term.bytes ? BasisName(term.basis) : "";
    const std::string aside = Shorten(ForTerminal(Aside(term, inputs, options)), room);
    std::string line = fmt::format("{:<26}{:>10}   {:<9} ", name, bytes, basis);
    if (narrow && !aside.empty()) line = fmt::format("{:<26}{:>10}   {}\n    ", name, bytes, basis);
    if (aside.empty()) line.resize(line.find_last_not_of(' ') + 1);
    terminal.PrintLine(line + terminal.Painted(aside, Paint::kDim));
  }
  const Paint paint = fit.verdict == Verdict::kFits         ? Paint::kGreen
                      : fit.verdict == Verdict::kDoesNotFit ? Paint::kRed
                                                            : Paint::kYellow;
  // What is not known only adds.
  const bool whole = std::all_of(fit.terms.begin(), fit.terms.end(), [](const Term& term) { return term.bytes; });
  const std::string total = (whole ? "" : "at least ") + FormatBytes(fit.total);
  terminal.PrintLine(fmt::format("{:<18}{:>18}{}{} {}", "total", total, narrow ? "\n    " : "   ",
                                 terminal.Painted(VerdictName(fit.verdict), paint),
                                 fit.verdict == Verdict::kUnknown ? fmt::format("({})", ForTerminal(fit.reason))
                                                                  : fmt::format("in {}", FormatBytes(*fit.memory))));
}

void PrintAdvice(const Fit& fit, const FitInputs& inputs, const FitOptions& options, Terminal& terminal) {
  for (const Remedy& remedy : fit.remedies) {
    terminal.PrintLine(fmt::format("  {}: {} {}   {}", VerdictName(remedy.verdict), FormatBytes(remedy.total),
                                   remedy.change, terminal.Painted(remedy.option, Paint::kCyan)));
  }
  if (fit.verdict == Verdict::kDoesNotFit && fit.remedies.empty()) {
    terminal.PrintLine(fmt::format("  no setting makes it fit: it needs {} more",
                                   FormatBytes(Bytes{fit.total.value - fit.memory->value})));
  }
  if (const auto longest = MaxContext(inputs, options); longest && *longest != 0) {
    const bool all = inputs.dims.context && *longest + 256 > *inputs.dims.context;
    terminal.PrintLine(
        fmt::format("longest context that fits: {}{}", Tokens(*longest), all ? ", all that the model has" : ""));
  }
  if (fit.expected_resident) {
    terminal.PrintLine(fmt::format("expected resident memory of the process: {} (reserved: {})",
                                   FormatBytes(*fit.expected_resident), FormatBytes(fit.process)));
  }
  for (const std::string& warning : fit.warnings) terminal.PrintLine(terminal.Painted("! " + warning, Paint::kYellow));
}

nlohmann::ordered_json FitJson(const Fit& fit, const FitInputs& inputs, const FitOptions& options,
                               const Machine& machine, const std::string& origin) {
  using nlohmann::ordered_json;
  ordered_json terms = ordered_json::array();
  for (const Term& term : fit.terms) {
    terms.push_back({{"name", term.name},
                     {"detail", term.detail},
                     {"bytes", term.bytes ? ordered_json(term.bytes->value) : ordered_json(nullptr)},
                     {"basis", BasisName(term.basis)},
                     {"source", term.source}});
  }
  ordered_json remedies = ordered_json::array();
  for (const Remedy& remedy : fit.remedies) {
    remedies.push_back({{"change", remedy.change},
                        {"option", remedy.option},
                        {"total", remedy.total.value},
                        {"verdict", VerdictName(remedy.verdict)}});
  }
  const auto longest = MaxContext(inputs, options);
  return {
      {"model", inputs.model},
      {"quantization", inputs.quantization},
      {"origin", origin},
      {"machine",
       {{"described", machine.described}, {"memory", machine.memory.value}, {"processor", machine.processor}}},
      {"context", fit.context},
      {"cache_type", FindGgmlType(options.cache_type)->name},
      {"terms", terms},
      {"total", fit.total.value},
      {"process", fit.process.value},
      {"expected_resident", fit.expected_resident ? ordered_json(fit.expected_resident->value) : ordered_json(nullptr)},
      {"verdict", VerdictName(fit.verdict)},
      {"reason", fit.reason},
      {"remedies", remedies},
      {"max_context", longest ? ordered_json(*longest) : ordered_json(nullptr)},
      {"warnings", fit.warnings}};
}

ExitCode RunFit(const FitArguments& arguments, Session& session) {
  std::string origin;
  const Machine machine = arguments.ram.empty() ? ReadMachine() : DescribedMachine(ParseRam(arguments.ram));
  const FitInputs inputs = ReadInputs(arguments, session, origin);
  const FitOptions options = MakeOptions(arguments, inputs, machine);
  const Fit fit = ComputeFit(inputs, options);
  if (session.json) {
    session.terminal().PrintLine(
        FitJson(fit, inputs, options, machine, origin).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    PrintFit(fit, inputs, options, machine, session.terminal());
    PrintAdvice(fit, inputs, options, session.terminal());
  }
  return fit.verdict == Verdict::kDoesNotFit ? ExitCode::kNothingQualifies : ExitCode::kDone;
}

}  // namespace

Action DeclareFit(CLI::App& app, Session& session) {
  auto a = std::make_shared<FitArguments>();
  app.add_option("model", a->model, "A model file, or an identifier of 'loco catalog list'")->required();
  app.add_option("--ram", a->ram, "Memory of a machine that you describe, with its unit: 8GB (default: this machine)");
  app.add_option("--context", a->context, "Tokens of context (default: 4,096, or all that the model has)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 26));
  app.add_option("--kv", a->cache, "Type of the KV cache")->check(CLI::IsMember({"f16", "q8_0", "q4_0"}));
  app.add_option("--quantization", a->quantization, "Of a catalog entry (default: Q4_K_M)")
      ->check(CLI::IsMember({"Q4_K_M", "Q8_0", "F16"}));
  app.add_option("--adapter-rank", a->adapter_rank, "Add a LoRA adapter of this rank on all linear layers")
      ->check(CLI::Range(uint64_t{1}, uint64_t{4096}));
  app.add_option("--parallel", a->parallel,
                 "Conversations at a time that share one --context between them (each of loco eval has its own)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{256}));
  app.add_option("--micro-batch", a->micro_batch, "Prompt tokens computed at a time")
      ->check(CLI::Range(uint64_t{1}, uint64_t{65536}));
  app.add_option("--os-reserve", a->os_reserve,
                 "Memory that everything else keeps (default: 1.5 GB, or what is in use now)");
  app.add_flag("--no-mmap", a->no_mmap, "Load the file instead of mapping it");
  app.add_flag("--no-repack", a->no_repack, "Keep weights as they are in the file");
  return [a, &session] { return RunFit(*a, session); };
}

}  // namespace loco
