#include "http/download_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <exception>

#include "base/error.h"
#include "base/version.h"

namespace loco {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string Trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const size_t end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? "" : std::string(text.substr(begin, end + 1 - begin));
}

std::optional<uint64_t> WholeNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The head of a response.
struct ResponseHead {
  int status = 0;
  std::string etag, last_modified, encoding, location;
  std::optional<uint64_t> length;
  std::optional<uint64_t> range_begin, range_total;

  void Read(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // of a redirection's target, or after 100 Continue: nothing of the last one holds
      *this = {};
      const size_t blank = line.find(' ');
      if (blank != std::string_view::npos)
        status = static_cast<int>(WholeNumber(line.substr(blank + 1, 3)).value_or(0));
      return;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string value = Trimmed(line.substr(colon + 1));
    if (name == "etag") etag = value;
    if (name == "last-modified") last_modified = value;
    if (name == "content-encoding") encoding = value;
    if (name == "location") location = value;
    if (name == "content-length") length = WholeNumber(value);
    if (name == "content-range") ReadRange(value);
  }

  // "bytes 100-199/1234", "bytes 100-199/*", "bytes */1234".
  void ReadRange(std::string_view value) {
    if (!value.starts_with("bytes ")) return;
    value.remove_prefix(6);
    const size_t slash = value.find('/');
    if (slash == std::string_view::npos) return;
    range_total = WholeNumber(value.substr(slash + 1));
    range_begin = WholeNumber(value.substr(0, std::min(value.find('-'), slash)));
  }

  // A weak ETag says that two versions mean the same, not that they have the same bytes.
  std::string Validator() const { return !etag.empty() && !etag.starts_with("W/") ? etag : last_modified; }
};

// What the callbacks of an attempt work on.
struct FileTransfer {
  const std::string& url;
  PartialFile& part;
  const DownloadOptions& options;
  bool decode;
  bool asked_for_rest = false;
  ResponseHead head;
  bool begun = false;              // the body
  std::optional<AttemptEnd> ours;  // we ended it
  std::exception_ptr problem;      // our own, which must not fly through libcurl
  SteadyClock::time_point last_byte = SteadyClock::now();
  std::optional<uint64_t> total;
  uint64_t received = 0;
  bool shows_progress = false;

  bool HasFile() const { return head.status == 200 || head.status == 206; }

  // Looks at the head before the first byte of the file is kept. False: end the transfer.
  bool Begin() {
    begun = true;
    const auto end = [&](AttemptEnd why) {
      ours = why;
      return false;
    };
    const bool plain = head.encoding.empty() || head.encoding == "identity";
    if (!plain && !decode) return end(AttemptEnd::kEncoded);
    if (head.status == 206) {
      if (!asked_for_rest || head.range_begin != part.size()) return end(AttemptEnd::kChanged);
      const std::string validator = head.Validator();
      if (!validator.empty() && !part.validator().empty() && validator != part.validator())
        return end(AttemptEnd::kChanged);
      total = head.range_total;
    } else {
      if (part.size() > 0) part.StartOver();
      if (plain) total = head.length;
      part.Describe(url, head.Validator());
    }
    if (total > options.size_limit.value) return end(AttemptEnd::kTooLarge);
    if (total && options.bytes && *total != *options.bytes) return end(AttemptEnd::kWrongSize);
    if (total) CheckSpace(*total - std::min(*total, part.size()));
    if (options.progress != nullptr && !shows_progress) {
      const std::string label = options.label.empty() ? part.path().stem().string() : options.label;
      options.progress->Begin(label, static_cast<int64_t>(total.value_or(0) / 1000),
                              static_cast<int64_t>(part.size() / 1000));
      shows_progress = true;
    }
    return true;
  }

  void CheckSpace(uint64_t needed) const {
    const Path folder = part.path().has_parent_path() ? part.path().parent_path() : Path(".");
    const Bytes free = FreeDiskSpace(folder);
    if (needed <= free.value) return;
    throw Error(fmt::format("{}: {} more are needed for this file and {} are free", folder.string(),
                            FormatBytes(Bytes{needed}), FormatBytes(free)),
                "free some space and run the same command again: it goes on where it stopped");
  }

