// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/backends/net/rx_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::HasSubstr;

// TCP over IPv4 that the kernel leaves to be segmented.
const TapHeader kSegments = [] {
    TapHeader header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header.gso_size = 1448;
    header.csum_start = 34;
    header.csum_offset = 16;
    return header;
}();

TEST_F(RxQueueTest, FrameReachesTheGuest)
{
    post(4);
    const Frame frame = ipv4(17, udp(bytes("hello guest")));
    ASSERT_TRUE(pair_.send({}, frame));
    const auto round = serve();
    EXPECT_EQ(round.after, RxQueue::After::idle);
    EXPECT_TRUE(round.notify);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].flags, 0);
    EXPECT_EQ(received(answers[0]), frame);
    EXPECT_EQ(queue_.stats().packets, 1u);
}

TEST_F(RxQueueTest, LongFrameIsSplitIntoPages)
{
    post(8);
    Frame frame = ipv4(17, udp(Frame(9000, 0)));
    for (std::size_t i = 42; i < frame.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(i * 11);
    ASSERT_TRUE(pair_.send({}, frame));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 3u);
    Frame whole;
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(answers[i].flags, i < 2 ? NETRXF_more_data : 0);
        append(whole, received(answers[i]));
    }
    EXPECT_EQ(whole, frame);
}

TEST_F(RxQueueTest, PagesOfTheGuestArePagesHere)
{
    post(20);
    for (const std::size_t length : {60u, 9000u, 1500u, 4096u, 8192u, 60u}) {
        Frame frame = ipv4(17, udp(Frame(length, 0)));
        frame.resize(std::max<std::size_t>(length, 42));
        ASSERT_TRUE(pair_.send({}, frame));
    }
    serve();
    EXPECT_EQ(queue_.stats().packets, 6u);
    EXPECT_EQ(grants_.copies, 1u + 3 + 1 + 1 + 2 + 1);
    EXPECT_EQ(grants_.parts, grants_.copies);
}

TEST_F(RxQueueTest, FrameOfExactlyOnePageUsesOneSlot)
{
    post(4);
    ASSERT_TRUE(pair_.send({}, Frame(4096, 1)));
    ASSERT_TRUE(pair_.send({}, Frame(4097, 2)));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0].status, 4096);
    EXPECT_EQ(answers[1].flags, NETRXF_more_data);
    EXPECT_EQ(answers[2].status, 1);
}

TEST_F(RxQueueTest, ChecksumLeftByTheKernelIsLeftToTheGuest)
{
    post(1);
    TapHeader header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.csum_start = 34;
    header.csum_offset = 16;
    ASSERT_TRUE(pair_.send(header, ipv4(6, tcp(bytes("x")))));
    serve();
    EXPECT_EQ(front_.take().at(0).flags, NETRXF_csum_blank | NETRXF_data_validated);
}

TEST_F(RxQueueTest, SegmentationTravelsInTheSecondSlot)
{
    post(8);
    ASSERT_TRUE(pair_.send(kSegments, ipv4(6, tcp(Frame(6000, 'x')))));
    ASSERT_TRUE(pair_.send(kSegments, ipv4(6, tcp(Frame(2000, 'y')))));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 5u);
    const unsigned first = NETRXF_csum_blank | NETRXF_data_validated | NETRXF_extra_info;
    EXPECT_EQ(answers[0].flags, first | NETRXF_more_data);
    netif_extra_info extra;
    std::memcpy(&extra, &answers[1], sizeof extra);
    EXPECT_EQ(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
    EXPECT_EQ(extra.flags, 0);
    EXPECT_EQ(extra.u.gso.size, 1448);
    EXPECT_EQ(extra.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
    EXPECT_EQ(answers[2].flags, 0);
    EXPECT_EQ(answers[2].id, 2) << "the slot under the extra info keeps its request";
    EXPECT_EQ(answers[3].flags, first) << "a frame of one page ends with its extra info";
}

TEST_F(RxQueueTest, HeadroomIsLeftInEachPageAndSaidInASlotOfItsOwn)
{
    post(8);
    queue_.set_headroom(256);
    const Frame small = ipv4(17, udp(bytes("for a program")));
    Frame full(4096 - 256 + 1, 0);
    for (std::size_t i = 0; i < full.size(); ++i)
        full[i] = static_cast<std::uint8_t>(i * 7);
    ASSERT_TRUE(pair_.send({}, small));
    ASSERT_TRUE(pair_.send({}, full));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 5u);
    netif_extra_info extra;
    std::memcpy(&extra, &answers[1], sizeof extra);
    EXPECT_EQ(extra.type, 5) << "XEN_NETIF_EXTRA_TYPE_XDP";
    EXPECT_EQ(extra.flags, 0);
    EXPECT_EQ(extra.u.pad[0], 256);
    EXPECT_EQ(answers[0].flags, NETRXF_extra_info);
    EXPECT_EQ(answers[0].offset, 256);
    EXPECT_EQ(received(answers[0]), small);
    EXPECT_EQ(grants_.page(kFirstRef)[255], std::byte{0xee}) << "what is left free is not touched";
    EXPECT_EQ(answers[2].flags, NETRXF_extra_info | NETRXF_more_data);
    EXPECT_EQ(answers[2].status, 4096 - 256);
    EXPECT_EQ(answers[4].offset, 256);
    Frame whole = received(answers[2]);
    append(whole, received(answers[4]));
    EXPECT_EQ(whole, full);
}

