// SPDX-License-Identifier: Apache-2.0
// The host's end of a guest's network card: a tap device (Linux
// Documentation/networking/tuntap.rst) that lives as long as its descriptors. The daemon creates
// it, makes it a bridge port and hands the descriptors to netback; when the last one is closed the
// device is gone, so nothing can leak.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

struct Tap {
    std::string name;
    std::vector<UniqueFd> queues; // one per queue, non-blocking, close-on-exec
};

// "vif3.0": the host's name of the card `index` of domain `domid`; also what xl would call it.
std::string tap_name(unsigned domid, unsigned index);

// A non-persistent tap with a virtio_net_hdr before each frame and no offloads yet: netback asks
// for those that its guest can take. Code::conflict when the name is taken, Code::unsupported
// without /dev/net/tun. `queues` is at least 1; more than one makes a multi-queue device.
Outcome<Tap> create_tap(std::string_view name, unsigned queues = 1);

} // namespace zocalo::toolstack
