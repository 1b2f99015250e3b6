#include "http/download.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "http/server_fixture.h"

namespace loco {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

// A folder of its own, and options that never really wait and keep what they would have waited.
struct DownloadFixture {
  DownloadFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "loco-download-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    options.sleep = [this](milliseconds wait, const std::stop_token&) { waits.push_back(wait); };
    options.stall_timeout = 900ms;
  }
  ~DownloadFixture() { std::filesystem::remove_all(folder); }

  Path target() const { return folder / "deep" / "file.jsonl"; }
  Path part() const { return target().string() + ".part"; }
  bool IsThere(const Path& path) const { return std::filesystem::exists(path); }
  Error Failure(const std::string& url) {
    try {
      Download(url, target(), options);
    } catch (const Error& error) {
      return error;
    }
    FAIL("no Error was thrown");
    std::abort();
  }

  Path folder;
  DownloadOptions options;
  std::vector<milliseconds> waits;
};

std::string Content() {
  std::string content;
  for (int i = 0; i < 20000; ++i) content += fmt::format("line {}\n", i);
  return content;
}

ScriptedReply FileReply(const std::string& body, const std::string& headers = "",
                        const std::string& status = "200 OK") {
  return {.pieces = {fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                                 body.size(), headers, body)}};
}

// The first `bytes` of a reply, and then the connection breaks.
ScriptedReply Cut(ScriptedReply reply, size_t bytes) {
  const size_t head = reply.pieces[0].find("\r\n\r\n") + 4;
  reply.pieces[0].resize(head + bytes);
  return reply;
}

// The value of a header of a request; empty: it has none.
std::string HeaderOf(const ScriptedRequest& request, const std::string& name) {
  const size_t begin = request.head.find(name + ": ");
  if (begin == std::string::npos) return "";
  const size_t value = begin + name.size() + 2;
  return request.head.substr(value, request.head.find("\r\n", value) - value);
}

// As a good server does it: the rest where it is asked for and the version is the same, else all.
ScriptedReply GoodReply(const ScriptedRequest& request, const std::string& content, const std::string& etag) {
  const std::string range = HeaderOf(request, "Range");
  const std::string version = HeaderOf(request, "If-Range");
  const std::string tag = "ETag: " + etag + "\r\n";
  if (range.empty() || (!version.empty() && version != etag)) return FileReply(content, tag);
  const size_t begin = static_cast<size_t>(std::atoll(range.c_str() + 6));
  if (begin >= content.size())
    return FileReply("", fmt::format("Content-Range: bytes */{}\r\n", content.size()), "416 Range Not Satisfiable");
  const std::string where = fmt::format("Content-Range: bytes {}-{}/{}\r\n", begin, content.size() - 1, content.size());
  return FileReply(content.substr(begin), tag + where, "206 Partial Content");
}

}  // namespace

TEST_CASE("a file arrives with its checksum, and nothing stays beside it but the lock") {
  DownloadFixture f;
  const std::string content = Content();
  ScriptedServer server([&](const ScriptedRequest& request) { return GoodReply(request, content, "\"v1\""); });
  const DownloadResult result = Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == content);
  CHECK(result.sha256 == Sha256Hex(content));
  CHECK(result.bytes == content.size());
  CHECK(result.attempts == 1);
  CHECK_FALSE(result.already_there);
  CHECK_FALSE(f.IsThere(f.part()));
  CHECK_FALSE(f.IsThere(f.part().string() + ".from"));
  REQUIRE(server.requests().size() == 1);
  CHECK(HeaderOf(server.requests()[0], "Range").empty());
  CHECK(HeaderOf(server.requests()[0], "User-Agent").starts_with("loco/"));

  f.options.sha256 = Sha256Hex(content);
  CHECK(Download(server.url() + "/file", f.target(), f.options).already_there);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a transfer that drops in the middle goes on there, for the same version") {
  DownloadFixture f;
  const std::string content = Content();
  ScriptedServer server([&](const ScriptedRequest& request) {
    const ScriptedReply reply = GoodReply(request, content, "\"v1\"");
    return request.number < 2 ? Cut(reply, 50000) : reply;
  });
  const DownloadResult result = Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == content);
  CHECK(result.attempts == 3);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(HeaderOf(requests[1], "Range") == "bytes=50000-");
  CHECK(HeaderOf(requests[1], "If-Range") == "\"v1\"");
  CHECK(HeaderOf(requests[2], "Range") == "bytes=100000-");
  CHECK(f.waits.size() == 2);
}

