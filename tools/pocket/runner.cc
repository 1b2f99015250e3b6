// Greedy answers and reply likelihoods from llama.cpp, for comparison with PyTorch (parity.py).
//
//   runner MODEL [ADAPTER] < requests > results
//
// A request is a line of three fields: the most tokens to generate, a prompt, a reply. A result is a
// line of four: prompt tokens, generated tokens without the end token, the gap of the two largest
// logits at each step, and -log p of the reply's tokens (0 for an empty reply). Fields are separated
// by tabs; in text, \n, \t and \\ are escaped.

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kContext = 1024;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "runner: %s\n", what.c_str());
  std::exit(1);
}

std::string Unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '\\') {
      out += text[i];
    } else {
      char c = text.at(++i);
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
  }
  return out;
}

std::vector<llama_token> Tokenize(const llama_vocab* vocab, const std::string& text) {
  std::vector<llama_token> ids(text.size() + 8);
  int n = llama_tokenize(vocab, text.data(), static_cast<int>(text.size()), ids.data(), static_cast<int>(ids.size()),
                         /*add_special=*/false, /*parse_special=*/true);
  if (n < 0) Fail("tokenization failed");
  ids.resize(n);
  return ids;
}

// Decodes `ids` at positions past, past + 1, …; those from index `wanted` on get logits.
void Decode(llama_context* context, llama_batch& batch, const std::vector<llama_token>& ids, int past, int wanted) {
  batch.n_tokens = static_cast<int>(ids.size());
  for (int i = 0; i < batch.n_tokens; i++) {
    batch.token[i] = ids[i];
    batch.pos[i] = past + i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = i >= wanted;
  }
  if (llama_decode(context, batch) != 0) Fail("llama_decode failed");
}

double NegativeLogProbability(const float* logits, int n_vocab, llama_token target) {
  float top = *std::max_element(logits, logits + n_vocab);
  double sum = 0;
  for (int i = 0; i < n_vocab; i++) sum += std::exp(static_cast<double>(logits[i]) - top);
  return std::log(sum) + top - logits[target];
}

void Print(const std::vector<llama_token>& ids) {
  for (size_t i = 0; i < ids.size(); i++) std::printf("%s%d", i ? " " : "", ids[i]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) Fail("usage: runner MODEL [ADAPTER]");
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  llama_model_params load = llama_model_default_params();
  // No repacked weights: the same kernels on every machine. (The AMX ones crashed on quantized
  // weights, with an illegal instruction, on the machine where the cards were measured.)
  load.use_extra_bufts = false;
  llama_model* model = llama_model_load_from_file(argv[1], load);
  if (model == nullptr) Fail("cannot load the model");
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = kContext;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) Fail("cannot make a context");
  if (argc > 2) {
    llama_adapter_lora* adapter = llama_adapter_lora_init(model, argv[2]);
    if (adapter == nullptr) Fail("cannot load the adapter");
    float scale = 1.0f;
    if (llama_set_adapters_lora(context, &adapter, 1, &scale) != 0) Fail("cannot apply the adapter");
  }
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const int n_vocab = llama_vocab_n_tokens(vocab);
  llama_batch batch = llama_batch_init(kContext, 0, 1);
  llama_memory_t memory = llama_get_memory(context);
  std::vector<llama_token> held;  // the prompt whose keys and values are in memory

  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream fields(line);
    std::string count, prompt_text, reply_text;
    std::getline(fields, count, '\t');
    std::getline(fields, prompt_text, '\t');
    std::getline(fields, reply_text, '\t');
    const std::vector<llama_token> prompt = Tokenize(vocab, Unescape(prompt_text));
    const int length = static_cast<int>(prompt.size());

    if (prompt != held) {  // the choices of one question share their prompt
      llama_memory_clear(memory, true);
      Decode(context, batch, std::vector<llama_token>(prompt.begin(), prompt.end() - 1), 0, length);
      held = prompt;
    }
    // The last prompt token is decoded together with what follows, twice where both are asked for.
    std::vector<llama_token> next = {prompt.back()};
    std::vector<llama_token> answer;
    std::vector<float> gaps;
    llama_memory_seq_rm(memory, 0, length - 1, -1);
    for (int step = 0; step < std::stoi(count); step++) {
      Decode(context, batch, next, length - 1 + step, 0);
      const float* logits = llama_get_logits_ith(context, 0);
      auto best = static_cast<llama_token>(std::max_element(logits, logits + n_vocab) - logits);
      float second = -INFINITY;
      for (int i = 0; i < n_vocab; i++)
        if (i != best) second = std::max(second, logits[i]);
      gaps.push_back(logits[best] - second);
      if (llama_vocab_is_eog(vocab, best)) break;
      answer.push_back(best);
      next = {best};
    }

    double nll = 0;
    const std::vector<llama_token> reply = Tokenize(vocab, Unescape(reply_text));
    if (!reply.empty()) {
      std::vector<llama_token> tail = {prompt.back()};
      tail.insert(tail.end(), reply.begin(), reply.end() - 1);
      llama_memory_seq_rm(memory, 0, length - 1, -1);
      Decode(context, batch, tail, length - 1, 0);
      for (size_t i = 0; i < reply.size(); i++)
        nll += NegativeLogProbability(llama_get_logits_ith(context, static_cast<int>(i)), n_vocab, reply[i]);
    }

    Print(prompt);
    std::printf("\t");
    Print(answer);
    std::printf("\t");
    for (size_t i = 0; i < gaps.size(); i++) std::printf("%s%.6f", i ? " " : "", gaps[i]);
    std::printf("\t%.8f\n", nll);
  }
  llama_batch_free(batch);
  llama_free(context);
  llama_model_free(model);
}
