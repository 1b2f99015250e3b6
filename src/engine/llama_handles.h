// Owned llama.cpp handles and its captured log; private to this module.
#pragma once

#include <llama.h>

#include <memory>
#include <string>

namespace loco {

struct LlamaModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct LlamaContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};
struct LlamaAdapterDeleter {
  void operator()(llama_adapter_lora* adapter) const { llama_adapter_lora_free(adapter); }
};
using LlamaAdapterPtr = std::unique_ptr<llama_adapter_lora, LlamaAdapterDeleter>;
using LlamaModelPtr = std::unique_ptr<llama_model, LlamaModelDeleter>;
using LlamaContextPtr = std::unique_ptr<llama_context, LlamaContextDeleter>;

// Loads back ends and starts capturing the log. Safe to call many times.
void StartEngine();

// Forgets what was captured; and the error lines captured since, joined, or "no reason was given".
void ClearEngineLog();
std::string EngineErrors();

}  // namespace loco
