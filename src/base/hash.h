// SHA-256 (libcrypto), the identity of every file and row.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"

namespace loco {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // 64 lower-case hexadecimal digits. Call once.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);

// Hash of a file's content, read in pieces: a model may be larger than memory.
std::string Sha256OfFile(const Path& path);

// Hash of several parts with their lengths, so that ("ab","c") and ("a","bc") differ. Keys of rows are made with it.
std::string HashOfParts(std::initializer_list<std::string_view> parts);
std::string HashOfParts(std::span<const std::string_view> parts);

}  // namespace loco