  bool Take(std::string_view bytes) {
    last_byte = SteadyClock::now();
    if (!HasFile()) return true;  // what a server says beside an error is not the file
    if (!begun && !Begin()) return false;
    if (part.size() + bytes.size() > options.size_limit.value) {
      ours = AttemptEnd::kTooLarge;
      return false;
    }
    const uint64_t before = part.size();
    try {
      part.Append(bytes);
    } catch (...) {
      received += part.size() - before;
      throw;
    }
    received += bytes.size();
    if (options.progress != nullptr) options.progress->Update(static_cast<int64_t>(part.size() / 1000), "kB");
    return true;
  }

  // Asked at least once a second. False: end the transfer.
  bool GoesOn() {
    if (options.interrupted()) ours = AttemptEnd::kInterrupted;
    if (SteadyClock::now() - last_byte > options.stall_timeout) ours = AttemptEnd::kStalled;
    return !ours;
  }
};

size_t TakeFileHeader(char* bytes, size_t, size_t count, void* data) {
  FileTransfer& transfer = *static_cast<FileTransfer*>(data);
  transfer.last_byte = SteadyClock::now();
  transfer.head.Read({bytes, count});
  return count;
}

size_t TakeFileBytes(char* bytes, size_t, size_t count, void* data) {
  FileTransfer& transfer = *static_cast<FileTransfer*>(data);
  try {
    return transfer.Take({bytes, count}) ? count : CURL_WRITEFUNC_ERROR;
  } catch (...) {
    transfer.problem = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

int LookAround(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<FileTransfer*>(data)->GoesOn() ? 0 : 1;
}

void SetUpTransfer(CURL* easy, FileTransfer& transfer, const CurlList& headers, char* message) {
  const DownloadOptions& options = transfer.options;
  curl_easy_setopt(easy, CURLOPT_URL, transfer.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, AllowedRedirects(transfer.url).c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, fmt::format("loco/{}", Version()).c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, TakeFileHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, TakeFileBytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, LookAround);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
  if (transfer.decode) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  if (IsThisMachine(transfer.url)) curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

}  // namespace

AttemptResult RunDownloadAttempt(const std::string& url, PartialFile& part, bool decode,
                                 const DownloadOptions& options) {
  FileTransfer transfer{.url = url, .part = part, .options = options, .decode = decode};
  // Without a validator the rest may be of another version; the checksum would find out.
  transfer.asked_for_rest =
      !decode && part.size() > 0 && part.IsOf(url) && (!part.validator().empty() || !options.sha256.empty());
  CurlList headers;
  if (!decode) AddLine(headers, "Accept-Encoding: identity");
  if (transfer.asked_for_rest) {
    AddLine(headers, fmt::format("Range: bytes={}-", part.size()));
    if (!part.validator().empty()) AddLine(headers, "If-Range: " + part.validator());
  }
  const CurlEasy easy = NewCurlEasy();
  char message[CURL_ERROR_SIZE] = "";
  SetUpTransfer(easy.get(), transfer, headers, message);
  AttemptResult result;
  result.code = curl_easy_perform(easy.get());
  const bool whole = result.code == CURLE_OK && transfer.HasFile();
  if (whole && !transfer.begun && !transfer.problem) transfer.Begin();  // a file of no bytes
  if (transfer.shows_progress) options.progress->End();
  if (transfer.problem) std::rethrow_exception(transfer.problem);

  result.status = transfer.head.status;
  result.message = message[0] != '\0' ? message : curl_easy_strerror(result.code);
  result.location = transfer.head.location;
  result.total = transfer.total;
  result.received = transfer.received;
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &seconds);
  if (seconds > 0) result.retry_after = std::chrono::seconds(seconds);
  if (transfer.ours) {
    result.end = *transfer.ours;
  } else if (whole) {
    result.end = AttemptEnd::kComplete;
  } else if (result.status == 416 && transfer.asked_for_rest) {
    const bool complete = transfer.head.range_total == part.size();  // an earlier call had all of it
    result.end = complete ? AttemptEnd::kComplete : AttemptEnd::kChanged;
  }
  return result;
}

}  // namespace loco
