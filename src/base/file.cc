#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"

namespace loco {
namespace {

bool IsBelow(const Path& path, const Path& folder) {
  const Path relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

// Why a system call failed, with the cure where the reason has one.
Error SystemError(const Path& path, std::string_view action, int code) {
  std::string hint;
  if (code == ENOENT) hint = "check the path";
  if (code == EACCES || code == EPERM) hint = "check the permissions of the file and its folder";
  if (code == EROFS) hint = "the file system is read-only: choose a path on a writable one";
  if (code == ENOSPC || code == EDQUOT)
    hint = "free some space and run the same command again: it goes on where it stopped";
  if (code == EISDIR) hint = "give a file, not a folder";
  if (code == ENOTDIR) hint = "a part of this path is a file, not a folder: check it";
  if (code == ENAMETOOLONG) hint = "choose a shorter name or path";
  if (code == EMFILE || code == ENFILE) hint = "too many files are open: close other programs, or raise 'ulimit -n'";
  if (hint.empty()) hint = "check the path, the disk and that nothing else uses it";
  if (IsBelow(path, UserCacheFolder())) hint += "; LOCO_CACHE names another folder for the cache";
  return Error(fmt::format("{}: cannot {}: {}", path.string(), action, std::strerror(code)), hint);
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

Path EnvironmentFolder(const char* variable, const char* fallback_below_home) {
  if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return Path(value);
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return Path(home) / fallback_below_home;
  return std::filesystem::temp_directory_path();
}

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*')
    return !name.empty() && name.front() == pattern.front() && MatchesPattern(name.substr(1), pattern.substr(1));
  for (size_t skip = 0; skip <= name.size(); ++skip) {
    if (MatchesPattern(name.substr(skip), pattern.substr(1))) return true;
  }
  return false;
}

}  // namespace

std::string ReadFile(const Path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw SystemError(path, "open", errno);
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(path, "read", errno);
    if (count == 0) return content;
    content.append(buffer, static_cast<size_t>(count));
  }
}

AtomicFile::AtomicFile(const Path& path) : path_(path), temporary_(path.string() + ".XXXXXX") {
  if (path.has_parent_path()) {
    std::error_code code;
    std::filesystem::create_directories(path.parent_path(), code);
    if (code) throw SystemError(path.parent_path(), "create the folder", code.value());
  }
  descriptor_ = ::mkstemp(temporary_.data());
  if (descriptor_ < 0) throw SystemError(path, "create", errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::Fail(std::string_view action) { throw SystemError(path_, action, errno); }

void AtomicFile::Write(std::string_view content) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::write(descriptor_, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) Fail("write");
    done += static_cast<size_t>(count);
  }
}

void AtomicFile::Commit() {
  ::fchmod(descriptor_, 0644);
  if (::fsync(descriptor_) != 0) Fail("write");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) Fail("write");
  ::close(descriptor_);
  descriptor_ = -1;
}

void WriteFileAtomically(const Path& path, std::string_view content) {
  AtomicFile file(path);
  file.Write(content);
  file.Commit();
}

void SyncFile(const Path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw SystemError(path, "open", errno);
  if (::fsync(file.get()) != 0) throw SystemError(path, "write", errno);
}

MappedFile::MappedFile(const Path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw SystemError(path, "open", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw SystemError(path, "read", errno);
  if (S_ISDIR(status.st_mode)) throw SystemError(path, "read", EISDIR);
  if (!S_ISREG(status.st_mode))
    throw Error(fmt::format("{}: cannot read: it is a device or a pipe", path.string()), "give a file on a disk");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;  // mmap refuses an empty range; an empty span is the truth
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw SystemError(path, "map", errno);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

FileLock::FileLock(const Path& path) {
  if (path.has_parent_path()) {
    std::error_code code;
    std::filesystem::create_directories(path.parent_path(), code);
    if (code) throw SystemError(path.parent_path(), "create the folder", code.value());
  }
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw SystemError(path, "lock", errno);
  TryAgain();
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool FileLock::TryAgain() {
  if (!held_) held_ = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
  return held_;
}

void FileLock::Wait(const std::function<void()>& waiting) {
  while (!held_) {
    waiting();
    ThrowIfInterrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    TryAgain();
  }
}

Bytes FreeDiskSpace(const Path& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) throw SystemError(folder, "read the free space", errno);
  return Bytes{static_cast<uint64_t>(status.f_bavail) * status.f_frsize};
}

Path UserCacheFolder() {
  if (const char* value = std::getenv("LOCO_CACHE"); value != nullptr && *value != '\0') return Path(value);
  return EnvironmentFolder("XDG_CACHE_HOME", ".cache") / "locollm";
}

Path UserDataFolder() { return EnvironmentFolder("XDG_DATA_HOME", ".local/share") / "locollm"; }

std::vector<Path> FilesMatching(const Path& pattern) {
  std::vector<Path> files;
  std::error_code none;
  const Path folder = pattern.parent_path().empty() ? Path(".") : pattern.parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const bool matches = MatchesPattern(entry.path().filename().string(), pattern.filename().string());
    if (matches && entry.is_regular_file(none)) files.push_back((pattern.parent_path() / entry.path().filename()));
  }
  std::sort(files.begin(), files.end());  // the order of a folder is the file system's, not ours
  return files;
}

}  // namespace loco
