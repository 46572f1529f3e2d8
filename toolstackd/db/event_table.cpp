// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/event_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

Outcome<std::uint64_t> EventTable::add(const rpc::EventView& event)
{
    TRY(Statement(
            connection_,
            "INSERT INTO event (time_ms, uuid, name, kind, body) VALUES (?, ?, ?, ?, ?)"
    )
            .bind(event.time_ms)
            .bind(event.uuid)
            .bind(event.name)
            .bind(event.kind)
            .bind(json_text(event.body))
            .run());
    return static_cast<std::uint64_t>(connection_.last_id());
}

Outcome<std::vector<rpc::EventView>> EventTable::newest(std::int64_t count)
{
    Statement query(
        connection_,
        "SELECT * FROM (SELECT seq, time_ms, uuid, name, kind, body FROM event"
        " ORDER BY seq DESC LIMIT ?) ORDER BY seq"
    );
    query.bind(count);
    std::vector<rpc::EventView> rows;
    while (TRY(query.next())) {
        rpc::EventView row;
        row.seq = static_cast<std::uint64_t>(query.number(0));
        row.time_ms = query.number(1);
        row.uuid = query.text(2);
        row.name = query.text(3);
        row.kind = query.text(4);
        row.body = TRY(json_value<boost::json::object>(query.text(5), "event.body"));
        rows.push_back(std::move(row));
    }
    return rows;
}

Outcome<std::uint64_t> EventTable::last_sequence()
{
    Statement query(connection_, "SELECT seq FROM sqlite_sequence WHERE name = 'event'");
    const bool any = TRY(query.next());
    return any ? static_cast<std::uint64_t>(query.number(0)) : 0;
}

Outcome<Unit> EventTable::prune(std::int64_t keep)
{
    return Statement(
               connection_,
               "DELETE FROM event WHERE seq <= (SELECT seq FROM sqlite_sequence"
               " WHERE name = 'event') - ?"
    )
        .bind(keep)
        .run();
}

} // namespace zocalo::toolstack
