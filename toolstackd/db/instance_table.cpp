// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/instance_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

Outcome<Unit> InstanceTable::put(const InstanceRow& row)
{
    return Statement(
               connection_,
               "INSERT OR REPLACE INTO instance (uuid, domid, boot_id, boot_seq, phase, after_end,"
               " start_paused, started_ms, last_exit, exit_ms, failures, not_before_ms,"
               " store_frame, console_frame, store_port, console_port)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
        .bind(rpc::text(row.uuid))
        .bind(static_cast<std::int64_t>(row.domid))
        .bind(row.boot_id)
        .bind(column(row.boot_seq))
        .bind(enum_text(row.phase))
        .bind(enum_text(row.after_end))
        .bind(static_cast<std::int64_t>(row.start_paused))
        .bind(row.started_ms)
        .bind(row.last_exit)
        .bind(row.exit_ms)
        .bind(static_cast<std::int64_t>(row.failures))
        .bind(row.not_before_ms)
        .bind(column(row.store_frame))
        .bind(column(row.console_frame))
        .bind(static_cast<std::int64_t>(row.store_port))
        .bind(static_cast<std::int64_t>(row.console_port))
        .run();
}

Outcome<std::vector<InstanceRow>> InstanceTable::all()
{
    Statement query(
        connection_,
        "SELECT uuid, domid, boot_id, boot_seq, phase, after_end, start_paused, started_ms,"
        " last_exit, exit_ms, failures, not_before_ms, store_frame, console_frame, store_port,"
        " console_port FROM instance"
    );
    std::vector<InstanceRow> rows;
    while (TRY(query.next())) {
        InstanceRow row;
        row.uuid = TRY(rpc::parse_uuid(query.text(0)));
        row.domid = static_cast<std::int32_t>(query.number(1));
        row.boot_id = query.text(2);
        row.boot_seq = static_cast<std::uint64_t>(query.number(3));
        row.phase = TRY(enum_value<Phase>(query.text(4)));
        row.after_end = TRY(enum_value<AfterEnd>(query.text(5)));
        row.start_paused = query.number(6) != 0;
        row.started_ms = query.number(7);
        row.last_exit = query.text(8);
        row.exit_ms = query.number(9);
        row.failures = static_cast<std::uint32_t>(query.number(10));
        row.not_before_ms = query.number(11);
        row.store_frame = static_cast<std::uint64_t>(query.number(12));
        row.console_frame = static_cast<std::uint64_t>(query.number(13));
        row.store_port = static_cast<std::uint32_t>(query.number(14));
        row.console_port = static_cast<std::uint32_t>(query.number(15));
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace zocalo::toolstack
