// Owned libcurl handles; private to this module.
//
//   const CurlEasy easy = NewCurlEasy();
//   curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
//   CurlList headers;
//   AddLine(headers, "Accept: application/json");
//   curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
#pragma once

#include <curl/curl.h>

#include <memory>
#include <new>
#include <string>

namespace loco {

struct CurlEasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using CurlEasy = std::unique_ptr<CURL, CurlEasyDeleter>;

struct CurlListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, CurlListDeleter>;

// Makes the library ready, once for the program. It is never cleaned up: threads of others may still use it at exit.
inline void StartCurl() {
  static const CURLcode kCode = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kCode != CURLE_OK) throw std::bad_alloc();  // nothing else makes it fail
}

inline CurlEasy NewCurlEasy() {
  StartCurl();
  CurlEasy easy(curl_easy_init());
  if (!easy) throw std::bad_alloc();
  return easy;
}

inline void AddLine(CurlList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());  // `longer` begins with it
  list.reset(longer);
}

}  // namespace loco
