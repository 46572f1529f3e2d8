// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/device.hpp"
#include "tests/unit/backends/blk/device_world.hpp"
#include "tests/unit/backends/blk/request_builder.hpp"
#include "tests/unit/backends/common/played_ticks.hpp"

#include <boost/asio/post.hpp>

#include <fcntl.h>

namespace zocalo::blk {
namespace {

using test::connect_request;
using test::connect_resumed;
using test::DeviceTest;
using test::direct;
using test::kGuest;

TEST_F(DeviceTest, OffersWhatItCanDoAndItsSize)
{
    const backend::Ready ready = device->ready();
    const auto has = [](const std::vector<backend::Node>& nodes, backend::Node node) {
        return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    };
    EXPECT_TRUE(has(ready.features, {"feature-flush-cache", "1"}));
    EXPECT_TRUE(has(ready.features, {"feature-max-indirect-segments", "256"}));
    EXPECT_TRUE(has(ready.features, {"max-ring-page-order", "4"}));
    EXPECT_TRUE(has(ready.connected, {"sectors", "4096"}));
    EXPECT_TRUE(has(ready.connected, {"sector-size", "512"}));
    for (const auto& node : ready.features)
        EXPECT_TRUE(backend::publishable(node.key)) << node.key;
    for (const auto& node : ready.connected)
        EXPECT_TRUE(backend::publishable(node.key)) << node.key;
}

TEST_F(DeviceTest, ServesRequestsThatCameBeforeAndAfterItConnected)
{
    grants.page(5).fill(std::byte{0x42});
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    ASSERT_EQ(image->waiting.size(), 1u);
    image->finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_EQ(events.notified(port()), 1u);

    front.want_event();
    front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}}));
    kick();
    image->finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 2u);
    EXPECT_EQ(events.notified(port()), 2u);
}

TEST_F(DeviceTest, WhatComesWhileTheRingIsWatchedNeedsNoEvent)
{
    poll = backend::test::open_poll();
    image->at_once = 0;
    unsigned looks = 0;
    bool asked = true;
    image->on_collect = [&] {
        if (++looks == 10)
            asked = front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}}));
    };
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    EXPECT_FALSE(asked);
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_EQ(front.take<blkif_response>()->id, 2u);
    EXPECT_GT(looks, 50u);
    EXPECT_TRUE(front.push(direct(BLKIF_OP_WRITE, 3, 8, {{5, 0, 7}}))) << "it sleeps now";
}

TEST_F(DeviceTest, AGuestThatFillsTheRingWhileItIsWatchedDoesNotKeepTheOthersWaiting)
{
    poll = backend::test::open_poll();
    image->at_once = 0;
    std::uint64_t sent = 1;
    image->on_collect = [&] {
        if (sent < 20)
            front.push(direct(BLKIF_OP_WRITE, ++sent, 8, {{5, 0, 7}}));
    };
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    ASSERT_TRUE(device->connect(connect_request()));
    std::uint64_t sent_before_others = 0;
    boost::asio::post(io, [&] { sent_before_others = sent; });
    turn();
    EXPECT_EQ(sent, 20u) << "it is served in the end";
    EXPECT_GT(sent_before_others, 1u);
    EXPECT_LT(sent_before_others, 12u);
}

TEST_F(DeviceTest, ARingIsNotWatchedWhileAnotherHasWork)
{
    poll = backend::test::open_poll();
    image->at_once = 0;
    bool has_work = false;
    ASSERT_TRUE(pump.bind(
        kGuest, EventPort{16}, [] {}, [&] { return has_work; }
    ));
    unsigned looks = 0;
    image->on_collect = [&] { has_work = ++looks == 10; };
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    EXPECT_EQ(looks, 10u);
    EXPECT_TRUE(front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}}))) << "it sleeps now";
}

TEST_F(DeviceTest, OtherRingsLearnThatThisOneHasWork)
{
    const auto other = pump.bind(kGuest, EventPort{16}, [] {});
    ASSERT_TRUE(other);
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    EXPECT_FALSE(pump.others_wait(*other));
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    EXPECT_TRUE(pump.others_wait(*other));
    EXPECT_FALSE(pump.others_wait(port())) << "its own";
    kick();
    EXPECT_FALSE(pump.others_wait(*other));
}

