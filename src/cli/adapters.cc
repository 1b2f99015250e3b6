#include "cli/adapters.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "base/hash.h"
#include "base/hostile_text.h"
#include "base/letter_case.h"
#include "cli/model_files.h"
#include "train/architecture.h"
#include "train/peft.h"

namespace loco {

const GgmlType& WeightTypeNamed(const std::string& name) {
  for (const GgmlType& type : kGgmlTypes) {
    if (SameWord(name, type.name)) return type;
  }
  throw Error(fmt::format("{}: no such type of weights", QuotedWord(name)),
              "name a type of single weights: F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K, Q5_0, Q4_0 …",
              ExitCode::kUsage);
}

BaseNetwork::BaseNetwork(const Path& path) : path_(path), file_(path), gguf_(ParseGguf(file_.bytes(), path.string())) {
  CheckIsModel(ReadFacts(path));
  network_ = BuildNetwork(gguf_, file_.bytes(), path_);
}

std::string BaseNetwork::name() const {
  for (const std::string_view key : {"general.base_model.0.repo_url", "general.repo_url", "general.name"}) {
    const GgufValue* value = gguf_.Find(key);
    if (value != nullptr && value->AsString() && !value->AsString()->empty()) {
      std::string name(*value->AsString());
      constexpr std::string_view kHome = "https://huggingface.co/";
      return name.starts_with(kHome) ? name.substr(kHome.size()) : name;
    }
  }
  return path_.stem().string();
}

MergedFile MergeIntoFile(Session& session, const Path& base, const Path& adapter, const Path& out,
                         const std::string& type) {
  MergeOptions options{.adapter_hash = Sha256OfFile(adapter), .base_hash = Sha256OfFile(base)};
  MergedFile merged{.path = out};
  if (!type.empty()) {
    const GgmlType& chosen = WeightTypeNamed(type);
    options.type = chosen.id;
    merged.type = std::string(chosen.name);
  }
  const StoredAdapter stored = ReadAdapter(adapter);
  if (!stored.facts.base_hash.empty() && stored.facts.base_hash != options.base_hash) {
    throw Error(fmt::format("{}: trained on another file than {}", adapter.string(), base.string()),
                "give the very base that it was trained on: its rounding is part of what the adapter learned");
  }
  Progress& progress = session.terminal().progress();
  progress.Begin("merge", 1000, 0);
  merged.report = MergeAdapter(base, stored, out, options,
                               [&](int64_t done, int64_t all) { progress.Update(done * 1000 / all, ""); });
  progress.End();
  merged.hash = Sha256OfFile(out);
  return merged;
}

std::string MergeLines(const MergedFile& merged) {
  const MergeReport& report = merged.report;
  std::string text = fmt::format("merged    {} · {} · {} weight matrices\n", ForTerminal(merged.path.string()),
                                 FormatBytes({static_cast<uint64_t>(report.bytes)}), report.tensors);
  text +=
      fmt::format("change    {:.2f} % of the merged weights (rms) · rounding them to {} costs {:.2f} %\n",
                  100 * report.change, merged.type.empty() ? "the base's types" : merged.type, 100 * report.rounding);
  if (report.rounding > report.change) {
    text +=
        "! rounding moves the weights further than the adapter: score both with 'loco eval', or merge into a larger "
        "type, such as Q8_0\n";
  }
  return text;
}

std::string MergeToJson(const MergedFile& merged) {
  return nlohmann::ordered_json{{"path", merged.path.string()},
                                {"hash", merged.hash},
                                {"bytes", merged.report.bytes},
                                {"tensors", merged.report.tensors},
                                {"relative_change", merged.report.change},
                                {"relative_rounding", merged.report.rounding}}
      .dump(2);
}

void ExportAdapter(const Path& base, const Path& adapter, const Path& folder, const std::string& base_name) {
  const BaseNetwork network(base);
  ExportPeft(folder, ReadAdapter(adapter), network.network(), base_name.empty() ? network.name() : base_name);
}

}  // namespace loco
