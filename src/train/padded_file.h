// A GGUF file written in pieces: header first, then each tensor at its padded place.
//
//   PaddedFile file(path, builder);     // writes the builder's header
//   file.Pad();
//   file.Write(bytes);                  // once or more for each tensor
//   file.Commit();                      // without it nothing happened
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "candidate/gguf_builder.h"

namespace loco {

class PaddedFile {
 public:
  // The builder must outlive the object. Throws Error when the disk is full, as all that follows.
  PaddedFile(const Path& path, const GgufBuilder& builder) : builder_(builder), file_(path) { Write(builder.Header()); }

  void Write(std::string_view content) {
    file_.Write(content);
    written_ += content.size();
  }
  void Pad() { Write(std::string(builder_.Padded(written_) - written_, '\0')); }
  void Commit() {
    Pad();
    file_.Commit();
  }
  uint64_t written() const { return written_; }

 private:
  const GgufBuilder& builder_;
  AtomicFile file_;
  uint64_t written_ = 0;
};

}  // namespace loco
