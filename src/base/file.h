// Files: whole reads, atomic writes, read-only memory maps. Every failure is an Error that names the path and a cure.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace loco {

using Path = std::filesystem::path;

// The whole file as bytes. Throws Error when it cannot be read.
std::string ReadFile(const Path& path);

// Writes to a temporary neighbour, syncs it and renames it over `path`: a reader sees the old or the new content,
// never a part, also when the disk is full or the process is killed. Creates missing parent folders.
void WriteFileAtomically(const Path& path, std::string_view content);

// The same in pieces, for content that should not stand in memory twice.
//
//   AtomicFile file(path);
//   file.Write(header);
//   file.Write(numbers);
//   file.Commit();              // without it nothing happened
class AtomicFile {
 public:
  explicit AtomicFile(const Path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(std::string_view content);
  void Commit();

 private:
  [[noreturn]] void Fail(std::string_view action);
  Path path_;
  std::string temporary_;
  int descriptor_ = -1;
};

// The regular files whose names match the last part of `pattern` ("tasks/*.toml"; `*` is any text), sorted: the order
// of a folder is the file system's. None where the folder cannot be read.
std::vector<Path> FilesMatching(const Path& pattern);

// Waits until the file's content is on the disk.
void SyncFile(const Path& path);

// A read-only map of a whole file. The bytes stay valid while the object lives.
class MappedFile {
 public:
  explicit MappedFile(const Path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// An exclusive lock between processes, released by the kernel when the holder ends, however it ends.
class FileLock {
 public:
  // Creates the file when missing. Does not wait: `held()` says whether we got it.
  explicit FileLock(const Path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  bool held() const { return held_; }
  // Tries again; true when we hold it now.
  bool TryAgain();
  // Returns when we hold it; calls `waiting` before every wait of a fraction of a second. Throws Interrupted on Ctrl-C.
  void Wait(const std::function<void()>& waiting);

 private:
  int descriptor_ = -1;
  bool held_ = false;
};

Bytes FreeDiskSpace(const Path& folder);

// A folder of the user, following the XDG base directory specification: $XDG_CACHE_HOME/locollm, and so on.
// `LOCO_CACHE` overrides the cache folder.
Path UserCacheFolder();
Path UserDataFolder();

}  // namespace loco
