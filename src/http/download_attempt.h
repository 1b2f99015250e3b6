// One request for a file, or for the rest of it; private to this module. What to do when it fails is download.cc's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "http/curl_handle.h"
#include "http/download.h"
#include "http/partial_file.h"

namespace loco {

enum class AttemptEnd {
  kComplete,     // the part holds the whole file
  kFailed,       // `code` and `status` say how
  kStalled,      // no byte for too long
  kChanged,      // what the part holds is of another version: begin again
  kEncoded,      // compressed although nobody asked: begin again with `decode`
  kTooLarge,     // over the limit
  kWrongSize,    // not the expected number of bytes
  kInterrupted,  // Ctrl-C
};

struct AttemptResult {
  AttemptEnd end = AttemptEnd::kFailed;
  CURLcode code = CURLE_OK;
  int status = 0;                 // of the last response; 0: none came
  std::string message;            // libcurl's; hostile
  std::string location;           // where the last redirection led; empty: none; hostile
  std::optional<uint64_t> total;  // of the whole file, when the server says
  uint64_t received = 0;          // bytes of the file that came
  std::optional<std::chrono::seconds> retry_after;
};

// Appends what comes to `part`. Throws Error when that cannot be written. `decode`: unpack the body's encoding; then
// the request is never for a rest.
AttemptResult RunDownloadAttempt(const std::string& url, PartialFile& part, bool decode,
                                 const DownloadOptions& options);

}  // namespace loco
