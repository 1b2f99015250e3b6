#include "http/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "http/curl_handle.h"

namespace loco {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// What the callbacks of one attempt write to.
struct ReceivedBytes {
  std::string body;
  size_t limit = 0;
  bool over_limit = false;
  std::optional<SteadyClock::time_point> last_byte;  // none: the response has not begun
};

size_t NoteHeader(char*, size_t, size_t count, void* data) {
  static_cast<ReceivedBytes*>(data)->last_byte = SteadyClock::now();
  return count;
}

size_t TakeBody(char* bytes, size_t, size_t count, void* data) {
  ReceivedBytes& transfer = *static_cast<ReceivedBytes*>(data);
  transfer.last_byte = SteadyClock::now();
  const size_t room = transfer.limit - transfer.body.size();
  transfer.body.append(bytes, std::min(count, room));
  transfer.over_limit = count > room;
  return transfer.over_limit ? 0 : count;  // anything but `count` ends the transfer
}

std::string ReadKey(const std::string& variable) {
  if (variable.empty()) return {};
  const char* key = std::getenv(variable.c_str());
  if (key == nullptr || *key == '\0') {
    throw Error(fmt::format("the environment variable {} with the server's key is not set", variable),
                fmt::format("export {}=… or leave the option away where the server asks for no key", variable));
  }
  // A line break would end the header and begin another one.
  if (!std::all_of(key, key + std::char_traits<char>::length(key), [](char c) { return c > ' ' && c < '\x7f'; })) {
    throw Error(fmt::format("the environment variable {} holds blanks or characters that no key has", variable),
                "set it to the key alone, without quotes and without a line break");
  }
  return key;
}

std::string CureOfStatus(int status, const HttpOptions& options) {
  if (status == 401 || status == 403) {
    return options.key_variable.empty() ? "name the environment variable that holds the server's key"
                                        : fmt::format("check the key in {}", options.key_variable);
  }
  if (status >= 300 && status < 400) return "give the address that the server names; redirections are not followed";
  if (status == 404) return "check the server's address and the name of the model";
  if (status == 429) return "ask for fewer requests a minute, or fewer at a time";
  return "see what the server's own log says";
}

bool IsWorthAnother(const HttpResponse& response) {
  switch (response.failure) {
    case HttpFailure::kUnreachable:
    case HttpFailure::kBroken:
      return true;
    case HttpFailure::kStatus:
      return response.status == 408 || response.status == 429 || response.status == 500 ||
             (response.status >= 502 && response.status <= 504);
    case HttpFailure::kNone:
    case HttpFailure::kTimeout:
    case HttpFailure::kTooLarge:
    case HttpFailure::kStopped:
      return false;
  }
  LOCO_CHECK(false);
}

double SecondsOf(CURL* easy, CURLINFO info) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, info, &microseconds);
  return static_cast<double>(microseconds) / 1e6;
}

}  // namespace

const char* NameOf(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::kNone:
      return "none";
    case HttpFailure::kUnreachable:
      return "unreachable";
    case HttpFailure::kBroken:
      return "broken";
    case HttpFailure::kStatus:
      return "status";
    case HttpFailure::kTimeout:
      return "timeout";
    case HttpFailure::kTooLarge:
      return "too large";
    case HttpFailure::kStopped:
      return "stopped";
  }
  LOCO_CHECK(false);
}

struct HttpClient::State {
  struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  // One kept connection: the multi handle owns the sockets, and lets us look around while it waits.
  struct KeptConnection {
    std::unique_ptr<CURLM, MultiDeleter> multi;
    CurlEasy easy;
  };

  std::string server;
  HttpOptions options;
  bool this_machine = false;
  CurlList headers;
  std::mutex mutex;  // of the members below
  std::vector<KeptConnection> idle;
  Random random;

  State(std::string_view text, HttpOptions given)
      : server(ServerUrl(text)), options(std::move(given)), this_machine(IsThisMachine(server)), random(options.seed) {
    AddLine(headers, "Content-Type: application/json");
    AddLine(headers, "Accept: application/json");
    AddLine(headers, "Expect:");  // no second round trip for long prompts
    const std::string key = ReadKey(options.key_variable);
    if (!key.empty()) AddLine(headers, "Authorization: Bearer " + key);
  }

