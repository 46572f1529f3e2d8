// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/sys/network_namespace.hpp"
#include "toolstackd/sys/routed_port.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <map>

namespace zocalo::toolstack {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Routed : public NetworkNamespace {
  protected:
    void give_address(const std::string& name, const char* text)
    {
        const auto link = find_link(*netlink_, name);
        ASSERT_TRUE(link && *link);
        ifaddrmsg info{};
        info.ifa_family = AF_INET;
        info.ifa_prefixlen = 24;
        info.ifa_index = static_cast<unsigned>((*link)->index);
        NetlinkMessage request{RTM_NEWADDR, NLM_F_CREATE, info};
        in_addr address{};
        ASSERT_EQ(::inet_pton(AF_INET, text, &address), 1);
        request.add(IFA_LOCAL, address);
        request.add(IFA_ADDRESS, address);
        const auto done = netlink_->change(request, "add an address");
        ASSERT_TRUE(done) << describe(done.error());
    }
    // Destination/length → preferred source, of the routes over a link in the main table.
    std::map<std::string, std::string> routes(int index, unsigned char family)
    {
        std::map<std::string, std::string> found;
        rtmsg about{};
        about.rtm_family = family;
        NetlinkMessage request{RTM_GETROUTE, NLM_F_DUMP, about};
        EXPECT_TRUE(netlink_->dump(request, RTM_NEWROUTE, "dump", [&](auto payload) {
            rtmsg route;
            std::memcpy(&route, payload.data(), sizeof route);
            const Attributes attributes{payload.subspan(sizeof route)};
            if (route.rtm_table != RT_TABLE_MAIN || route.rtm_protocol != RTPROT_STATIC ||
                attributes.get<int>(RTA_OIF) != index)
                return;
            const auto text = [&](std::uint16_t which) {
                std::array<char, 64> out{};
                const auto value = attributes.find(which);
                if (value)
                    ::inet_ntop(family, value->data(), out.data(), out.size());
                return std::string{out.data()};
            };
            found[text(RTA_DST) + "/" + std::to_string(route.rtm_dst_len)] = text(RTA_PREFSRC);
        }));
        return found;
    }
};

TEST_F(Routed, TheGuestsAddressesAreRoutedAndTheHostIsItsGateway)
{
    make_link("wan0", "bridge");
    give_address("wan0", "192.0.2.1");
    const Tap tap = make_tap("vif1.0");
    const RoutedPort port{
        .link = "vif1.0",
        .gateway = "wan0",
        .mtu = 1400u,
        .addresses = "192.0.2.7  198.51.100.0/28"};
    const auto mtu = attach_routed(*netlink_, port);
    ASSERT_TRUE(mtu) << describe(mtu.error());
    EXPECT_EQ(*mtu, 1400u);
    const auto link = find_link(*netlink_, "vif1.0");
    ASSERT_TRUE(link && *link);
    EXPECT_EQ((*link)->mac, kPortMac);
    EXPECT_EQ((*link)->mtu, 1400u);
    EXPECT_TRUE((*link)->up);
    EXPECT_THAT(
        routes((*link)->index, AF_INET),
        ElementsAre(Pair("192.0.2.7/32", "192.0.2.1"), Pair("198.51.100.0/28", "192.0.2.1"))
    );
    const auto again = attach_routed(*netlink_, port);
    EXPECT_TRUE(again) << describe(again.error());
}

TEST_F(Routed, IpV6NeedsNoAddressOfTheGateway)
{
    make_link("wan0", "bridge");
    const Tap tap = make_tap("vif1.0");
    const auto mtu = attach_routed(
        *netlink_,
        {.link = "vif1.0", .gateway = "wan0", .mtu = {}, .addresses = "2001:db8::7 2001:db8:1::/64"}
    );
    if (!mtu && mtu.error().what.find("not supported") != std::string::npos)
        GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(mtu) << describe(mtu.error());
    EXPECT_EQ(*mtu, 1500u);
    const auto link = find_link(*netlink_, "vif1.0");
    ASSERT_TRUE(link && *link);
    EXPECT_THAT(
        routes((*link)->index, AF_INET6),
        ElementsAre(Pair("2001:db8:1::/64", ""), Pair("2001:db8::7/128", ""))
    );
}

TEST_F(Routed, WhatIsMissingIsNamed)
{
    make_link("wan0", "bridge");
    const Tap tap = make_tap("vif1.0");
    const auto attach = [&](const char* gateway, const char* addresses) {
        return attach_routed(
            *netlink_, {.link = "vif1.0", .gateway = gateway, .mtu = {}, .addresses = addresses}
        );
    };
    EXPECT_THAT(attach("lan9", "192.0.2.7").error().what, HasSubstr("lan9 does not exist"));
    EXPECT_THAT(attach("wan0", "192.0.2.7").error().what, HasSubstr("no IPv4 address"));
    for (const char* wrong : {"192.0.2", "192.0.2.7/33", "2001:db8::7/129", "host", "192.0.2.7/"})
        EXPECT_EQ(attach("wan0", wrong).error().code, Code::usage) << wrong;
}

} // namespace
} // namespace zocalo::toolstack
