// loco inspect FILE…: what a model file is, from its header alone.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/hostile_text.h"
#include "candidate/facts.h"
#include "candidate/shape.h"
#include "cli/commands.h"

namespace loco {
namespace {

struct InspectArguments {
  std::vector<Path> files;
  bool hash = false;
  bool show_template = false;
};

std::string Count(uint64_t value) { return FormatCount(static_cast<int64_t>(value)); }
std::string Count(const std::optional<uint64_t>& value) { return value ? Count(*value) : "unknown"; }
std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : Shorten(ForTerminal(text), 200); }

// "8" for every layer alike, "2 to 8" where layers differ.
std::string ListText(const std::vector<uint64_t>& values) {
  if (values.empty()) return "unknown";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *least == *most ? Count(*least) : fmt::format("{} to {}", Count(*least), Count(*most));
}

std::string SupportText(Support support, const std::string& basis) {
  const std::string_view word = support == Support::kYes ? "yes" : support == Support::kNo ? "no" : "unknown";
  return basis.empty() ? std::string(word) : fmt::format("{} ({})", word, basis);
}
std::string_view SupportWord(Support support) {
  return support == Support::kYes ? "yes" : support == Support::kNo ? "no" : "unknown";
}

class Lines {
 public:
  explicit Lines(Terminal& terminal) : terminal_(terminal) {}
  void Add(std::string_view label, std::string_view value) {
    terminal_.PrintLine(fmt::format("  {:<15} {}", label, value));
  }

