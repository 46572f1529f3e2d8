// SPDX-License-Identifier: Apache-2.0
// Nodes: where a device lives in xenstore and what is written there when it is made. The layout is
// libxl's, /libxl/DOMID/device included, so that the stock xl lists our devices; only the backends'
// directories are elsewhere (decision 021): dom0's kernel claims vbd and vif for its own backends,
// and asks xenstored twice about each node that is written below /local/domain/0/backend. Pure.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "toolstackd/device/devices.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

struct DevicePaths {
    std::string frontend; // /local/domain/7/device/vbd/51712
    std::string backend;  // /local/domain/0/zocalo/backend/zblk/7/51712
    std::string libxl;    // /libxl/7/device/vbd/51712
};

DevicePaths device_paths(DomId domid, DeviceKey device);
// "vbd" or "vif", and "zblk" or "znet".
const char* frontend_kind(DeviceKind kind);
const char* backend_kind(DeviceKind kind);
// The directory that holds all backends of a kind for a domain.
std::string backend_directory(DomId domid, DeviceKind kind);

// Everything to write for a new device; its backend is in InitWait and offers `features`.
std::vector<StoreChange> device_nodes(
    const DeviceOwner& owner,
    const DeviceConfig& config,
    const std::string& vifname,
    const std::vector<backend::Node>& features
);

// "xvda", "vif3.0": for labels and messages.
std::string device_name(DomId domid, const DeviceConfig& config);

} // namespace zocalo::toolstack
