#include "train/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/diagnostic.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "task/jsonl.h"
#include "template/prompt.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

// The text of a key. Absent: "" and no mistake unless it is `required`.
std::optional<std::string> TextOf(JsonLine& line, const char* key, bool required) {
  const Json& value = line.value();
  if (!value.contains(key)) {
    if (!required) return "";
    line.Wrong("", fmt::format("'{}' is missing", key));
    return std::nullopt;
  }
  if (value[key].is_string()) return value[key].get<std::string>();
  line.Wrong(key, fmt::format("'{}' must be a text", key));
  return std::nullopt;
}

// ShareGPT's names of roles, and the standard ones.
std::string RoleOf(const std::string& name) {
  if (name == "human") return "user";
  if (name == "gpt" || name == "model" || name == "bot") return "assistant";
  return name;
}

// A list of turns: `role_key` and `text_key` are "role" and "content", or ShareGPT's "from" and "value".
std::optional<std::vector<Message>> Turns(JsonLine& line, const char* list, const char* role_key,
                                          const char* text_key) {
  const Json& turns = line.value()[list];
  const auto fail = [&](const std::string& what) {
    line.Wrong(list, what);
    return std::nullopt;
  };
  if (!turns.is_array() || turns.empty()) return fail(fmt::format("'{}' must be a list of turns", list));
  std::vector<Message> messages;
  for (const Json& turn : turns) {
    const bool complete = turn.is_object() && turn.contains(role_key) && turn[role_key].is_string() &&
                          turn.contains(text_key) && turn[text_key].is_string();
    if (!complete)
      return fail(fmt::format("turn {} needs the texts '{}' and '{}'", messages.size() + 1, role_key, text_key));
    Message message{RoleOf(turn[role_key]), turn[text_key]};
    if (message.role != "system" && message.role != "user" && message.role != "assistant" && message.role != "tool") {
      return fail(fmt::format("turn {} has the unknown role {}; known are system, user, assistant, tool",
                              messages.size() + 1, QuotedWord(message.role)));
    }
    if (message.role == "assistant" && message.content.empty()) {
      return fail(fmt::format("turn {} of the assistant is empty: nothing to learn", messages.size() + 1));
    }
    messages.push_back(std::move(message));
  }
  if (std::none_of(messages.begin(), messages.end(), [](const Message& m) { return m.role == "assistant"; })) {
    return fail("there is no turn of the assistant: nothing to learn");
  }
  return messages;
}

std::optional<Conversation> ReadConversation(JsonLine& line) {
  const Json& value = line.value();
  Conversation conversation{.line = line.number()};
  if (value.contains("messages") || value.contains("conversations")) {
    const bool standard = value.contains("messages");
    auto messages =
        standard ? Turns(line, "messages", "role", "content") : Turns(line, "conversations", "from", "value");
    if (!messages) return std::nullopt;
    conversation.messages = std::move(*messages);
    // ShareGPT puts it beside the turns.
    const auto system = TextOf(line, "system", false);
    if (!system) return std::nullopt;
    if (!system->empty()) conversation.messages.insert(conversation.messages.begin(), {"system", *system});
    return conversation;
  }
  if (value.contains("text")) {
    const auto text = TextOf(line, "text", true);
    if (!text) return std::nullopt;
    if (text->empty()) {
      line.Wrong("text", "'text' is empty");
      return std::nullopt;
    }
    conversation.text = *text;
    return conversation;
  }
  const bool alpaca = value.contains("instruction");
  if (!alpaca && !value.contains("prompt")) {
    line.Wrong("", "none of the keys 'messages', 'conversations', 'instruction', 'prompt' and 'text' is there");
    return std::nullopt;
  }
  if (!alpaca && value.contains("completion") && value.contains("response")) {
    line.Wrong("response", "'completion' and 'response' are both there: one of them is the answer");
    return std::nullopt;
  }
  const char* answer_key = alpaca ? "output" : value.contains("response") ? "response" : "completion";
  const auto system = TextOf(line, "system", false);
  const auto question = TextOf(line, alpaca ? "instruction" : "prompt", true);
  const auto input = alpaca ? TextOf(line, "input", false) : "";
  const auto answer = TextOf(line, answer_key, true);
  if (!system || !question || !input || !answer) return std::nullopt;
  if (answer->empty()) {
    line.Wrong(answer_key, fmt::format("'{}' is empty: nothing to learn", answer_key));
    return std::nullopt;
  }
  if (!system->empty()) conversation.messages.push_back({"system", *system});
  conversation.messages.push_back({"user", input->empty() ? *question : *question + "\n\n" + *input});
  conversation.messages.push_back({"assistant", *answer});
  return conversation;
}