TEST_CASE("a server that ignores Range sends all of it, and that is what counts") {
  DownloadFixture f;
  const std::string content = Content();
  ScriptedServer server([&](const ScriptedRequest& request) {
    const ScriptedReply reply = FileReply(content, "ETag: \"v1\"\r\n");
    return request.number == 0 ? Cut(reply, 70000) : reply;
  });
  CHECK(Download(server.url() + "/file", f.target(), f.options).attempts == 2);
  CHECK(ReadFile(f.target()) == content);
}

TEST_CASE("a file that changes between two attempts is loaded anew, also when the server ignores If-Range") {
  const std::string old(100000, 'o');
  const std::string content = Content();
  for (const bool ignores : {false, true}) {
    CAPTURE(ignores);
    DownloadFixture f;
    ScriptedServer server([&](ScriptedRequest request) {
      if (request.number == 0) return Cut(GoodReply(request, old, "\"v1\""), 50000);
      const size_t condition = request.head.find("If-Range");
      if (ignores && condition != std::string::npos) request.head.erase(condition, 8);
      return GoodReply(request, content, "\"v2\"");
    });
    CHECK(Download(server.url() + "/file", f.target(), f.options).bytes == content.size());
    CHECK(ReadFile(f.target()) == content);
    CHECK(server.requests().size() == (ignores ? 3 : 2));
  }
}

TEST_CASE("without a validator the rest is asked for only where a checksum would find a mixture out") {
  const std::string content = Content();
  for (const bool known : {false, true}) {
    CAPTURE(known);
    DownloadFixture f;
    if (known) f.options.sha256 = Sha256Hex(content);
    ScriptedServer server([&](const ScriptedRequest& request) {
      ScriptedReply reply = GoodReply(request, content, "W/\"weak\"");
      return request.number == 0 ? Cut(reply, 50000) : reply;
    });
    Download(server.url() + "/file", f.target(), f.options);
    CHECK(ReadFile(f.target()) == content);
    CHECK(HeaderOf(server.requests().at(1), "Range") == (known ? "bytes=50000-" : ""));
    CHECK(HeaderOf(server.requests().at(1), "If-Range").empty());
  }
}

TEST_CASE("what an earlier call left of another version is replaced when the checksum does not fit") {
  DownloadFixture f;
  const std::string content = Content();
  std::filesystem::create_directories(f.target().parent_path());
  WriteFileAtomically(f.part(), std::string(30000, 'x'));
  f.options.sha256 = Sha256Hex(content);
  ScriptedServer server([&](const ScriptedRequest& request) { return GoodReply(request, content, "W/\"1\""); });
  WriteFileAtomically(f.part().string() + ".from", server.url() + "/file\n\n");
  Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == content);
  CHECK(server.requests().size() == 2);
  // A part of another address is not continued at all.
  WriteFileAtomically(f.part(), "x");
  WriteFileAtomically(f.part().string() + ".from", "http://other/file\n\"v1\"\n");
  std::filesystem::remove(f.target());
  Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == content);
  CHECK(HeaderOf(server.requests().at(2), "Range").empty());
}

TEST_CASE("a part that is complete already needs no byte more") {
  DownloadFixture f;
  const std::string content = Content();
  ScriptedServer server([&](const ScriptedRequest& request) { return GoodReply(request, content, "\"v1\""); });
  std::filesystem::create_directories(f.target().parent_path());
  WriteFileAtomically(f.part(), content);
  WriteFileAtomically(f.part().string() + ".from", server.url() + "/file\n\"v1\"\n");
  const DownloadResult result = Download(server.url() + "/file", f.target(), f.options);
  CHECK(result.resumed_at == content.size());
  CHECK(result.sha256 == Sha256Hex(content));
  CHECK(ReadFile(f.target()) == content);
}

TEST_CASE("500 twice, then the file; the waits grow, and Retry-After is obeyed") {
  DownloadFixture f;
  ScriptedServer server([&](const ScriptedRequest& request) {
    if (request.number < 2) return FileReply("sorry", "", "500 Oops");
    if (request.number == 2) return FileReply("sorry", "Retry-After: 7\r\n", "429 Slow down");
    return FileReply("content");
  });
  CHECK(Download(server.url() + "/file", f.target(), f.options).attempts == 4);
  CHECK(ReadFile(f.target()) == "content");
  REQUIRE(f.waits.size() == 3);
  CHECK(f.waits[0] >= 250ms);
  CHECK(f.waits[0] <= 500ms);
  CHECK(f.waits[1] >= 500ms);
  CHECK(f.waits[2] >= 7s);
  CHECK(f.waits[2] <= 8s);
}

