// SPDX-License-Identifier: Apache-2.0
#include "backends/net/tx_packet.hpp"
#include "tests/unit/backends/net/slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A packet of 1 + `further` slots of 100 bytes; the last answer is returned.
TxStep feed_slots(TxAssembler& assembler, unsigned further)
{
    TxStep step = assembler.feed(tx_slot(100 * (further + 1), further ? NETTXF_more_data : 0));
    for (unsigned i = 1; i <= further && step == TxStep::more; ++i)
        step = assembler.feed(tx_slot(100, i < further ? NETTXF_more_data : 0));
    return step;
}

TEST(TxAssembler, OneSlotIsAPacket)
{
    TxAssembler assembler;
    const auto request = tx_slot(60, NETTXF_csum_blank | NETTXF_data_validated, 96, 5, 77);
    ASSERT_EQ(assembler.feed(request), TxStep::complete);
    EXPECT_TRUE(assembler.idle());
    const TxPacket& packet = assembler.packet();
    EXPECT_EQ(packet.drop, TxDrop::none);
    EXPECT_EQ(packet.length, 60);
    EXPECT_TRUE(packet.checksum_blank);
    ASSERT_EQ(packet.data().size(), 1u);
    EXPECT_EQ(packet.data()[0].gref, 77u);
    EXPECT_EQ(packet.data()[0].offset, 96);
    EXPECT_EQ(packet.data()[0].size, 60);
    EXPECT_THAT(packet.answers(), ElementsAre(5));
}

TEST(TxAssembler, FirstSlotHoldsTheTotalLessTheOthers)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(3000, NETTXF_more_data)), TxStep::more);
    EXPECT_FALSE(assembler.idle());
    EXPECT_EQ(assembler.feed(tx_slot(1500, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(500)), TxStep::complete);
    const auto data = assembler.packet().data();
    ASSERT_EQ(data.size(), 3u);
    EXPECT_EQ(data[0].size, 1000);
    EXPECT_EQ(data[1].size, 1500);
    EXPECT_EQ(data[2].size, 500);
    EXPECT_EQ(assembler.packet().length, 3000);
}

TEST(TxAssembler, SlotsUpToTheLimitAreAccepted)
{
    for (unsigned further = 0; further <= kMaxFurtherSlots; ++further) {
        TxAssembler assembler;
        ASSERT_EQ(feed_slots(assembler, further), TxStep::complete) << further;
        EXPECT_EQ(assembler.packet().drop, TxDrop::none) << further;
        EXPECT_EQ(assembler.packet().data().size(), further + 1);
    }
}

TEST(TxAssembler, SlotsALittleAboveTheLimitCostThePacketOnly)
{
    for (unsigned further : {kMaxFurtherSlots + 1, kMaxFurtherSlots + 2}) {
        TxAssembler assembler;
        ASSERT_EQ(feed_slots(assembler, further), TxStep::complete) << further;
        EXPECT_EQ(assembler.packet().drop, TxDrop::too_many_slots);
        EXPECT_EQ(assembler.packet().answers().size(), further + 1) << "each slot is answered";
    }
}

TEST(TxAssembler, SlotsFarAboveTheLimitAreFatal)
{
    TxAssembler assembler;
    EXPECT_EQ(feed_slots(assembler, kFatalFurtherSlots + 1), TxStep::fatal);
    EXPECT_THAT(assembler.fault(), HasSubstr("too many slots"));
}