TEST_F(DeviceTest, ARingIsNotWatchedUnlessItIsTold)
{
    unsigned looks = 0;
    image->on_collect = [&] { ++looks; };
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    EXPECT_EQ(looks, 1u);
    EXPECT_TRUE(front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}})));
}

TEST_F(DeviceTest, APageThatCannotBeMappedLeavesNothingBehind)
{
    EXPECT_FALSE(device->connect(connect_request({GrantRef{99}})));
    EXPECT_EQ(grants.mapped, 0u);
    EXPECT_EQ(events.bound(), 0u);
    EXPECT_EQ(device->describe().state, backend::DeviceState::idle);
    EXPECT_TRUE(device->connect(connect_request()));
}

TEST_F(DeviceTest, WrongRingShapesAreRefused)
{
    EXPECT_FALSE(device->connect(connect_request({})));
    EXPECT_FALSE(device->connect(connect_request({GrantRef{1}, GrantRef{2}, GrantRef{3}})));
    backend::Connect request = connect_request();
    request.queues.assign(kMaxQueues + 1, request.queues[0]);
    EXPECT_FALSE(device->connect(request));
    request = connect_request();
    request.queues[0].ports.clear();
    EXPECT_FALSE(device->connect(request));
    EXPECT_EQ(grants.mapped, 0u);
}

TEST_F(DeviceTest, DisconnectWaitsForWhatIsInFlightAndAnswersIt)
{
    grants.page(5).fill(std::byte{1});
    ASSERT_TRUE(device->connect(connect_request()));
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    kick();
    bool gone = false;
    device->disconnect([&] { gone = true; });
    front.push(direct(BLKIF_OP_WRITE, 2, 8, {{5, 0, 7}})); // too late: not taken any more
    kick();
    EXPECT_FALSE(gone);
    EXPECT_EQ(device->describe().state, backend::DeviceState::draining);
    EXPECT_EQ(grants.mapped, 1u);
    image->finish_all();
    turn();
    EXPECT_TRUE(gone);
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_FALSE(front.take<blkif_response>());
    EXPECT_EQ(grants.mapped, 0u);
    EXPECT_EQ(events.bound(), 0u);
}

TEST_F(DeviceTest, ConnectsAgainAfterADisconnect)
{
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(device->connect(connect_request()));
        bool gone = false;
        device->disconnect([&] { gone = true; });
        turn();
        ASSERT_TRUE(gone);
    }
    EXPECT_EQ(grants.mapped, 0u);
}

TEST_F(DeviceTest, TheNextProcessGoesOnWithTheSameRing)
{
    ASSERT_TRUE(device->connect(connect_request()));
    grants.page(5).fill(std::byte{0x42});
    front.push(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}}));
    kick();
    ASSERT_EQ(image->waiting.size(), 1u);
    device.reset(); // killed: nothing was answered, and the kernel closes its event channel
    ASSERT_TRUE(events.unbind(port()));
    device = make();
    ASSERT_TRUE(device->connect(connect_resumed()));
    turn();
    ASSERT_EQ(image->waiting.size(), 1u);
    EXPECT_EQ(events.notified(port()), 1u); // in case the one before died before its event
    const auto counters = device->stats().counters;
    const auto repeated = std::ranges::find(counters, "repeated", &backend::Counter::name);
    ASSERT_NE(repeated, counters.end());
    EXPECT_EQ(repeated->value, 1u); // out of the journal, not from the ring
    image->finish_all();
    EXPECT_EQ(front.take<blkif_response>()->id, 1u);
    EXPECT_EQ(image->bytes[0], std::byte{0x42});
}

