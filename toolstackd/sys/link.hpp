// SPDX-License-Identifier: Apache-2.0
// Network links of this host: find, list, delete. The device code uses it to check what exists
// before it plugs a guest in, recovery and leak checks use it to see what an earlier run left. It
// knows links of every kind; what a bridge port is, bridge.hpp knows.
#pragma once

#include "toolstackd/sys/netlink.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

using MacAddress = std::array<std::uint8_t, 6>;

struct Link {
    int index{};
    std::string name;
    std::string kind; // "bridge", "tun", "veth"…; empty for hardware
    int master{};     // index of the bridge or bond it belongs to; 0 if none
    std::uint32_t mtu{};
    MacAddress mac{};
    bool up{};            // administratively
    bool running{};       // up and with carrier
    bool filters_vlans{}; // of a bridge
};

// Every link whose name starts with `prefix`, in the order of their indices.
Outcome<std::vector<Link>> list_links(Netlink& netlink, std::string_view prefix = {});

// Nothing when there is no such link.
Outcome<std::optional<Link>> find_link(Netlink& netlink, std::string_view name);

// True when it was there, false when it was already gone; both leave no link of that name behind.
// Only for links that outlived their owner: a tap goes away by itself with its last descriptor.
Outcome<bool> delete_link(Netlink& netlink, std::string_view name);

// The longest name the kernel takes (IFNAMSIZ without the closing zero).
constexpr std::size_t kMaxLinkName = 15;
bool valid_link_name(std::string_view name);

} // namespace zocalo::toolstack