TEST(TxAssembler, OverflownTotalDropsThePacketAfterAllItsSlots)
{
    TxAssembler assembler;
    // 64 KiB + 100: the first slot says 100.
    EXPECT_EQ(assembler.feed(tx_slot(100, NETTXF_more_data)), TxStep::more);
    for (int i = 0; i < 15; ++i)
        EXPECT_EQ(assembler.feed(tx_slot(4096, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(4096)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::oversize);
    EXPECT_EQ(assembler.packet().answers().size(), 17u);
    EXPECT_EQ(feed_slots(assembler, 0), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::none) << "the next packet starts afresh";
}

TEST(TxAssembler, FragmentThatCrossesItsPageIsFatal)
{
    TxAssembler single;
    EXPECT_EQ(single.feed(tx_slot(100, 0, 3997)), TxStep::fatal);
    TxAssembler first;
    EXPECT_EQ(first.feed(tx_slot(200, NETTXF_more_data, 3997)), TxStep::more);
    EXPECT_EQ(first.feed(tx_slot(100)), TxStep::fatal);
    TxAssembler further;
    EXPECT_EQ(further.feed(tx_slot(8000, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(further.feed(tx_slot(4096, NETTXF_more_data, 1)), TxStep::fatal);
    TxAssembler wrap;
    EXPECT_EQ(wrap.feed(tx_slot(0xffff, 0, 0xffff)), TxStep::fatal);
}

TEST(TxAssembler, FragmentThatFillsItsPageIsNot)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(4096 + 100, NETTXF_more_data, 3996)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(4096)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::none);
}

TEST(TxAssembler, EmptyFragmentsNeverReachTheCopyList)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(100, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(0, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(100)), TxStep::complete); // the first slot is left with none
    EXPECT_EQ(assembler.packet().drop, TxDrop::none);
    ASSERT_EQ(assembler.packet().data().size(), 1u);
    EXPECT_EQ(assembler.packet().data()[0].size, 100);
    EXPECT_EQ(assembler.packet().answers().size(), 3u);
}

TEST(TxAssembler, LessThanAnEthernetHeaderIsDropped)
{
    for (unsigned size : {0u, 1u, 13u}) {
        TxAssembler assembler;
        ASSERT_EQ(assembler.feed(tx_slot(size)), TxStep::complete);
        EXPECT_EQ(assembler.packet().drop, TxDrop::too_short) << size;
    }
    TxAssembler assembler;
    ASSERT_EQ(assembler.feed(tx_slot(14)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::none);
}

TEST(TxAssembler, TinyFirstSlotIsNoReasonToDrop)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(61, NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_slot(60)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::none);
    EXPECT_EQ(assembler.packet().data()[0].size, 1);
}

TEST(TxAssembler, GsoTravelsInAnExtraSlot)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(4000, NETTXF_extra_info | NETTXF_more_data)), TxStep::more);
    EXPECT_EQ(
        assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV6)),
        TxStep::more
    );
    EXPECT_EQ(assembler.feed(tx_slot(2000)), TxStep::complete);
    EXPECT_EQ(assembler.packet().gso, (Gso{1448, true}));
    EXPECT_EQ(assembler.packet().extra_count, 1);
    EXPECT_EQ(assembler.packet().answers().size(), 2u);
}

TEST(TxAssembler, ExtraSlotMayEndThePacket)
{
    TxAssembler assembler;
    EXPECT_EQ(assembler.feed(tx_slot(1000, NETTXF_extra_info)), TxStep::more);
    EXPECT_EQ(assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_HASH)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::none);
}

TEST(TxAssembler, AHashBesideSegmentationChangesNothing)
{
    TxAssembler assembler;
    assembler.feed(tx_slot(1000, NETTXF_extra_info));
    EXPECT_EQ(
        assembler.feed(tx_extra(
            XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 500, XEN_NETIF_GSO_TYPE_TCPV4
        )),
        TxStep::more
    );
    EXPECT_EQ(assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_HASH)), TxStep::complete);
    EXPECT_EQ(assembler.packet().gso, (Gso{500, false}));
    EXPECT_EQ(assembler.packet().extra_count, 2);
    EXPECT_EQ(assembler.packet().answers().size(), 1u);
}

TEST(TxAssembler, SenselessGsoIsFatal)
{
    TxAssembler zero;
    zero.feed(tx_slot(1000, NETTXF_extra_info));
    EXPECT_EQ(
        zero.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4)), TxStep::fatal
    );
    TxAssembler unknown;
    unknown.feed(tx_slot(1000, NETTXF_extra_info));
    EXPECT_EQ(unknown.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, 3)), TxStep::fatal);
}

TEST(TxAssembler, UnknownExtraTypesAreFatal)
{
    for (unsigned type : {0u, unsigned{XEN_NETIF_EXTRA_TYPE_MAX}, 255u}) {
        TxAssembler assembler;
        assembler.feed(tx_slot(1000, NETTXF_extra_info));
        EXPECT_EQ(assembler.feed(tx_extra(type)), TxStep::fatal) << type;
    }
}

TEST(TxAssembler, EndlessExtraSlotsAreFatal)
{
    TxAssembler assembler;
    TxStep step = assembler.feed(tx_slot(1000, NETTXF_extra_info));
    unsigned extras = 0;
    while (step == TxStep::more && extras < 256) {
        step = assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE));
        ++extras;
    }
    EXPECT_EQ(step, TxStep::fatal);
    EXPECT_EQ(extras, kMaxExtraSlots + 1);
}

TEST(TxAssembler, MulticastMessagesAreAnsweredAndNotSent)
{
    TxAssembler assembler;
    assembler.feed(tx_slot(0, NETTXF_extra_info));
    EXPECT_EQ(assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD)), TxStep::complete);
    EXPECT_EQ(assembler.packet().drop, TxDrop::multicast);
    EXPECT_EQ(assembler.packet().answers().size(), 1u);
    EXPECT_EQ(assembler.packet().extra_count, 1);
    ASSERT_TRUE(assembler.packet().multicast);
    EXPECT_TRUE(assembler.packet().multicast->add);
    assembler.feed(tx_slot(0, NETTXF_extra_info));
    assembler.feed(tx_extra(XEN_NETIF_EXTRA_TYPE_MCAST_DEL));
    EXPECT_FALSE(assembler.packet().multicast->add);
    assembler.feed(tx_slot(60));
    EXPECT_FALSE(assembler.packet().multicast); // nothing of the one before
}

} // namespace
} // namespace zocalo::net
