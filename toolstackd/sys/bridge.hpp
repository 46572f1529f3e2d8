// SPDX-License-Identifier: Apache-2.0
// Linux bridges: which there are, and how a guest's tap becomes a port of one. In process by
// rtnetlink, in place of the hotplug scripts of xl. It creates no bridge and no tap, and guesses no
// bridge name.
#pragma once

#include "common/rpc/vlan_spec.hpp"
#include "toolstackd/sys/link.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

// The address of the host's end of every vif. A bridge takes the numerically lowest address of its
// ports for its own; this one never is the lowest.
constexpr MacAddress kPortMac{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

struct BridgePort {
    std::string link;                  // the tap's name
    std::string bridge;                // the bridge's name
    std::optional<std::uint32_t> mtu;  // the bridge's own if not set
    std::vector<rpc::VlanRange> vlans; // those it takes part in; empty: as the bridge makes ports
    bool isolated{};                   // no frames to and from other isolated ports of this bridge
    bool learning{true};               // the bridge notes which addresses are behind it
    bool flood{true};                  // it gets frames to addresses that the bridge does not know
};

Outcome<std::vector<Link>> list_bridges(Netlink& netlink);

// Code::not_found, naming the bridges there are, when it does not exist or is not a bridge.
Outcome<Link> find_bridge(Netlink& netlink, std::string_view name);

Outcome<std::vector<Link>> list_ports(Netlink& netlink, std::string_view bridge);

// Sets address and MTU, enslaves, sets the VLANs and the port's flags and brings the link up, in
// this order, so that no frame passes a half-configured port. Answers the MTU in use. Safe to
// repeat. On an error the link stays as far as it got: the caller closes the tap, which removes it.
Outcome<std::uint32_t> attach_port(Netlink& netlink, const BridgePort& port);

} // namespace zocalo::toolstack
