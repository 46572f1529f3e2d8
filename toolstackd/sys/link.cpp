// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/link.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace zocalo::toolstack {
namespace {

std::optional<Link> parse_link(std::span<const std::byte> payload)
{
    if (payload.size() < sizeof(ifinfomsg))
        return std::nullopt;
    ifinfomsg info;
    std::memcpy(&info, payload.data(), sizeof info);
    const Attributes attributes{payload.subspan(sizeof info)};
    Link link;
    link.index = info.ifi_index;
    link.name = attributes.string(IFLA_IFNAME);
    link.master = attributes.get<int>(IFLA_MASTER).value_or(0);
    link.mtu = attributes.get<std::uint32_t>(IFLA_MTU).value_or(0);
    link.mac = attributes.get<MacAddress>(IFLA_ADDRESS).value_or(MacAddress{});
    link.up = (info.ifi_flags & IFF_UP) != 0;
    link.running = (info.ifi_flags & IFF_RUNNING) != 0;
    if (const auto nested = attributes.find(IFLA_LINKINFO)) {
        const Attributes facts{*nested};
        link.kind = facts.string(IFLA_INFO_KIND);
        if (const auto data = facts.find(IFLA_INFO_DATA); data && link.kind == "bridge")
            link.filters_vlans =
                Attributes{*data}.get<std::uint8_t>(IFLA_BR_VLAN_FILTERING).value_or(0) != 0;
    }
    return link;
}

} // namespace

bool valid_link_name(std::string_view name)
{
    // dev_valid_name() in the kernel: neither empty, nor too long, nor a path, nor with blanks.
    const auto bad = [](char c) {
        return c == '/' || c == ':' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    };
    return !name.empty() && name.size() <= kMaxLinkName && name != "." && name != ".." &&
           std::ranges::none_of(name, bad);
}

Outcome<std::vector<Link>> list_links(Netlink& netlink, std::string_view prefix)
{
    std::vector<Link> links;
    NetlinkMessage request{RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}};
    TRY(netlink.dump(request, RTM_NEWLINK, "cannot list network links", [&](auto payload) {
        if (auto link = parse_link(payload); link && link->name.starts_with(prefix))
            links.push_back(std::move(*link));
    }));
    std::ranges::sort(links, {}, &Link::index);
    return links;
}

Outcome<std::optional<Link>> find_link(Netlink& netlink, std::string_view name)
{
    for (Link& link : TRY(list_links(netlink, name)))
        if (link.name == name)
            return std::optional{std::move(link)};
    return std::optional<Link>{};
}

Outcome<bool> delete_link(Netlink& netlink, std::string_view name)
{
    const std::string what = "cannot delete network link " + std::string{name};
    if (!valid_link_name(name))
        return Error{Code::usage, what + ": not a name of a network link", {}};
    NetlinkMessage request{RTM_DELLINK, 0, ifinfomsg{}};
    request.add_string(IFLA_IFNAME, name);
    const int error = TRY(netlink.try_change(request, what));
    if (error == ENODEV)
        return false;
    if (error != 0)
        return system_error(what, error);
    return true;
}

} // namespace zocalo::toolstack
