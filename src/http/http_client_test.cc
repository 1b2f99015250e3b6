#include "http/http_client.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/error.h"
#include "http/server_fixture.h"

namespace loco {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

// Options that never really wait, and keep what they would have waited.
struct Waits {
  std::vector<milliseconds> all;

  HttpOptions Options() {
    HttpOptions options;
    options.sleep = [this](milliseconds wait, const std::stop_token&) { all.push_back(wait); };
    return options;
  }
};

std::string WithoutServer() {
  ScriptedServer gone([](const ScriptedRequest&) { return ScriptedReply{}; });
  return gone.url();  // its port is free again when it is used
}

}  // namespace

TEST_CASE("a request arrives as it was made, and its response comes back") {
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply(R"({"ok":1})"); });
  HttpClient client(server.url() + "/");
  const HttpResponse posted = client.Post("/v1/x", R"({"a":"ü"})");
  CHECK(posted.failure == HttpFailure::kNone);
  CHECK(posted.status == 200);
  CHECK(posted.body == R"({"ok":1})");
  CHECK(posted.attempts == 1);
  CHECK(posted.seconds > 0);
  CHECK(posted.first_byte_seconds <= posted.seconds);
  CHECK(client.Get("/y").body == R"({"ok":1})");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].path == "/v1/x");
  CHECK(requests[0].body == R"({"a":"ü"})");
  CHECK(requests[0].head.find("Content-Type: application/json") != std::string::npos);
  CHECK(requests[0].head.find("Authorization") == std::string::npos);
  CHECK(requests[1].method == "GET");
  CHECK(requests[1].path == "/y");
}

TEST_CASE("a body in chunks is put together, however the pieces arrive") {
  ScriptedServer server([](const ScriptedRequest&) {
    return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chun", "ked\r\n\r\n4\r\n{\"a\"",
                                    "\r\n3\r\n:12", "\r\n1\r\n}\r\n0\r\n\r\n"},
                         .pause = 5ms};
  });
  const HttpResponse response = HttpClient(server.url()).Get("/");
  CHECK(response.failure == HttpFailure::kNone);
  CHECK(response.body == R"({"a":12})");
}

TEST_CASE("what passes is asked again with growing waits, and the last attempt counts") {
  Waits waits;
  ScriptedServer server([](const ScriptedRequest& request) {
    if (request.number == 0) return ScriptedReply{};  // the connection ends without a word
    if (request.number == 1) return JsonReply("{}", 500);
    if (request.number == 2) return JsonReply("{}", 503);
    return JsonReply(R"({"ok":1})");
  });
  const HttpResponse response = HttpClient(server.url(), waits.Options()).Post("/", "{}");
  CHECK(response.failure == HttpFailure::kNone);
  CHECK(response.attempts == 4);
  REQUIRE(waits.all.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(waits.all[i] >= 250ms * (1 << i));
    CHECK(waits.all[i] <= 500ms * (1 << i));
  }
}

TEST_CASE("attempts end, and the failure says what the last one was") {
  Waits waits;
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply(R"({"error":"full"})", 500); });
  const HttpResponse response = HttpClient(server.url(), waits.Options()).Post("/", "{}");
  CHECK(response.failure == HttpFailure::kStatus);
  CHECK(response.status == 500);
  CHECK(response.body == R"({"error":"full"})");
  CHECK(response.reason == "HTTP status 500");
  CHECK(response.attempts == 5);
  CHECK(server.requests().size() == 5);
  CHECK(waits.all.size() == 4);
}

