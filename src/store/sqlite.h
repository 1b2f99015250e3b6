// A thin RAII layer over SQLite's C interface, private to this module: one connection, prepared statements that are
// bound and read by position, transactions that roll back when an exception passes. Every failure is an Error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace loco::sqlite {

class Connection;

// One execution of one statement. Binding is in order of the question marks; reading in order of the columns.
class Query {
 public:
  Query(Connection& connection, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& Bind(int64_t value);
  Query& Bind(double value);
  Query& Bind(std::string_view value);
  Query& BindNull();

  // Moves to the next row; false at the end. Throws Error when the statement fails.
  bool Next();
  // Runs a statement that returns no rows; the number of rows it changed.
  int Run();

  int64_t Integer();
  double Real();
  std::string Text();  // NULL reads as ""

 private:
  Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
  int bind_index_ = 0;
  int column_ = 0;
};

class Connection {
 public:
  Connection(const std::string& path, bool read_only);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Execute(const std::string& sql);
  int64_t LastInsertedId() const;
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }

  // Throws the Error for an SQLite result code.
  [[noreturn]] void Fail(int code) const;

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

// BEGIN IMMEDIATE … COMMIT; rolls back when it goes out of scope without Commit().
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void Commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace loco::sqlite