TEST_F(DeviceTest, NothingIsResumedAfterAnOrderlyEndOrOnAnotherRing)
{
    ASSERT_TRUE(device->connect(connect_request()));
    front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, {}));
    kick();
    image->finish_all();
    backend::Connect request = connect_resumed();
    request.queues[0].ports[0] = EventPort{16};
    std::shared_ptr<Device> next = make();
    EXPECT_FALSE(next->connect(request)); // another event channel
    device->disconnect([] {});
    turn();
    next = make();
    EXPECT_FALSE(next->connect(connect_resumed())); // the ring has answers nobody knows of
    EXPECT_EQ(grants.mapped, 0u);
    device = next;
}

TEST_F(DeviceTest, ARateIsKeptAndCanBeLifted)
{
    const auto now = backend::TokenBucket::Clock::now();
    device->set_rate({{0, 0, now}, {1, 2, now}});
    ASSERT_TRUE(device->connect(connect_request()));
    for (std::uint64_t id = 0; id < 5; ++id)
        front.push(direct(BLKIF_OP_FLUSH_DISKCACHE, id, 0, {}));
    kick();
    EXPECT_EQ(image->waiting.size(), 2u);
    image->finish_all();
    kick();
    EXPECT_EQ(image->waiting.size(), 0u);
    device->set_rate({});
    turn();
    EXPECT_EQ(image->waiting.size(), 3u);
    image->finish_all();
}

TEST_F(DeviceTest, AnImageThatGrewIsToldAndUsableAtOnce)
{
    ASSERT_TRUE(device->connect(connect_request()));
    device->measure();
    EXPECT_TRUE(told.empty());
    image->bytes.resize(8192 * 512);
    front.push(direct(BLKIF_OP_WRITE, 1, 8000, {{5, 0, 7}}));
    grants.page(5);
    kick();
    EXPECT_EQ(front.take<blkif_response>()->status, BLKIF_RSP_ERROR);
    device->measure();
    ASSERT_EQ(told.size(), 1u);
    const auto& changed = std::get<backend::DeviceChanged>(told[0]);
    EXPECT_EQ(changed.connected[0], (backend::Node{"sectors", "8192"}));
    front.push(direct(BLKIF_OP_WRITE, 2, 8000, {{5, 0, 7}}));
    kick();
    image->finish_all();
    EXPECT_EQ(front.take<blkif_response>()->status, BLKIF_RSP_OKAY);
}

TEST_F(DeviceTest, AHostileRingStopsThisDeviceAndSaysSo)
{
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    front.set(xen::kRingReqProd, 4711);
    kick();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(std::get<backend::DeviceStopped>(told[0]).device, 51712u);
    EXPECT_EQ(device->describe().state, backend::DeviceState::stopped);
    front.set(xen::kRingReqProd, 0);
    kick();
    EXPECT_EQ(told.size(), 1u);
    bool gone = false;
    device->disconnect([&] { gone = true; });
    turn();
    EXPECT_TRUE(gone);
    EXPECT_TRUE(device->connect(connect_request()));
}

TEST_F(DeviceTest, WhatEndsInTheSameTurnIsAnsweredWellOrBadly)
{
    grants.page(5).fill(std::byte{0x42});
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    unsigned notified = 0;
    for (const int error : {0, ENOSPC, EIO, 0}) {
        image->at_once = error;
        front.want_event();
        front.push(direct(BLKIF_OP_WRITE, 3, 8, {{5, 0, 7}}));
        kick();
        const auto response = front.take<blkif_response>();
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, error == 0 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
        EXPECT_EQ(events.notified(port()), ++notified);
    }
    EXPECT_TRUE(told.empty()); // the disk goes on
}

TEST_F(DeviceTest, EventsOfAStormAreBrakedByTheMask)
{
    ASSERT_TRUE(device->connect(connect_request()));
    turn();
    for (int i = 0; i < 1000; ++i)
        events.raise(port());
    turn();
    const auto counters = device->stats().counters;
    const auto events_seen = std::find_if(counters.begin(), counters.end(), [](const auto& c) {
        return c.name == "events";
    });
    EXPECT_EQ(events_seen->value, 1u);
}

// --- through the service, with a real file -----------------------------------------------------

} // namespace
} // namespace zocalo::blk
