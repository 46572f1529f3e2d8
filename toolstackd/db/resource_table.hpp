// SPDX-License-Identifier: Apache-2.0
// ResourceTable: the repository of table `resource`: what one domain at a time may hold; the caller
// owns the transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class ResourceTable {
  public:
    explicit ResourceTable(Connection& connection) : connection_{connection} {}

    // Code::conflict when another domain holds it.
    Outcome<Unit> put(const ResourceRow& row);
    // Nothing happens when another domain holds it.
    Outcome<Unit> drop(const ResourceRow& row);
    Outcome<std::vector<ResourceRow>> all();

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
