// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/op_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

namespace {

constexpr const char* kInsert =
    "INSERT INTO op (id, uuid, name, verb, args, state, step, idem_key, by_uid, domid, boot_seq,"
    " created_ms, deadline_ms, finished_ms, error_code, error, next, result)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET name=excluded.name, state=excluded.state, step=excluded.step,"
    " boot_seq=excluded.boot_seq, deadline_ms=excluded.deadline_ms,"
    " finished_ms=excluded.finished_ms, error_code=excluded.error_code, error=excluded.error,"
    " next=excluded.next, result=excluded.result";

Outcome<OpRow> read(const Statement& query)
{
    OpRow row;
    row.id = static_cast<std::uint64_t>(query.number(0));
    row.uuid = query.text(1);
    row.name = query.text(2);
    row.verb = query.text(3);
    row.args = TRY(json_value<boost::json::object>(query.text(4), "op.args"));
    row.state = TRY(enum_value<rpc::OpState>(query.text(5)));
    row.step = query.text(6);
    row.idem_key = query.text(7);
    row.by_uid = static_cast<std::uint32_t>(query.number(8));
    row.domid = static_cast<std::int32_t>(query.number(9));
    row.boot_seq = static_cast<std::uint64_t>(query.number(10));
    row.created_ms = query.number(11);
    row.deadline_ms = query.number(12);
    row.finished_ms = query.number(13);
    row.error_code = query.text(14);
    row.error = query.text(15);
    row.next = query.text(16);
    row.result = TRY(json_value<boost::json::object>(query.text(17), "op.result"));
    return row;
}

} // namespace

Outcome<std::uint64_t> OpTable::put(const OpRow& row)
{
    Statement insert(connection_, kInsert);
    row.id == 0 ? insert.bind_null() : insert.bind(column(row.id));
    insert.bind(row.uuid).bind(row.name).bind(row.verb).bind(json_text(row.args));
    insert.bind(enum_text(row.state)).bind(row.step);
    row.idem_key.empty() ? insert.bind_null() : insert.bind(row.idem_key);
    insert.bind(static_cast<std::int64_t>(row.by_uid))
        .bind(static_cast<std::int64_t>(row.domid))
        .bind(column(row.boot_seq));
    insert.bind(row.created_ms).bind(row.deadline_ms).bind(row.finished_ms);
    insert.bind(row.error_code).bind(row.error).bind(row.next).bind(json_text(row.result));
    TRY(insert.run());
    return row.id != 0 ? row.id : static_cast<std::uint64_t>(connection_.last_id());
}

Outcome<std::vector<OpRow>> OpTable::recent(std::int64_t finished)
{
    Statement query(
        connection_,
        "SELECT id, uuid, name, verb, args, state, step, coalesce(idem_key, ''), by_uid, domid,"
        " boot_seq, created_ms, deadline_ms, finished_ms, error_code, error, next, result FROM op"
        " WHERE finished_ms = 0 OR id IN"
        " (SELECT id FROM op WHERE finished_ms != 0 ORDER BY id DESC LIMIT ?) ORDER BY id"
    );
    query.bind(finished);
    std::vector<OpRow> rows;
    while (TRY(query.next())) {
        auto row = TRY(read(query));
        rows.push_back(std::move(row));
    }
    return rows;
}

Outcome<Unit> OpTable::prune(std::int64_t keep)
{
    return Statement(
               connection_,
               "DELETE FROM op WHERE finished_ms != 0 AND id NOT IN"
               " (SELECT id FROM op WHERE finished_ms != 0 ORDER BY id DESC LIMIT ?)"
    )
        .bind(keep)
        .run();
}

} // namespace zocalo::toolstack