 private:
  Terminal& terminal_;
};

std::string AttentionText(const Facts& facts) {
  const Dims& dims = facts.dims;
  std::string text = fmt::format("{} heads, {} for keys and values", ListText(dims.heads),
                                 dims.kv_heads.empty() ? ListText(dims.heads) : ListText(dims.kv_heads));
  if (dims.key_length) text += fmt::format(", length {}", *dims.key_length);
  const Shape shape = ComputeShape(dims);
  uint64_t sliding = 0;
  uint64_t recurrent = 0;
  for (const LayerShape& layer : shape.layers) {
    sliding += layer.cache == Cache::kSliding;
    recurrent += layer.state_values != 0;
  }
  if (sliding != 0)
    text += fmt::format("; {} of {} layers slide over {} tokens", sliding, shape.layers.size(), shape.sliding_window);
  if (recurrent != 0) text += fmt::format("; {} of {} layers are recurrent", recurrent, shape.layers.size());
  return text;
}

void PrintTokenizer(const TokenizerFacts& tokenizer, Lines& lines) {
  std::string text = fmt::format("{}, {} tokens", OrUnknown(tokenizer.model), Count(tokenizer.tokens));
  if (!tokenizer.pre.empty()) text += fmt::format(", pre-tokenizer {}", Shorten(ForTerminal(tokenizer.pre), 60));
  if (tokenizer.add_bos) text += *tokenizer.add_bos ? ", adds BOS" : ", adds no BOS";
  for (const auto& [name, id] :
       {std::pair("bos", tokenizer.bos), std::pair("eos", tokenizer.eos), std::pair("eot", tokenizer.eot)}) {
    if (id) text += fmt::format(", {} {}", name, *id);
  }
  lines.Add("tokenizer", text);
}

void PrintFacts(const Facts& facts, const std::string& hash, const InspectArguments& arguments, Session& session) {
  Terminal& terminal = session.terminal();
  terminal.PrintLine(terminal.Painted(ForTerminal(facts.path.string()), Paint::kBold));
  Lines lines(terminal);
  lines.Add("name", OrUnknown(facts.name));
  lines.Add("architecture", facts.engine_knows_architecture
                                ? OrUnknown(facts.architecture)
                                : OrUnknown(facts.architecture) + " (unknown to the engine)");
  if (facts.kind != "model") lines.Add("kind", OrUnknown(facts.kind));
  lines.Add("file", fmt::format("{} ({} bytes), GGUF {}", FormatBytes(facts.file_size), Count(facts.file_size.value),
                                facts.gguf_version));
  if (!hash.empty()) lines.Add("sha256", hash);
  if (!facts.vocabulary_only) {
    lines.Add("parameters", fmt::format("{}{}", Count(facts.parameters),
                                        facts.dims.tied_embeddings.value_or(false) ? ", embeddings tied" : ""));
    lines.Add("quantization", facts.quantization_basis.empty()
                                  ? facts.quantization
                                  : fmt::format("{} ({})", facts.quantization, facts.quantization_basis));
    std::string types;
    for (const TensorTypeSum& sum : facts.tensor_types) {
      types += fmt::format("{}{} {} in {} tensors", types.empty() ? "" : " · ", sum.type, FormatBytes(sum.bytes),
                           sum.tensors);
    }
    lines.Add("tensors", types);
    lines.Add("shape", fmt::format("{} layers, width {}, feed-forward {}", Count(facts.dims.layers),
                                   Count(facts.dims.hidden), ListText(facts.dims.ffn)));
    lines.Add("attention", AttentionText(facts));
    std::string context = facts.dims.context ? Count(*facts.dims.context) + " tokens" : "unknown";
    if (facts.dims.trained_context) context += fmt::format(", trained at {}", Count(*facts.dims.trained_context));
    lines.Add("context", context);
  }
  PrintTokenizer(facts.tokenizer, lines);
  if (facts.chat_template.text.empty()) {
    lines.Add("chat template", "none");
  } else {
    lines.Add("chat template", fmt::format("{} characters", Count(facts.chat_template.text.size())));
    lines.Add("  system role", SupportText(facts.chat_template.system_role, facts.chat_template.system_role_basis));
    lines.Add("  tools", SupportText(facts.chat_template.tools, facts.chat_template.tools_basis));
    lines.Add("  thinking", SupportText(facts.chat_template.thinking, facts.chat_template.thinking_basis));
  }
  lines.Add("licence", OrUnknown(facts.licence));
  if (!facts.author.empty()) lines.Add("author", OrUnknown(facts.author));
  for (const BaseModel& base : facts.base_models) {
    lines.Add("made from", base.repository.empty()
                               ? OrUnknown(base.name)
                               : fmt::format("{} ({})", OrUnknown(base.name), OrUnknown(base.repository)));
  }
  for (const std::string& warning : facts.warnings)
    terminal.PrintLine("  " + terminal.Painted("! " + warning, Paint::kYellow));
  if (arguments.show_template && !facts.chat_template.text.empty()) {
    terminal.PrintLine("");
    terminal.PrintLine(ForTerminal(facts.chat_template.text, true));
  }
}

template <typename T>
nlohmann::ordered_json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json TokenizerJson(const TokenizerFacts& tokenizer) {
  return {{"model", tokenizer.model},
          {"pre", tokenizer.pre},
          {"tokens", tokenizer.tokens},
          {"add_bos", OrNull(tokenizer.add_bos)},
          {"add_eos", OrNull(tokenizer.add_eos)},
          {"bos", OrNull(tokenizer.bos)},
          {"eos", OrNull(tokenizer.eos)},
          {"eot", OrNull(tokenizer.eot)},
          {"unknown", OrNull(tokenizer.unknown)},
          {"padding", OrNull(tokenizer.padding)}};
}

nlohmann::ordered_json TemplateJson(const TemplateFacts& chat) {
  if (chat.text.empty()) return nullptr;
  return {{"text", chat.text},
          {"system_role", {{"support", SupportWord(chat.system_role)}, {"basis", chat.system_role_basis}}},
          {"tools", {{"support", SupportWord(chat.tools)}, {"basis", chat.tools_basis}}},
          {"thinking", {{"support", SupportWord(chat.thinking)}, {"basis", chat.thinking_basis}}}};
}

nlohmann::ordered_json FactsJson(const Facts& facts, const std::string& hash) {
  nlohmann::ordered_json types = nlohmann::ordered_json::array();
  for (const TensorTypeSum& sum : facts.tensor_types) {
    types.push_back(
        {{"type", sum.type}, {"tensors", sum.tensors}, {"elements", sum.elements}, {"bytes", sum.bytes.value}});
  }
  nlohmann::ordered_json bases = nlohmann::ordered_json::array();
  for (const BaseModel& base : facts.base_models) {
    bases.push_back({{"name", base.name}, {"organization", base.organization}, {"repository", base.repository}});
  }
  const Dims& dims = facts.dims;
  nlohmann::ordered_json json = {{"path", facts.path.string()},
                                 {"file_bytes", facts.file_size.value},
                                 {"missing_bytes", facts.missing.value},
                                 {"gguf_version", facts.gguf_version},
                                 {"kind", facts.kind},
                                 {"vocabulary_only", facts.vocabulary_only},
                                 {"name", facts.name},
                                 {"author", facts.author},
                                 {"licence", facts.licence},
                                 {"licence_link", facts.licence_link},
                                 {"base_models", bases},
                                 {"architecture", facts.architecture},
                                 {"engine_knows_architecture", facts.engine_knows_architecture},
                                 {"parameters", facts.parameters},
                                 {"quantization", facts.quantization},
                                 {"quantization_basis", facts.quantization_basis},
                                 {"tensor_bytes", facts.tensor_bytes.value},
                                 {"tensor_types", types},
                                 {"layers", OrNull(dims.layers)},
                                 {"hidden", OrNull(dims.hidden)},
                                 {"ffn", dims.ffn},
                                 {"heads", dims.heads},
                                 {"kv_heads", dims.kv_heads},
                                 {"key_length", OrNull(dims.key_length)},
                                 {"value_length", OrNull(dims.value_length)},
                                 {"vocabulary", OrNull(dims.vocabulary)},
                                 {"context", OrNull(dims.context)},
                                 {"trained_context", OrNull(dims.trained_context)},
                                 {"sliding_window", OrNull(dims.sliding_window)},
                                 {"tied_embeddings", OrNull(dims.tied_embeddings)},
                                 {"tokenizer", TokenizerJson(facts.tokenizer)},
                                 {"chat_template", TemplateJson(facts.chat_template)},
                                 {"warnings", facts.warnings}};
  if (!hash.empty()) json["sha256"] = hash;
  return json;
}

ExitCode RunInspect(const InspectArguments& arguments, Session& session) {
  nlohmann::ordered_json documents = nlohmann::ordered_json::array();
  ExitCode code = ExitCode::kDone;
  bool first = true;
  for (const Path& path : arguments.files) {
    try {
      const Facts facts = ReadFacts(path);
      const std::string hash = arguments.hash ? HashModelFile(path) : "";
      if (session.json) {
        documents.push_back(FactsJson(facts, hash));
      } else {
        if (!first) session.terminal().PrintLine("");
        PrintFacts(facts, hash, arguments, session);
      }
    } catch (const Error& error) {
      // One bad file among several must not hide the others.
      if (arguments.files.size() == 1) throw;
      code = ExitCode::kFailed;
      if (session.json) {
        documents.push_back({{"path", path.string()}, {"error", error.what()}, {"cure", error.hint()}});
      } else {
        session.terminal().Note(
            fmt::format("error: {}\n  cure: {}", ForTerminal(error.what()), ForTerminal(error.hint())));
      }
    }
    first = false;
  }
  if (session.json)
    session.terminal().PrintLine(documents.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return code;
}

}  // namespace

Action DeclareInspect(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<InspectArguments>();
  app.add_option("file", arguments->files, "Model files (GGUF)")->required();
  app.add_flag("--hash", arguments->hash, "Also the SHA-256 of the content (reads the whole file)");
  app.add_flag("--template", arguments->show_template, "Also the text of the chat template");
  return [arguments, &session] { return RunInspect(*arguments, session); };
}

}  // namespace loco
