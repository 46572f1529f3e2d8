// SPDX-License-Identifier: Apache-2.0
// InstanceTable: the repository of table `instance`; the caller owns the transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class InstanceTable {
  public:
    explicit InstanceTable(Connection& connection) : connection_{connection} {}

    Outcome<Unit> put(const InstanceRow& row);
    Outcome<std::vector<InstanceRow>> all();

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