TEST_CASE("a fault that stays ends after the attempts that were allowed") {
  DownloadFixture f;
  f.options.retry.attempts = 3;
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply("", "", "503 Busy"); });
  const Error error = f.Failure(server.url() + "/file");
  CHECK(std::string(error.what()).find("the server answers 503") != std::string::npos);
  CHECK(server.requests().size() == 3);
  CHECK_FALSE(f.IsThere(f.target()));
}

TEST_CASE("404 is final, and the cure says where the file may be put") {
  DownloadFixture f;
  f.options.elsewhere = "or use --from FOLDER";
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply("<html>", "", "404 Not Found"); });
  const Error error = f.Failure(server.url() + "/file");
  CHECK(std::string(error.what()).find("404, there is no such file") != std::string::npos);
  CHECK(error.hint().find(f.target().string() + ", or use --from FOLDER") != std::string::npos);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a wrong checksum names both, keeps nothing and leaves an older target alone") {
  DownloadFixture f;
  std::filesystem::create_directories(f.target().parent_path());
  WriteFileAtomically(f.target(), "older");
  f.options.sha256 = std::string(64, 'a');
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply("other"); });
  const Error error = f.Failure(server.url() + "/file");
  CHECK(std::string(error.what()).find(Sha256Hex("other")) != std::string::npos);
  CHECK(std::string(error.what()).find(std::string(64, 'a')) != std::string::npos);
  CHECK(ReadFile(f.target()) == "older");
  CHECK_FALSE(f.IsThere(f.part()));
}

TEST_CASE("a length that is not kept is a drop; one that is not expected is refused at once") {
  DownloadFixture f;
  f.options.retry.attempts = 2;
  ScriptedServer server([&](const ScriptedRequest&) { return Cut(FileReply(std::string(1000, 'x')), 10); });
  CHECK(f.Failure(server.url() + "/file").hint().find("goes on where it stopped") != std::string::npos);
  CHECK(server.requests().size() == 2);
  CHECK_FALSE(f.IsThere(f.target()));

  f.options.bytes = 999;
  const Error error = f.Failure(server.url() + "/file");
  CHECK(std::string(error.what()).find("has 1000 bytes and should have 999") != std::string::npos);
  CHECK(server.requests().size() == 3);
  f.options.bytes = std::nullopt;
  f.options.size_limit = Bytes{999};
  CHECK(std::string(f.Failure(server.url() + "/file").what()).find("larger than 999 B") != std::string::npos);

  // Without a length the limit holds for what comes.
  ScriptedServer endless([&](const ScriptedRequest&) {
    return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\n\r\n", std::string(600, 'x'), std::string(600, 'x')}};
  });
  CHECK(std::string(f.Failure(endless.url() + "/file").what()).find("larger than 999 B") != std::string::npos);
}

TEST_CASE("a server that stops sending is left") {
  DownloadFixture f;
  f.options.retry.attempts = 1;
  ScriptedServer server([&](const ScriptedRequest&) {
    ScriptedReply reply = Cut(FileReply(std::string(1000, 'x'), "ETag: \"v1\"\r\n"), 10);
    reply.hang = true;
    return reply;
  });
  CHECK(std::string(f.Failure(server.url() + "/file").what()).find("nothing came for") != std::string::npos);
  CHECK(ReadFile(f.part()) == "xxxxxxxxxx");
}

TEST_CASE("redirections are followed, but not in a circle and not to other schemes") {
  DownloadFixture f;
  ScriptedServer server([&](const ScriptedRequest& request) {
    const auto to = [](const std::string& where) {
      return FileReply("moved", "Location: " + where + "\r\n", "302 Found");
    };
    if (request.path == "/a") return to("/b");
    if (request.path == "/b") return FileReply("content");
    if (request.path == "/circle") return to("/circle");
    return to("file:///etc/passwd");
  });
  Download(server.url() + "/a", f.target(), f.options);
  CHECK(ReadFile(f.target()) == "content");
  CHECK(std::string(f.Failure(server.url() + "/circle").what()).find("in a circle") != std::string::npos);
  CHECK(
      std::string(f.Failure(server.url() + "/file").what()).find("redirects to file:///etc/passwd, which is refused") !=
      std::string::npos);
  CHECK(AllowedRedirects("HTTPS://host/x") == "https");
  CHECK(AllowedRedirects("http://host/x") == "http,https");
}