TEST_CASE("statuses that would come again are not asked again, and each has its cure") {
  for (const auto& [status, cure] : {std::pair<int, const char*>{400, "log"},
                                     {401, "environment variable"},
                                     {404, "name of the model"},
                                     {308, "redirections are not followed"}}) {
    Waits waits;
    ScriptedServer server(
        [&, s = status](const ScriptedRequest&) { return JsonReply("{}", s, "Location: http://127.0.0.1:1/\r\n"); });
    const HttpResponse response = HttpClient(server.url(), waits.Options()).Post("/", "{}");
    CHECK(response.failure == HttpFailure::kStatus);
    CHECK(response.status == status);
    CHECK(response.attempts == 1);
    CHECK(response.cure.find(cure) != std::string::npos);
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("Retry-After is obeyed, in seconds, unless it asks for too much") {
  Waits waits;
  ScriptedServer server([](const ScriptedRequest& request) {
    return request.number == 0 ? JsonReply("{}", 429, "Retry-After: 7\r\n") : JsonReply("{}");
  });
  const HttpResponse response = HttpClient(server.url(), waits.Options()).Post("/", "{}");
  CHECK(response.failure == HttpFailure::kNone);
  REQUIRE(waits.all.size() == 1);
  CHECK(waits.all[0] >= 7s);
  CHECK(waits.all[0] <= 7500ms);

  ScriptedServer patient([](const ScriptedRequest&) { return JsonReply("{}", 429, "Retry-After: 3600\r\n"); });
  const HttpResponse refused = HttpClient(patient.url(), waits.Options()).Post("/", "{}");
  CHECK(refused.failure == HttpFailure::kStatus);
  CHECK(refused.retry_after == 3600s);
  CHECK(refused.attempts == 1);
}

TEST_CASE("waits before attempts") {
  const RetryPolicy policy{.attempts = 10};
  CHECK(WaitBefore(2, policy, 0, {}) == 250ms);
  CHECK(WaitBefore(3, policy, 0, {}) == 500ms);
  CHECK(WaitBefore(10, policy, 0, {}) == 15s);  // of 30, the longest
  CHECK_FALSE(WaitBefore(11, policy, 0, {}).has_value());
  CHECK(WaitBefore(2, policy, 0.5, 60s) == 60250ms);
  CHECK_FALSE(WaitBefore(2, policy, 0.5, 301s).has_value());
  CHECK_FALSE(WaitBefore(2, {.attempts = 1}, 0, {}).has_value());
}

TEST_CASE("nobody listens") {
  Waits waits;
  const std::string url = WithoutServer();
  HttpClient client(url, waits.Options());
  const HttpResponse response = client.Post("/", "{}");
  CHECK(response.failure == HttpFailure::kUnreachable);
  CHECK(response.status == 0);
  CHECK(response.attempts == 5);
  CHECK(response.cure == "check that the server runs at " + url);
  CHECK(client.GetOnce("/").attempts == 1);
}

TEST_CASE("a response that is cut short is broken, never half an answer") {
  Waits waits;
  ScriptedServer server([](const ScriptedRequest&) {
    return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":"}};
  });
  const HttpResponse response = HttpClient(server.url(), waits.Options()).Get("/");
  CHECK(response.failure == HttpFailure::kBroken);
  CHECK(response.attempts == 5);

  ScriptedServer stranger([](const ScriptedRequest&) { return ScriptedReply{.pieces = {"SSH-2.0-OpenSSH_9.2\r\n"}}; });
  CHECK(HttpClient(stranger.url(), waits.Options()).GetOnce("/").failure == HttpFailure::kBroken);
}

TEST_CASE("silence before the response and in the middle of it") {
  HttpOptions options;
  options.timeout = 200ms;
  ScriptedServer silent([](const ScriptedRequest&) { return ScriptedReply{.hang = true}; });
  const HttpResponse nothing = HttpClient(silent.url(), options).Post("/", "{}");
  CHECK(nothing.failure == HttpFailure::kTimeout);
  CHECK(nothing.reason == "no complete response within 0.2 s");
  CHECK(nothing.attempts == 1);  // the same wait again would help nobody

  options.timeout = 20s;
  options.stall_timeout = 100ms;
  ScriptedServer stalls([](const ScriptedRequest&) {
    return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "{"}, .hang = true};
  });
  const HttpResponse half = HttpClient(stalls.url(), options).Post("/", "{}");
  CHECK(half.failure == HttpFailure::kTimeout);
  CHECK(half.reason == "the response stopped in the middle for 0.1 s");
  CHECK(half.seconds < 10);
}

TEST_CASE("a body over the limit is refused, whether its length was announced or not") {
  HttpOptions options;
  options.response_limit = 1000;
  const std::string megabyte(1 << 20, 'x');
  ScriptedServer announced([&](const ScriptedRequest&) { return JsonReply(megabyte); });
  const HttpResponse first = HttpClient(announced.url(), options).Get("/");
  CHECK(first.failure == HttpFailure::kTooLarge);
  CHECK(first.body.size() == 1000);
  CHECK(first.attempts == 1);
  ScriptedServer open_end([&](const ScriptedRequest&) {
    return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\n\r\n", megabyte}};
  });
  CHECK(HttpClient(open_end.url(), options).Get("/").failure == HttpFailure::kTooLarge);
  ScriptedServer fits([&](const ScriptedRequest&) { return JsonReply(std::string(1000, 'x')); });
  CHECK(HttpClient(fits.url(), options).Get("/").failure == HttpFailure::kNone);
}

