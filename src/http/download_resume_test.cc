// Downloads that were stopped and go on: after a drop, Ctrl-C or a full disk, and with servers that do not play along.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/hash.h"
#include "http/download_fixture.h"

namespace loco {

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

}  // namespace loco
