// SPDX-License-Identifier: Apache-2.0
// ConsoleTable: the repository of table `console`, the index of console logs; the caller owns the
// transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class ConsoleTable {
  public:
    explicit ConsoleTable(Connection& connection) : connection_{connection} {}

    Outcome<Unit> put(const ConsoleRow& row);
    Outcome<std::vector<ConsoleRow>> all();
    // Forgets those beyond the `keep` that started last.
    Outcome<Unit> prune(std::int64_t keep);

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
