// SPDX-License-Identifier: Apache-2.0
// EventTable: the repository of table `event`; the caller owns the transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class EventTable {
  public:
    explicit EventTable(Connection& connection) : connection_{connection} {}

    // Answers the sequence number it was given.
    Outcome<std::uint64_t> add(const rpc::EventView& event);
    // The newest `count`, oldest first.
    Outcome<std::vector<rpc::EventView>> newest(std::int64_t count);
    Outcome<std::uint64_t> last_sequence();
    Outcome<Unit> prune(std::int64_t keep);

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
