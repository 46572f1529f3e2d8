// SPDX-License-Identifier: Apache-2.0
#include "backends/net/tx_queue.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace zocalo::net {
namespace {

using namespace test;
using ::testing::HasSubstr;

class TxQueueTest : public ::testing::Test {
  protected:
    TxQueueTest()
        : grants_{kGuest}, tap_{std::move(pair_.back)},
          queue_{*xen::BackRing::attach(front_.pages(), 12), kGuest, grants_, arena_, tap_}
    {
    }

    // One packet in one slot, from the page of `ref`.
    void send(const Frame& frame, unsigned flags = 0, unsigned ref = 100, unsigned id = 7)
    {
        fill(grants_, ref, 64, frame);
        front_.put(tx_slot(static_cast<unsigned>(frame.size()), flags, 64, id, ref));
    }
    // Serves until nothing is left; counts the batches.
    TxQueue::Round serve(unsigned* batches = nullptr)
    {
        TxQueue::Round all;
        for (unsigned i = 0; i < 100; ++i) {
            const TxQueue::Round round = queue_.serve();
            all.notify = all.notify || round.notify;
            all.after = round.after;
            if (batches)
                ++*batches;
            if (round.after != TxQueue::After::more)
                break;
        }
        return all;
    }
    Frame body(std::vector<std::uint8_t> from_tap)
    {
        EXPECT_GE(from_tap.size(), sizeof(TapHeader));
        return {from_tap.begin() + sizeof(TapHeader), from_tap.end()};
    }

    TxFront front_;
    xen::FakeGrantTable grants_;
    Arena arena_;
    TapPair pair_;
    Tap tap_;
    TxQueue queue_;
};

TEST_F(TxQueueTest, NothingUnfinishedLeavesWhenTheCardFinishesChecksums)
{
    queue_.finish_checksums(true);
    send(ipv4(17, udp(bytes("hello"))), NETTXF_csum_blank);
    serve();
    const auto seen = pair_.receive();
    ASSERT_GT(seen.size(), sizeof(TapHeader));
    EXPECT_EQ(seen[0], 0) << "the header's flags";
    EXPECT_NE(load16(body(seen), 40), 0);
}

TEST_F(TxQueueTest, FrameReachesTheTapAndIsAnswered)
{
    const Frame frame = ipv4(17, udp(bytes("hello")));
    send(frame, 0, 100, 42);
    const auto round = serve();
    EXPECT_EQ(round.after, TxQueue::After::idle);
    EXPECT_TRUE(round.notify);
    EXPECT_EQ(body(pair_.receive()), frame);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].id, 42);
    EXPECT_EQ(answers[0].status, NETIF_RSP_OKAY);
    EXPECT_EQ(queue_.stats().packets, 1u);
    EXPECT_EQ(queue_.stats().bytes, frame.size());
}

TEST_F(TxQueueTest, FrameOfSeveralPagesArrivesWhole)
{
    Frame frame = ipv4(17, udp(Frame(8000, 0)));
    for (std::size_t i = 42; i < frame.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(i * 7);
    const std::span all{frame};
    fill(grants_, 100, 1000, all.first(3000));
    fill(grants_, 101, 0, all.subspan(3000, 4096));
    fill(grants_, 102, 96, all.subspan(7096));
    front_.put(tx_slot(static_cast<unsigned>(frame.size()), NETTXF_more_data, 1000, 1, 100));
    front_.put(tx_slot(4096, NETTXF_more_data, 0, 2, 101));
    front_.put(tx_slot(static_cast<unsigned>(frame.size() - 7096), 0, 96, 3, 102));
    serve();
    EXPECT_EQ(body(pair_.receive()), frame);
    EXPECT_EQ(front_.take().size(), 3u);
}

TEST_F(TxQueueTest, PagesOfTheGuestArePagesHere)
{
    // As Linux sends a segment: its own headers, the rest of a page, whole pages, the beginning of
    // one.
    Frame frame = ipv4(17, udp(Frame(9000, 0x5a)));
    struct Part {
        unsigned offset, size;
    };
    const std::array<Part, 4> parts{
        {{64, 66}, {1000, 3096}, {0, 4096}, {0, static_cast<unsigned>(frame.size()) - 7258}}};
    const std::span all{frame};
    std::size_t at = 0;
    for (unsigned i = 0; i < 4; ++i) {
        const auto [offset, size] = parts.at(i);
        fill(grants_, 100 + i, offset, all.subspan(at, size));
        const unsigned shown = i == 0 ? static_cast<unsigned>(frame.size()) : size;
        front_.put(tx_slot(shown, i < 3 ? NETTXF_more_data : 0, offset, i, 100 + i));
        at += size;
    }
    send(ipv4(17, udp(bytes("behind it"))), 0, 200);
    serve();
    EXPECT_EQ(body(pair_.receive()), frame);
    EXPECT_EQ(grants_.copies, 5u);
    EXPECT_EQ(grants_.parts, grants_.copies);
}

TEST_F(TxQueueTest, HeaderTellsTheKernelWhereTheChecksumGoes)
{
    send(ipv4(6, tcp(bytes("data"))), NETTXF_csum_blank | NETTXF_data_validated);
    serve();
    const auto sent = pair_.receive();
    ASSERT_GE(sent.size(), sizeof(TapHeader));
    TapHeader header;
    std::memcpy(&header, sent.data(), sizeof header);
    EXPECT_EQ(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    EXPECT_EQ(header.csum_start, 34);
    EXPECT_EQ(header.csum_offset, 16);
}

TEST_F(TxQueueTest, ExtraSlotsAreAnsweredInTheirPlace)
{
    const Frame frame = ipv4(6, tcp(Frame(3000, 'x')));
    fill(grants_, 100, 0, frame);
    front_.put(tx_slot(
        static_cast<unsigned>(frame.size()), NETTXF_extra_info | NETTXF_csum_blank, 0, 9, 100
    ));
    front_.put(tx_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV4));
    serve();
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].id, 9);
    EXPECT_EQ(answers[0].status, NETIF_RSP_OKAY);
    EXPECT_EQ(answers[1].status, NETIF_RSP_NULL);
}

