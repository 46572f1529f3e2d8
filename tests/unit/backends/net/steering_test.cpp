// SPDX-License-Identifier: Apache-2.0
// Two queues of one card whose guest asked for hashes: frames of either tap go to either ring.
#include "backends/net/rx_queue.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sys/mman.h>

namespace zocalo::net {
namespace {

using namespace test;
using After = RxQueue::After;

constexpr GuestOffloads kAble{true, true, true, true, true, 0};
constexpr std::uint32_t kNone = XEN_NETIF_CTRL_HASH_ALGORITHM_NONE;
constexpr std::uint32_t kToeplitz = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;

// What one queue has of its own.
struct Half {
    Half(
        unsigned number, RingLog log, xen::FakeGrantTable& grants, Arena& arena, Steering& steering
    )
        : first_ref{1000 * (number + 1)},
          ring{*xen::BackRing::attach(front.pages(), 8), log, static_cast<std::uint8_t>(number)},
          queue{ring, kGuest, kAble, grants, arena, tap, nullptr, &steering}
    {
        steering.add(ring);
    }
    const std::uint32_t first_ref;
    RxFront front;
    RxRing ring;
    TapPair pair;
    Tap tap{std::move(pair.back)};
    RxQueue queue;
    unsigned posted{};
};

class SteeringTest : public ::testing::Test {
  protected:
    SteeringTest()
    {
        for (unsigned i = 0; i < 2; ++i)
            halves_[i] = std::make_unique<Half>(i, journal_.rx(i), grants_, arena_, steering_);
        HashSettings& settings = steering_.settings;
        settings = HashSettings{2};
        settings.set_algorithm(kToeplitz);
        settings.set_types(HashSettings::kAllTypes);
        settings.set_key(Frame(40, 0x6d));
        settings.set_entries(1);
    }
    Half& half(unsigned i) { return *halves_[i]; }
    void all_to(std::uint32_t queue) { steering_.settings.set_mapping(0, std::array{queue}); }
    void post(unsigned i, unsigned buffers)
    {
        for (unsigned n = 0; n < buffers; ++n, ++half(i).posted) {
            const std::uint32_t ref = half(i).first_ref + half(i).posted;
            grants_.page(ref).fill(std::byte{0xee});
            half(i).front.put({static_cast<std::uint16_t>(half(i).posted), 0, ref});
        }
    }
    Frame received(unsigned i, const netif_rx_response& response)
    {
        const auto& page = grants_.page(half(i).first_ref + response.id);
        Frame out(static_cast<std::size_t>(response.status));
        std::memcpy(out.data(), page.data() + response.offset, out.size());
        return out;
    }
    static netif_extra_info extra(const netif_rx_response& slot)
    {
        netif_extra_info out;
        std::memcpy(&out, &slot, sizeof out);
        return out;
    }

    UniqueFd file_{::memfd_create("journal", MFD_CLOEXEC)};
    NetJournal journal_ = NetJournal::open(UniqueFd{::dup(file_.get())}).value();
    xen::FakeGrantTable grants_{kGuest};
    Arena arena_;
    Steering steering_;
    std::array<std::unique_ptr<Half>, 2> halves_;
    const Frame flow_ = ipv4(6, tcp(bytes("a segment")));
};

TEST_F(SteeringTest, AFrameGoesToTheQueueOfItsHashAndSaysWhichItWas)
{
    post(0, 8);
    post(1, 8);
    all_to(1);
    ASSERT_TRUE(half(0).pair.send({}, flow_));
    const auto round = half(0).queue.serve();
    EXPECT_EQ(round.after, After::idle);
    EXPECT_FALSE(round.notify);
    EXPECT_EQ(round.others, 2u);
    EXPECT_TRUE(half(0).front.take().empty());
    const auto answers = half(1).front.take();
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].flags, NETRXF_extra_info);
    EXPECT_EQ(received(1, answers[0]), flow_);
    const netif_extra_info said = extra(answers[1]);
    EXPECT_EQ(said.type, XEN_NETIF_EXTRA_TYPE_HASH);
    EXPECT_EQ(said.flags, 0);
    EXPECT_EQ(said.u.hash.type, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
    EXPECT_EQ(said.u.hash.algorithm, kToeplitz);
    const std::uint32_t value = steering_.settings.hash(flow_)->value;
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(said.u.hash.value[i], value >> (8 * i) & 0xff) << "least significant first";
    EXPECT_EQ(half(0).queue.stats().packets, 1u);
}

TEST_F(SteeringTest, WithoutAMappingTheHashCountsQueues)
{
    post(0, 64);
    post(1, 64);
    steering_.settings.set_entries(0);
    for (unsigned port = 0; port < 32; ++port) {
        Frame frame = flow_;
        store16(frame, 34, 1000 + port);
        ASSERT_TRUE(half(port % 2).pair.send({}, frame));
    }
    half(0).queue.serve();
    half(1).queue.serve();
    unsigned seen = 0;
    for (unsigned i = 0; i < 2; ++i) {
        const auto answers = half(i).front.take();
        EXPECT_GT(answers.size(), 2u);
        for (std::size_t at = 0; at + 1 < answers.size(); at += 2, ++seen)
            EXPECT_EQ(steering_.settings.hash(received(i, answers[at]))->value % 2, i);
    }
    EXPECT_EQ(seen, 32u);
}

TEST_F(SteeringTest, WhatHasNoHashStaysWithItsTap)
{
    post(0, 4);
    post(1, 4);
    all_to(1);
    const Frame arp(60, 1);
    ASSERT_TRUE(half(0).pair.send({}, arp));
    EXPECT_TRUE(half(0).queue.serve().notify);
    const auto answers = half(0).front.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].flags, 0);
    // Neither types nor an algorithm: as for any other card.
    for (unsigned i = 0; i < 2; ++i) {
        if (i == 0)
            steering_.settings.set_types(0);
        else
            steering_.settings.set_algorithm(kNone);
        ASSERT_TRUE(half(0).pair.send({}, flow_));
        half(0).queue.serve();
        const auto plain = half(0).front.take();
        ASSERT_EQ(plain.size(), 1u);
        EXPECT_EQ(plain[0].flags, 0);
    }
    EXPECT_TRUE(half(1).front.take().empty());
}

