// SPDX-License-Identifier: Apache-2.0
// Finding and choosing devices for hot-plug: by vdev, devid or MAC, in the running instance or in
// a configuration. Pure.
#pragma once

#include "toolstackd/domain/record.hpp"

#include <set>

namespace zocalo::toolstack {

using PlugConfig = std::variant<rpc::DiskConfig, rpc::NicConfig>;

// The device an attach operation asks for, with its devid; Code::conflict when that is taken,
// Code::usage for what `resolve` refuses. `others`: numbers that another toolstack has given.
Outcome<PlugConfig>
choose_device(const Record& record, const OpRow& op, const std::set<std::uint32_t>& others = {});

// The row an operation is about: its `result` names the devid since the device was chosen.
const DeviceRow* device_of(const Record& record, const OpRow& op);

Outcome<const DeviceRow*> find_device(const Record& record, bool disk, const std::string& text);
Outcome<DeviceRef>
find_in_config(const rpc::DomainConfig& config, bool disk, const std::string& text);

// The rows this device holds.
std::vector<ResourceRow> resources_of(const Record& record, const DeviceRow& row);

void add_to_config(rpc::DomainConfig& config, const PlugConfig& device);
void remove_from_config(rpc::DomainConfig& config, const DeviceRef& device);
// Whether the domain has an interface of that address, plugged in or in its configuration.
bool has_mac(const Record& record, const std::string& mac);
bool config_has_mac(const rpc::DomainConfig& config, const std::string& mac);

} // namespace zocalo::toolstack
