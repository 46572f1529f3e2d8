// SPDX-License-Identifier: Apache-2.0
// Connection and Statement: SQLite with our error type. Used by the tables and the database, on
// whatever thread the database runs on; they know no table.
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace zocalo::toolstack {

class Connection {
  public:
    // Opens or creates `path` (":memory:" too) in WAL mode with synchronous=FULL and foreign keys.
    static Outcome<Connection> open(const std::string& path);

    Outcome<Unit> execute(const char* sql);
    // What the last failed call of SQLite said, as an error that begins with `what`.
    Error error(std::string_view what) const;
    sqlite3* handle() const { return handle_.get(); }
    std::int64_t last_id() const;

  private:
    friend class Statement;
    struct Finalizer {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Prepared = std::unique_ptr<sqlite3_stmt, Finalizer>;

    struct Closer {
        void operator()(sqlite3* handle) const;
    };
    std::unique_ptr<sqlite3, Closer> handle_;
    // Statements that are not in use, by the address of their text: the tables' are literals, and
    // planning one costs more than running it. After handle_: gone before it.
    std::unordered_map<const char*, Prepared> idle_;
};

// A prepared statement, used as: bind…, then run() or a loop of next(). The first failure is kept
// and answered at the end, so that binds need no checks of their own.
class Statement {
  public:
    // `sql` lives as long as the connection.
    Statement(Connection& connection, const char* sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(std::string_view text);
    Statement& bind(std::int64_t number);
    Statement& bind_null();

    // Runs to the end. Code::conflict when a UNIQUE or PRIMARY KEY constraint stands against it.
    Outcome<Unit> run();
    // The next row: true, at the end: false.
    Outcome<bool> next();

    std::string text(int column) const;
    std::int64_t number(int column) const;

  private:
    Connection& connection_;
    const char* sql_;
    Connection::Prepared statement_;
    int bound_{};
    int status_{};
};

} // namespace zocalo::toolstack
