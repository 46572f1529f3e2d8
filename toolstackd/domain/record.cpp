// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/record.hpp"

namespace zocalo::toolstack {

std::vector<DeviceConfig> configs_of(const std::vector<DeviceRow>& rows)
{
    std::vector<DeviceConfig> configs;
    for (const DeviceRow& row : rows)
        configs.push_back(row.config);
    return configs;
}

DeviceKey key_of(const DeviceRow& row)
{
    const DeviceRef device = ref_of(row);
    return {device.disk ? DeviceKind::disk : DeviceKind::nic, device.devid};
}

} // namespace zocalo::toolstack