TEST_CASE("a body that is compressed without being asked is unpacked") {
  DownloadFixture f;
  // "unpacked\n" three times, as gzip writes it.
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xcd\x2b\x48\x4c\xce\x4e\x4d\xe1\x2a\xc5\x60\x00\x00"
      "\xe3\xe4\x4c\x97\x1b\x00\x00\x00",
      32);
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply(packed, "Content-Encoding: gzip\r\n"); });
  Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == "unpacked\nunpacked\nunpacked\n");
  CHECK(HeaderOf(server.requests().at(0), "Accept-Encoding") == "identity");
}

TEST_CASE("Ctrl-C keeps what has come, and the next call asks for the rest") {
  DownloadFixture f;
  const std::string content = Content();
  ScriptedServer server([&](const ScriptedRequest& request) {
    ScriptedReply reply = GoodReply(request, content, "\"v1\"");
    if (request.number > 0) return reply;
    reply = Cut(reply, 50000);
    reply.hang = true;
    return reply;
  });
  f.options.interrupted = [&] { return f.IsThere(f.part()) && std::filesystem::file_size(f.part()) == 50000; };
  CHECK_THROWS_AS(Download(server.url() + "/file", f.target(), f.options), Interrupted);
  CHECK(ReadFile(f.part()) == content.substr(0, 50000));
  f.options.interrupted = [] { return false; };
  const DownloadResult result = Download(server.url() + "/file", f.target(), f.options);
  CHECK(result.resumed_at == 50000);
  CHECK(HeaderOf(server.requests().at(1), "Range") == "bytes=50000-");
  CHECK(ReadFile(f.target()) == content);
}

TEST_CASE("a disk that is too small is said before the first byte; one that fills up keeps the part") {
  DownloadFixture f;
  f.options.size_limit = Bytes{uint64_t{1} << 62};
  ScriptedServer server([&](const ScriptedRequest& request) {
    if (request.path == "/huge")
      return ScriptedReply{.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n", "x"}};
    return GoodReply(request, std::string(200000, 'x'), "\"v1\"");
  });
  CHECK(std::string(f.Failure(server.url() + "/huge").what()).find("more are needed") != std::string::npos);

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Error error = f.Failure(server.url() + "/file");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(std::string(error.what()).find("cannot write") != std::string::npos);
  CHECK(std::filesystem::file_size(f.part()) == 100000);
  CHECK(Download(server.url() + "/file", f.target(), f.options).resumed_at == 100000);
  CHECK(std::filesystem::file_size(f.target()) == 200000);
}

TEST_CASE("a host that does not exist is said at once, with ways around it") {
  DownloadFixture f;
  // A label of more than 63 letters never leaves this machine: no resolver takes it.
  const std::string host = std::string(64, 'x') + ".invalid";
  const Error error = f.Failure("http://" + host + "/file");
  CHECK(std::string(error.what()).find("could not resolve host " + host) != std::string::npos);
  CHECK(error.hint().find("connect to the network") != std::string::npos);
  CHECK(f.waits.empty());
  CHECK(std::string(f.Failure("ftp://127.0.0.1/x").what()).find("ftp") != std::string::npos);
}

TEST_CASE("a port where nobody listens is tried again, and proxies are not asked for this machine") {
  DownloadFixture f;
  f.options.retry.attempts = 3;
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply("content"); });
  Download(server.url() + "/file", f.target(), f.options);
  CHECK(ReadFile(f.target()) == "content");
  server.Stop();
  f.Failure(server.url() + "/file");
  CHECK(f.waits.size() == 2);
  ::unsetenv("http_proxy");
}

TEST_CASE("an empty file is a file") {
  DownloadFixture f;
  ScriptedServer server([&](const ScriptedRequest&) { return FileReply(""); });
  CHECK(Download(server.url() + "/file", f.target(), f.options).sha256 == Sha256Hex(""));
  CHECK(ReadFile(f.target()).empty());
}

}  // namespace loco
