#include "http/download.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "http/download_attempt.h"
#include "http/partial_file.h"

namespace loco {
namespace {

// An attempt that brought so much is no failure in a row.
constexpr uint64_t kGoodPiece = uint64_t{256} << 10;
// Of beginning again because the file changed meanwhile.
constexpr int kMostBeginnings = 4;

bool HealsByItself(const AttemptResult& result, bool reached_before) {
  if (result.end == AttemptEnd::kStalled) return true;
  if (result.end != AttemptEnd::kFailed) return false;
  switch (result.code) {
    case CURLE_OK:
      return result.status == 408 || result.status == 429 || result.status == 500 ||
             (result.status >= 502 && result.status <= 504);
    case CURLE_COULDNT_RESOLVE_HOST:  // offline, or a name that does not exist: more of the same would only take time
      return reached_before;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

std::string HostOf(const std::string& url) {
  const size_t begin = url.find("://");
  if (begin == std::string::npos) return url;
  return url.substr(begin + 3, url.find_first_of("/?#", begin + 3) - begin - 3);
}

// What brings the file here without this machine's network.
std::string CureElsewhere(const Path& target, const DownloadOptions& options) {
  return fmt::format("fetch the file on another machine and put it at {}{}", target.string(),
                     options.elsewhere.empty() ? "" : ", " + options.elsewhere);
}

Error ErrorOfStatus(const std::string& url, int status, const Path& target, const DownloadOptions& options) {
  const std::string what = fmt::format("{}: the server answers {}", url, status);
  if (status == 404 || status == 410) {
    return Error(what + ", there is no such file",
                 "the file may have moved: look for it on the site, then " + CureElsewhere(target, options));
  }
  if (status == 401 || status == 403) {
    return Error(what + ", it does not give the file to everybody",
                 "log in with a browser and accept the terms there, then " + CureElsewhere(target, options));
  }
  if (status == 429) return Error(what + ", too many requests", "wait some minutes and run the same command again");
  if (status >= 500) return Error(what, "the fault is the server's: run the same command again later");
  return Error(what, CureElsewhere(target, options));
}

Error ErrorOfTransfer(const std::string& url, const AttemptResult& result, const Path& target,
                      const DownloadOptions& options) {
  switch (result.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Error(fmt::format("{}: could not resolve host {}", url, HostOf(url)),
                   "connect to the network, or " + CureElsewhere(target, options));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Error(fmt::format("{}: {}", url, result.message),
                   "correct the proxy in https_proxy, http_proxy or all_proxy, or unset it");
    case CURLE_TOO_MANY_REDIRECTS:
      return Error(fmt::format("{}: the server redirects in a circle", url), CureElsewhere(target, options));
    case CURLE_UNSUPPORTED_PROTOCOL:
      if (result.location.empty()) return Error(fmt::format("{}: {}", url, result.message), "give an https URL");
      return Error(fmt::format("{}: the server redirects to {}, which is refused", url, result.location),
                   "an https address must not lead to an unprotected one; " + CureElsewhere(target, options));
    case CURLE_URL_MALFORMAT:
      return Error(fmt::format("'{}' is no URL", url), "give it as https://HOST/PATH");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Error(fmt::format("{}: the server's certificate is not trusted: {}", url, result.message),
                   "check the clock and the package ca-certificates");
    default:
      return Error(fmt::format("{}: {}", url, result.message),
                   "run the same command again: it goes on where it stopped; or " + CureElsewhere(target, options));
  }
}

Error ErrorOf(const std::string& url, const AttemptResult& result, const Path& target, const DownloadOptions& options) {
  if (result.end == AttemptEnd::kTooLarge) {
    return Error(fmt::format("{}: the file is larger than {}", url, FormatBytes(options.size_limit)),
                 "check the URL: this is not the file that was meant");
  }
  if (result.end == AttemptEnd::kWrongSize) {
    return Error(fmt::format("{}: the file has {} bytes and should have {}", url, result.total.value_or(0),
                             options.bytes.value_or(0)),
                 "the file has changed since its size was written down: check the URL");
  }
  if (result.end == AttemptEnd::kStalled) {
    return Error(fmt::format("{}: nothing came for {} s", url, options.stall_timeout.count() / 1000),
                 "run the same command again: it goes on where it stopped");
  }
  if (result.end == AttemptEnd::kChanged || result.end == AttemptEnd::kEncoded) {
    return Error(fmt::format("{}: every response is of another version", url), CureElsewhere(target, options));
  }
  if (result.code != CURLE_OK) return ErrorOfTransfer(url, result, target, options);
  return ErrorOfStatus(url, result.status, target, options);
}

// Until the part holds the whole file, or an Error.
void FetchPart(const std::string& url, const Path& target, PartialFile& part, const DownloadOptions& options,
               Random& random, DownloadResult& result) {
  int failures = 0;
  int beginnings = 0;
  bool decode = false;
  for (;;) {
    if (options.interrupted()) throw Interrupted();
    const AttemptResult attempt = RunDownloadAttempt(url, part, decode, options);
    ++result.attempts;
    if (attempt.end == AttemptEnd::kComplete) return;
    if (attempt.end == AttemptEnd::kInterrupted) throw Interrupted();
    if (attempt.end == AttemptEnd::kChanged || attempt.end == AttemptEnd::kEncoded) {
      if (++beginnings > kMostBeginnings) throw ErrorOf(url, attempt, target, options);
      decode = decode || attempt.end == AttemptEnd::kEncoded;
      part.StartOver();
      continue;
    }
    failures = attempt.received >= kGoodPiece ? 1 : failures + 1;
    if (!HealsByItself(attempt, part.size() > 0)) throw ErrorOf(url, attempt, target, options);
    const auto wait = WaitBefore(failures + 1, options.retry, random.Uniform(), attempt.retry_after);
    if (!wait) throw ErrorOf(url, attempt, target, options);
    options.sleep(*wait, {});
  }
}

// What is wrong with the complete part; empty: nothing.
std::string MistakeOfContent(const std::string& sha256, uint64_t bytes, const DownloadOptions& options) {
  if (options.bytes && bytes != *options.bytes)
    return fmt::format("the file has {} bytes and should have {}", bytes, *options.bytes);
  if (!options.sha256.empty() && sha256 != options.sha256)
    return fmt::format("the file has the SHA-256 {} and should have {}", sha256, options.sha256);
  return "";
}

}  // namespace

std::string AllowedRedirects(const std::string& url) {
  std::string scheme = url.substr(0, 8);
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](unsigned char c) { return std::tolower(c); });
  return scheme == "https://" ? "https" : "http,https";
}

DownloadResult Download(const std::string& url, const Path& target, const DownloadOptions& options) {
  DownloadResult result;
  FileLock lock(target.string() + ".lock");
  lock.Wait([] {});
  std::error_code missing;
  if (!options.again && !options.sha256.empty() && std::filesystem::is_regular_file(target, missing) &&
      Sha256OfFile(target) == options.sha256) {
    result.sha256 = options.sha256;
    result.bytes = std::filesystem::file_size(target);
    result.already_there = true;
    return result;
  }
  Random random(options.seed);
  PartialFile part(target);
  if (part.size() > 0 && !part.IsOf(url)) part.StartOver();
  result.resumed_at = part.size();
  for (bool first = true;; first = false) {
    FetchPart(url, target, part, options, random, result);
    result.bytes = part.size();
    result.sha256 = part.Sha256();
    const std::string mistake = MistakeOfContent(result.sha256, result.bytes, options);
    if (mistake.empty()) break;
    if (first && result.resumed_at > 0) {  // the bytes of the earlier call may be to blame: once more, all of it
      part.StartOver();
      result.resumed_at = 0;
      continue;
    }
    part.Remove();
    throw Error(fmt::format("{}: {}", url, mistake),
                !options.wrong_checksum.empty()
                    ? options.wrong_checksum
                    : "the file at this address has changed, or something on the way changes it: nothing was kept; "
                      "compare with the checksum that the publisher names");
  }
  part.Commit();
  return result;
}

}  // namespace loco