TEST_CASE("Ctrl-C ends a request that waits for its response, and a wait between attempts") {
  std::atomic<bool> pressed = false;
  HttpOptions options;
  options.interrupted = [&] { return pressed.load(); };
  ScriptedServer silent([&](const ScriptedRequest&) {
    pressed = true;
    return ScriptedReply{.hang = true};
  });
  HttpClient client(silent.url(), options);
  CHECK_THROWS_AS(client.Post("/", "{}"), Interrupted);

  pressed = false;
  ScriptedServer busy([](const ScriptedRequest&) { return JsonReply("{}", 503); });
  options.sleep = [&](milliseconds, const std::stop_token&) { pressed = true; };
  HttpClient waiting(busy.url(), options);
  CHECK_THROWS_AS(waiting.Post("/", "{}"), Interrupted);
  CHECK(busy.requests().size() == 1);
}

TEST_CASE("a stop token ends a request, without an exception") {
  std::stop_source source;
  ScriptedServer silent([&](const ScriptedRequest&) {
    source.request_stop();
    return ScriptedReply{.hang = true};
  });
  const HttpResponse response = HttpClient(silent.url()).Post("/", "{}", source.get_token());
  CHECK(response.failure == HttpFailure::kStopped);
}

TEST_CASE("the key comes from the environment, and nothing else can get into the headers") {
  ::setenv("LOCO_TEST_KEY", "sk-123", 1);
  HttpOptions options;
  options.key_variable = "LOCO_TEST_KEY";
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply("{}", 401); });
  const HttpResponse response = HttpClient(server.url(), options).Get("/");
  CHECK(server.requests().at(0).head.find("\r\nAuthorization: Bearer sk-123") != std::string::npos);
  CHECK(response.cure == "check the key in LOCO_TEST_KEY");

  ::setenv("LOCO_TEST_KEY", "sk-123\r\nX-Evil: 1", 1);
  CHECK_THROWS_AS(HttpClient(server.url(), options), Error);
  ::setenv("LOCO_TEST_KEY", "", 1);
  CHECK_THROWS_AS(HttpClient(server.url(), options), Error);
  ::unsetenv("LOCO_TEST_KEY");
  CHECK_THROWS_AS(HttpClient(server.url(), options), Error);
}

TEST_CASE("addresses of servers") {
  CHECK(ServerUrl("localhost:8080") == "http://localhost:8080");
  CHECK(ServerUrl("https://models.example.org/base//") == "https://models.example.org/base");
  CHECK(ServerUrl("[::1]:11434") == "http://[::1]:11434");
  for (const char* wrong : {"", "/", "ftp://x", "file:///etc/passwd", "http://", "http://a b", "http://x?y=1",
                            "http://x/#f", "http://x\r\nHost: y", "http://user:secret@x"}) {
    CHECK_THROWS_AS(ServerUrl(wrong), Error);
  }
  try {
    ServerUrl("http://user:secret@x");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
  }
  CHECK(IsThisMachine("http://localhost:1"));
  CHECK(IsThisMachine("http://127.0.0.1:1"));
  CHECK(IsThisMachine("http://[::1]:1"));
  CHECK_FALSE(IsThisMachine("http://localhost.example.org"));
  CHECK_FALSE(IsThisMachine("http://10.0.0.1"));
}

TEST_CASE("a server on this machine is reached without the proxy of the environment") {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ScriptedServer server([](const ScriptedRequest&) { return JsonReply("{}"); });
  CHECK(HttpClient(server.url()).GetOnce("/").failure == HttpFailure::kNone);
  ::unsetenv("http_proxy");
}

TEST_CASE("one client serves several threads, each with its own response") {
  ScriptedServer server([](const ScriptedRequest& request) { return JsonReply(request.body); });
  HttpClient client(server.url());
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string body = fmt::format("{{\"n\":{}}}", t * 100 + i);
        if (client.Post("/", body).body == body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 160);
}

}  // namespace loco
