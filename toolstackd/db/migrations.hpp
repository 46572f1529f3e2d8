// SPDX-License-Identifier: Apache-2.0
// Migrations: brings a database to the schema this program knows (PRAGMA user_version counts the
// files of db/migrations that were applied). A database that a newer program has changed is refused
// rather than guessed at.
#pragma once

#include "toolstackd/db/connection.hpp"

#include <span>

namespace zocalo::toolstack {

struct Migration {
    int number;
    const char* sql;
};

// The files of db/migrations in order, embedded at build time.
std::span<const Migration> embedded_migrations();

// PRAGMA user_version; no statement is left in progress, which would keep the tables locked.
Outcome<std::int64_t> schema_of(Connection& connection);

// Each migration is one transaction. Code::unsupported for a newer schema.
Outcome<Unit> migrate(Connection& connection, std::span<const Migration> migrations);

} // namespace zocalo::toolstack
