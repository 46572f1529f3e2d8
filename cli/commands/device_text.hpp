// SPDX-License-Identifier: Apache-2.0
// Configurations of devices as bodies of the API, and as xl's dry run prints them.
#pragma once

#include "cli/cfg/disk_spec.hpp"
#include "common/rpc/domain_config.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace zocalo::cli {

boost::json::object disk_body(const rpc::DiskConfig& disk);
boost::json::object nic_body(const rpc::NicConfig& nic);
boost::json::object autostart_body(const rpc::AutostartConfig& autostart);

// "disk: {...}" with the members and the order of xl's JSON; what is at its default is left out.
std::string xl_disk_text(const cfg::DiskSpec& spec);

} // namespace zocalo::cli
