#include "http/partial_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace loco {
namespace {

Error PartError(const Path& path, const char* action, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  return Error(fmt::format("{}: cannot {}: {}", path.string(), action, std::strerror(code)),
               full ? "free some space and run the same command again: it goes on where it stopped"
                    : "check the path, its permissions and the disk");
}

}  // namespace

PartialFile::PartialFile(const Path& target)
    : target_(target), path_(target.string() + ".part"), note_(target.string() + ".part.from") {
  if (path_.has_parent_path()) {
    std::error_code code;
    std::filesystem::create_directories(path_.parent_path(), code);
    if (code) throw PartError(path_.parent_path(), "create the folder", code.value());
  }
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw PartError(path_, "open", errno);
  hash_ = std::make_unique<loco::Sha256>();
  std::error_code missing;
  if (std::filesystem::is_regular_file(note_, missing)) {
    const std::string note = ReadFile(note_);
    const size_t end = note.find('\n');
    url_ = note.substr(0, end);
    if (end != std::string::npos) validator_ = note.substr(end + 1, note.find('\n', end + 1) - end - 1);
  }
  std::vector<char> buffer(size_t{1} << 20);
  for (;;) {
    const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw PartError(path_, "read", errno);
    if (count == 0) break;
    hash_->Update({buffer.data(), static_cast<size_t>(count)});
    size_ += static_cast<uint64_t>(count);
  }
}

PartialFile::~PartialFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void PartialFile::Describe(const std::string& url, const std::string& validator) {
  url_ = url;
  validator_ = validator;
  WriteFileAtomically(note_, url + "\n" + validator + "\n");
}

void PartialFile::Append(std::string_view bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw PartError(path_, "write", errno);
    // What has arrived on the disk counts, also when the rest of the piece does not fit.
    hash_->Update(bytes.substr(done, static_cast<size_t>(count)));
    done += static_cast<size_t>(count);
    size_ += static_cast<uint64_t>(count);
  }
}

void PartialFile::StartOver() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0)
    throw PartError(path_, "empty", errno);
  hash_ = std::make_unique<loco::Sha256>();
  size_ = 0;
  url_.clear();
  validator_.clear();
}

std::string PartialFile::Sha256() { return hash_->Finish(); }

void PartialFile::Commit() {
  if (::fsync(descriptor_) != 0) throw PartError(path_, "write", errno);
  if (::rename(path_.c_str(), target_.c_str()) != 0) throw PartError(target_, "write", errno);
  ::unlink(note_.c_str());
}

void PartialFile::Remove() {
  ::unlink(path_.c_str());
  ::unlink(note_.c_str());
}

}  // namespace loco
