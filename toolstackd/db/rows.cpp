// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/rows.hpp"

namespace zocalo::toolstack {

DeviceRef ref_of(const DeviceRow& row)
{
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&row.config))
        return {row.uuid, true, disk->devid.value_or(0)};
    return {row.uuid, false, std::get<rpc::NicConfig>(row.config).devid.value_or(0)};
}

} // namespace zocalo::toolstack
