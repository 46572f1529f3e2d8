// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/connection.hpp"

#include <sqlite3.h>

namespace zocalo::toolstack {
namespace {

constexpr int kBusyMs = 5000;

const char* advice(int status)
{
    switch (status & 0xff) {
    case SQLITE_FULL:
        return "make room on the file system of the database";
    case SQLITE_IOERR:
        return "check the disk and the kernel's log";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program holds the database; only one toolstackd may run";
    case SQLITE_READONLY:
        return "the database cannot be written; check its mount and its mode";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "restore the database from a backup, or move it away to start anew";
    default:
        return "";
    }
}

} // namespace

void Connection::Closer::operator()(sqlite3* handle) const
{
    sqlite3_close_v2(handle);
}

Outcome<Connection> Connection::open(const std::string& path)
{
    Connection connection;
    sqlite3* raw = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int status = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    connection.handle_.reset(raw);
    if (status != SQLITE_OK)
        return connection.error("cannot open the database " + path);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, kBusyMs);
    TRY(connection.execute("PRAGMA journal_mode=WAL"));
    TRY(connection.execute("PRAGMA synchronous=FULL"));
    TRY(connection.execute("PRAGMA foreign_keys=ON"));
    return connection;
}

Outcome<Unit> Connection::execute(const char* sql)
{
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return error("the database refused a statement");
    return Unit{};
}

Error Connection::error(std::string_view what) const
{
    const int status = handle_ ? sqlite3_extended_errcode(handle_.get()) : SQLITE_NOMEM;
    std::string text{what};
    text += ": ";
    text += handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
    const bool taken = status == SQLITE_CONSTRAINT_UNIQUE || status == SQLITE_CONSTRAINT_PRIMARYKEY;
    return Error{taken ? Code::conflict : Code::failed, std::move(text), advice(status)};
}

std::int64_t Connection::last_id() const
{
    return sqlite3_last_insert_rowid(handle_.get());
}

void Connection::Finalizer::operator()(sqlite3_stmt* statement) const
{
    sqlite3_finalize(statement);
}

Statement::Statement(Connection& connection, const char* sql) : connection_{connection}, sql_{sql}
{
    if (const auto found = connection.idle_.find(sql); found != connection.idle_.end()) {
        statement_ = std::move(found->second);
        connection.idle_.erase(found);
        return;
    }
    sqlite3_stmt* raw = nullptr;
    status_ = sqlite3_prepare_v2(connection.handle(), sql, -1, &raw, nullptr);
    statement_.reset(raw);
}

Statement::~Statement()
{
    if (!statement_)
        return;
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    connection_.idle_.insert_or_assign(sql_, std::move(statement_));
}

Statement& Statement::bind(std::string_view text)
{
    if (status_ == SQLITE_OK)
        status_ = sqlite3_bind_text64(
            statement_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8
        );
    return *this;
}

Statement& Statement::bind(std::int64_t number)
{
    if (status_ == SQLITE_OK)
        status_ = sqlite3_bind_int64(statement_.get(), ++bound_, number);
    return *this;
}

Statement& Statement::bind_null()
{
    if (status_ == SQLITE_OK)
        status_ = sqlite3_bind_null(statement_.get(), ++bound_);
    return *this;
}

Outcome<Unit> Statement::run()
{
    while (true) {
        auto row = next();
        if (!row)
            return row.error();
        if (!*row)
            return Unit{};
    }
}

Outcome<bool> Statement::next()
{
    if (status_ != SQLITE_OK)
        return connection_.error("the database refused a statement");
    const int stepped = sqlite3_step(statement_.get());
    if (stepped == SQLITE_ROW)
        return true;
    if (stepped == SQLITE_DONE)
        return false;
    return connection_.error("the database could not carry out a statement");
}

std::string Statement::text(int column) const
{
    const auto* data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return data == nullptr
               ? std::string{}
               : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

std::int64_t Statement::number(int column) const
{
    return sqlite3_column_int64(statement_.get(), column);
}

} // namespace zocalo::toolstack
