// What has come of a file that is being downloaded, and what it is a part of; private to this module.
//
//   PartialFile part(target);             // with the bytes that an earlier call left
//   if (!part.IsOf(url)) part.StartOver();
//   part.Append(bytes);
//   if (part.Sha256() == expected) part.Commit();
//
// The checksum is computed as the bytes come, so that a file of gigabytes is not read again at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/hash.h"

namespace loco {

class PartialFile {
 public:
  // Opens or creates TARGET.part.
  explicit PartialFile(const Path& target);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const { return size_; }
  const Path& path() const { return path_; }
  // A strong ETag or the Last-Modified date of the version; empty: the server gave neither.
  const std::string& validator() const { return validator_; }
  bool IsOf(const std::string& url) const { return url_ == url; }

  // Notes where the bytes come from, before the first of them.
  void Describe(const std::string& url, const std::string& validator);
  void Append(std::string_view bytes);
  // Forgets all bytes.
  void StartOver();
  // Of all bytes; ends the file: only Commit(), StartOver() or Remove() may follow.
  std::string Sha256();
  // Moves it to the target, for good.
  void Commit();
  void Remove();

 private:
  Path target_;
  Path path_;
  Path note_;  // TARGET.part.from: the URL and the validator, a line each
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::string url_;
  std::string validator_;
  std::unique_ptr<loco::Sha256> hash_;
};

}  // namespace loco