// The same for texts that differ in capitals and blanks only.
std::string Folded(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (blank && (folded.empty() || folded.back() == ' ')) continue;
    folded += blank ? ' ' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  if (folded.ends_with(' ')) folded.pop_back();
  return folded;
}

// Builds one sample piece by piece.
class SampleBuilder {
 public:
  SampleBuilder(const LanguageModel& model, const PromptRenderer& renderer) : model_(model), renderer_(renderer) {}

  // `learned` text may hold the template's control tokens: the one that ends a turn must be learned.
  void Add(const std::string& text, bool learned) {
    if (text.empty()) return;
    const std::vector<Token> tokens = sample.tokens.empty()
                                          ? renderer_.Opening(text)
                                          : model_.Tokenize(text, {.add_special = false, .parse_special = true});
    Add(tokens, learned);
  }
  void Add(const std::vector<Token>& tokens, bool learned) {
    for (const Token token : tokens) {
      sample.learned.push_back(learned && !sample.tokens.empty() ? 1 : 0);
      sample.tokens.push_back(token);
    }
  }

  // A template that writes no token for the end of a turn leaves the model nothing to stop with: then the end-of-text
  // token is learned.
  void End() {
    if (model_.info().eos < 0 || model_.IsEndOfGeneration(sample.tokens.back())) return;
    Add(std::vector<Token>{model_.info().eos}, true);
  }

  Sample sample;

 private:
  const LanguageModel& model_;
  const PromptRenderer& renderer_;
};

std::string WithoutTrailingBlanks(const std::string& text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// Every answer of the conversation learned, each behind the prompt that inference would show. False when the template
// does not render a conversation as the beginning of a longer one.
bool AddEveryAnswer(const ChatTemplate& chat, const std::vector<Message>& messages, SampleBuilder& builder) {
  struct Piece {
    std::string text;
    bool learned;
  };
  std::vector<Piece> pieces;
  std::string done;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    const auto turn = messages.begin() + static_cast<std::ptrdiff_t>(i);
    const std::string prompt = chat.Render({messages.begin(), turn}, {.add_generation_prompt = true});
    const std::string whole = chat.Render({messages.begin(), turn + 1}, {.add_generation_prompt = false});
    if (!prompt.starts_with(done) || !whole.starts_with(prompt)) return false;
    const std::string answer = WithoutTrailingBlanks(whole.substr(prompt.size()));
    pieces.push_back({prompt.substr(done.size()), false});
    pieces.push_back({answer, true});
    done = prompt + answer;
  }
  for (const Piece& piece : pieces) builder.Add(piece.text, piece.learned);
  builder.End();
  return true;
}

// The last answer behind its prompt, and the model's end-of-text token.
void AddLastAnswer(const PromptRenderer& renderer, const LanguageModel& model, const std::vector<Message>& messages,
                   SampleBuilder& builder) {
  auto last = messages.end() - 1;
  while (last->role != "assistant") --last;
  builder.Add(renderer.Render({messages.begin(), last}).tokens, false);
  builder.Add(model.Tokenize(last->content, {.add_special = false, .parse_special = false}), true);
  builder.End();
}

}  // namespace

std::vector<Conversation> ReadConversations(const Path& path, const std::string& content,
                                            std::vector<Diagnostic>& mistakes) {
  std::vector<Conversation> conversations;
  ReadJsonl(path, content, mistakes, [&](JsonLine& line) {
    if (auto conversation = ReadConversation(line)) conversations.push_back(std::move(*conversation));
  });
  return conversations;
}

TrainingText ReadTrainingFiles(const std::vector<Path>& paths) {
  TrainingText text;
  std::vector<Conversation>& conversations = text.conversations;
  for (const Path& path : paths) {
    text.name += (text.name.empty() ? "" : " + ") + path.filename().string();
    if (path.extension() == ".toml") {
      const Task task = LoadTrainingTask(path);
      for (const Item& item : task.items) {
        Conversation conversation{.line = conversations.size() + 1, .messages = BuildMessages(task, item)};
        conversation.messages.push_back({"assistant", item.answer});
        conversations.push_back(std::move(conversation));
      }
      continue;
    }
    std::vector<Diagnostic> mistakes;
    std::vector<Conversation> read = ReadConversations(path, ReadFile(path), mistakes);
    ThrowMistakes(mistakes, 20);
    std::move(read.begin(), read.end(), std::back_inserter(conversations));
  }
  return text;
}

std::string HashOfTrainingFiles(const std::vector<Path>& paths) {
  std::string hash;
  for (const Path& path : paths) {
    std::error_code none;
    if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none)) {
      throw Error(fmt::format("{}: not a file", path.string()),
                  "write the data into a file: it is read more than once");
    }
    const std::string own = path.extension() == ".toml" ? LoadTrainingTask(path).hash : Sha256OfFile(path);
    hash = hash.empty() ? own : HashOfParts({hash, own});
  }
  return hash;
}

