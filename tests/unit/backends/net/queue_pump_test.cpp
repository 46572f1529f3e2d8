// SPDX-License-Identifier: Apache-2.0
// A connected queue pair in the event loop, with a tap whose other end the test holds.
#include "backends/net/queue_pump.hpp"
#include "common/xen-sys/fake/fake_event_channels.hpp"
#include "tests/unit/backends/common/played_ticks.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gtest/gtest.h>

namespace zocalo::net {
namespace {

using namespace test;

using Played = backend::test::PlayedTicks;

class QueuePumpTest : public ::testing::Test {
  protected:
    QueuePumpTest() : grants_{kGuest}, tap_{std::move(pair_.back)}
    {
        grants_.grant_ring({GrantRef{kTxRef}}, tx_.pages());
        grants_.grant_ring({GrantRef{kRxRef}}, rx_.pages());
    }
    ~QueuePumpTest() override { Played::on_read = nullptr; }

    // True when the backend asked for an event with it.
    bool send(unsigned id)
    {
        const Frame frame = ipv4(17, udp(bytes("hello")));
        fill(grants_, 100, 64, frame);
        return tx_.push(tx_slot(static_cast<unsigned>(frame.size()), 0, 64, id, 100));
    }
    void connect()
    {
        const backend::Queue queue{
            {GrantRef{kTxRef}, GrantRef{kRxRef}}, {EventPort{11}, EventPort{12}}};
        auto made = QueuePump::connect(around_, tap_, {kGuest}, queue, {}, card_, nullptr);
        ASSERT_TRUE(made) << made.error().what;
        pump_ = std::move(*made);
        pump_->start();
    }

    boost::asio::io_context io_{1};
    xen::FakeEventChannels events_;
    backend::Poll poll_;
    backend::EventPump events_pump_{io_, events_, [this] { return poll_; }};
    xen::FakeGrantTable grants_;
    Arena arena_;
    Surroundings around_{io_, events_pump_, grants_, arena_};
    TxFront tx_;
    RxFront rx_;
    TapPair pair_;
    Tap tap_;
    QueuePump::Card card_;
    std::unique_ptr<QueuePump> pump_;
};

TEST_F(QueuePumpTest, APacketThatComesWhileTheRingIsWatchedNeedsNoEvent)
{
    poll_ = backend::test::open_poll();
    bool asked = true;
    Played::on_read = [this, &asked, reads = 0]() mutable {
        if (++reads == 10)
            asked = send(2);
    };
    send(1);
    connect();
    EXPECT_FALSE(asked);
    EXPECT_EQ(tx_.take().size(), 2u);
    EXPECT_FALSE(pair_.receive().empty());
    EXPECT_FALSE(pair_.receive().empty());
    EXPECT_TRUE(send(3)) << "it sleeps now";
}

TEST_F(QueuePumpTest, OtherRingsLearnThatThisOneHasWork)
{
    const auto other = events_pump_.bind(kGuest, EventPort{13}, [] {});
    ASSERT_TRUE(other);
    connect();
    EXPECT_FALSE(events_pump_.others_wait(*other));
    send(1);
    EXPECT_TRUE(events_pump_.others_wait(*other));
    events_.raise(events_.local_of(EventPort{11}));
    io_.poll();
    EXPECT_FALSE(events_pump_.others_wait(*other));
}

TEST_F(QueuePumpTest, ARingIsNotWatchedWhileAnotherHasWork)
{
    poll_ = backend::test::open_poll();
    ASSERT_TRUE(events_pump_.bind(
        kGuest, EventPort{13}, [] {}, [] { return true; }
    ));
    int reads = 0;
    Played::on_read = [&reads] { ++reads; };
    send(1);
    connect();
    EXPECT_LT(reads, 20);
    EXPECT_TRUE(send(2)) << "it sleeps now";
}

TEST_F(QueuePumpTest, ARingIsNotWatchedUnlessItIsTold)
{
    send(1);
    connect();
    EXPECT_EQ(tx_.take().size(), 1u);
    EXPECT_TRUE(send(2));
}

} // namespace
} // namespace zocalo::net
