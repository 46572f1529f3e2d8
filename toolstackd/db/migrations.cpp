// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/migrations.hpp"

namespace zocalo::toolstack {
namespace {

Outcome<Unit> apply(Connection& connection, const Migration& migration)
{
    const std::string sql = "BEGIN IMMEDIATE;\n" + std::string(migration.sql) +
                            "\nPRAGMA user_version=" + std::to_string(migration.number) +
                            ";\nCOMMIT;";
    auto done = connection.execute(sql.c_str());
    if (done)
        return Unit{};
    if (!connection.execute("ROLLBACK"))
        return done.error(); // SQLite has rolled back by itself
    return done.error();
}

} // namespace

Outcome<std::int64_t> schema_of(Connection& connection)
{
    Statement query(connection, "PRAGMA user_version");
    const bool answered = TRY(query.next());
    return answered ? query.number(0) : 0;
}

Outcome<Unit> migrate(Connection& connection, std::span<const Migration> migrations)
{
    const std::int64_t version = TRY(schema_of(connection));
    const int known = migrations.empty() ? 0 : migrations.back().number;
    if (version > known)
        return Error{
            Code::unsupported,
            "the database has schema " + std::to_string(version) + ", this toolstackd knows " +
                std::to_string(known),
            "install the newer zocalo again; the database was left as it is"};
    for (const Migration& migration : migrations)
        if (migration.number > version)
            TRY(apply(connection, migration));
    return Unit{};
}

} // namespace zocalo::toolstack
