#include "store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/error.h"

namespace loco::sqlite {

Query::Query(Connection& connection, const char* sql) : connection_(connection) {
  const int code = sqlite3_prepare_v2(connection.handle(), sql, -1, &statement_, nullptr);
  if (code != SQLITE_OK) connection.Fail(code);
}

Query::~Query() { sqlite3_finalize(statement_); }

Query& Query::Bind(int64_t value) {
  LOCO_CHECK(sqlite3_bind_int64(statement_, ++bind_index_, value) == SQLITE_OK);
  return *this;
}

Query& Query::Bind(double value) {
  LOCO_CHECK(sqlite3_bind_double(statement_, ++bind_index_, value) == SQLITE_OK);
  return *this;
}

Query& Query::Bind(std::string_view value) {
  LOCO_CHECK(sqlite3_bind_text(statement_, ++bind_index_, value.data(), static_cast<int>(value.size()),
                               SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Query& Query::BindNull() {
  LOCO_CHECK(sqlite3_bind_null(statement_, ++bind_index_) == SQLITE_OK);
  return *this;
}

bool Query::Next() {
  column_ = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  connection_.Fail(code);
}

int Query::Run() {
  while (Next()) {
  }
  return sqlite3_changes(connection_.handle());
}

int64_t Query::Integer() { return sqlite3_column_int64(statement_, column_++); }
double Query::Real() { return sqlite3_column_double(statement_, column_++); }

std::string Query::Text() {
  const int column = column_++;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return "";
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

namespace {

// Another process commits an item in milliseconds; this is for one that has stopped in the middle.
constexpr int kWaitMilliseconds = 30000;

// A path inside a "file:" address: what has a meaning there is escaped.
std::string UriPath(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Connection::Connection(const std::string& path, bool read_only) : path_(path) {
  const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const std::string reason = sqlite3_errstr(code);
    sqlite3_close(handle_);
    throw Error(fmt::format("{}: cannot open the store: {}", path, reason),
                "check the path and its permissions, or choose another with --store");
  }
  if (read_only && sqlite3_exec(handle_, "SELECT 1 FROM sqlite_master", nullptr, nullptr, nullptr) != SQLITE_OK) {
    // A WAL store wants a shared-memory file beside it even for reading. Where the folder cannot be written, nobody
    // else writes either, and the file can be read as it is.
    sqlite3* plain = nullptr;
    const std::string uri = "file:" + UriPath(path) + "?immutable=1";
    if (sqlite3_open_v2(uri.c_str(), &plain, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr) == SQLITE_OK &&
        sqlite3_exec(plain, "SELECT 1 FROM sqlite_master", nullptr, nullptr, nullptr) == SQLITE_OK) {
      sqlite3_close(handle_);
      handle_ = plain;
    } else {
      sqlite3_close(plain);
    }
  }
  // Another process may hold the write lock while it commits an item; that takes milliseconds.
  sqlite3_busy_timeout(handle_, kWaitMilliseconds);
}

Connection::~Connection() { sqlite3_close(handle_); }

void Connection::Execute(const std::string& sql) {
  // SQLite does not wait, whatever the timeout says, where waiting might be for ever: when two processes make a new
  // store at the same moment and both switch it to WAL, one is refused at once.
  constexpr int kPause = 20;
  for (int waited = 0;; waited += kPause) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return;
    const bool may_wait = (code & 0xFF) == SQLITE_BUSY && sqlite3_get_autocommit(handle_) != 0;
    if (!may_wait || waited >= kWaitMilliseconds) Fail(code);
    sqlite3_sleep(kPause);
  }
}

int64_t Connection::LastInsertedId() const { return sqlite3_last_insert_rowid(handle_); }

void Connection::Fail(int code) const {
  std::string hint;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      hint = "the disk is full: free some space and run the same command again; all committed rows are kept";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      hint = "the store cannot be written: make it and its folder writable, or choose another with --store";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      hint = "another process holds the store: wait for it or stop it, then run the same command again";
      break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      hint = "the file is damaged or not a store: restore a copy, or choose another with --store";
      break;
    case SQLITE_IOERR:
      hint = "reading or writing failed: check free space and the disk, then run the same command again";
      break;
    case SQLITE_CANTOPEN:
      hint = "check that the folder exists and can be written, or choose another with --store";
      break;
    default:
      break;
  }
  throw Error(fmt::format("{}: {}", path_, sqlite3_errmsg(handle_)), hint);
}

Transaction::Transaction(Connection& connection) : connection_(connection) { connection_.Execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  // After a full disk SQLite may have rolled back by itself; a second rollback is then refused, which is fine.
  if (open_) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::Commit() {
  connection_.Execute("COMMIT");
  open_ = false;
}

}  // namespace loco::sqlite
