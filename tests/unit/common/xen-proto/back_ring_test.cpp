// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/back_ring.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <gtest/gtest.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>

#include <algorithm>

namespace zocalo::xen {
namespace {

using test::FrontRing;

// Our offsets against the layout that Xen's own macro makes.
static_assert(offsetof(blkif_sring, req_prod) == kRingReqProd);
static_assert(offsetof(blkif_sring, req_event) == kRingReqEvent);
static_assert(offsetof(blkif_sring, rsp_prod) == kRingRspProd);
static_assert(offsetof(blkif_sring, rsp_event) == kRingRspEvent);
static_assert(offsetof(blkif_sring, ring) == kRingSlots);
static_assert(offsetof(netif_tx_sring, ring) == kRingSlots);

struct Request {
    std::uint64_t id;
    std::uint64_t body[13];
};
static_assert(sizeof(Request) == sizeof(blkif_request));

struct Response {
    std::uint64_t id;
};

Request request(std::uint64_t id)
{
    return Request{id, {1, 2, 3}};
}

struct BackRingTest : testing::Test {
    FrontRing front{sizeof(Request)};
    BackRing back = *BackRing::attach(front.pages(), sizeof(Request));
    Request taken{};
};

TEST_F(BackRingTest, OnePageHoldsAsManySlotsAsXensMacroSays)
{
    EXPECT_EQ(back.slots(), __CONST_RING_SIZE(blkif, 4096));
    FrontRing tx{sizeof(netif_tx_sring_entry)};
    EXPECT_EQ(
        BackRing::attach(tx.pages(), sizeof(netif_tx_sring_entry))->slots(),
        __CONST_RING_SIZE(netif_tx, 4096)
    );
    FrontRing big{sizeof(Request), 16};
    EXPECT_EQ(BackRing::attach(big.pages(), sizeof(Request))->slots(), 512u);
}

TEST_F(BackRingTest, AttachRefusesMemoryThatHoldsNoSlot)
{
    EXPECT_FALSE(BackRing::attach(front.pages().first(64 + 100), sizeof(Request)));
    EXPECT_FALSE(BackRing::attach(front.pages(), 0));
    EXPECT_FALSE(BackRing::attach(front.pages(), 13));
}

TEST_F(BackRingTest, RequestsComeInOrderOnceEach)
{
    for (std::uint64_t id = 0; id < 5; ++id)
        front.push(request(id));
    EXPECT_EQ(back.pending(), 5u);
    for (std::uint64_t id = 0; id < 5; ++id) {
        ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
        EXPECT_EQ(taken.id, id);
    }
    EXPECT_EQ(back.pop(taken), BackRing::Pop::empty);
    EXPECT_EQ(back.outstanding(), 5u);
}

TEST_F(BackRingTest, ATakenRequestIsNotChangedByLaterWritesToItsSlot)
{
    front.push(request(7));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    front.put(0, request(666));
    EXPECT_EQ(taken.id, 7u);
    EXPECT_EQ(back.pop(taken), BackRing::Pop::empty); // and it is not read a second time
    EXPECT_EQ(taken.id, 7u);
}

TEST_F(BackRingTest, AnUndonePopIsCopiedAgain)
{
    front.push(request(7));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    back.undo_pop();
    front.put(0, request(8));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    EXPECT_EQ(taken.id, 8u);
}

TEST_F(BackRingTest, AProducerMoreThanOneRingAheadBreaksTheRing)
{
    front.set(kRingReqProd, back.slots());
    EXPECT_TRUE(back.sane());
    front.set(kRingReqProd, back.slots() + 1);
    EXPECT_FALSE(back.sane());
    EXPECT_EQ(back.pending(), 0u);
    EXPECT_EQ(back.pop(taken), BackRing::Pop::broken);
    front.set(kRingReqProd, 0x80000000u);
    EXPECT_EQ(back.pop(taken), BackRing::Pop::broken);
}

TEST_F(BackRingTest, AProducerThatStepsBackBreaksTheRing)
{
    front.push(request(1));
    front.push(request(2));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    front.set(kRingReqProd, 1);
    EXPECT_EQ(back.pop(taken), BackRing::Pop::broken);
    EXPECT_EQ(back.pending(), 0u);
}

TEST_F(BackRingTest, UnansweredRequestsCountAgainstTheProducer)
{
    for (std::uint32_t i = 0; i < back.slots(); ++i)
        front.push(request(i));
    for (std::uint32_t i = 0; i < back.slots(); ++i)
        ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    front.push(request(99)); // a full ring is outstanding: this one overflows
    EXPECT_EQ(back.pop(taken), BackRing::Pop::broken);
}

TEST_F(BackRingTest, ResponsesAppearOnlyWhenPublishedAndTheirSlotIsZeroed)
{
    front.push(request(1));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    back.push(Response{1});
    EXPECT_FALSE(front.take<Response>());
    EXPECT_TRUE(back.publish());
    ASSERT_TRUE(front.take<Response>());
    const std::byte* slot = front.slot(0);
    EXPECT_TRUE(std::all_of(slot + sizeof(Response), slot + sizeof(Request), [](std::byte b) {
        return b == std::byte{0};
    }));
}

TEST_F(BackRingTest, OneBatchAsksForOneEventAndOnlyIfWanted)
{
    for (std::uint64_t id = 0; id < 3; ++id) {
        front.push(request(id));
        ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
        back.push(Response{id});
    }
    EXPECT_TRUE(back.publish()); // rsp_event is 1
    EXPECT_FALSE(back.publish());
    front.push(request(3));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    back.push(Response{3});
    EXPECT_FALSE(back.publish()); // the frontend is still busy with the first batch
    while (front.take<Response>())
        continue;
    front.want_event();
    front.push(request(4));
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    back.push(Response{4});
    EXPECT_TRUE(back.publish());
}

TEST_F(BackRingTest, RearmSeesWorkThatArrivedMeanwhileAndElseAsksForAnEvent)
{
    front.push(request(1));
    EXPECT_TRUE(back.rearm());
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    EXPECT_FALSE(front.push(request(2))); // no event wanted while we work
    ASSERT_EQ(back.pop(taken), BackRing::Pop::taken);
    EXPECT_FALSE(back.rearm());
    EXPECT_TRUE(front.push(request(3)));
}

TEST_F(BackRingTest, RearmCanWaitForSeveralSlots)
{
    EXPECT_FALSE(back.rearm(3));
    EXPECT_FALSE(front.push(request(1)));
    EXPECT_FALSE(front.push(request(2)));
    EXPECT_TRUE(front.push(request(3)));
    EXPECT_TRUE(back.rearm(3));
}

TEST_F(BackRingTest, RearmReportsABrokenRingAsWork)
{
    front.set(kRingReqProd, 12345);
    EXPECT_TRUE(back.rearm());
    EXPECT_EQ(back.pop(taken), BackRing::Pop::broken);
}

TEST_F(BackRingTest, IndicesWrapAroundTheirThirtyTwoBits)
{
    constexpr std::uint32_t kStart = 0xfffffffeu;
    BackRing late = *BackRing::attach(front.pages(), sizeof(Request), kStart);
    front.set(kRingRspEvent, kStart + 1);
    for (std::uint32_t i = 0; i < 4; ++i)
        front.put(kStart + i, request(i));
    front.set(kRingReqProd, kStart + 4);
    for (std::uint32_t i = 0; i < 4; ++i) {
        ASSERT_EQ(late.pop(taken), BackRing::Pop::taken);
        EXPECT_EQ(taken.id, i);
        late.push(Response{taken.id});
    }
    EXPECT_TRUE(late.publish());
    EXPECT_EQ(front.get(kRingRspProd), 2u);
    EXPECT_EQ(late.pop(taken), BackRing::Pop::empty);
}

} // namespace
} // namespace zocalo::xen
