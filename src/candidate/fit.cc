#include "candidate/fit.h"

#include <fmt/format.h>

#include <algorithm>

namespace loco {
namespace {

constexpr uint64_t kPad = 256;                         // the engine rounds contexts up to it
constexpr uint64_t kMaxContext = uint64_t{1} << 26;    // bounds arithmetic; models claim up to 10 million
constexpr uint64_t kMaxLoraWidth = uint64_t{1} << 40;  // likewise

// Fitted to resident memory of four models between 0.6B and 4B on one machine (llama.cpp v0.5.0, processor only):
// program 6.5 MB, graph and allocator 12 MB. One more model, held out, came out 0.2 % too low.
constexpr uint64_t kRuntimeBytes = 18'500'000;
// Tokenizer heap per token: 338 (GPT-2), 316 (Qwen), 381 (Gemma) and 429 bytes (Llama 3) were measured.
constexpr uint64_t kTokenizerBytesPerToken = 380;

uint64_t Padded(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

uint64_t PaddedContext(const FitOptions& options) {
  const uint64_t context = std::clamp<uint64_t>(options.context, 1, kMaxContext);
  const uint64_t sequences = std::max<uint64_t>(options.sequences, 1);
  if (options.unified_cache) return Padded(context, kPad);
  return Padded(Padded(context, kPad) / sequences, kPad) * sequences;
}
uint64_t MicroBatch(const FitOptions& options) {
  return std::clamp<uint64_t>(options.micro_batch, 1, PaddedContext(options));
}

Term WeightTerm(const FitInputs& inputs) {
  return {.name = "weights",
          .detail = inputs.quantization,
          .bytes = inputs.weight_bytes,
          .basis = inputs.weight_basis,
          .source = inputs.weight_source};
}

Term CacheTerm(const FitInputs& inputs, const FitOptions& options) {
  const GgmlType* type = FindGgmlType(options.cache_type);
  Term term{.name = "KV cache", .detail = type == nullptr ? "unknown type" : std::string(type->name)};
  term.bytes = CacheBytes(inputs.shape, options);
  term.basis = inputs.shape.rule_known ? Basis::kExact : Basis::kDerived;
  if (term.bytes) {
    const auto sliding = std::count_if(inputs.shape.layers.begin(), inputs.shape.layers.end(),
                                       [](const LayerShape& layer) { return layer.cache == Cache::kSliding; });
    const auto full = std::count_if(inputs.shape.layers.begin(), inputs.shape.layers.end(),
                                    [](const LayerShape& layer) { return layer.cache == Cache::kFull; });
    term.source = fmt::format("{} full", full);
    if (sliding > 0) term.source += fmt::format(", {} sliding over {}", sliding, inputs.shape.sliding_window);
    if (!inputs.shape.rule_known) term.source += "; architecture without a rule: an upper bound";
  } else if (inputs.shape.layers.empty()) {
    term.source = inputs.shape.missing;
  } else {
    term.source = fmt::format("heads do not fill whole blocks of {}", term.detail);
  }
  return term;
}

Term ComputeTerm(const FitInputs& inputs, const FitOptions& options) {
  Term term{.name = "compute buffer", .basis = Basis::kDerived};
  const Dims& dims = inputs.dims;
  if (!dims.vocabulary || !dims.hidden || *dims.vocabulary > kMaxContext || *dims.hidden > kMaxContext) {
    term.source = "vocabulary or width is not stated";
    return term;
  }
  const uint64_t batch = MicroBatch(options);
  uint64_t ffn = 0;
  for (const uint64_t width : dims.ffn) ffn = std::max(ffn, std::min(width, kMaxContext));
  // The larger of two moments: logits of a whole micro-batch, or the widest layer beside the attention mask, which
  // holds 16 bits for every pair of a token and a cell.
  const uint64_t logits = 4 * (*dims.vocabulary + 2 * *dims.hidden + 1);
  const uint64_t layer = 4 * (4 * ffn + 2 * *dims.hidden) + 2 * PaddedContext(options);
  uint64_t bytes = batch * std::max(logits, layer);
  term.source = fmt::format("{} tokens at a time; some models need up to 15 % more", batch);
  if (inputs.compute_bytes) {
    const uint64_t known = inputs.compute_bytes->value * batch / 512;
    if (known >= bytes) {
      bytes = known;
      const bool same = batch == 512 && PaddedContext(options) == 4096;
      term.basis = same ? Basis::kExact : Basis::kDerived;
      term.source = same ? "the engine's own figure" : "scaled from the engine's figure at 4,096 tokens";
    }
  }
  if (!options.flash_attention) {
    const auto heads = Dims::At(dims.heads, 0);
    bytes += 4 * batch * PaddedContext(options) * std::min(heads.value_or(1), uint64_t{1} << 12);
    term.basis = Basis::kDerived;
    term.source += "; attention scores added";
  }
  term.bytes = Bytes{bytes};
  return term;
}

Term OutputTerm(const FitInputs& inputs, const FitOptions& options) {
  Term term{.name = "output", .detail = options.outputs == 1 ? "1 token" : fmt::format("{} tokens", options.outputs)};
  if (!inputs.dims.vocabulary || *inputs.dims.vocabulary > kMaxContext) {
    term.source = "the vocabulary is not stated";
    return term;
  }
  const uint64_t outputs = std::min(options.outputs, kMaxContext);
  term.bytes = Bytes{4 * outputs * *inputs.dims.vocabulary};
  term.source = "logits";
  return term;
}

Term RepackTerm(const FitInputs& inputs, const FitOptions& options) {
  Term term{.name = "repacked copy", .bytes = Bytes{0}};
  if (!options.repack || options.repack_rule == RepackRule::kNone) {
    term.source = "off";
    return term;
  }
  if (!inputs.weights.empty()) {
    const RepackBytes sum =
        CountRepacked(inputs.weights, inputs.dims.tied_embeddings.value_or(false), options.repack_rule);
    term.basis = inputs.weight_basis == Basis::kExact ? Basis::kExact : Basis::kDerived;
    term.bytes = Bytes{sum.tied + sum.copies - (options.mmap ? 0 : sum.originals)};
    term.source = sum.tied + sum.copies == 0 ? "no tensor of a type that is copied"
                  : options.mmap             ? "beside the mapped file"
                                             : "the copy replaces the original";
    return term;
  }
  if (!options.mmap) {
    term.source = "the copy replaces the original";
    return term;
  }
  // Which tensors are copied is not known: at most all of them.
  term.bytes = inputs.weight_bytes;
  term.basis = Basis::kAssumed;
  term.source = inputs.weight_bytes ? "types of tensors unknown: at most all" : "the size of the weights is not known";
  return term;
}

Term AdapterTerm(const FitInputs& inputs, const FitOptions& options) {
  Term term{.name = "LoRA adapter", .detail = fmt::format("rank {}", options.adapter_rank), .basis = Basis::kDerived};
  uint64_t width = LoraWidth(inputs.weights);
  if (inputs.weights.empty()) {
    if (const auto weights = DeriveWeights(inputs.dims, "F16")) width = LoraWidth(*weights);
  }
  const GgmlType* type = FindGgmlType(options.adapter_type);
  if (width == 0 || width > kMaxLoraWidth || type == nullptr || options.adapter_rank > (1 << 16)) {
    term.source = "the linear layers are not known";
    return term;
  }
  const uint64_t parameters = options.adapter_rank * width;
  term.bytes = Bytes{parameters * type->bytes / type->block};
  term.source = fmt::format("{} parameters, {}", FormatCount(static_cast<int64_t>(parameters)), type->name);
  return term;
}

Term RuntimeTerm(const FitInputs& inputs) {
  const uint64_t tokens = std::min(inputs.dims.vocabulary.value_or(0), kMaxContext);
  return {.name = "runtime, tokenizer",
          .bytes = Bytes{kRuntimeBytes + kTokenizerBytesPerToken * tokens},
          .basis = Basis::kFitted,
          .source = "18.5 MB and 380 bytes a token"};
}

std::vector<Term> ComputeTerms(const FitInputs& inputs, const FitOptions& options) {
  std::vector<Term> terms = {WeightTerm(inputs), CacheTerm(inputs, options)};
  const auto state = RecurrentBytes(inputs.shape, options);
  if (state && state->value != 0) {
    terms.push_back({.name = "recurrent state", .bytes = state, .source = "per sequence, whatever its length"});
  }
  terms.push_back(ComputeTerm(inputs, options));
  terms.push_back(OutputTerm(inputs, options));
  terms.push_back(RepackTerm(inputs, options));
  if (options.adapter_rank != 0) terms.push_back(AdapterTerm(inputs, options));
  terms.push_back(RuntimeTerm(inputs));
  terms.push_back({.name = "operating system",
                   .bytes = options.os_reserve,
                   .basis = options.os_basis,
                   .source = options.os_source});
  return terms;
}

Bytes Sum(const std::vector<Term>& terms) {
  Bytes total;
  for (const Term& term : terms) total += term.bytes.value_or(Bytes{0});
  return total;
}
bool AllKnown(const std::vector<Term>& terms) {
  return std::all_of(terms.begin(), terms.end(), [](const Term& term) { return term.bytes.has_value(); });
}

Verdict Judge(const std::vector<Term>& terms, const std::optional<Bytes>& memory) {
  if (!memory) return Verdict::kUnknown;
  const Bytes total = Sum(terms);
  if (total > *memory) return Verdict::kDoesNotFit;  // also when something unknown would come on top
  if (!AllKnown(terms)) return Verdict::kUnknown;
  const double share = static_cast<double>(total.value) / static_cast<double>(memory->value);
  return share > kTightShare ? Verdict::kTight : Verdict::kFits;
}

// The process touches little of the space that it reserves for logits: activations of the widest layer instead.
// Source: fitted with kRuntimeBytes, see there.
std::optional<Bytes> ExpectedResident(const FitInputs& inputs, const FitOptions& options,
                                      const std::vector<Term>& terms) {
  const auto ffn = Dims::At(inputs.dims.ffn, 0);
  const bool bounds_only = std::any_of(terms.begin(), terms.end(), [](const Term& term) {
    return term.name == "repacked copy" && term.basis == Basis::kAssumed;
  });
  if (!AllKnown(terms) || bounds_only || !ffn || !inputs.dims.hidden) return std::nullopt;
  Bytes resident;
  for (const Term& term : terms) {
    if (term.name == "operating system") continue;
    if (term.name == "compute buffer") {
      const uint64_t touched = 4 * MicroBatch(options) * (4 * std::min(*ffn, kMaxContext) + 2 * *inputs.dims.hidden);
      resident += Bytes{std::min(touched, term.bytes->value)};
    } else {
      resident += *term.bytes;
    }
  }
  return resident;
}

void AddRemedies(const FitInputs& inputs, const FitOptions& options, Fit& fit) {
  const auto consider = [&](std::string change, std::string option, const FitOptions& changed) {
    const std::vector<Term> terms = ComputeTerms(inputs, changed);
    const Verdict verdict = Judge(terms, options.memory);
    if (verdict == Verdict::kFits || (verdict == Verdict::kTight && fit.verdict == Verdict::kDoesNotFit)) {
      fit.remedies.push_back({std::move(change), std::move(option), Sum(terms), verdict});
    }
  };
  const Term* copy = fit.Find("repacked copy");
  const bool copies = copy != nullptr && copy->bytes && copy->bytes->value != 0;
  if (copies) {
    FitOptions changed = options;
    changed.repack = false;
    const Bytes copyless = Sum(ComputeTerms(inputs, changed));
    consider("without the repacked copy", "--no-repack", changed);
    changed = options;
    changed.mmap = false;
    // The same total, usually: then the first is enough, since mapping lets several programs share the file.
    if (Sum(ComputeTerms(inputs, changed)) != copyless) consider("without mapping the file", "--no-mmap", changed);
  }
  if (options.cache_type == kF16) {
    FitOptions changed = options;
    changed.cache_type = kQ8_0;
    consider("with a q8_0 KV cache", "--kv q8_0", changed);
    changed.repack = false;
    if (copies && fit.remedies.empty())
      consider("with a q8_0 KV cache and no repacked copy", "--kv q8_0 --no-repack", changed);
  }
  for (const bool repack : {true, false}) {
    FitOptions changed = options;
    changed.repack = options.repack && repack;
    // For a tight fit, look for the context that leaves the usual room.
    if (fit.verdict == Verdict::kTight) {
      changed.memory = Bytes{static_cast<uint64_t>(static_cast<double>(options.memory->value) * kTightShare)};
    }
    const uint64_t context = MaxContext(inputs, changed).value_or(0);
    if (context < kPad || context >= fit.context) continue;
    changed.context = context;
    changed.memory = options.memory;
    const std::string tokens = FormatCount(static_cast<int64_t>(context));
    consider(
        fmt::format("with a context of {}{}", tokens, changed.repack == options.repack ? "" : " and no repacked copy"),
        fmt::format("--context {}{}", context, changed.repack == options.repack ? "" : " --no-repack"), changed);
    break;
  }
}

}  // namespace

std::string_view BasisName(Basis basis) {
  switch (basis) {
    case Basis::kExact:
      return "exact";
    case Basis::kDerived:
      return "derived";
    case Basis::kFitted:
      return "fitted";
    case Basis::kMeasured:
      return "measured";
    case Basis::kAssumed:
      return "assumed";
  }
  return "";
}

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFits:
      return "fits";
    case Verdict::kTight:
      return "fits, tight";
    case Verdict::kDoesNotFit:
      return "does not fit";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "";
}

FitInputs FitInputsOf(const Facts& facts) {
  FitInputs inputs;
  inputs.model = facts.name.empty() ? facts.path.filename().string() : facts.name;
  inputs.quantization = facts.quantization;
  inputs.dims = facts.dims;
  inputs.shape = ComputeShape(facts.dims);
  if (facts.missing.value != 0) {
    inputs.warnings.push_back(
        fmt::format("the file is incomplete: {} of its tensors are missing", FormatBytes(facts.missing)));
  }
  if (!facts.engine_knows_architecture) {
    inputs.warnings.push_back("the engine does not know this architecture and cannot load the file");
  }
  if (facts.kind != "model") {
    inputs.weight_source = "the file is not a model but of the kind " + facts.kind;
  } else if (facts.vocabulary_only) {
    inputs.weight_source = "the file has a vocabulary but no weights";
  } else if (facts.split_count > 1) {
    inputs.weight_source = fmt::format("this is part {} of {}", facts.split_index + 1, facts.split_count);
  } else {
    inputs.weights = facts.weights;
    inputs.weight_bytes = facts.tensor_bytes;
    inputs.weight_source = fmt::format("{} tensors of the file", facts.weights.size());
  }
  return inputs;
}

std::optional<FitInputs> FitInputsAt(const Facts& facts, std::string_view quantization) {
  FitInputs inputs = FitInputsOf(facts);
  if (facts.quantization == quantization) return inputs;
  auto weights = DeriveWeights(facts.dims, quantization);
  if (!weights) return std::nullopt;
  inputs.quantization = quantization;
  inputs.weights = std::move(*weights);
  inputs.weight_bytes = TotalBytes(inputs.weights);
  inputs.weight_basis = Basis::kDerived;
  inputs.weight_source = fmt::format("every tensor at {}, from the file's dimensions", quantization);
  return inputs;
}

std::optional<Bytes> CacheBytes(const Shape& shape, const FitOptions& options) {
  const GgmlType* type = FindGgmlType(options.cache_type);
  if (shape.layers.empty() || type == nullptr) return std::nullopt;
  const uint64_t sequences = std::clamp<uint64_t>(options.sequences, 1, 256);
  const uint64_t streams = options.unified_cache ? 1 : sequences;
  const uint64_t cells = PaddedContext(options) / streams;
  // A window needs room for itself, for every sequence in a shared cache, and for the micro-batch being computed.
  const uint64_t window = std::min(shape.sliding_window, kMaxContext) * (options.unified_cache ? sequences : 1);
  const uint64_t sliding_cells = Padded(std::min(cells, window + MicroBatch(options)), kPad);
  uint64_t bytes = 0;
  for (const LayerShape& layer : shape.layers) {
    if (layer.cache == Cache::kNone) continue;
    if (layer.key_length % type->block != 0 || layer.value_length % type->block != 0) return std::nullopt;
    const uint64_t rows = streams * (layer.cache == Cache::kSliding ? sliding_cells : cells);
    bytes += rows * (layer.key_width + layer.value_width) / type->block * type->bytes;
  }
  return Bytes{bytes};
}

std::optional<Bytes> RecurrentBytes(const Shape& shape, const FitOptions& options) {
  if (shape.layers.empty()) return std::nullopt;
  uint64_t values = 0;
  for (const LayerShape& layer : shape.layers) values += layer.state_values;
  return Bytes{4 * values * std::clamp<uint64_t>(options.sequences, 1, 256)};
}

const Term* Fit::Find(std::string_view name) const {
  for (const Term& term : terms) {
    if (term.name == name) return &term;
  }
  return nullptr;
}

Fit ComputeFit(const FitInputs& inputs, const FitOptions& options) {
  Fit fit;
  fit.context = PaddedContext(options);
  fit.memory = options.memory;
  fit.warnings = inputs.warnings;
  fit.terms = ComputeTerms(inputs, options);
  fit.total = Sum(fit.terms);
  fit.process = Bytes{fit.total.value - options.os_reserve.value};
  fit.expected_resident = ExpectedResident(inputs, options, fit.terms);
  fit.verdict = Judge(fit.terms, options.memory);
  if (fit.verdict == Verdict::kUnknown) {
    fit.reason = "no memory limit was given";
    for (const Term& term : fit.terms) {
      if (term.bytes) continue;
      fit.reason = fmt::format("{}: {}", term.name, term.source);
      break;
    }
  }
  if (inputs.dims.context && options.context > *inputs.dims.context) {
    fit.warnings.push_back(fmt::format("{} tokens are more than the {} that the model claims",
                                       FormatCount(static_cast<int64_t>(options.context)),
                                       FormatCount(static_cast<int64_t>(*inputs.dims.context))));
  }
  if (fit.verdict == Verdict::kTight || fit.verdict == Verdict::kDoesNotFit) AddRemedies(inputs, options, fit);
  return fit;
}

Fit ComputeFit(const Facts& facts, const FitOptions& options) { return ComputeFit(FitInputsOf(facts), options); }

std::optional<uint64_t> MaxContext(const FitInputs& inputs, const FitOptions& options) {
  if (!options.memory) return std::nullopt;
  const auto total = [&](uint64_t context) -> std::optional<Bytes> {
    FitOptions changed = options;
    changed.context = context;
    const std::vector<Term> terms = ComputeTerms(inputs, changed);
    return AllKnown(terms) ? std::optional<Bytes>(Sum(terms)) : std::nullopt;
  };
  // Where the model does not say, a million tokens bound the search.
  const uint64_t longest = std::min<uint64_t>(inputs.dims.context.value_or(1 << 20), 1 << 24);
  uint64_t fits = 0;
  uint64_t fails = std::max<uint64_t>(longest / kPad, 1) + 1;  // in steps of 256
  if (!total(kPad)) return std::nullopt;
  while (fails - fits > 1) {
    const uint64_t middle = fits + (fails - fits) / 2;
    (*total(middle * kPad) <= *options.memory ? fits : fails) = middle;
  }
  return fits * kPad;
}

}  // namespace loco
