#include "base/hash.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "base/error.h"

namespace loco {

// Source of the three digests: FIPS 180-2, appendix B, and NIST's "SHA256ShortMsg" for the empty message.
TEST_CASE("SHA-256 gives the published digests") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(Sha256Hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("pieces hash as the whole") {
  Sha256 hash;
  hash.Update("a");
  hash.Update("");
  hash.Update("bc");
  CHECK(hash.Finish() == Sha256Hex("abc"));
}

TEST_CASE("a file hashes as its content, also past the piece that is read at once") {
  std::string name = (std::filesystem::temp_directory_path() / "loco_hash_test.XXXXXX").string();
  const int descriptor = ::mkstemp(name.data());
  REQUIRE(descriptor >= 0);
  ::close(descriptor);
  CHECK(Sha256OfFile(name) == Sha256Hex(""));
  const std::string content((size_t{1} << 24) + 17, 'z');
  WriteFileAtomically(name, content);
  CHECK(Sha256OfFile(name) == Sha256Hex(content));
  std::filesystem::remove(name);
  CHECK_THROWS_AS(Sha256OfFile(name), Error);
}

TEST_CASE("parts keep their borders") {
  CHECK(HashOfParts({"ab", "c"}) != HashOfParts({"a", "bc"}));
  CHECK(HashOfParts({"ab", "c"}) != HashOfParts({"abc"}));
  CHECK(HashOfParts({"", "abc"}) != HashOfParts({"abc", ""}));
  CHECK(HashOfParts({}) != HashOfParts({""}));
  // A part that looks like a border is still a part.
  CHECK(HashOfParts({"1:a"}) != HashOfParts({"1", "a"}));
}

TEST_CASE("keys of rows are stable between versions") { CHECK(HashOfParts({"ab", "c"}) == Sha256Hex("2:ab1:c")); }

}  // namespace loco