int64_t CountAlsoIn(const DataSet& data, const DataSet& training) {
  std::set<std::vector<Token>> known;
  for (const Sample& sample : training.samples) known.insert(sample.tokens);
  return std::count_if(data.samples.begin(), data.samples.end(),
                       [&](const Sample& sample) { return known.contains(sample.tokens); });
}

void RefuseLeaks(const Task& task, const std::vector<Path>& data) {
  std::map<std::string, const Item*> questions;
  for (const Item& item : task.items) questions.emplace(Folded(BuildMessages(task, item).back().content), &item);
  for (const Path& path : data) {
    int64_t leaks = 0;
    std::string first;
    for (const Conversation& conversation : ReadTrainingFiles({path}).conversations) {
      for (const Message& message : conversation.messages) {
        const auto found = message.role == "user" ? questions.find(Folded(message.content)) : questions.end();
        if (found == questions.end()) continue;
        if (leaks++ == 0) first = fmt::format("line {}: item {}", conversation.line, QuotedWord(found->second->id));
      }
    }
    if (leaks == 0) continue;
    throw Error(fmt::format("{}: {} of the suite {} in the training data (first at {})", path.string(),
                            Counted(leaks, "question", "questions"), QuotedWord(task.name), first),
                "remove them from one of the two: a score of what was trained on says nothing");
  }
}

DataSet TokenizeTrainingText(const TrainingText& text, const LanguageModel& model, const DataOptions& options) {
  std::vector<const Conversation*> conversations;
  for (const Conversation& conversation : text.conversations) conversations.push_back(&conversation);
  DataSet data{.name = text.name};
  if (options.first > 0 || options.last > 0) {
    const auto total = static_cast<int64_t>(conversations.size());
    const int64_t wanted = std::max(options.first, options.last);
    if (wanted > total) {
      throw Error(
          fmt::format("{}: {} samples are asked for, it has {}", data.name, FormatCount(wanted), FormatCount(total)),
          "ask for fewer, or add data");
    }
    Random random(1);
    random.Shuffle(conversations);
    if (options.first > 0) conversations.resize(static_cast<size_t>(options.first));
    if (options.last > 0) conversations.erase(conversations.begin(), conversations.end() - options.last);
  }
  const PromptRenderer renderer(model, model.info().chat_template.empty() ? PromptStyle::kRaw : PromptStyle::kChat);
  for (const Conversation* chosen : conversations) {
    const Conversation& conversation = *chosen;
    SampleBuilder builder(model, renderer);
    double bytes = 0;  // of what is learned
    if (conversation.messages.empty()) {
      builder.Add(conversation.text, true);
      builder.End();
      bytes = static_cast<double>(conversation.text.size());
    } else {
      const ChatTemplate* chat = renderer.chat_template();
      const bool every = chat != nullptr && AddEveryAnswer(*chat, conversation.messages, builder);
      if (!every) AddLastAnswer(renderer, model, conversation.messages, builder);
      int64_t answers = 0;
      for (const Message& message : conversation.messages) {
        if (message.role != "assistant") continue;
        ++answers;
        bytes = (every ? bytes : 0) + static_cast<double>(message.content.size());
      }
      data.one_answer_only += !every && answers > 1 ? 1 : 0;
    }
    Sample sample = std::move(builder.sample);
    sample.line = conversation.line;
    const auto whole = std::count(sample.learned.begin(), sample.learned.end(), uint8_t{1});
    data.longest = std::max(data.longest, static_cast<int64_t>(sample.tokens.size()));
    if (static_cast<int>(sample.tokens.size()) > options.max_tokens) {
      sample.truncated = true;
      sample.tokens.resize(static_cast<size_t>(options.max_tokens));
      sample.learned.resize(sample.tokens.size());
      ++data.truncated;
    }
    const auto learned = std::count(sample.learned.begin(), sample.learned.end(), uint8_t{1});
    if (learned == 0) {
      ++data.left_out;
      continue;
    }
    data.tokens += static_cast<int64_t>(sample.tokens.size());
    data.learned += learned;
    sample.learned_bytes = whole > 0 ? bytes * static_cast<double>(learned) / static_cast<double>(whole) : 0;
    data.learned_bytes += sample.learned_bytes;
    data.samples.push_back(std::move(sample));
  }
  if (data.samples.empty()) {
    throw Error(fmt::format("{}: no token is left to learn", data.name),
                data.truncated > 0 ? "every answer begins behind the length limit: raise it"
                                   : "write one conversation a line as JSON");
  }
  return data;
}

}  // namespace loco
