// SPDX-License-Identifier: Apache-2.0
// DomainTable: the repository of table `domain`; the caller owns the transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class DomainTable {
  public:
    explicit DomainTable(Connection& connection) : connection_{connection} {}

    // Code::conflict when another domain has the name.
    Outcome<Unit> put(const DomainRow& row);
    Outcome<Unit> drop(const rpc::Uuid& uuid);
    Outcome<std::vector<DomainRow>> all();

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
