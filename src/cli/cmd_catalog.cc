// loco catalog list|show: published facts about models, each with its source.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hostile_text.h"
#include "candidate/catalog.h"
#include "candidate/evidence.h"
#include "cli/commands.h"

namespace loco {
namespace {

using nlohmann::ordered_json;

std::string Count(const std::optional<uint64_t>& value) {
  return value ? FormatCount(static_cast<int64_t>(*value)) : "unknown";
}
std::string Size(const std::optional<Bytes>& value) { return value ? FormatBytes(*value) : "unknown"; }
std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : ForTerminal(text); }
std::string YesNo(const std::optional<bool>& value) { return !value ? "unknown" : *value ? "yes" : "no"; }

// "4.02 B", "135 M".
std::string ParameterText(const std::optional<uint64_t>& parameters) {
  if (!parameters) return "unknown";
  const double millions = static_cast<double>(*parameters) / 1e6;
  return millions >= 999.5 ? fmt::format("{:.2f} B", millions / 1000) : fmt::format("{:.0f} M", millions);
}

// The published file where its exact size is known, otherwise the tensors alone.
std::string FileText(const CatalogModel& model) {
  for (const CatalogFile& file : model.files) {
    if (file.quantization == "Q4_K_M" && file.bytes) return FormatBytes(*file.bytes);
  }
  return model.sizes.q4_k_m_tensors ? "> " + FormatBytes(*model.sizes.q4_k_m_tensors) : "unknown";
}

ordered_json SourceJson(const Source& source) { return {{"source", source.text}, {"date", source.date}}; }
template <typename T>
ordered_json OrNull(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}
ordered_json OrNull(const std::optional<Bytes>& value) {
  return value ? ordered_json(value->value) : ordered_json(nullptr);
}
ordered_json OrNull(const std::string& text) { return text.empty() ? ordered_json(nullptr) : ordered_json(text); }
ordered_json FirstOrNull(const std::vector<uint64_t>& list) {
  return list.empty() ? ordered_json(nullptr) : ordered_json(list[0]);
}

ordered_json With(ordered_json section, const Source& source) {
  section.update(SourceJson(source));
  return section;
}

ordered_json ModelJson(const CatalogModel& model) {
  const Dims& dims = model.dims;
  ordered_json files = ordered_json::array();
  for (const CatalogFile& file : model.files) {
    files.push_back(With({{"quantization", file.quantization},
                          {"bytes", OrNull(file.bytes)},
                          {"size", OrNull(file.size)},
                          {"sha256", OrNull(file.sha256)}},
                         file.source));
  }
  const ordered_json shape = {{"architecture", OrNull(dims.architecture)},
                              {"parameters", OrNull(model.parameters)},
                              {"layers", OrNull(dims.layers)},
                              {"hidden", OrNull(dims.hidden)},
                              {"ffn", FirstOrNull(dims.ffn)},
                              {"heads", FirstOrNull(dims.heads)},
                              {"kv_heads", FirstOrNull(dims.kv_heads)},
                              {"head_length", OrNull(dims.key_length)},
                              {"vocabulary", OrNull(dims.vocabulary)},
                              {"context", OrNull(dims.context)},
                              {"tied_embeddings", OrNull(dims.tied_embeddings)},
                              {"sliding_window", OrNull(dims.sliding_window)},
                              {"full_cache_layers", OrNull(model.full_cache_layers)}};
  const EngineSizes& sizes = model.sizes;
  const ordered_json bytes = {
      {"kv_f16_per_token", OrNull(sizes.kv_f16_per_token)}, {"kv_f16_4096", OrNull(sizes.kv_f16_4096)},
      {"kv_q8_0_4096", OrNull(sizes.kv_q8_0_4096)},         {"kv_f16_32768", OrNull(sizes.kv_f16_32768)},
      {"compute_4096", OrNull(sizes.compute_4096)},         {"q4_k_m_tensors", OrNull(sizes.q4_k_m_tensors)},
      {"q8_0_tensors", OrNull(sizes.q8_0_tensors)}};
  const Licence& licence = model.licence;
  return {
      {"id", model.id},
      {"repository", OrNull(model.repository)},
      {"kind", OrNull(model.kind)},
      {"instruct", OrNull(model.instruct)},
      {"languages", OrNull(model.languages)},
      {"note", OrNull(model.note)},
      {"shape", With(shape, model.shape_source)},
      {"sizes", With(bytes, sizes.source)},
      {"files", files},
      {"licence", With({{"id", OrNull(licence.id)},
                        {"name", OrNull(licence.name)},
                        {"permissive", OrNull(licence.permissive)},
                        {"restrictions", OrNull(licence.restrictions)}},
                       licence.source)},
      {"release", With({{"on", OrNull(model.release_date)}}, model.release_source)},
      {"ollama", With({{"tag", OrNull(model.ollama_tag)},
                       {"size", OrNull(model.ollama_size)},
                       {"note", OrNull(model.ollama_note)}},
                      model.ollama_source)},
      {"template", With({{"family", OrNull(model.template_family)}, {"confirmed", OrNull(model.template_confirmed)}},
                        model.template_source)}};
}

ordered_json EvidenceJson(const Evidence& row) {
  return {{"what", row.what},           {"value", OrNull(row.value)}, {"text", OrNull(row.text)},
          {"unit", OrNull(row.unit)},   {"low", OrNull(row.low)},     {"high", OrNull(row.high)},
          {"n", OrNull(row.n)},         {"source", row.source},       {"date", row.date},
          {"precision", row.precision}, {"revision", row.revision},   {"note", OrNull(row.note)}};
}

std::string EvidenceText(const Evidence& row) {
  std::string text = row.text;
  const std::string unit = row.unit.empty() || row.unit == "rank" ? "" : " " + row.unit;
  if (row.value) text = fmt::format("{:g}{}", *row.value, unit);
  if (row.low && row.high)
    text += row.value ? fmt::format(" [{:.4g}, {:.4g}]", *row.low, *row.high)
                      : fmt::format("{:g} to {:g}{}", *row.low, *row.high, unit);
  if (row.n) text += fmt::format(", n {}", *row.n);
  if (!row.note.empty()) text += fmt::format("; {}", row.note);
  return text;
}

ExitCode List(Session& session) {
  const Catalog catalog = LoadCatalog(session.DataFolder() / "catalog");
  if (session.json) {
    ordered_json documents = ordered_json::array();
    for (const CatalogModel& model : catalog.models) documents.push_back(ModelJson(model));
    session.terminal().PrintLine(documents.dump(2));
    return ExitCode::kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const CatalogModel& model : catalog.models) {
    rows.push_back({ForTerminal(model.id), ParameterText(model.parameters), FileText(model), Count(model.dims.context),
                    Size(model.sizes.kv_f16_4096), OrUnknown(model.licence.id), YesNo(model.licence.permissive),
                    OrUnknown(model.release_date)});
  }
  session.terminal().Print(FormatTable(
      {"model", "parameters", "Q4_K_M", "context", "KV at 4,096", "licence", "permissive", "released"}, rows));
  session.terminal().PrintLine(fmt::format(
      "{} models. 'loco catalog show ID' has every fact with its source; > is tensors without the file's header",
      rows.size()));
  return ExitCode::kDone;
}

class Section {
 public:
  explicit Section(Terminal& terminal) : terminal_(terminal) {}
  void Add(std::string_view label, std::string_view value) {
    terminal_.PrintLine(fmt::format("  {:<15} {}", label, value));
  }
  void AddSource(const Source& source) {
    const std::string text = source.text.empty() ? "no source stated" : ForTerminal(source.text);
    terminal_.PrintLine(terminal_.Painted(fmt::format("  {:<15} {} · {}", "", text, source.date), Paint::kDim));
  }