  KeptConnection Take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) {
      KeptConnection connection;
      connection.easy = NewCurlEasy();
      connection.multi.reset(curl_multi_init());
      if (!connection.multi) throw std::bad_alloc();
      return connection;
    }
    KeptConnection connection = std::move(idle.back());
    idle.pop_back();
    return connection;
  }

  void Return(KeptConnection connection) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(connection));
  }

  double Draw() {
    const std::lock_guard lock(mutex);
    return random.Uniform();
  }

  void SetUp(CURL* easy, const std::string& url, const std::string* body, ReceivedBytes& transfer) const {
    curl_easy_reset(easy);  // keeps the connections
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);  // threads
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, NoteHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, TakeBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    if (this_machine) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (body != nullptr) {
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    }
  }

  // Runs the transfer to its end. What ended it, when that was we, is in `ours`.
  CURLcode Drive(const KeptConnection& connection, const ReceivedBytes& transfer, const std::stop_token& stop,
                 std::optional<HttpFailure>& ours) const {
    CURLcode code = CURLE_OK;
    curl_multi_add_handle(connection.multi.get(), connection.easy.get());
    for (bool done = false; !done && !ours;) {
      int running = 0;
      curl_multi_perform(connection.multi.get(), &running);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(connection.multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        code = message->data.result;
        done = true;
      }
      if (done) break;
      if (stop.stop_requested() || options.interrupted()) ours = HttpFailure::kStopped;
      if (transfer.last_byte && SteadyClock::now() - *transfer.last_byte > options.stall_timeout) {
        ours = HttpFailure::kTimeout;
      }
      if (!ours) curl_multi_poll(connection.multi.get(), nullptr, 0, 50, nullptr);
    }
    curl_multi_remove_handle(connection.multi.get(), connection.easy.get());
    return code;
  }

  HttpResponse Attempt(const std::string& path, const std::string* body, const std::stop_token& stop) {
    KeptConnection connection = Take();
    ReceivedBytes transfer{.limit = options.response_limit};
    const std::string url = server + path;
    char details[CURL_ERROR_SIZE] = "";
    SetUp(connection.easy.get(), url, body, transfer);
    curl_easy_setopt(connection.easy.get(), CURLOPT_ERRORBUFFER, details);
    HttpResponse response;
    std::optional<HttpFailure> ours;
    const CURLcode code = Drive(connection, transfer, stop, ours);

    CURL* easy = connection.easy.get();
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_off_t retry_after = 0;
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0) {
      response.retry_after = std::chrono::seconds(retry_after);
    }
    response.status = static_cast<int>(status);
    response.seconds = SecondsOf(easy, CURLINFO_TOTAL_TIME_T);
    response.first_byte_seconds = SecondsOf(easy, CURLINFO_STARTTRANSFER_TIME_T);
    const bool connected = SecondsOf(easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
    response.body = std::move(transfer.body);
    const std::string said = *details != '\0' ? details : curl_easy_strerror(code);
    Explain(code, ours, transfer.over_limit, connected, said, response);
    // A transfer that we ended leaves a connection in the middle of a response: curl has closed it.
    curl_easy_reset(easy);  // forgets what lies on this stack
    Return(std::move(connection));
    return response;
  }

  void Explain(CURLcode code, std::optional<HttpFailure> ours, bool over_limit, bool connected, const std::string& said,
               HttpResponse& response) const {
    if (ours == HttpFailure::kStopped) {
      response.failure = HttpFailure::kStopped;
      response.reason = "stopped";
    } else if (ours == HttpFailure::kTimeout) {
      response.failure = HttpFailure::kTimeout;
      response.reason = fmt::format("the response stopped in the middle for {:.1f} s",
                                    std::chrono::duration<double>(options.stall_timeout).count());
      response.cure = "check the server and the network to it";
    } else if (over_limit) {
      response.failure = HttpFailure::kTooLarge;
      response.reason = fmt::format("the response is larger than {} bytes", options.response_limit);
      response.cure = "check that this is the address of a model server";
    } else if (code == CURLE_OPERATION_TIMEDOUT && connected) {
      response.failure = HttpFailure::kTimeout;
      response.reason =
          fmt::format("no complete response within {:.1f} s", std::chrono::duration<double>(options.timeout).count());
      response.cure = "allow more time, or fewer requests at once";
    } else if (code != CURLE_OK) {
      response.failure = connected ? HttpFailure::kBroken : HttpFailure::kUnreachable;
      response.reason = said;
      response.cure = fmt::format("check that the server runs at {}", server);
    } else if (response.status < 200 || response.status > 299) {
      response.failure = HttpFailure::kStatus;
      response.reason = fmt::format("HTTP status {}", response.status);
      response.cure = CureOfStatus(response.status, options);
    }
  }

  HttpResponse Request(std::string_view path, const std::string* body, int attempts, const std::stop_token& stop) {
    LOCO_CHECK(path.starts_with('/'));
    RetryPolicy policy = options.retry;
    policy.attempts = attempts;
    for (int attempt = 1;; ++attempt) {
      HttpResponse response = Attempt(std::string(path), body, stop);
      response.attempts = attempt;
      if (options.interrupted()) throw Interrupted();
      if (!IsWorthAnother(response)) return response;
      const auto wait = WaitBefore(attempt + 1, policy, Draw(), response.retry_after);
      if (!wait) return response;
      options.sleep(*wait, stop);
      if (options.interrupted()) throw Interrupted();
      if (stop.stop_requested()) return response;
    }
  }
};

HttpClient::HttpClient(std::string_view server, HttpOptions options) {
  StartCurl();
  state_ = std::make_unique<State>(server, std::move(options));
}

HttpClient::~HttpClient() = default;

const std::string& HttpClient::server() const { return state_->server; }

HttpResponse HttpClient::Get(std::string_view path, const std::stop_token& stop) {
  return state_->Request(path, nullptr, state_->options.retry.attempts, stop);
}

HttpResponse HttpClient::Post(std::string_view path, const std::string& json, const std::stop_token& stop) {
  return state_->Request(path, &json, state_->options.retry.attempts, stop);
}

HttpResponse HttpClient::GetOnce(std::string_view path, const std::stop_token& stop) {
  return state_->Request(path, nullptr, 1, stop);
}

}  // namespace loco
