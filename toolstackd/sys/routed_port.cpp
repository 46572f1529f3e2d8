// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/routed_port.hpp"

#include "toolstackd/sys/bridge.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

namespace zocalo::toolstack {
namespace {

struct Address {
    unsigned char family{};
    unsigned char length{}; // of the prefix, bits
    std::array<std::byte, 16> bytes{};
    std::span<const std::byte> value() const
    {
        return std::span{bytes}.first(family == AF_INET ? 4 : 16);
    }
};

Outcome<Address> parse_address(const std::string& text)
{
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string plain = text.substr(0, slash);
    Address address;
    for (const int family : {AF_INET, AF_INET6})
        if (::inet_pton(family, plain.c_str(), address.bytes.data()) == 1)
            address.family = static_cast<unsigned char>(family);
    const unsigned longest = address.family == AF_INET ? 32 : 128;
    unsigned length = longest;
    if (slash < text.size()) {
        const char* last = text.data() + text.size();
        const auto [end, failure] = std::from_chars(text.data() + slash + 1, last, length);
        if (failure != std::errc{} || end != last)
            length = longest + 1;
    }
    if (address.family == 0 || length > longest)
        return Error{
            Code::usage,
            "ip: `" + text + "` is no address",
            "write IPv4 and IPv6 addresses, with blanks between them"};
    address.length = static_cast<unsigned char>(length);
    return address;
}

Outcome<std::vector<Address>> parse_addresses(std::string_view text)
{
    std::vector<Address> addresses;
    while (!text.empty()) {
        const std::size_t blank = std::min(text.find_first_of(" \t"), text.size());
        if (blank > 0)
            addresses.push_back(TRY(parse_address(std::string{text.substr(0, blank)})));
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    return addresses;
}

// The first IPv4 address of a link.
Outcome<std::optional<Address>> address_of(Netlink& netlink, const Link& link)
{
    std::optional<Address> found;
    ifaddrmsg about{};
    about.ifa_family = AF_INET;
    NetlinkMessage request{RTM_GETADDR, NLM_F_DUMP, about};
    TRY(netlink.dump(request, RTM_NEWADDR, "cannot list addresses", [&](auto payload) {
        ifaddrmsg info;
        if (found || payload.size() < sizeof info)
            return;
        std::memcpy(&info, payload.data(), sizeof info);
        const Attributes attributes{payload.subspan(sizeof info)};
        const auto local = attributes.find(IFA_LOCAL);
        if (info.ifa_index != static_cast<unsigned>(link.index) || !local || local->size() != 4)
            return;
        found.emplace(Address{AF_INET, 32, {}});
        std::memcpy(found->bytes.data(), local->data(), 4);
    }));
    return found;
}

ifinfomsg about(const Link& link, unsigned flags = 0)
{
    ifinfomsg info{};
    info.ifi_index = link.index;
    info.ifi_flags = flags;
    info.ifi_change = flags;
    return info;
}

// The guest asks who has its neighbours' addresses: the host has them all. And a packet that
// claims an address that is not routed back here is dropped.
Outcome<Unit> set_ipv4(Netlink& netlink, const Link& link)
{
    NetlinkMessage request{RTM_SETLINK, 0, about(link)};
    const auto families = request.begin_nest(IFLA_AF_SPEC);
    const auto inet = request.begin_nest(AF_INET);
    const auto settings = request.begin_nest(IFLA_INET_CONF);
    request.add(IPV4_DEVCONF_PROXY_ARP, std::uint32_t{1});
    request.add(IPV4_DEVCONF_RP_FILTER, std::uint32_t{1});
    request.end_nest(settings);
    request.end_nest(inet);
    request.end_nest(families);
    return netlink.change(request, "cannot make " + link.name + " answer ARP for others");
}

Outcome<Unit> add_address(Netlink& netlink, const Link& link, const Address& address)
{
    ifaddrmsg info{};
    info.ifa_family = address.family;
    info.ifa_prefixlen = address.length;
    info.ifa_index = static_cast<unsigned>(link.index);
    NetlinkMessage request{RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, info};
    request.add_bytes(IFA_LOCAL, address.value());
    request.add_bytes(IFA_ADDRESS, address.value());
    return netlink.change(request, "cannot give " + link.name + " its address");
}

Outcome<Unit>
add_route(Netlink& netlink, const Link& link, const Address& to, const std::optional<Address>& from)
{
    rtmsg route{};
    route.rtm_family = to.family;
    route.rtm_dst_len = to.length;
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = RTPROT_STATIC;
    route.rtm_scope = to.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    route.rtm_type = RTN_UNICAST;
    NetlinkMessage request{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route};
    request.add_bytes(RTA_DST, to.value());
    request.add(RTA_OIF, link.index);
    if (to.family == AF_INET && from)
        request.add_bytes(RTA_PREFSRC, from->value());
    return netlink.change(request, "cannot route to " + link.name);
}

Outcome<Link> need_link(Netlink& netlink, std::string_view name)
{
    auto link = TRY(find_link(netlink, name));
    if (!link)
        return Error{
            Code::not_found,
            "network link " + std::string{name} + " does not exist",
            "gatewaydev names a link of this host; see `ip link`"};
    return std::move(*link);
}

} // namespace

Outcome<std::uint32_t> attach_routed(Netlink& netlink, const RoutedPort& port)
{
    const auto addresses = TRY(parse_addresses(port.addresses));
    const Link gateway = TRY(need_link(netlink, port.gateway));
    const Link link = TRY(need_link(netlink, port.link));
    const auto own = TRY(address_of(netlink, gateway));
    const bool wants_ipv4 =
        std::ranges::any_of(addresses, [](const Address& a) { return a.family == AF_INET; });
    if (wants_ipv4 && !own)
        return Error{
            Code::not_found,
            "network link " + gateway.name + " has no IPv4 address to be a gateway with",
            {}};
    const std::uint32_t mtu = port.mtu.value_or(gateway.mtu);
    NetlinkMessage address{RTM_SETLINK, 0, about(link)};
    address.add(IFLA_ADDRESS, kPortMac);
    address.add(IFLA_MTU, mtu);
    TRY(netlink.change(
        address, "cannot set address and MTU " + std::to_string(mtu) + " of " + link.name
    ));
    TRY(set_ipv4(netlink, link));
    NetlinkMessage up{RTM_SETLINK, 0, about(link, IFF_UP)};
    TRY(netlink.change(up, "cannot bring " + link.name + " up"));
    if (own)
        TRY(add_address(netlink, link, *own));
    for (const Address& one : addresses)
        TRY(add_route(netlink, link, one, own));
    return mtu;
}

} // namespace zocalo::toolstack
