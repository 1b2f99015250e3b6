#include "http/download.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/hash.h"
#include "http/download_fixture.h"

namespace loco {

using namespace std::chrono_literals;

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
