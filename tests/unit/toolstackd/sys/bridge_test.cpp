// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/sys/network_namespace.hpp"
#include "toolstackd/sys/bridge.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <map>
#include <sys/socket.h>

namespace zocalo::toolstack {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Bridge = NetworkNamespace;

TEST_F(Bridge, MissingBridgeIsNamedTogetherWithThoseThatExist)
{
    make_link("lan0", "bridge");
    make_link("lan1", "bridge");
    const auto missing = find_bridge(*netlink_, "xenbr0");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::not_found);
    EXPECT_THAT(missing.error().what, HasSubstr("xenbr0 does not exist"));
    EXPECT_THAT(missing.error().next, HasSubstr("lan0, lan1"));
}

TEST_F(Bridge, MissingBridgeOnAHostWithoutAnySaysHowToMakeOne)
{
    const auto missing = find_bridge(*netlink_, "xenbr0");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().next, HasSubstr("ip link add xenbr0 type bridge"));
}

TEST_F(Bridge, LinkOfAnotherKindIsNoBridge)
{
    const Tap tap = make_tap("lan0");
    const auto found = find_bridge(*netlink_, "lan0");
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().what, HasSubstr("lan0 is not a bridge"));
}

TEST_F(Bridge, TapBecomesAPortWithAddressMtuAndLinkUp)
{
    make_link("br0", "bridge");
    const Tap tap = make_tap("vif1.0");
    const auto mtu = attach_port(
        *netlink_, {.link = "vif1.0", .bridge = "br0", .mtu = 1400u, .isolated = false}
    );
    ASSERT_TRUE(mtu) << describe(mtu.error());
    EXPECT_EQ(*mtu, 1400u);
    EXPECT_THAT(names(list_ports(*netlink_, "br0")), ElementsAre("vif1.0"));
    const auto link = find_link(*netlink_, "vif1.0");
    ASSERT_TRUE(link && *link);
    EXPECT_EQ((*link)->mac, kPortMac);
    EXPECT_EQ((*link)->mtu, 1400u);
    EXPECT_EQ((*link)->kind, "tun");
    EXPECT_TRUE((*link)->up);
}

TEST_F(Bridge, PortTakesTheBridgesMtuUnlessToldOtherwise)
{
    make_link("br0", "bridge");
    const auto bridge = find_bridge(*netlink_, "br0");
    ASSERT_TRUE(bridge);
    const Tap tap = make_tap("vif1.0");
    const auto mtu = attach_port(*netlink_, {.link = "vif1.0", .bridge = "br0"});
    ASSERT_TRUE(mtu) << describe(mtu.error());
    EXPECT_EQ(*mtu, bridge->mtu);
}

TEST_F(Bridge, AttachingTwiceIsNoError)
{
    make_link("br0", "bridge");
    const Tap tap = make_tap("vif1.0");
    const BridgePort port{.link = "vif1.0", .bridge = "br0"};
    ASSERT_TRUE(attach_port(*netlink_, port));
    const auto again = attach_port(*netlink_, port);
    EXPECT_TRUE(again) << describe(again.error());
}

TEST_F(Bridge, PortsHaveTheFlagsThatWereAskedFor)
{
    make_link("br0", "bridge");
    const Tap one = make_tap("vif1.0");
    const Tap two = make_tap("vif2.0");
    const auto isolated =
        attach_port(*netlink_, {.link = "vif1.0", .bridge = "br0", .mtu = {}, .isolated = true});
    const Tap three = make_tap("vif3.0");
    ASSERT_TRUE(attach_port(
        *netlink_, {.link = "vif3.0", .bridge = "br0", .learning = false, .flood = false}
    ));
    ASSERT_TRUE(isolated) << describe(isolated.error());
    ASSERT_TRUE(attach_port(*netlink_, {.link = "vif2.0", .bridge = "br0"}));

    std::map<std::string, int> flags, others;
    NetlinkMessage request{RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}};
    ASSERT_TRUE(netlink_->dump(request, RTM_NEWLINK, "dump", [&](auto payload) {
        const Attributes link{payload.subspan(sizeof(ifinfomsg))};
        const auto info = link.find(IFLA_LINKINFO);
        const auto slave = info ? Attributes{*info}.find(IFLA_INFO_SLAVE_DATA) : std::nullopt;
        if (!slave)
            return;
        const std::string name{link.string(IFLA_IFNAME)};
        const auto flag = [&](std::uint16_t which) {
            return Attributes{*slave}.get<std::uint8_t>(which).value_or(255);
        };
        flags[name] = flag(IFLA_BRPORT_ISOLATED);
        others[name] = flag(IFLA_BRPORT_LEARNING) * 10 + flag(IFLA_BRPORT_UNICAST_FLOOD);
    }));
    EXPECT_EQ(flags["vif1.0"], 1);
    EXPECT_EQ(flags["vif2.0"], 0);
    EXPECT_EQ(others["vif1.0"], 11);
    EXPECT_EQ(others["vif2.0"], 11);
    EXPECT_EQ(others["vif3.0"], 0);
}

