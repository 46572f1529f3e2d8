// SPDX-License-Identifier: Apache-2.0
// A guest's tap as a routed interface, in place of xl's vif-route script: the host routes the
// guest's addresses to it, answers ARP for everybody else, and is the guest's gateway under the
// address that it has on another link. In process by rtnetlink; all of it goes with the tap.
#pragma once

#include "toolstackd/sys/link.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

struct RoutedPort {
    std::string link;                 // the tap's name
    std::string gateway;              // the host's link whose address is the guest's gateway
    std::optional<std::uint32_t> mtu; // the gateway link's own if not set
    std::string addresses;            // of the guest: IPv4 and IPv6, blanks between them
};

// Sets address, MTU and filters, brings the link up and adds the routes. Answers the MTU in use.
// Code::not_found when there is no such gateway link or it has no IPv4 address. Safe to repeat. On
// an error the link stays as far as it got: the caller closes the tap, which removes it. The host
// forwards between links only if its administrator says so (net.ipv4.ip_forward).
Outcome<std::uint32_t> attach_routed(Netlink& netlink, const RoutedPort& port);

} // namespace zocalo::toolstack
