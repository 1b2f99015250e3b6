#include "base/file.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace loco {
namespace {

// A folder of its own for each test case, removed at its end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "loco_file_test.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const Path& path() const { return path_; }
  size_t entries() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) count += entry.exists() ? 1 : 0;
    return count;
  }

 private:
  Path path_;
};

// Sets a variable for the life of the object; a null value removes it.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    const char* before = ::getenv(name);
    if (before != nullptr) before_ = before;
    had_ = before != nullptr;
    Set(value);
  }
  ~Environment() { Set(had_ ? before_.c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void Set(const char* value) const {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::string before_;
  bool had_ = false;
};

std::string MessageOf(const Path& path, void (*action)(const Path&)) {
  try {
    action(path);
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("files that match a pattern come sorted; a folder, or a folder that is not there, is none") {
  const ScratchFolder folder;
  for (const char* name : {"b.toml", "a.toml", "a.jsonl", "toml"}) WriteFileAtomically(folder.path() / name, "x");
  std::filesystem::create_directory(folder.path() / "c.toml");
  const auto names = [&](const char* pattern) {
    std::vector<std::string> found;
    for (const Path& file : FilesMatching(folder.path() / pattern)) found.push_back(file.filename().string());
    return found;
  };
  CHECK(names("*.toml") == std::vector<std::string>{"a.toml", "b.toml"});
  CHECK(names("a.*") == std::vector<std::string>{"a.jsonl", "a.toml"});
  CHECK(names("*o*ml") == std::vector<std::string>{"a.toml", "b.toml", "toml"});
  CHECK(names("a.toml") == std::vector<std::string>{"a.toml"});
  CHECK(names("none/*.toml").empty());
}

TEST_CASE("what was written is what is read, with zero bytes and across the read buffer") {
  const ScratchFolder folder;
  std::string content = "first\0second\n";
  content.resize(300'000, 'x');
  content[70'000] = '\0';
  WriteFileAtomically(folder.path() / "a.bin", content);
  CHECK(ReadFile(folder.path() / "a.bin") == content);
  WriteFileAtomically(folder.path() / "a.bin", "");
  CHECK(ReadFile(folder.path() / "a.bin").empty());
}

TEST_CASE("an atomic write makes the folders, replaces the file and leaves no other file") {
  const ScratchFolder folder;
  WriteFileAtomically(folder.path() / "new" / "deep" / "a.txt", "one");
  CHECK(ReadFile(folder.path() / "new" / "deep" / "a.txt") == "one");
  WriteFileAtomically(folder.path() / "a.txt", "one");
  WriteFileAtomically(folder.path() / "a.txt", "two");
  CHECK(ReadFile(folder.path() / "a.txt") == "two");
  CHECK(folder.entries() == 2);
  // Other users may read what we wrote: mkstemp alone would make it private.
  struct stat status {};
  REQUIRE(::stat((folder.path() / "a.txt").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
}

TEST_CASE("a failed write leaves the old content and no other file") {
  const ScratchFolder folder;
  WriteFileAtomically(folder.path() / "a.txt", "old");
  std::filesystem::create_directory(folder.path() / "folder");
  std::filesystem::create_directory(folder.path() / "folder" / "full");
  // A folder that is not empty cannot be replaced by a file.
  CHECK_THROWS_AS(WriteFileAtomically(folder.path() / "folder", "new"), Error);
  CHECK_THROWS_AS(WriteFileAtomically(folder.path() / "a.txt" / "below", "new"), Error);
  CHECK(ReadFile(folder.path() / "a.txt") == "old");
  CHECK(folder.entries() == 2);
}

TEST_CASE("a place where nobody can write is an error that names it") {
  const std::string message = MessageOf("/proc/loco/a.txt", [](const Path& path) { WriteFileAtomically(path, "x"); });
  CHECK(message == "/proc/loco: cannot create the folder: No such file or directory");
}

TEST_CASE("a missing file and a folder are errors that name the path and a cure") {
  const ScratchFolder folder;
  const auto read = [](const Path& path) { ReadFile(path); };
  const auto map = [](const Path& path) { MappedFile mapped(path); };
  const Path missing = folder.path() / "missing";
  CHECK(MessageOf(missing, read) == missing.string() + ": cannot open: No such file or directory");
  CHECK(MessageOf(missing, map) == missing.string() + ": cannot open: No such file or directory");
  CHECK(MessageOf(folder.path(), read) == folder.path().string() + ": cannot read: Is a directory");
  CHECK(MessageOf(folder.path(), map) == folder.path().string() + ": cannot read: Is a directory");
}

TEST_CASE("a map shows the file's bytes, an empty file none") {
  const ScratchFolder folder;
  WriteFileAtomically(folder.path() / "a.bin", "abc");
  WriteFileAtomically(folder.path() / "empty", "");
  const MappedFile mapped(folder.path() / "a.bin");
  REQUIRE(mapped.bytes().size() == 3);
  CHECK(mapped.bytes()[2] == std::byte{'c'});
  CHECK(MappedFile(folder.path() / "empty").bytes().empty());
}

TEST_CASE("a lock has one holder at a time and is free again when the holder ends") {
  const ScratchFolder folder;
  const Path path = folder.path() / "new" / "lock";
  FileLock waiting = [&] {
    const FileLock holder(path);
    CHECK(holder.held());
    return FileLock(path);
  }();
  CHECK_FALSE(waiting.held());
  CHECK(waiting.TryAgain());
  CHECK(waiting.held());
  CHECK_FALSE(FileLock(path).held());
}

TEST_CASE("free space is known for a folder that exists") {
  const ScratchFolder folder;
  CHECK(FreeDiskSpace(folder.path()).value > 0);
  CHECK_THROWS_AS(FreeDiskSpace(folder.path() / "missing"), Error);
}

TEST_CASE("the user's folders follow the environment, an empty variable counts as unset") {
  const Environment home("HOME", "/home/someone");
  const Environment loco_cache("LOCO_CACHE", nullptr);
  const Environment cache("XDG_CACHE_HOME", "");
  const Environment data("XDG_DATA_HOME", nullptr);
  CHECK(UserCacheFolder() == "/home/someone/.cache/locollm");
  CHECK(UserDataFolder() == "/home/someone/.local/share/locollm");
  const Environment other_cache("XDG_CACHE_HOME", "/var/cache/me");
  const Environment other_data("XDG_DATA_HOME", "/srv/me");
  CHECK(UserCacheFolder() == "/var/cache/me/locollm");
  CHECK(UserDataFolder() == "/srv/me/locollm");
  const Environment own("LOCO_CACHE", "/scratch");
  CHECK(UserCacheFolder() == "/scratch");
}

}  // namespace loco