TEST_F(RxQueueTest, HeadroomBesideSegmentationMakesTwoExtraSlots)
{
    post(4);
    queue_.set_headroom(2048);
    ASSERT_TRUE(pair_.send(kSegments, ipv4(6, tcp(Frame(2500, 'x')))));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 4u);
    netif_extra_info first, second;
    std::memcpy(&first, &answers[1], sizeof first);
    std::memcpy(&second, &answers[2], sizeof second);
    EXPECT_EQ(first.type, XEN_NETIF_EXTRA_TYPE_GSO);
    EXPECT_EQ(first.flags, XEN_NETIF_EXTRA_FLAG_MORE);
    EXPECT_EQ(second.type, 5);
    EXPECT_EQ(second.flags, 0);
    EXPECT_EQ(answers[3].flags, 0);
}

TEST_F(RxQueueTest, AFrameThatWaitedTakesTheHeadroomOfTheMomentItGoes)
{
    post(1);
    const Frame frame(4096, 3);
    queue_.set_headroom(256);
    ASSERT_TRUE(pair_.send({}, frame));
    EXPECT_EQ(serve().after, RxQueue::After::waiting);
    EXPECT_TRUE(front_.take().empty());
    queue_.set_headroom(0);
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].flags, 0);
    EXPECT_EQ(answers[0].offset, 0);
    EXPECT_EQ(received(answers[0]), frame);
}

TEST_F(RxQueueTest, WithoutRoomTheTapIsNotRead)
{
    ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    EXPECT_EQ(serve().after, RxQueue::After::waiting);
    post(1);
    EXPECT_EQ(serve().after, RxQueue::After::waiting)
        << "the frame went out, the ring is empty again";
    EXPECT_EQ(front_.take().size(), 1u);
}

TEST_F(RxQueueTest, AFrameThatWaitsOutlastsTheTurnsOfOtherQueues)
{
    post(1);
    Frame frame(6000, 0);
    for (std::size_t i = 0; i < frame.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(i * 7);
    ASSERT_TRUE(pair_.send({}, frame));
    for (unsigned turn = 0; turn < 2; ++turn) {
        EXPECT_EQ(serve().after, RxQueue::After::waiting);
        std::ranges::fill(arena_.part(0, arena_.size()), std::uint8_t{0xaa});
    }
    post(1);
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 2u);
    Frame whole = received(answers[0]);
    append(whole, received(answers[1]));
    EXPECT_EQ(whole, frame);
}

TEST_F(RxQueueTest, FrameThatDoesNotFitWaitsAndTheGuestIsAskedForEnoughRoom)
{
    post(2);
    Frame frame(9000, 0);
    for (std::size_t i = 0; i < frame.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(i * 13);
    ASSERT_TRUE(pair_.send({}, frame));
    EXPECT_EQ(serve().after, RxQueue::After::waiting);
    EXPECT_EQ(front_.get(xen::kRingReqEvent), 3u) << "an event once the third buffer is there";
    EXPECT_TRUE(front_.take().empty());
    post(1);
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 3u);
    Frame whole;
    for (const auto& answer : answers)
        append(whole, received(answer));
    EXPECT_EQ(whole, frame);
}

TEST_F(RxQueueTest, OrderSurvivesBackPressure)
{
    for (std::uint8_t i = 0; i < 50; ++i)
        ASSERT_TRUE(pair_.send({}, Frame(60, i)));
    std::vector<netif_rx_response> all;
    for (unsigned round = 0; round < 50; ++round) {
        post(1);
        serve();
        for (const auto& answer : front_.take())
            all.push_back(answer);
    }
    ASSERT_EQ(all.size(), 50u);
    for (std::uint8_t i = 0; i < 50; ++i)
        EXPECT_EQ(received(all[i]), Frame(60, i));
}