TEST_F(SteeringTest, TheHashLiesBetweenSegmentationAndHeadroom)
{
    post(1, 8);
    all_to(1);
    half(0).queue.set_headroom(2048);
    TapHeader header{};
    header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header.gso_size = 1448;
    header.csum_start = 34;
    header.csum_offset = 16;
    ASSERT_TRUE(half(0).pair.send(header, ipv4(6, tcp(Frame(2500, 'x')))));
    half(0).queue.serve();
    const auto answers = half(1).front.take();
    ASSERT_EQ(answers.size(), 5u);
    const unsigned types[] = {XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_TYPE_HASH, 5};
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(extra(answers[1 + i]).type, types[i]);
        EXPECT_EQ(extra(answers[1 + i]).flags, i < 2 ? XEN_NETIF_EXTRA_FLAG_MORE : 0u);
    }
    EXPECT_EQ(answers[4].flags, 0);
    EXPECT_EQ(answers[4].id, 4) << "responses lie where their requests were";
}

TEST_F(SteeringTest, AFrameWaitsForRoomWhereItGoes)
{
    post(0, 4);
    all_to(1);
    ASSERT_TRUE(half(0).pair.send({}, flow_));
    EXPECT_EQ(half(0).queue.serve().after, After::waiting);
    EXPECT_TRUE(half(1).ring.awaited_by(0));
    EXPECT_FALSE(half(0).ring.awaited_by(0));
    EXPECT_EQ(half(1).front.get(xen::kRingReqEvent), 2u) << "data and extra";
    post(1, 2);
    half(0).queue.serve();
    EXPECT_FALSE(half(1).ring.awaited_by(0));
    EXPECT_EQ(half(1).front.take().size(), 2u);
}

TEST_F(SteeringTest, AFrameThatWaitsFollowsTheSettings)
{
    post(0, 4);
    all_to(1);
    ASSERT_TRUE(half(0).pair.send({}, flow_));
    EXPECT_EQ(half(0).queue.serve().after, After::waiting);
    steering_.settings.set_algorithm(kNone);
    EXPECT_EQ(half(0).queue.serve().after, After::idle);
    const auto answers = half(0).front.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(received(0, answers[0]), flow_);
    EXPECT_FALSE(half(1).ring.awaited_by(0));
}

TEST_F(SteeringTest, TwoWhoWaitAreBothWokenByTheFirstThatIsEnough)
{
    all_to(1);
    ASSERT_TRUE(half(1).pair.send({}, flow_)); // two slots
    ASSERT_TRUE(half(0).pair.send({}, ipv4(6, tcp(Frame(9000, 1)))));
    EXPECT_EQ(half(1).queue.serve().after, After::waiting);
    EXPECT_EQ(half(0).queue.serve().after, After::waiting);
    EXPECT_EQ(half(1).front.get(xen::kRingReqEvent), 2u) << "what the first of them wants";
    post(1, 2);
    EXPECT_EQ(half(0).queue.serve().after, After::waiting);
    EXPECT_EQ(half(1).front.get(xen::kRingReqEvent), 4u)
        << "who has enough does not hide what the other wants";
    half(1).queue.serve();
    EXPECT_EQ(half(1).front.take().size(), 2u);
    post(1, 4);
    half(0).queue.serve();
    EXPECT_EQ(half(1).front.take().size(), 4u);
}

TEST_F(SteeringTest, BothPutFramesOnOneRingInTheOrderOfItsRequests)
{
    post(1, 200);
    all_to(1);
    for (unsigned i = 0; i < 40; ++i) {
        Frame frame = ipv4(6, tcp(Frame(i + 1, static_cast<std::uint8_t>(i))));
        ASSERT_TRUE(half(i % 2).pair.send({}, frame));
    }
    for (unsigned i = 0; i < 2; ++i)
        half(i).queue.serve();
    const auto answers = half(1).front.take();
    ASSERT_EQ(answers.size(), 80u);
    for (std::size_t i = 0; i < answers.size(); i += 2)
        EXPECT_EQ(answers[i].id, i);
}

TEST_F(SteeringTest, ABrokenRingStopsWhoeverUsesIt)
{
    post(0, 4);
    all_to(1);
    half(1).front.set(xen::kRingReqProd, 4711);
    ASSERT_TRUE(half(0).pair.send({}, flow_));
    EXPECT_EQ(half(0).queue.serve().after, After::broken);
    EXPECT_THAT(half(0).queue.fault(), ::testing::HasSubstr("impossible"));
}

TEST_F(SteeringTest, SlotsOfAnotherQueuesRingAreLoggedWithTheRing)
{
    const RingIdentity ring{kGuest.value, kRxRef, 12};
    journal_.rx(1).begin(ring);
    post(1, 4);
    all_to(1);
    grants_.before_copy = [&] {
        const auto open = journal_.rx(1).recover(ring, 0); // as if it died now
        ASSERT_TRUE(open);
        EXPECT_EQ(open->ids, (std::vector<std::uint16_t>{0, 1}));
    };
    ASSERT_TRUE(half(0).pair.send({}, flow_));
    half(0).queue.serve();
    EXPECT_TRUE(journal_.rx(1).recover(ring, 2)->ids.empty());
}

} // namespace
} // namespace zocalo::net
