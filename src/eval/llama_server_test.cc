// The contract with a real llama-server, whose responses no script of ours wrote. Skipped, with its name, where none is
// in PATH or named by LOCO_LLAMA_SERVER ('tools/setup/build-llama peers' builds one).
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "base/subprocess.h"
#include "engine/llama_model.h"
#include "eval/ask_all.h"
#include "eval/openai_backend.h"
#include "template/prompt.h"

namespace loco {
namespace {

using namespace std::chrono_literals;

const Path kPocketModel = Path(LOCO_SOURCE_DIR) / "models/pocket/pocket-m-qwen3-2.9M-F16.gguf";

std::optional<Path> LlamaServer() {
  const char* named = std::getenv("LOCO_LLAMA_SERVER");
  return named != nullptr ? std::optional<Path>(named) : FindProgram("llama-server");
}

int FreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

// Runs while it lives, with two slots of 512 tokens.
class RunningServer {
 public:
  explicit RunningServer(const Path& program) : port_(FreePort()) {
    thread_ = std::thread([this, program] {
      SubprocessOptions options;
      options.timeout = 300s;
      options.may_go_on = [this](int) { return !stop_; };
      RunSubprocess({program.string(), "-m", kPocketModel.string(), "--host", "127.0.0.1", "--port",
                     std::to_string(port_), "-c", "1024", "-np", "2", "-t", "1"},
                    options);
    });
  }
  ~RunningServer() {
    stop_ = true;
    thread_.join();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int port_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::string Numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i % 90 + 10) + " ";
  return text;
}

}  // namespace

TEST_CASE("a real llama-server: identity, answers as our own engine gives them, counts, limits and a prompt too long") {
  const std::optional<Path> program = LlamaServer();
  if (!program) {
    MESSAGE("skipped: llama-server is not here");
    return;
  }
  const RunningServer server(*program);
  OpenAiOptions patient;
  patient.http.retry = {.attempts = 60, .growth = 1};  // while it starts and loads
  OpenAiBackend backend(server.url(), "", patient);

  const BackendIdentity identity = backend.Identity();
  MESSAGE(identity.server << ", " << identity.file << ", context " << identity.context.value_or(0));
  CHECK(identity.server.starts_with("llama.cpp "));
  CHECK(Path(identity.file).filename() == kPocketModel.filename());
  CHECK(identity.context == 512);
  CHECK(identity.trained_context == 1024);
  CHECK_NOTHROW(RequireContext(identity, 512));
  CHECK_THROWS_AS(RequireContext(identity, 1024), Error);

  const auto model = LoadModel(kPocketModel, {.threads = 1});
  const PromptRenderer renderer(*model, PromptStyle::kChat);
  CHECK(identity.template_hash == Sha256Hex(model->info().chat_template));

  std::vector<ChatRequest> requests;
  std::vector<GenerateRequest> own;
  for (const char* question :
       {"17 + 25 = ?", "3 * 4 = ?", "Sort: 41 12 7", "What comes next: 2 4 6 8", "Hello", "90 - 45 = ?"}) {
    const Prompt prompt = renderer.Render({{"user", question}});
    requests.push_back({.messages = {{"user", question}},
                        .max_tokens = 24,
                        .context = 512,
                        .prompt_tokens = static_cast<int>(prompt.tokens.size())});
    own.push_back({prompt.tokens, 24});
  }
  std::vector<Generation> expected(own.size());
  model->Generate(own, {.context = 512, .parallel = 1}, [&](size_t i, const Generation& g) { expected[i] = g; });
  size_t same = 0;
  const AskAllResult result = AskAll(backend, requests, {.parallel = 2}, [&](size_t i, const ChatAnswer& answer) {
    CAPTURE(answer.error.what);
    CHECK(answer.prompt_tokens == requests[i].prompt_tokens);
    CHECK(answer.finish == (expected[i].stop == StopReason::kEndOfTurn ? ChatFinish::kStop : ChatFinish::kLength));
    CHECK(answer.first_token_seconds.has_value());
    same += answer.text == expected[i].text ? 1 : 0;
    MESSAGE("'" << answer.text << "' and '" << expected[i].text << "', " << answer.seconds << " s");
  });
  CHECK(result.answered == 6);
  CHECK(result.errors == 0);
  CHECK(same >= 5);  // two tokens may tie where several sequences share a batch

  const ChatAnswer cut = backend.Ask({.messages = {{"user", "Count from 1 to 50."}}, .max_tokens = 1, .context = 512});
  CHECK(cut.finish == ChatFinish::kLength);
  CHECK(cut.generated_tokens == 1);

  const ChatAnswer too_long = backend.Ask({.messages = {{"user", Numbers(900)}}, .max_tokens = 8, .context = 512});
  CAPTURE(too_long.error.what);
  CHECK(too_long.finish == ChatFinish::kTooLong);
  CHECK(too_long.prompt_tokens.value_or(0) > 512);

  ChatRequest lied = requests[0];
  lied.prompt_tokens = 400;  // as if the server had dropped most of it
  CHECK(backend.Ask(lied).error.kind == ChatErrorKind::kContextLost);
}

}  // namespace loco
