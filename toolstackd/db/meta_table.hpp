// SPDX-License-Identifier: Apache-2.0
// MetaTable: the repository of table `meta`: single values about the database itself.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class MetaTable {
  public:
    explicit MetaTable(Connection& connection) : connection_{connection} {}

    Outcome<Unit> put(const std::string& key, const std::string& value);
    // Empty when it was never set.
    Outcome<std::string> get(const std::string& key);

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
