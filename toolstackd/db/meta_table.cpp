// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/meta_table.hpp"

namespace zocalo::toolstack {

Outcome<Unit> MetaTable::put(const std::string& key, const std::string& value)
{
    return Statement(connection_, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
        .bind(key)
        .bind(value)
        .run();
}

Outcome<std::string> MetaTable::get(const std::string& key)
{
    Statement query(connection_, "SELECT value FROM meta WHERE key = ?");
    query.bind(key);
    const bool any = TRY(query.next());
    return any ? query.text(0) : std::string{};
}

} // namespace zocalo::toolstack
