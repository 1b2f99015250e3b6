#include "engine/llama_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/system.h"
#include "base/version.h"
#include "engine/llama_batch.h"
#include "engine/llama_handles.h"
#include "engine/sampling.h"

namespace loco {
namespace {

std::string MetadataText(const llama_model* model, const char* key) {
  const int32_t length = llama_model_meta_val_str(model, key, nullptr, 0);
  if (length <= 0) return "";
  std::string text(static_cast<size_t>(length) + 1, '\0');
  llama_model_meta_val_str(model, key, text.data(), text.size());
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string DescriptionOf(const llama_model* model) {
  char buffer[128] = {};
  llama_model_desc(model, buffer, sizeof buffer);
  return buffer;
}

std::string TokenText(const llama_vocab* vocabulary, Token token) {
  if (token < 0) return "";
  const char* text = llama_vocab_get_text(vocabulary, token);
  return text == nullptr ? "" : text;
}

ModelInfo ReadInfo(const llama_model* model) {
  const llama_vocab* vocabulary = llama_model_get_vocab(model);
  ModelInfo info;
  info.description = DescriptionOf(model);
  info.vocabulary_size = llama_vocab_n_tokens(vocabulary);
  info.trained_context = llama_model_n_ctx_train(model);
  info.adds_bos = llama_vocab_get_add_bos(vocabulary);
  info.bos = llama_vocab_bos(vocabulary);
  info.eos = llama_vocab_eos(vocabulary);
  info.bos_text = TokenText(vocabulary, info.bos);
  info.eos_text = TokenText(vocabulary, info.eos);
  info.chat_template = MetadataText(model, "tokenizer.chat_template");
  return info;
}

// Calls work(index of the first, requests) for each group, from an empty cache.
template <typename Request, typename Work>
void EachGroup(llama_context* context, std::span<const Request> requests, int size, const Work& work) {
  const auto step = static_cast<size_t>(std::max(1, size));
  for (size_t first = 0; first < requests.size(); first += step) {
    llama_memory_clear(llama_get_memory(context), false);
    work(first, requests.subspan(first, std::min(step, requests.size() - first)));
  }
}

class LlamaModel : public LanguageModel {
 public:
  LlamaModel(const Path& path, const LoadOptions& options) : options_(options) {
    StartEngine();
    llama_model_params parameters = llama_model_default_params();
    parameters.n_gpu_layers = 0;
    parameters.load_mode = options.use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    parameters.use_extra_bufts = options.repack;
    parameters.vocab_only = options.vocabulary_only;
    ClearEngineLog();
    model_.reset(llama_model_load_from_file(path.c_str(), parameters));
    if (model_ == nullptr) {
      throw Error(fmt::format("{}: the engine cannot load the model: {}", path.string(), EngineErrors()),
                  "'loco inspect' shows what the file holds; a truncated download must be fetched again");
    }
    if (!options.adapter.empty()) {
      adapter_.reset(llama_adapter_lora_init(model_.get(), options.adapter.c_str()));
      if (adapter_ == nullptr) {
        throw Error(fmt::format("{}: the engine cannot load the adapter: {}", options.adapter.string(), EngineErrors()),
                    "an adapter fits only the base that it was trained on");
      }
    }
    vocabulary_ = llama_model_get_vocab(model_.get());
    info_ = ReadInfo(model_.get());
    info_.file = path.string();
    if (options_.threads <= 0) options_.threads = ThreadsFor(llama_model_size(model_.get()), ReadProcessor().cores);
    info_.threads = options_.threads;
  }

  const ModelInfo& info() const override { return info_; }

  std::vector<Token> Tokenize(std::string_view text, const TokenizeOptions& options) const override {
    // A token has at least one byte, plus BOS and EOS and a possible blank in front.
    std::vector<Token> tokens(text.size() + 8);
    int32_t count = llama_tokenize(vocabulary_, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                   static_cast<int32_t>(tokens.size()), options.add_special, options.parse_special);
    if (count < 0 && count != INT32_MIN) {
      tokens.resize(static_cast<size_t>(-count));
      count = llama_tokenize(vocabulary_, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                             static_cast<int32_t>(tokens.size()), options.add_special, options.parse_special);
    }
    if (count < 0) throw Error("the text is too long for the tokenizer", "split it into smaller items");
    tokens.resize(static_cast<size_t>(count));
    return tokens;
  }

  // Piece by piece, not llama_detokenize(): that drops the blank in front of the first token, and a continuation's
  // first blank is part of what the model said.
  std::string Detokenize(std::span<const Token> tokens, bool with_special) const override {
    std::string text;
    char buffer[256];
    for (const Token token : tokens) {
      int32_t length = llama_token_to_piece(vocabulary_, token, buffer, sizeof buffer, 0, with_special);
      if (length >= 0) {
        text.append(buffer, static_cast<size_t>(length));
        continue;
      }
      std::string piece(static_cast<size_t>(-length), '\0');
      length = llama_token_to_piece(vocabulary_, token, piece.data(), -length, 0, with_special);
      LOCO_CHECK(length == static_cast<int32_t>(piece.size()));
      text += piece;
    }
    return text;
  }

  bool IsEndOfGeneration(Token token) const override { return llama_vocab_is_eog(vocabulary_, token); }

  void Generate(std::span<const GenerateRequest> requests, const BatchOptions& options,
                const GenerationDone& done) override {
    if (requests.empty()) return;
    const int context = ContextOf(options);
    const int parallel = std::clamp<int>(options.parallel, 1, static_cast<int>(requests.size()));
    const LlamaContextPtr handle = MakeContext({.tokens = context * parallel, .sequences = parallel, .unified = false});
    EachGroup(handle.get(), requests, options.group, [&](size_t first, std::span<const GenerateRequest> group) {
      GenerateBatched(handle.get(), *this, group, context, parallel,
                      [&](size_t i, const Generation& generation) { done(first + i, generation); });
    });
  }

  void ScoreChoices(std::span<const ChoiceRequest> requests, const BatchOptions& options,
                    const ChoicesDone& done) override {
    if (requests.empty()) return;
    const int context = ContextOf(options);
    const int batch = std::max(kChoiceBatchTokens, context);
    const LlamaContextPtr handle = MakeContext(
        {.tokens = batch, .sequences = kChoiceSequences, .unified = true, .batch = batch, .outputs = batch});
    EachGroup(handle.get(), requests, options.group, [&](size_t first, std::span<const ChoiceRequest> group) {
      ScoreChoicesBatched(handle.get(), info_.vocabulary_size, group, {.context = context, .batch_tokens = batch},
                          [&](size_t i, const ChoiceScores& scores) { done(first + i, scores); });
    });
  }

  std::unique_ptr<Sequence> StartSequence(int context) override;

  void VisitLogits(std::span<const Token> tokens, const LogitsVisitor& visit) override {
    if (tokens.empty()) return;
    constexpr int kRows = 64;  // logits of that many tokens at a time
    const LlamaContextPtr handle =
        MakeContext({.tokens = static_cast<int>(tokens.size()), .batch = kRows, .outputs = kRows, .cache32 = true});
    Batch batch(kRows, 1);
    for (size_t begin = 0; begin < tokens.size(); begin += kRows) {
      const size_t count = std::min<size_t>(kRows, tokens.size() - begin);
      batch.Clear();
      for (size_t i = 0; i < count; ++i) batch.Add(tokens[begin + i], static_cast<int>(begin + i), 0, true);
      Decode(handle.get(), batch);
      for (size_t i = 0; i < count; ++i) {
        visit(begin + i, {llama_get_logits_ith(handle.get(), static_cast<int32_t>(i)),
                          static_cast<size_t>(info_.vocabulary_size)});
      }
    }
  }

 private:
  friend class LlamaSequence;

  struct ContextOptions {
    int tokens = 0;
    int sequences = 1;
    bool unified = false;
    int batch = 2048;
    int outputs = 0;  // 0: one for each sequence
    bool cache32 = false;
  };

  int ContextOf(const BatchOptions& options) const {
    if (options.context > 0) return options.context;
    return std::min(info_.trained_context, 4096);
  }

  LlamaContextPtr MakeContext(const ContextOptions& options) const {
    llama_context_params parameters = llama_context_default_params();
    parameters.n_ctx = static_cast<uint32_t>(options.tokens);
    parameters.n_seq_max = static_cast<uint32_t>(options.sequences);
    parameters.n_batch = static_cast<uint32_t>(options.batch);
    parameters.n_outputs_max = static_cast<uint32_t>(options.outputs > 0 ? options.outputs : options.sequences);
    parameters.n_threads = options_.threads;
    parameters.n_threads_batch = options_.threads;
    parameters.kv_unified = options.unified;
    parameters.swa_full = false;
    parameters.no_perf = true;
    if (options.cache32) {
      parameters.type_k = parameters.type_v = GGML_TYPE_F32;
      parameters.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // it would round to 16 bits on the way
    }
    ClearEngineLog();
    LlamaContextPtr context(llama_init_from_model(model_.get(), parameters));
    if (context == nullptr) {
      throw Error(fmt::format("no context of {} tokens could be made: {}", options.tokens, EngineErrors()),
                  "use a smaller --context or --parallel; 'loco fit' says what fits");
    }
    if (adapter_ != nullptr) {
      llama_adapter_lora* adapters[] = {adapter_.get()};
      float scales[] = {1.0F};
      LOCO_CHECK(llama_set_adapters_lora(context.get(), adapters, 1, scales) == 0);
    }
    return context;
  }

  LoadOptions options_;
  LlamaModelPtr model_;
  LlamaAdapterPtr adapter_;  // after the model: it must go first
  const llama_vocab* vocabulary_ = nullptr;
  ModelInfo info_;
};

class LlamaSequence : public Sequence {
 public:
  LlamaSequence(LlamaContextPtr context, int vocabulary_size)
      : context_(std::move(context)), batch_(512, 1), vocabulary_size_(vocabulary_size) {}

  void Append(std::span<const Token> tokens) override {
    if (size_ + static_cast<int>(tokens.size()) > context()) {
      throw Error(
          fmt::format("{} tokens do not fit the context of {}", size_ + static_cast<int>(tokens.size()), context()),
          "use a larger --context or a shorter text");
    }
    while (!tokens.empty()) {
      const size_t count = std::min<size_t>(tokens.size(), 512);
      batch_.Clear();
      for (size_t i = 0; i < count; ++i) batch_.Add(tokens[i], size_ + static_cast<int>(i), 0, i + 1 == tokens.size());
      Decode(context_.get(), batch_);
      size_ += static_cast<int>(count);
      tokens = tokens.subspan(count);
    }
  }

  Token Greedy() const override { return BestToken(llama_get_logits_ith(context_.get(), -1), vocabulary_size_).token; }
  int size() const override { return size_; }
  int context() const override { return static_cast<int>(llama_n_ctx(context_.get())); }

  void Truncate(int size) override {
    LOCO_CHECK(size >= 0 && size <= size_);
    llama_memory_seq_rm(llama_get_memory(context_.get()), 0, size, -1);
    size_ = size;
  }

 private:
  LlamaContextPtr context_;
  Batch batch_;
  int vocabulary_size_;
  int size_ = 0;
};

std::unique_ptr<Sequence> LlamaModel::StartSequence(int context) {
  return std::make_unique<LlamaSequence>(MakeContext({.tokens = context}), info_.vocabulary_size);
}

}  // namespace

std::unique_ptr<LanguageModel> LoadModel(const Path& path, const LoadOptions& options) {
  return std::make_unique<LlamaModel>(path, options);
}

int ThreadsFor(uint64_t weight_bytes, int cores) {
  constexpr uint64_t kBytesWorthAThread = 48'000'000;
  return static_cast<int>(std::clamp<uint64_t>((weight_bytes + kBytesWorthAThread - 1) / kBytesWorthAThread, 1,
                                               static_cast<uint64_t>(cores)));
}

std::string EngineIdentity() { return std::string(EngineVersion()); }

std::string EngineSystemInfo() {
  StartEngine();
  return llama_print_system_info();
}

}  // namespace loco
