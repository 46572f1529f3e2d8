// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/device_table.hpp"

#include "toolstackd/db/columns.hpp"

namespace zocalo::toolstack {

namespace {

const char* kind_word(bool disk)
{
    return disk ? "disk" : "nic";
}

} // namespace

Outcome<Unit> DeviceTable::put(const DeviceRow& row)
{
    const DeviceRef device = ref_of(row);
    const std::string config = std::visit([](const auto& c) { return json_text(c); }, row.config);
    return Statement(
               connection_,
               "INSERT OR REPLACE INTO device (uuid, kind, devid, config, state)"
               " VALUES (?, ?, ?, ?, ?)"
    )
        .bind(rpc::text(row.uuid))
        .bind(kind_word(device.disk))
        .bind(static_cast<std::int64_t>(device.devid))
        .bind(config)
        .bind(enum_text(row.state))
        .run();
}

Outcome<Unit> DeviceTable::drop(const DeviceRef& device)
{
    return Statement(connection_, "DELETE FROM device WHERE uuid = ? AND kind = ? AND devid = ?")
        .bind(rpc::text(device.uuid))
        .bind(kind_word(device.disk))
        .bind(static_cast<std::int64_t>(device.devid))
        .run();
}

Outcome<std::vector<DeviceRow>> DeviceTable::all()
{
    Statement query(
        connection_, "SELECT uuid, kind, config, state FROM device ORDER BY uuid, kind, devid"
    );
    std::vector<DeviceRow> rows;
    while (TRY(query.next())) {
        DeviceRow row;
        row.uuid = TRY(rpc::parse_uuid(query.text(0)));
        if (query.text(1) == kind_word(true))
            row.config = TRY(json_value<rpc::DiskConfig>(query.text(2), "device.config"));
        else
            row.config = TRY(json_value<rpc::NicConfig>(query.text(2), "device.config"));
        row.state = TRY(enum_value<DeviceState>(query.text(3)));
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace zocalo::toolstack
