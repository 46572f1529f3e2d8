// SPDX-License-Identifier: Apache-2.0
// Backup: a whole copy of the database as it was before its schema is changed, so that the program
// that wrote it can go on with it.
#pragma once

#include "toolstackd/db/migrations.hpp"

#include <string>

namespace zocalo::toolstack {

// Writes `path`.schema-N when the database has schema N and `migrations` would change it; nothing
// for a new database or one in memory. Durable when answered; an earlier copy of the same schema is
// replaced. A migration does not begin without it.
Outcome<Unit> back_up_before_migration(
    Connection& connection, const std::string& path, std::span<const Migration> migrations
);

} // namespace zocalo::toolstack