TEST_F(Bridge, APortTakesPartInItsVlansOnly)
{
    make_link("br0", "bridge");
    const Tap tap = make_tap("vif1.0");
    BridgePort port;
    port.link = "vif1.0";
    port.bridge = "br0";
    port.vlans = *rpc::parse_vlans("10p/20/30-32");
    const auto unfiltered = attach_port(*netlink_, port);
    ASSERT_FALSE(unfiltered);
    EXPECT_THAT(unfiltered.error().next, HasSubstr("vlan_filtering 1"));

    NetlinkMessage filter{RTM_NEWLINK, 0, ifinfomsg{}};
    filter.add_string(IFLA_IFNAME, "br0");
    const auto facts = filter.begin_nest(IFLA_LINKINFO);
    filter.add_string(IFLA_INFO_KIND, "bridge");
    const auto data = filter.begin_nest(IFLA_INFO_DATA);
    filter.add(IFLA_BR_VLAN_FILTERING, std::uint8_t{1});
    filter.end_nest(data);
    filter.end_nest(facts);
    const auto filters = netlink_->try_change(filter, "cannot filter");
    ASSERT_TRUE(filters) << describe(filters.error());
    if (*filters == EOPNOTSUPP)
        GTEST_SKIP() << "the kernel has no CONFIG_BRIDGE_VLAN_FILTERING";
    ASSERT_EQ(*filters, 0);
    const auto attached = attach_port(*netlink_, port);
    ASSERT_TRUE(attached) << describe(attached.error());

    // As the kernel lists them: one entry a VLAN.
    std::map<std::uint16_t, std::uint16_t> vlans;
    ifinfomsg all{};
    all.ifi_family = AF_BRIDGE;
    NetlinkMessage request{RTM_GETLINK, NLM_F_DUMP, all};
    request.add(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_BRVLAN});
    const int index = (*find_link(*netlink_, "vif1.0"))->index;
    ASSERT_TRUE(netlink_->dump(request, RTM_NEWLINK, "cannot list", [&](auto payload) {
        ifinfomsg info;
        std::memcpy(&info, payload.data(), sizeof info);
        const auto nested = Attributes{payload.subspan(sizeof info)}.find(IFLA_AF_SPEC);
        if (info.ifi_index != index || !nested)
            return;
        constexpr std::size_t kEntry = NLA_HDRLEN + sizeof(bridge_vlan_info);
        for (auto rest = *nested; rest.size() >= kEntry; rest = rest.subspan(kEntry)) {
            bridge_vlan_info vlan;
            std::memcpy(&vlan, rest.data() + NLA_HDRLEN, sizeof vlan);
            vlans[vlan.vid] = vlan.flags;
        }
    }));
    ASSERT_EQ(vlans.size(), 5u);
    EXPECT_EQ(vlans[10], BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
    for (const auto vid : std::initializer_list<std::uint16_t>{20, 30, 31, 32})
        EXPECT_EQ(vlans[vid], 0) << vid;
}

TEST_F(Bridge, ImpossibleMtuIsRefusedInTheKernelsWords)
{
    make_link("br0", "bridge");
    const Tap tap = make_tap("vif1.0");
    const auto mtu = attach_port(
        *netlink_, {.link = "vif1.0", .bridge = "br0", .mtu = 1000000u, .isolated = false}
    );
    ASSERT_FALSE(mtu);
    EXPECT_THAT(mtu.error().what, HasSubstr("MTU 1000000 of vif1.0"));
    EXPECT_THAT(mtu.error().what, HasSubstr("Invalid argument"));
}

TEST_F(Bridge, MissingTapIsNamed)
{
    make_link("br0", "bridge");
    const auto mtu = attach_port(*netlink_, {.link = "vif1.0", .bridge = "br0"});
    ASSERT_FALSE(mtu);
    EXPECT_EQ(mtu.error().code, Code::not_found);
    EXPECT_THAT(mtu.error().what, HasSubstr("vif1.0 does not exist"));
}

TEST_F(Bridge, PortLeavesTheBridgeWhenItsTapIsClosed)
{
    make_link("br0", "bridge");
    {
        const Tap tap = make_tap("vif7.0");
        ASSERT_TRUE(attach_port(*netlink_, {.link = "vif7.0", .bridge = "br0"}));
        EXPECT_THAT(names(list_ports(*netlink_, "br0")), ElementsAre("vif7.0"));
    }
    EXPECT_THAT(names(list_ports(*netlink_, "br0")), IsEmpty());
}

TEST_F(Bridge, PortGetsNoAddressOfItsOwn)
{
    make_link("br0", "bridge");
    const Tap tap = make_tap("vif1.0");
    ASSERT_TRUE(attach_port(*netlink_, {.link = "vif1.0", .bridge = "br0"}));
    const auto link = find_link(*netlink_, "vif1.0");
    ASSERT_TRUE(link && *link);
    int addresses = 0;
    NetlinkMessage request{RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}};
    ASSERT_TRUE(netlink_->dump(request, RTM_NEWADDR, "dump", [&](auto payload) {
        ifaddrmsg address;
        std::memcpy(&address, payload.data(), sizeof address);
        addresses += static_cast<int>(address.ifa_index) == (*link)->index;
    }));
    EXPECT_EQ(addresses, 0);
}

} // namespace
} // namespace zocalo::toolstack
