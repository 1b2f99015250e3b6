// Training data: conversations from JSONL as token sequences, with the tokens to learn marked.
//
//   TrainingText text = ReadTrainingFiles({"train.jsonl"});                          // throws, listing every bad line
//   DataSet data = TokenizeTrainingText(text, model, {.max_tokens = 1024});
//   data.samples[0].learned[i];       // 1: the loss counts how well token i is predicted
//
// Five shapes of a line, told apart by their keys:
//
//   {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
//   {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}          ShareGPT
//   {"instruction": "…", "input": "…", "output": "…"}                                            Alpaca
//   {"prompt": "…", "completion": "…"}                                                           also "response"
//   {"text": "…"}                                                                                plain text, all
//   learned
//
// A task (.toml) stands for its training items, asked as the task asks its own.
//
// Conversations are rendered with the base's own chat template, piece by piece: the prompt as at inference, then the
// answer and the token that ends it, which alone are learned. Prompt and answer are tokenized apart, because that is
// where inference divides them. A template that renders earlier turns differently once a later one is there (it drops
// thinking, say) has only the last answer learned; `one_answer_only` counts such samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "base/file.h"
#include "engine/language_model.h"
#include "task/task.h"
#include "template/chat_template.h"

namespace loco {

// One line of the file, before it meets a model.
struct Conversation {
  size_t line = 0;
  std::vector<Message> messages;  // empty for plain text
  std::string text;
};

// Pure: every mistake goes to `mistakes` with its line and column.
std::vector<Conversation> ReadConversations(const Path& path, const std::string& content,
                                            std::vector<Diagnostic>& mistakes);

struct Sample {
  size_t line = 0;
  std::vector<Token> tokens;
  std::vector<uint8_t> learned;  // one a token; the first token is never learned, nothing comes before it
  bool truncated = false;        // cut at the limit
  double learned_bytes = 0;      // of the answers' text, UTF-8; the same for every tokenizer
};

struct DataOptions {
  int max_tokens = 1024;  // of a sample; longer ones are cut at the end
  // Only so many samples, picked at random over all files, but the same for every model, and a larger pick contains a
  // smaller one. 0: all.
  int64_t first = 0;
  // The same from the other end of that random order: what is held out of the data.
  int64_t last = 0;
};

struct DataSet {
  std::string name;  // of the files
  std::vector<Sample> samples;
  int64_t tokens = 0;
  int64_t learned = 0;
  double learned_bytes = 0;     // the unit in which losses of different tokenizers are compared
  int64_t truncated = 0;        // samples that were cut
  int64_t left_out = 0;         // samples without a token to learn within the limit
  int64_t one_answer_only = 0;  // samples of several answers with only the last one learned
  int64_t longest = 0;          // tokens of the longest sample before cutting
};

struct TrainingText {
  std::string name;  // of the files
  std::vector<Conversation> conversations;
};

// All conversations of all files, in order. Throws Error that lists every bad line.
TrainingText ReadTrainingFiles(const std::vector<Path>& paths);
// Of everything that ReadTrainingFiles() reads. Throws Error for a pipe: it can be read only once.
std::string HashOfTrainingFiles(const std::vector<Path>& paths);

// Samples of `data` that stand in the training data as well, token by token: what is measured on them says little.
int64_t CountAlsoIn(const DataSet& data, const DataSet& training);

// Throws Error when an item of the task stands in the data: its question is asked there in the same words, whatever
// the capitals and blanks. A score of what was trained on says nothing.
void RefuseLeaks(const Task& task, const std::vector<Path>& data);

// Throws Error when the text holds fewer samples than are asked for, or no token is left to learn.
DataSet TokenizeTrainingText(const TrainingText& text, const LanguageModel& model, const DataOptions& options);

}  // namespace loco
