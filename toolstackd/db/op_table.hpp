// SPDX-License-Identifier: Apache-2.0
// OpTable: the repository of table `op`, the journal of changes; the caller owns the
// transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class OpTable {
  public:
    explicit OpTable(Connection& connection) : connection_{connection} {}

    // Inserts when row.id is 0. Answers the id; Code::conflict when the idempotency key was used.
    Outcome<std::uint64_t> put(const OpRow& row);
    // Every unfinished one and the newest `finished` others, oldest first.
    Outcome<std::vector<OpRow>> recent(std::int64_t finished);
    // Forgets finished ones beyond the newest `keep`.
    Outcome<Unit> prune(std::int64_t keep);

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
