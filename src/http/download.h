// Downloads one file, whole and unchanged or not at all: it goes on where it stopped, and the target appears only when
// its bytes are complete and have the expected checksum.
//
//   const DownloadResult file = Download("https://host/test.jsonl", "data/test.jsonl", {.sha256 = known});
//   file.sha256    // of what lies at the target now; for a file whose checksum nobody knew before
//
// While it runs, "test.jsonl.part" holds what has come and "test.jsonl.part.from" which version of which URL that is.
// After a drop, Ctrl-C or a full disk the next call asks the server for the rest (Range with If-Range, RFC 9110 section
// 13.1.5), and begins again when the file has changed or the server sends all of it anyway. Two processes that want the
// same target wait for each other.
//
// Tried again, after growing and randomly shortened waits (RetryPolicy in http_client.h): broken or stalled transfers
// and the statuses 408, 429, 500, 502, 503 and 504; `Retry-After` is obeyed. The count begins anew whenever an attempt
// brought a good piece of the file.
//
// Redirections are followed, but never from https to http. Proxies are taken from the environment (https_proxy,
// http_proxy, no_proxy), except for addresses of this machine. A body that the server compressed although nobody asked
// for it is unpacked.
//
// Thrown are: Error, with the cure, for everything that trying again does not heal; Interrupted on Ctrl-C, within about
// a second, with the part kept.
//
// It deliberately sends no credentials and loads one file over one connection: the data sets that it is for are small.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "http/http_client.h"

namespace loco {

struct DownloadOptions {
  std::string sha256;             // expected, 64 hexadecimal digits; empty: not known
  std::optional<uint64_t> bytes;  // expected size; empty: not known
  Bytes size_limit{uint64_t{16} << 30};
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(20);
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(60);  // without one more byte
  RetryPolicy retry;
  Progress* progress = nullptr;  // steps are kilobytes (1,000 bytes)
  std::string label;             // of the progress; empty: the target's name
  std::string elsewhere;         // appended to the cure when there is no network, for example "or use --from FOLDER"
  bool again = false;            // also when the target has the expected checksum
  std::string wrong_checksum;    // the cure when the checksum is another one; empty: a general one
  uint64_t seed = 1;             // of the random part of waits
  SleepFunction sleep = SleepUnlessStopped;
  std::function<bool()> interrupted = InterruptRequested;
};

struct DownloadResult {
  std::string sha256;
  uint64_t bytes = 0;
  uint64_t resumed_at = 0;     // bytes that an earlier call had left
  int attempts = 0;            // requests that were made
  bool already_there = false;  // the target had the expected checksum: nothing was asked
};

// Creates missing folders. A target with the expected checksum stays; any other one is replaced.
DownloadResult Download(const std::string& url, const Path& target, const DownloadOptions& options = {});

// The schemes that a redirection from `url` may lead to, as libcurl writes them: "https" or "http,https".
std::string AllowedRedirects(const std::string& url);

}  // namespace loco
