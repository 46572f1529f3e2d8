// SPDX-License-Identifier: Apache-2.0
// DeviceTable: the repository of table `device`: the devices of live instances; the caller owns the
// transaction.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

class DeviceTable {
  public:
    explicit DeviceTable(Connection& connection) : connection_{connection} {}

    Outcome<Unit> put(const DeviceRow& row);
    Outcome<Unit> drop(const DeviceRef& device);
    Outcome<std::vector<DeviceRow>> all();

  private:
    Connection& connection_;
};

} // namespace zocalo::toolstack
