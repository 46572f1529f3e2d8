// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/resource_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

Outcome<Unit> ResourceTable::put(const ResourceRow& row)
{
    auto done = Statement(
        connection_,
        "INSERT INTO resource (kind, key, uuid, state, devid) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, key) DO UPDATE SET state=excluded.state"
        " WHERE uuid=excluded.uuid RETURNING uuid"
    );
    done.bind(row.kind)
        .bind(row.key)
        .bind(rpc::text(row.uuid))
        .bind(enum_text(row.state))
        .bind(static_cast<std::int64_t>(row.devid));
    if (!TRY(done.next()))
        return Error{Code::conflict, row.kind + " " + row.key + " is held by another domain", {}};
    return done.run();
}

Outcome<Unit> ResourceTable::drop(const ResourceRow& row)
{
    return Statement(connection_, "DELETE FROM resource WHERE kind = ? AND key = ? AND uuid = ?")
        .bind(row.kind)
        .bind(row.key)
        .bind(rpc::text(row.uuid))
        .run();
}

Outcome<std::vector<ResourceRow>> ResourceTable::all()
{
    Statement query(connection_, "SELECT kind, key, uuid, state, devid FROM resource");
    std::vector<ResourceRow> rows;
    while (TRY(query.next())) {
        ResourceRow row{
            query.text(0), query.text(1), {}, {}, static_cast<std::uint32_t>(query.number(4))};
        row.uuid = TRY(rpc::parse_uuid(query.text(2)));
        row.state = TRY(enum_value<ResourceState>(query.text(3)));
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace zocalo::toolstack
