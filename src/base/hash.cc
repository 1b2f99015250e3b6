#include "base/hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/error.h"

namespace loco {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  LOCO_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  LOCO_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  LOCO_CHECK(EVP_DigestFinal_ex(state_->context, digest, &length) == 1);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

std::string Sha256OfFile(const Path& path) {
  const MappedFile file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  Sha256 hash;
  constexpr size_t kPiece = size_t{1} << 24;
  for (size_t begin = 0; begin < bytes.size(); begin += kPiece) hash.Update(bytes.substr(begin, kPiece));
  return hash.Finish();
}

std::string HashOfParts(std::initializer_list<std::string_view> parts) {
  return HashOfParts(std::span<const std::string_view>(parts.begin(), parts.size()));
}

std::string HashOfParts(std::span<const std::string_view> parts) {
  Sha256 hash;
  for (const std::string_view part : parts) {
    hash.Update(fmt::format("{}:", part.size()));
    hash.Update(part);
  }
  return hash.Finish();
}

}  // namespace loco
