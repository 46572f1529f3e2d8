// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/bridge.hpp"

#include <cerrno>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace zocalo::toolstack {
namespace {

ifinfomsg
about(int index, unsigned flags = 0, unsigned change = 0, unsigned char family = AF_UNSPEC)
{
    ifinfomsg info{};
    info.ifi_family = family;
    info.ifi_index = index;
    info.ifi_flags = flags;
    info.ifi_change = change;
    return info;
}

Error no_bridge(std::string_view name, const std::vector<Link>& bridges, std::string_view why)
{
    std::string next;
    for (const Link& bridge : bridges)
        next += (next.empty() ? "bridges on this host: " : ", ") + bridge.name;
    if (next.empty())
        next = "there is no bridge on this host yet; `ip link add " + std::string{name} +
               " type bridge` makes one";
    return {Code::not_found, "bridge " + std::string{name} + " " + std::string{why}, next};
}

Outcome<Link> need_link(Netlink& netlink, std::string_view name)
{
    auto link = TRY(find_link(netlink, name));
    if (!link)
        return Error{Code::not_found, "network link " + std::string{name} + " does not exist", {}};
    return std::move(*link);
}

// Without it the kernel gives each port a link-local address, and the host answers guests on it.
// A host without IPv6 refuses, and has nothing to prevent.
Outcome<Unit> without_own_ipv6(Netlink& netlink, const Link& link)
{
    constexpr std::uint8_t kModeNone = IN6_ADDR_GEN_MODE_NONE;
    NetlinkMessage request{RTM_SETLINK, 0, about(link.index)};
    const auto families = request.begin_nest(IFLA_AF_SPEC);
    const auto inet6 = request.begin_nest(AF_INET6);
    request.add(IFLA_INET6_ADDR_GEN_MODE, kModeNone);
    request.end_nest(inet6);
    request.end_nest(families);
    const std::string what = "cannot keep " + link.name + " free of addresses";
    const int error = TRY(netlink.try_change(request, what));
    if (error != 0 && error != EAFNOSUPPORT && error != ENODEV && error != EINVAL)
        return system_error(what, error);
    return Unit{};
}

Outcome<Unit> set_flags(Netlink& netlink, const Link& link, const BridgePort& port)
{
    NetlinkMessage request{RTM_SETLINK, 0, about(link.index, 0, 0, AF_BRIDGE)};
    const auto nest = request.begin_nest(IFLA_PROTINFO);
    request.add(IFLA_BRPORT_ISOLATED, static_cast<std::uint8_t>(port.isolated));
    request.add(IFLA_BRPORT_LEARNING, static_cast<std::uint8_t>(port.learning));
    request.add(IFLA_BRPORT_UNICAST_FLOOD, static_cast<std::uint8_t>(port.flood));
    request.end_nest(nest);
    return netlink.change(request, "cannot set the flags of bridge port " + link.name);
}

void add_vlan(NetlinkMessage& request, std::uint16_t flags, std::uint16_t vid)
{
    request.add(IFLA_BRIDGE_VLAN_INFO, bridge_vlan_info{flags, vid});
}

// A bridge that does not filter would pass every frame, tagged or not.
Outcome<Unit> need_filtering(const Link& bridge)
{
    if (bridge.filters_vlans)
        return Unit{};
    return Error{
        Code::conflict,
        "bridge " + bridge.name + " does not filter VLANs, but vlan= is given",
        "ip link set " + bridge.name + " type bridge vlan_filtering 1"};
}

// Those that are listed, and no other: the bridge put the port into its default one.
Outcome<Unit>
set_vlans(Netlink& netlink, const Link& link, const std::vector<rpc::VlanRange>& vlans)
{
    const std::string what = "cannot set the VLANs of " + link.name;
    NetlinkMessage none{RTM_DELLINK, 0, about(link.index, 0, 0, AF_BRIDGE)};
    const auto all = none.begin_nest(IFLA_AF_SPEC);
    add_vlan(none, BRIDGE_VLAN_INFO_RANGE_BEGIN, 1);
    add_vlan(none, BRIDGE_VLAN_INFO_RANGE_END, 4094);
    none.end_nest(all);
    TRY(netlink.change(none, what));
    for (const rpc::VlanRange& range : vlans) {
        const unsigned kind = (range.pvid ? BRIDGE_VLAN_INFO_PVID : 0u) |
                              (range.untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0u);
        const auto flags = [kind](unsigned more) {
            return static_cast<std::uint16_t>(kind | more);
        };
        NetlinkMessage request{RTM_SETLINK, 0, about(link.index, 0, 0, AF_BRIDGE)};
        const auto nest = request.begin_nest(IFLA_AF_SPEC);
        if (range.first == range.last) {
            add_vlan(request, flags(0), range.first);
        } else {
            add_vlan(request, flags(BRIDGE_VLAN_INFO_RANGE_BEGIN), range.first);
            add_vlan(request, flags(BRIDGE_VLAN_INFO_RANGE_END), range.last);
        }
        request.end_nest(nest);
        TRY(netlink.change(request, what));
    }
    return Unit{};
}

} // namespace

Outcome<std::vector<Link>> list_bridges(Netlink& netlink)
{
    auto links = TRY(list_links(netlink));
    std::erase_if(links, [](const Link& link) { return link.kind != "bridge"; });
    return links;
}

Outcome<Link> find_bridge(Netlink& netlink, std::string_view name)
{
    auto links = TRY(list_links(netlink));
    bool other_kind = false;
    for (Link& link : links) {
        if (link.name == name && link.kind == "bridge")
            return std::move(link);
        other_kind = other_kind || link.name == name;
    }
    std::erase_if(links, [](const Link& link) { return link.kind != "bridge"; });
    return no_bridge(name, links, other_kind ? "is not a bridge" : "does not exist");
}

Outcome<std::vector<Link>> list_ports(Netlink& netlink, std::string_view bridge)
{
    const Link found = TRY(find_bridge(netlink, bridge));
    auto links = TRY(list_links(netlink));
    std::erase_if(links, [&](const Link& link) { return link.master != found.index; });
    return links;
}

Outcome<std::uint32_t> attach_port(Netlink& netlink, const BridgePort& port)
{
    const Link bridge = TRY(find_bridge(netlink, port.bridge));
    const Link link = TRY(need_link(netlink, port.link));
    const std::uint32_t mtu = port.mtu.value_or(bridge.mtu);
    if (!port.vlans.empty())
        TRY(need_filtering(bridge));

    TRY(without_own_ipv6(netlink, link));
    NetlinkMessage address{RTM_SETLINK, 0, about(link.index)};
    address.add(IFLA_ADDRESS, kPortMac);
    address.add(IFLA_MTU, mtu);
    TRY(netlink.change(
        address, "cannot set address and MTU " + std::to_string(mtu) + " of " + link.name
    ));

    NetlinkMessage enslave{RTM_SETLINK, 0, about(link.index)};
    enslave.add(IFLA_MASTER, bridge.index);
    TRY(netlink.change(enslave, "cannot add " + link.name + " to bridge " + bridge.name));
    if (!port.vlans.empty())
        TRY(set_vlans(netlink, link, port.vlans));
    if (port.isolated || !port.learning || !port.flood) // else as the bridge makes ports
        TRY(set_flags(netlink, link, port));

    NetlinkMessage up{RTM_SETLINK, 0, about(link.index, IFF_UP, IFF_UP)};
    TRY(netlink.change(up, "cannot bring " + link.name + " up"));
    return mtu;
}

} // namespace zocalo::toolstack
