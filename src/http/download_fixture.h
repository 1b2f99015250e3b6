// For tests alone: a folder to download into, and replies of a file server, good and bad.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/download.h"
#include "http/server_fixture.h"

namespace loco {

// A folder of its own, and options that never really wait and keep what they would have waited.
struct DownloadFixture {
  DownloadFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "loco-download-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    options.sleep = [this](std::chrono::milliseconds wait, const std::stop_token&) { waits.push_back(wait); };
    options.stall_timeout = std::chrono::milliseconds(900);
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
  std::vector<std::chrono::milliseconds> waits;
};

inline std::string Content() {
  std::string content;
  for (int i = 0; i < 20000; ++i) content += fmt::format("line {}\n", i);
  return content;
}

inline ScriptedReply FileReply(const std::string& body, const std::string& headers = "",
                               const std::string& status = "200 OK") {
  return {.pieces = {fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                                 body.size(), headers, body)}};
}

// The first `bytes` of a reply, and then the connection breaks.
inline ScriptedReply Cut(ScriptedReply reply, size_t bytes) {
  const size_t head = reply.pieces[0].find("\r\n\r\n") + 4;
  reply.pieces[0].resize(head + bytes);
  return reply;
}

// The value of a header of a request; empty: it has none.
inline std::string HeaderOf(const ScriptedRequest& request, const std::string& name) {
  const size_t begin = request.head.find(name + ": ");
  if (begin == std::string::npos) return "";
  const size_t value = begin + name.size() + 2;
  return request.head.substr(value, request.head.find("\r\n", value) - value);
}

// As a good server does it: the rest where it is asked for and the version is the same, else all.
inline ScriptedReply GoodReply(const ScriptedRequest& request, const std::string& content, const std::string& etag) {
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

}  // namespace loco