TEST_F(TxQueueTest, FullRingIsServedInFewBatchesWithFewCopies)
{
    const Frame frame = ipv4(17, udp(Frame(1000, 'x')));
    for (unsigned i = 0; i < 256; ++i)
        send(frame, 0, 100 + i, i);
    unsigned batches = 0;
    const auto round = serve(&batches);
    EXPECT_EQ(round.after, TxQueue::After::idle);
    EXPECT_LE(batches, 5u);
    EXPECT_LE(grants_.calls, 4u);
    EXPECT_EQ(queue_.stats().packets + queue_.stats().tap_refused, 256u);
    EXPECT_EQ(front_.take().size(), 256u);
}

TEST_F(TxQueueTest, GuestThatAsksForNoEventGetsNone)
{
    front_.set(xen::kRingRspEvent, 100);
    send(ipv4(17, udp(bytes("x"))));
    EXPECT_FALSE(serve().notify);
    EXPECT_EQ(front_.take().size(), 1u);
}

TEST_F(TxQueueTest, RevokedGrantCostsOnlyItsOwnPacket)
{
    const Frame frame = ipv4(17, udp(bytes("x")));
    send(frame, 0, 100, 1);
    send(frame, 0, 101, 2);
    send(frame, 0, 102, 3);
    grants_.revoke(101);
    EXPECT_EQ(serve().after, TxQueue::After::idle);
    const auto answers = front_.take();
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0].status, NETIF_RSP_OKAY);
    EXPECT_EQ(answers[1].status, NETIF_RSP_ERROR);
    EXPECT_EQ(answers[2].status, NETIF_RSP_OKAY);
    EXPECT_EQ(queue_.stats().bad_grants, 1u);
}

TEST_F(TxQueueTest, FailedBatchIsAnsweredAsErrors)
{
    send(ipv4(17, udp(bytes("x"))));
    grants_.fail_next_copy = true;
    serve();
    EXPECT_EQ(front_.take().at(0).status, NETIF_RSP_ERROR);
    EXPECT_TRUE(pair_.receive().empty());
}

TEST_F(TxQueueTest, GuestThatRewritesASlotAfterItWasTakenChangesNothing)
{
    const Frame frame = ipv4(17, udp(bytes("first")));
    send(frame, 0, 100, 1);
    grants_.before_copy = [this] { // the guest now lies about size, offset and reference
        const auto lie = tx_slot(65535, NETTXF_more_data, 4095, 99, 31337);
        std::memcpy(front_.pages().data() + xen::kRingSlots, &lie, sizeof lie);
    };
    EXPECT_EQ(serve().after, TxQueue::After::idle);
    EXPECT_EQ(body(pair_.receive()), frame);
    EXPECT_EQ(front_.take().at(0).id, 1);
}

TEST_F(TxQueueTest, ImpossibleProducerStopsTheQueue)
{
    front_.set(xen::kRingReqProd, 257);
    const auto round = serve();
    EXPECT_EQ(round.after, TxQueue::After::broken);
    EXPECT_THAT(queue_.fault(), HasSubstr("impossible"));
}

TEST_F(TxQueueTest, RingThatEndsInsideAPacketStopsTheQueueAfterThePacketsBefore)
{
    const Frame frame = ipv4(17, udp(bytes("good")));
    send(frame, 0, 100, 1);
    front_.put(tx_slot(3000, NETTXF_more_data, 0, 2, 101));
    const auto round = serve();
    EXPECT_EQ(round.after, TxQueue::After::broken);
    EXPECT_TRUE(round.notify);
    EXPECT_THAT(queue_.fault(), HasSubstr("inside a packet"));
    EXPECT_EQ(body(pair_.receive()), frame);
    EXPECT_EQ(front_.take().size(), 1u);
}

TEST_F(TxQueueTest, TapThatRefusesDoesNotStopTheQueue)
{
    pair_.host.reset();
    send(ipv4(17, udp(bytes("x"))));
    EXPECT_EQ(serve().after, TxQueue::After::idle);
    EXPECT_EQ(front_.take().at(0).status, NETIF_RSP_DROPPED);
    EXPECT_EQ(queue_.stats().tap_refused, 1u);
}

TEST_F(TxQueueTest, LargestPacketsFitABatch)
{
    // 16 slots of 4095 bytes, as close to 64 KiB as a frame may come.
    for (unsigned packet = 0; packet < 10; ++packet) {
        front_.put(tx_slot(16 * 4095, NETTXF_more_data, 1, packet, 100));
        for (unsigned i = 1; i < 16; ++i)
            front_.put(tx_slot(4095, i < 15 ? NETTXF_more_data : 0, 1, packet, 100 + i));
    }
    for (unsigned ref = 100; ref < 116; ++ref)
        grants_.page(ref);
    EXPECT_EQ(serve().after, TxQueue::After::idle);
    EXPECT_EQ(front_.take().size(), 160u);
    EXPECT_EQ(queue_.stats().packets + queue_.stats().tap_refused, 10u);
}

} // namespace
} // namespace zocalo::net
