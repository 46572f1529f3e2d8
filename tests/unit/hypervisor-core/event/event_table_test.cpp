// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/event/event_table.hpp"

#include <gtest/gtest.h>

namespace zocalo::hv {
namespace {

constexpr DomId kSelf{1}, kPeer{2}, kStranger{3};

struct EventTableTest : testing::Test {
    std::array<Channel, EventTable::kPortsPerBucket> mine_bucket{}, peer_bucket{};
    EventTable mine, peer;

    EventTableTest()
    {
        mine.add_bucket(mine_bucket);
        peer.add_bucket(peer_bucket);
    }
};

TEST_F(EventTableTest, PortZeroIsNeverGiven)
{
    EXPECT_EQ(mine.alloc_unbound(kPeer).value().value, 1U);
    EXPECT_FALSE(mine.look(EventPort{0}));
    EXPECT_FALSE(mine.close(EventPort{0}));
}

TEST_F(EventTableTest, BothEndsOfAnInterdomainChannelReachEachOther)
{
    const EventPort offered = mine.alloc_unbound(kPeer).value();
    const auto bound = peer.bind_interdomain(kPeer, mine, kSelf, offered);
    ASSERT_TRUE(bound);
    EXPECT_EQ(mine.send(kSelf, offered)->domain, kPeer);
    EXPECT_EQ(mine.send(kSelf, offered)->port, *bound);
    EXPECT_EQ(peer.send(kPeer, *bound)->domain, kSelf);
    EXPECT_EQ(peer.send(kPeer, *bound)->port, offered);
}

TEST_F(EventTableTest, OnlyTheInvitedDomainBinds)
{
    const EventPort offered = mine.alloc_unbound(kStranger).value();
    EXPECT_EQ(peer.bind_interdomain(kPeer, mine, kSelf, offered).error(), Errno::inval);
    EXPECT_FALSE(peer.bind_interdomain(kPeer, mine, kSelf, EventPort{99999}));
}

TEST_F(EventTableTest, ADomainMayTalkToItself)
{
    const EventPort offered = mine.alloc_unbound(kSelf).value();
    const auto bound = mine.bind_interdomain(kSelf, mine, kSelf, offered);
    ASSERT_TRUE(bound);
    EXPECT_EQ(mine.send(kSelf, *bound)->port, offered);
}

TEST_F(EventTableTest, AVirqIsBoundOncePerVcpu)
{
    ASSERT_TRUE(mine.bind_virq(0, 0));
    EXPECT_EQ(mine.bind_virq(0, 0).error(), Errno::exist);
    EXPECT_TRUE(mine.bind_virq(0, 1));
    EXPECT_TRUE(mine.find_virq(0, 1));
    EXPECT_FALSE(mine.find_virq(3, 0));
}

TEST_F(EventTableTest, AClosedPortIsFreeAndItsPeerUnboundAgain)
{
    const EventPort offered = mine.alloc_unbound(kPeer).value();
    const EventPort bound = peer.bind_interdomain(kPeer, mine, kSelf, offered).value();
    const auto was = peer.close(bound);
    ASSERT_TRUE(was);
    mine.disconnect(EventPort{was->number});
    EXPECT_EQ(mine.look(offered)->state, Channel::State::unbound);
    EXPECT_TRUE(peer.bind_interdomain(kPeer, mine, kSelf, offered));
}

TEST_F(EventTableTest, IpisAndVirqsStayWithTheirVcpuButOthersMove)
{
    const EventPort ipi = mine.bind_ipi(1).value();
    EXPECT_EQ(mine.bind_vcpu(ipi, 0).error(), Errno::inval);
    const EventPort unbound = mine.alloc_unbound(kPeer).value();
    ASSERT_TRUE(mine.bind_vcpu(unbound, 1));
    EXPECT_EQ(mine.look(unbound)->vcpu, 1U);
}

TEST_F(EventTableTest, AFullTableAsksForRoom)
{
    while (mine.has_room())
        ASSERT_TRUE(mine.bind_ipi(0));
    EXPECT_EQ(mine.bind_ipi(0).error(), Errno::nospc);
    std::array<Channel, EventTable::kPortsPerBucket> more{};
    mine.add_bucket(more);
    EXPECT_EQ(mine.bind_ipi(0).value().value, EventTable::kPortsPerBucket);
}

} // namespace
} // namespace zocalo::hv