TEST_F(RxQueueTest, FullRingTakesManyFramesPerCopy)
{
    post(256);
    for (unsigned i = 0; i < 100; ++i)
        ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    serve();
    EXPECT_EQ(front_.take().size(), 100u);
    EXPECT_LE(grants_.calls, 2u);
}

// A read that finds nothing is spared three times; whoever waits for the tap has it called again.
TEST_F(RxQueueTest, AfterAFrameThatCameAloneOthersAreNotLookedForAtOnce)
{
    post(64);
    ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    EXPECT_EQ(serve().after, RxQueue::After::idle);
    EXPECT_EQ(front_.take().size(), 1u);
    for (unsigned i = 0; i < 10; ++i)
        ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    for (unsigned turn = 0; turn < 3; ++turn) {
        EXPECT_EQ(serve().after, RxQueue::After::idle);
        EXPECT_EQ(front_.take().size(), 1u) << "turn " << turn;
    }
    EXPECT_EQ(serve().after, RxQueue::After::idle);
    EXPECT_EQ(front_.take().size(), 7u) << "then they are seen to come together";
}

TEST_F(RxQueueTest, RevokedGrantCostsOnlyItsOwnFrame)
{
    post(4);
    grants_.revoke(kFirstRef + 1); // of the middle frame
    for (unsigned i = 0; i < 3; ++i)
        ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    EXPECT_EQ(serve().after, RxQueue::After::idle);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0].status, 60);
    EXPECT_EQ(answers[1].status, NETIF_RSP_ERROR);
    EXPECT_EQ(answers[2].status, 60);
}

TEST_F(RxQueueTest, FrameWithOneBadPageIsAnsweredAsErrorsThroughout)
{
    post(3);
    grants_.revoke(kFirstRef + 2);
    ASSERT_TRUE(pair_.send({}, Frame(9000, 1)));
    serve();
    for (const auto& answer : front_.take()) {
        EXPECT_EQ(answer.status, NETIF_RSP_ERROR);
        EXPECT_EQ(answer.flags, 0);
    }
    EXPECT_EQ(queue_.stats().bad_grants, 1u);
}

TEST_F(RxQueueTest, GuestWithoutScatterGatherGetsNoFrameBeyondAPage)
{
    RxQueue plain = make({});
    post(4);
    ASSERT_TRUE(pair_.send({}, Frame(5000, 1)));
    ASSERT_TRUE(pair_.send({}, Frame(1514, 2)));
    EXPECT_EQ(plain.serve().after, RxQueue::After::idle);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].status, 1514);
    EXPECT_EQ(plain.stats().dropped, 1u);
}

TEST_F(RxQueueTest, ImpossibleProducerStopsTheQueue)
{
    front_.set(xen::kRingReqProd, 257);
    EXPECT_EQ(serve().after, RxQueue::After::broken);
    EXPECT_THAT(queue_.fault(), HasSubstr("impossible"));
}

TEST_F(RxQueueTest, ProducerThatGoesBackDuringABatchStopsTheQueue)
{
    post(4);
    ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    serve();
    front_.set(xen::kRingReqProd, 0); // behind what was consumed
    ASSERT_TRUE(pair_.send({}, Frame(60, 1)));
    EXPECT_EQ(serve().after, RxQueue::After::broken);
}

TEST_F(RxQueueTest, WaitingFramesCanBeThrownAway)
{
    post(1);
    ASSERT_TRUE(pair_.send({}, Frame(9000, 1)));
    ASSERT_TRUE(pair_.send({}, Frame(60, 2)));
    EXPECT_EQ(serve().after, RxQueue::After::waiting);
    queue_.discard_waiting();
    EXPECT_EQ(queue_.stats().dropped, 2u);
    EXPECT_EQ(serve().after, RxQueue::After::idle);
    EXPECT_TRUE(front_.take().empty());
}

TEST_F(RxQueueTest, LostTapIsReported)
{
    post(1);
    Tap gone{UniqueFd{}};
    RxQueue queue{ring_, kGuest, kAble, grants_, arena_, gone};
    EXPECT_EQ(queue.serve().after, RxQueue::After::tap_lost);
}

} // namespace
} // namespace zocalo::net