 private:
  Terminal& terminal_;
};

void PrintShape(const CatalogModel& model, Section& section) {
  const Dims& dims = model.dims;
  const auto first = [](const std::vector<uint64_t>& list) {
    return list.empty() ? std::optional<uint64_t>() : list[0];
  };
  section.Add("architecture", OrUnknown(dims.architecture));
  section.Add("parameters", Count(model.parameters));
  section.Add("shape", fmt::format("{} layers, width {}, feed-forward {}, {} heads, {} for keys and values, length {}",
                                   Count(dims.layers), Count(dims.hidden), Count(first(dims.ffn)),
                                   Count(first(dims.heads)), Count(first(dims.kv_heads)), Count(dims.key_length)));
  section.Add("vocabulary", Count(dims.vocabulary) + (dims.tied_embeddings.value_or(false) ? ", embeddings tied" : ""));
  section.Add("context", Count(dims.context));
  if (dims.sliding_window.value_or(0) != 0)
    section.Add("sliding window", fmt::format("{}, {} layers with a full cache", Count(dims.sliding_window),
                                              Count(model.full_cache_layers)));
  if (!model.sliding_note.empty()) section.Add("", ForTerminal(model.sliding_note));
  section.AddSource(model.shape_source);
  if (!model.sizes.kv_f16_4096) return;
  section.Add("KV cache",
              fmt::format("{} at 4,096 tokens in f16, {} in q8_0, {} at 32,768", Size(model.sizes.kv_f16_4096),
                          Size(model.sizes.kv_q8_0_4096), Size(model.sizes.kv_f16_32768)));
  section.Add("compute buffer", Size(model.sizes.compute_4096) + " at 4,096 tokens");
  section.Add("tensors", fmt::format("{} at Q4_K_M, {} at Q8_0", Size(model.sizes.q4_k_m_tensors),
                                     Size(model.sizes.q8_0_tensors)));
  section.AddSource(model.sizes.source);
}

void PrintModel(const CatalogModel& model, const std::vector<Evidence>& evidence, Terminal& terminal) {
  terminal.PrintLine(terminal.Painted(ForTerminal(model.id), Paint::kBold));
  Section section(terminal);
  section.Add("repository", OrUnknown(model.repository));
  section.Add("kind", OrUnknown(model.kind));
  section.Add("instruct", YesNo(model.instruct));
  section.Add("languages", OrUnknown(model.languages));
  if (!model.note.empty()) section.Add("note", ForTerminal(model.note));
  PrintShape(model, section);
  for (const CatalogFile& file : model.files) {
    const std::string size = file.bytes
                                 ? fmt::format("{} ({} bytes)", FormatBytes(*file.bytes), Count(file.bytes->value))
                                 : OrUnknown(file.size);
    section.Add("file " + ForTerminal(file.quantization),
                size + (file.sha256.empty() ? "" : ", sha256 " + file.sha256));
    section.AddSource(file.source);
  }
  section.Add("licence", fmt::format("{} ({}), permissive: {}", OrUnknown(model.licence.name),
                                     OrUnknown(model.licence.id), YesNo(model.licence.permissive)));
  section.Add("", OrUnknown(model.licence.restrictions));
  section.AddSource(model.licence.source);
  section.Add("released", OrUnknown(model.release_date));
  section.AddSource(model.release_source);
  section.Add("Ollama",
              fmt::format("{}, {}", OrUnknown(model.ollama_tag.empty() ? model.ollama_note : model.ollama_tag),
                          OrUnknown(model.ollama_size)));
  section.AddSource(model.ollama_source);
  section.Add("template", fmt::format("{}{}", OrUnknown(model.template_family),
                                      model.template_confirmed.value_or(false) ? "" : " (not confirmed)"));
  if (evidence.empty()) return;
  terminal.PrintLine("  published figures (they prune, they never decide)");
  for (const Evidence& row : evidence) {
    terminal.PrintLine(fmt::format("    {:<28} {}", ForTerminal(row.what), ForTerminal(EvidenceText(row))));
    terminal.PrintLine(
        terminal.Painted(fmt::format("    {:<28} {} · {} · precision {} · revision {}", "", ForTerminal(row.source),
                                     ForTerminal(row.date), ForTerminal(row.precision), ForTerminal(row.revision)),
                         Paint::kDim));
  }
}

ExitCode Show(const std::string& id, Session& session) {
  const Catalog catalog = LoadCatalog(session.DataFolder() / "catalog");
  const CatalogModel& model = catalog.Get(id);
  std::vector<Evidence> evidence;
  for (Evidence& row : LoadEvidence(session.DataFolder() / "catalog" / "evidence")) {
    if (row.model == id) evidence.push_back(std::move(row));
  }
  if (session.json) {
    ordered_json document = ModelJson(model);
    document["evidence"] = ordered_json::array();
    for (const Evidence& row : evidence) document["evidence"].push_back(EvidenceJson(row));
    session.terminal().PrintLine(document.dump(2));
  } else {
    PrintModel(model, evidence, session.terminal());
  }
  return ExitCode::kDone;
}

}  // namespace

Action DeclareCatalog(CLI::App& app, Session& session) {
  auto id = std::make_shared<std::string>();
  CLI::App* list = app.add_subcommand("list", "all models, one a line");
  CLI::App* show = app.add_subcommand("show", "every fact about one model, with source and date");
  show->add_option("id", *id, "Identifier, as 'loco catalog list' shows it")->required();
  app.require_subcommand(1);
  return [id, list, &session] { return list->parsed() ? List(session) : Show(*id, session); };
}

}  // namespace loco
