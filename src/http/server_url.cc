#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "http/http_client.h"

namespace loco {
namespace {

struct CurlUrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct CurlTextDeleter {
  void operator()(char* text) const { curl_free(text); }
};

std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, CurlTextDeleter> owner(text);
  return text;
}

std::unique_ptr<CURLU, CurlUrlDeleter> ParseServerUrl(const std::string& url) {
  std::unique_ptr<CURLU, CurlUrlDeleter> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return nullptr;
  return parsed;
}

}  // namespace

std::string ServerUrl(std::string_view text) {
  std::string url(text);
  if (!url.empty() && url.find("://") == std::string::npos) url = "http://" + url;
  const char* cure = "give it as http://HOST:PORT or https://HOST";
  const auto parsed = ParseServerUrl(url);
  const std::string scheme = parsed ? UrlPart(parsed.get(), CURLUPART_SCHEME) : "";
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if ((scheme != "http" && scheme != "https") || !plain) {
    throw Error(fmt::format("'{}' is not the address of an HTTP server", text), cure);
  }
  if (!UrlPart(parsed.get(), CURLUPART_USER).empty() || !UrlPart(parsed.get(), CURLUPART_PASSWORD).empty()) {
    throw Error("the address of a server holds a user name or password",  // not shown: it may be a secret
                "give keys in an environment variable: addresses are stored and shown");
  }
  if (!UrlPart(parsed.get(), CURLUPART_QUERY).empty() || !UrlPart(parsed.get(), CURLUPART_FRAGMENT).empty()) {
    throw Error(fmt::format("the server's address '{}' has a part that begins with ? or #", text), cure);
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool IsThisMachine(const std::string& url) {
  const auto parsed = ParseServerUrl(url);
  const std::string host = parsed ? UrlPart(parsed.get(), CURLUPART_HOST) : "";
  return host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]";
}

}  // namespace loco
