// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/domain_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

Outcome<Unit> DomainTable::put(const DomainRow& row)
{
    return Statement(
               connection_,
               "INSERT INTO domain (uuid, name, config, generation, managed, desired, reason,"
               " created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO UPDATE SET"
               " name=excluded.name, config=excluded.config, generation=excluded.generation,"
               " managed=excluded.managed, desired=excluded.desired, reason=excluded.reason"
    )
        .bind(rpc::text(row.uuid))
        .bind(row.name)
        .bind(json_text(row.config))
        .bind(column(row.generation))
        .bind(static_cast<std::int64_t>(row.managed))
        .bind(enum_text(row.desired))
        .bind(row.reason)
        .bind(row.created_ms)
        .run();
}

Outcome<Unit> DomainTable::drop(const rpc::Uuid& uuid)
{
    return Statement(connection_, "DELETE FROM domain WHERE uuid = ?").bind(rpc::text(uuid)).run();
}

Outcome<std::vector<DomainRow>> DomainTable::all()
{
    Statement query(
        connection_,
        "SELECT uuid, name, config, generation, managed, desired, reason, created_ms FROM domain"
    );
    std::vector<DomainRow> rows;
    while (TRY(query.next())) {
        DomainRow row;
        row.uuid = TRY(rpc::parse_uuid(query.text(0)));
        row.name = query.text(1);
        row.config = TRY(json_value<rpc::DomainConfig>(query.text(2), "domain.config"));
        row.generation = static_cast<std::uint64_t>(query.number(3));
        row.managed = query.number(4) != 0;
        row.desired = TRY(enum_value<Desired>(query.text(5)));
        row.reason = query.text(6);
        row.created_ms = query.number(7);
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace zocalo::toolstack
