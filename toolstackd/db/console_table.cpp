// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/console_table.hpp"

namespace zocalo::toolstack {

Outcome<Unit> ConsoleTable::put(const ConsoleRow& row)
{
    return Statement(
               connection_,
               "INSERT OR REPLACE INTO console (uuid, name, started_ms) VALUES (?, ?, ?)"
    )
        .bind(rpc::text(row.uuid))
        .bind(row.name)
        .bind(row.started_ms)
        .run();
}

Outcome<std::vector<ConsoleRow>> ConsoleTable::all()
{
    Statement query(connection_, "SELECT uuid, name, started_ms FROM console");
    std::vector<ConsoleRow> rows;
    while (TRY(query.next())) {
        ConsoleRow row;
        row.uuid = TRY(rpc::parse_uuid(query.text(0)));
        row.name = query.text(1);
        row.started_ms = query.number(2);
        rows.push_back(std::move(row));
    }
    return rows;
}

Outcome<Unit> ConsoleTable::prune(std::int64_t keep)
{
    return Statement(
               connection_,
               "DELETE FROM console WHERE uuid NOT IN"
               " (SELECT uuid FROM console ORDER BY started_ms DESC LIMIT ?)"
    )
        .bind(keep)
        .run();
}

} // namespace zocalo::toolstack
