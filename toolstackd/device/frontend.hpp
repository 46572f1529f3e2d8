// SPDX-License-Identifier: Apache-2.0
// read_frontend: what a frontend wrote into its directory, as a checked request to connect. Reads a
// bounded number of keys, whatever the guest put there.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "toolstackd/device/devices.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <string>

namespace zocalo::toolstack {

Answer<backend::Connect>
read_frontend(Store& store, DeviceKey device, DomId domid, std::string directory);

// What a connected card's frontend may change: `xdp-headroom`, bytes.
Answer<std::uint16_t> read_headroom(Store& store, std::string directory);

} // namespace zocalo::toolstack
